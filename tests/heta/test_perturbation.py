"""The perturbation engine against one full pass without a cache for each perturbation."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from transformers.cache_utils import DynamicCache

from helpers import oracles
from helpers.tiny_models import FAMILIES, PROMPT, TARGET, tiny_model
from heta import perturbation as engine
from heta import prepare
from heta.errors import IncompatibleModel, NumericalError
from heta.passes import BasePass, base_pass
from heta.perturbation import Perturbation, perturb, perturbed_log_probs

Tensor = torch.Tensor


def keep(log_probs: Tensor) -> Tensor:
    return log_probs


def base_of(family: str = "llama", target: str = TARGET) -> tuple[Any, BasePass]:
    model = tiny_model(family)
    return model, prepare(model, PROMPT, target).base


def mixture(model: Any, base: BasePass) -> list[Perturbation]:
    """Every kind at every kind of place, in no order."""
    generator = np.random.default_rng(0)
    last, width = base.read[0], base.embeddings.shape[-1]
    fill = torch.zeros(width, dtype=torch.float64)
    vectors = torch.from_numpy(generator.normal(size=(last + 1, width)))
    sets = [(last,), (1,), (0,), (last - 1, last), tuple(range(1, last + 1)), tuple(range(last)), (2, 5, 9)]
    sets += [tuple(np.flatnonzero(generator.random(last + 1) < 0.4).tolist()) for _ in range(6)]
    rows = [Perturbation((), None), Perturbation((), fill)]
    for positions in sets:
        ids = tuple(generator.integers(0, model.embedding.num_embeddings, len(positions)).tolist())
        rows += [
            Perturbation(positions, fill),
            Perturbation(positions, vectors[: len(positions)]),
            Perturbation(positions, ids),
            Perturbation(positions, None),
        ]
    # A token of the target is read, so it can be masked or replaced.
    rows += [Perturbation((last + 1,), fill), Perturbation((3, last + 2), (7, 8))]
    return [rows[index] for index in generator.permutation(len(rows))]


def expected(model: Any, base: BasePass, rows: Sequence[Perturbation]) -> Tensor:
    naive = [oracles.perturbed_log_probs(model, base.embeddings[0], base.read, p.positions, p.to) for p in rows]
    return torch.stack(naive)


@cache
def case(family: str) -> tuple[list[Perturbation], Tensor]:
    model, base = base_of(family)
    rows = mixture(model, base)
    return rows, expected(model, base, rows)


@pytest.mark.parametrize("budget", [1, 60, 100_000])
@pytest.mark.parametrize("family", FAMILIES)
def test_equals_full_passes_in_the_given_order(family: str, budget: int) -> None:
    model, base = base_of(family)
    assert len(base.read) > 2
    rows, want = case(family)
    got = perturb(model, base, rows, keep, budget=budget)
    assert got.dtype == torch.float64
    # GPT-Neo computes its attention weights in float32, whatever the model's precision.
    close = 1e-5 if family == "gpt_neo" else 1e-6
    torch.testing.assert_close(got, want, atol=close, rtol=0)
    chosen = want.gather(-1, base.target_ids.expand(len(rows), -1)[..., None])[..., 0]
    torch.testing.assert_close(perturbed_log_probs(model, base, rows, budget=budget), chosen, atol=close, rtol=0)


def test_nothing_changed_is_the_models_own_prediction() -> None:
    model, base = base_of()
    for to in (None, torch.zeros(base.embeddings.shape[-1])):
        got = perturb(model, base, [Perturbation((), to)], keep)
        torch.testing.assert_close(got[0], base.log_probs, atol=1e-9, rtol=0)
    assert perturb(model, base, [], keep).shape == (0, *base.log_probs.shape)


def test_log_probabilities_of_all_rows_are_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    model, base = base_of()
    rows = [Perturbation((position,), None) for position in range(1, 12)]
    # Blocks of two rows.
    monkeypatch.setattr(engine, "_BLOCK", 2 * base.log_probs.numel())
    seen: list[int] = []

    def reduce(log_probs: Tensor) -> Tensor:
        seen.append(len(log_probs))
        return log_probs[:, 0, 0]

    got = perturb(model, base, rows, reduce, budget=100_000)
    # Eleven rows of equal length in one pass, reduced two at a time.
    assert seen == [2, 2, 2, 2, 2, 1]
    torch.testing.assert_close(got, expected(model, base, rows)[:, 0, 0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_computes_suffixes_only_and_projects_only_what_is_read(family: str) -> None:
    model, base = base_of(family)
    computed: list[tuple[int, int]] = []
    projected: list[int] = []

    def entered(_module: object, _args: object, kwargs: dict[str, Any]) -> None:
        computed.append(tuple(kwargs["inputs_embeds"].shape[:2]))

    def headed(_module: object, args: tuple[Tensor, ...]) -> None:
        projected.append(args[0].shape[1])

    handles = [
        model.module.register_forward_pre_hook(entered, with_kwargs=True),
        model.module.get_output_embeddings().register_forward_pre_hook(headed),
    ]
    try:
        fill = torch.zeros(base.embeddings.shape[-1])
        rows = [Perturbation((9,), fill), Perturbation((4, 10), fill), Perturbation((4, 10), None)]
        perturb(model, base, rows, keep, budget=1)
        # One row a pass at this budget: from the first changed position on, two positions fewer where two are left out.
        length = base.length
        assert sorted(computed) == sorted([(1, length - 9), (1, length - 4), (1, length - 6)])
        computed.clear()
        perturb(model, base, rows, keep, budget=100_000)
        assert sorted(computed) == sorted([(2, length - 4), (1, length - 6)])
    finally:
        for handle in handles:
            handle.remove()
    assert set(projected) == {len(base.read)}


@pytest.mark.parametrize(
    ("positions", "to", "message"),
    [
        ((3, 2), None, "they must increase"),
        ((2, 2), None, "they must increase"),
        ((1, 2), (5,), "1 replacements were given for 2 positions"),
        ((1,), torch.zeros(2, 4), "2 replacements were given for 1 positions"),
    ],
)
def test_a_perturbation_that_means_nothing(positions: tuple[int, ...], to: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Perturbation(positions, to)


def test_positions_that_cannot_be_changed() -> None:
    model, base = base_of()
    last = base.read[0]
    for positions, to, message in [
        ((-1,), None, "do not lie in the input"),
        ((base.length,), (1,), "do not lie in the input"),
        ((last + 1,), None, f"position {last + 1} is read with the target and cannot be left out; up to {last}"),
        (tuple(range(last + 1)), None, f"all of the {last + 1} positions before the target are left out"),
    ]:
        with pytest.raises(ValueError, match=message):
            perturb(model, base, [Perturbation(positions, to)], keep)  # type: ignore[arg-type]


def test_a_prediction_that_is_not_finite_is_named() -> None:
    model, base = base_of()
    fill = torch.full((base.embeddings.shape[-1],), torch.inf)
    rows = [Perturbation((2,), torch.zeros_like(fill)), Perturbation((3, 5), fill)]
    for reduce in (keep, lambda log_probs: log_probs[:, 0, 0]):
        with pytest.raises(NumericalError, match=r"when positions 3, 5 are changed"):
            perturb(model, base, rows, reduce)


def test_a_family_that_ignores_its_cache_is_refused() -> None:
    model = tiny_model()

    def forget(_module: object, args: object, kwargs: dict[str, Any]) -> tuple[object, dict[str, Any]]:
        known = kwargs["past_key_values"].get_seq_length()
        return args, {**kwargs, "past_key_values": DynamicCache()} if known else kwargs

    handle = model.module.register_forward_pre_hook(forget, with_kwargs=True)
    try:
        with pytest.raises(IncompatibleModel, match=r"tiny-llama .* behind a cached prefix differ"):
            base_pass(model, [1, 20, 30, 40], [3], [5])
    finally:
        handle.remove()


def test_through_prepared() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    rows = [Perturbation((3,), None)]
    got = prepared.perturb(rows, keep)
    np.testing.assert_array_equal(got, perturb(tiny_model(), prepared.base, rows, keep).numpy())
