"""Designs of random masks: what each promises, and passes that are shared."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import coalitions as module
from heta import create_method, prepare
from heta.coalitions import KINDS, Design, draw, evaluate, shapley_over_half
from heta.errors import InputError


def shapley_probability(kept: np.ndarray) -> np.ndarray:
    """1 / (C(n, s) s (n - s)) over its sum, written out."""
    units = kept.shape[1]
    sizes = kept.sum(1)
    weight = np.array([0.0 if s in (0, units) else 1 / (comb(units, s) * s * (units - s)) for s in sizes])
    total = sum(1 / (s * (units - s)) for s in range(1, units))
    return weight / total


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KINDS), st.integers(1, 12), st.integers(2, 300), st.integers(0, 5), st.booleans())
def test_every_design(kind: str, units: int, samples: int, seed: int, paired: bool) -> None:
    design = Design(kind, samples, seed, paired)  # type: ignore[arg-type]
    found = draw(design, units)
    again = draw(design, units)
    np.testing.assert_array_equal(found.kept, again.kept)
    assert found.kept.shape == (len(found.weight), units) == (len(found.group), units)
    assert len(found.kept) <= samples
    assert len(np.unique(found.kept, axis=0)) == len(found.kept)
    assert (found.weight > 0).all() or kind == "sizes"
    sizes = found.kept.sum(1)
    if kind == "shapley":
        assert ((sizes > 0) & (sizes < units)).all()
        assert found.exact == (2**units - 2 <= samples)
        if units == 1:
            assert len(found.kept) == 0
            return
    else:
        assert found.exact == (2**units <= samples)
    assert found.weight.sum() == pytest.approx(1.0)
    if found.exact and kind == "half":
        np.testing.assert_allclose(found.weight, 0.5**units)
    if found.exact and kind == "shapley":
        np.testing.assert_allclose(found.weight, shapley_probability(found.kept), rtol=1e-12)
    if found.exact and kind == "sizes":
        # The number that goes is uniform on 1 to n: every size has weight 1 / n.
        for gone in range(units + 1):
            assert found.weight[sizes == units - gone].sum() == pytest.approx(1 / units if gone else 0.0)


def test_pairs_are_complements_of_one_group() -> None:
    for kind in ("half", "shapley"):
        found = draw(Design(kind, 100, 3), 20)  # type: ignore[arg-type]
        drawn = found.group >= 0
        assert drawn.any()
        where = {row.tobytes(): group for row, group in zip(found.kept, found.group, strict=True)}
        for row, group in zip(found.kept[drawn], found.group[drawn], strict=True):
            # The last pair of `shapley` may have no room for its second half.
            assert where.get((~row).tobytes(), group) == group
        sizes = found.kept.sum(1)
        np.testing.assert_array_equal(np.bincount(sizes, minlength=21), np.bincount(20 - sizes, minlength=21))


def test_sizes_that_fit_are_taken_whole() -> None:
    # 8 units, 100 samples. Masses 1 / (s (8 - s)): sizes 1 and 7 hold 2/7 of 2 (1/7 + 1/12 + 1/15) + 1/16 = 0.6482,
    # a share of 0.441; 16 coalitions <= 44. Sizes 2 and 6: 84 left, share 2/12 of 0.3625 = 0.460, 56 > 38.6: drawn.
    found = draw(Design("shapley", 100), 8)
    sizes = found.kept.sum(1)
    whole = np.isin(sizes, (1, 7))
    assert whole.sum() == 16
    assert (found.group[whole] == -1).all()
    assert (found.group[~whole] >= 0).all()
    np.testing.assert_allclose(found.weight[whole], shapley_probability(found.kept)[whole])
    assert found.weight[~whole].sum() == pytest.approx(0.3625 / 0.648214286)


def test_the_kernel_over_half_draws() -> None:
    kept = draw(Design("half", 2**6), 6).kept
    np.testing.assert_allclose(shapley_over_half(kept), shapley_probability(kept) * 2**6)
    # 2^3000 is beyond what a float holds. Half of the draws are near the middle, few of the kernel's coalitions.
    wide = np.arange(3000) < 1500
    assert 0 < shapley_over_half(wide[None])[0] < 1


def test_half_draws_keep_half() -> None:
    found = draw(Design("half", 4000, paired=False), 30)
    assert abs(found.kept.mean() - 0.5) < 0.01


def test_one_design_is_evaluated_once_for_all_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    explained_under = module.explained_under

    def counting(prepared: object, units: object, mask: object, kept: np.ndarray) -> np.ndarray:
        calls.append(len(kept))
        return explained_under(prepared, units, mask, kept)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "explained_under", counting)
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    for name in ("lime", "kernel_shap", "contextcite"):
        prepared.attribute(create_method(name, samples=20))
    # 20 masks and the prompt without any word.
    assert calls == [21]
    prepared.attribute(create_method("lime", samples=20, seed=1))
    assert calls == [21, 21]


def test_values_are_those_of_plain_passes() -> None:
    from helpers import oracles

    model = tiny_model()
    prepared = prepare(model, PROMPT, TARGET)
    found = evaluate(prepared, "word", "zero", Design("half", 6))
    base, units = prepared.base, [at for at in prepared.unit_positions("word") if at]
    for row, values in zip([*found.coalitions.kept, [False] * len(units)], [*found.values, found.empty], strict=True):
        gone = sorted(position for stays, at in zip(row, units, strict=True) if not stays for position in at)
        moved = oracles.perturbed_log_probs(model, base.embeddings[0], base.read, gone, base.embeddings[0, 0] * 0)
        np.testing.assert_allclose(values, moved[range(3), base.target_ids], atol=1e-6)
    np.testing.assert_allclose(found.full, base.log_probs[range(3), base.target_ids])


def test_a_prompt_without_units_is_refused() -> None:
    bare = prepare(tiny_model(bos=False), "a ...?!", TARGET)
    with pytest.raises(InputError, match="no word of the prompt holds a scored token"):
        evaluate(bare, "word", "drop", Design("half", 6))
