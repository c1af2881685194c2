"""Sensitivity, decoding and paraphrases: closed forms, the same draws for all, nothing left behind."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import heta
from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta_evaluation.faithfulness.base import Rerun, WordScores
from heta_evaluation.faithfulness.decoding import GRID, decoding_stability, with_answers_kept
from heta_evaluation.faithfulness.paraphrase import paraphrase_stability
from heta_evaluation.faithfulness.sensitivity import SIZES, at_sizes, noise, sensitivity
from heta_evaluation.faithfulness.settings import FaithfulnessSettings
from heta_evaluation.metrics.base import FloatArray

Attribute = Callable[[heta.Prepared], FloatArray]


def rerun(attribute: Attribute, *, reads_model: bool = True, target: str = TARGET) -> Rerun:
    prepared = heta.prepare(tiny_model(), PROMPT, target)
    return Rerun(prepared, attribute, reads_model, 3, FaithfulnessSettings(noise_draws=3))


def test_noise_is_as_long_as_it_says_and_the_same_at_every_size() -> None:
    case = rerun(lambda prepared: np.ones(1))
    positions = case.prepared.positions
    length = float(case.prepared.base.embeddings[0, positions].norm(dim=1).mean())
    small, large = noise(case, 0.01, 0), noise(case, 0.1, 0)
    torch.testing.assert_close(10 * small, large)
    found = large[positions].norm(dim=1).square().mean().sqrt()
    # The mean square of n x d standard normals is 1 within 4 sqrt(2 / (n d)).
    assert float(found) == pytest.approx(0.1 * length, rel=4 * (2 / large[positions].numel()) ** 0.5)
    assert float(large[0].abs().sum()) == 0.0  # the BOS token is not scored
    assert not torch.equal(noise(case, 0.1, 1), large)


def test_sensitivity_by_hand() -> None:
    # (1, 0) when nothing moved, (3, 1) / 4 under any noise: half of |1 - 3/4| + |1/4| is 1/4, at every size.
    case = rerun(lambda prepared: np.asarray([3.0, 1.0] if hasattr(prepared, "noise") else [1.0, 0.0]))
    found = sensitivity(case)
    assert [found[name].value for name in found] == [pytest.approx(0.25)] * (1 + len(SIZES))
    assert found["main"].error == pytest.approx(0.0)
    # A sign that turns is all of the mass; a mass that vanishes too.
    turned = rerun(lambda prepared: np.asarray([-1.0 if hasattr(prepared, "noise") else 1.0]))
    assert sensitivity(turned)["main"].value == 1.0
    gone = rerun(lambda prepared: np.asarray([0.0 if hasattr(prepared, "noise") else 1.0]))
    assert sensitivity(gone)["main"].value == 1.0
    assert sensitivity(rerun(lambda prepared: np.zeros(2)))["main"] == (None, "no_mass", None)


def test_real_methods_move_more_under_more_noise_and_repeat_themselves() -> None:
    for name in ("gradient_x_input", "heta_fast"):
        method = heta.create_method(name)
        case = rerun(lambda prepared, method=method: prepared.attribute(method).scores)
        first = sensitivity(case)
        values = [first[f"sigma={size}"].value for size in SIZES]
        assert 0 < values[0] < values[1] < values[2] < 1
        assert sensitivity(case) == first
    assert sensitivity(rerun(lambda prepared: np.ones(1), reads_model=False))["main"] == (0.0, None, 0.0)


def test_one_size_on_shared_prompts_is_the_same_value() -> None:
    method = heta.create_method("heta_fast")
    case = rerun(lambda prepared: prepared.attribute(method).scores)
    narrow = at_sizes((0.05,), shared=True)
    found = narrow.compute(case)
    assert set(found) == set(narrow.variants) == {"sigma=0.05"}
    assert found["sigma=0.05"] == sensitivity(case)["sigma=0.05"]
    with pytest.raises(ValueError, match=r"size 0\.2 is none of"):
        at_sizes((0.2,))


def test_answers_that_are_kept_change_no_value() -> None:
    method = heta.create_method("gradient_x_input")
    case = rerun(lambda prepared: prepared.attribute(method).scores)
    assert with_answers_kept().compute(case) == decoding_stability(case)


def test_decoding_stability_by_hand() -> None:
    count = len(heta.prepare(tiny_model(), PROMPT, TARGET).base.target_ids)
    greedy = heta.generate(tiny_model(), PROMPT, count).token_ids
    seen: list[tuple[int, ...]] = []

    def attribute(prepared: heta.Prepared) -> FloatArray:
        seen.append(prepared.encoding.target_ids)
        return np.asarray([1.0, 0.0] if prepared.encoding.target_ids == greedy else [1.0, 1.0])

    case = rerun(attribute)
    state = torch.random.get_rng_state()
    found = decoding_stability(case)
    # |1/2 - 1| + |1/2 - 0| = 1 wherever the answer differs from the greedy one.
    assert found["main"].value == pytest.approx(1.0)
    assert found["mean"].value is not None
    assert 0 < found["mean"].value <= 1.0
    assert seen[0] == greedy
    assert len(set(seen)) == len(seen) <= 1 + len(GRID)
    assert {len(ids) for ids in seen} == {count}
    assert torch.equal(torch.random.get_rng_state(), state)
    first = list(seen)
    seen.clear()
    decoding_stability(case)
    assert seen == first
    still = decoding_stability(rerun(lambda prepared: np.asarray([2.0, 1.0])))
    assert (still["main"].value, still["mean"].value) == (0.0, 0.0)
    assert decoding_stability(rerun(lambda prepared: np.zeros(2)))["main"].reason == "no_mass"


ACTIVE = WordScores(
    ("The", "storm", "broke", "the", "harbour", "wall"), np.asarray([9.0, 4.0, 3.0, 8.0, 2.0, 1.0]), "en"
)


def passive(*scores: float) -> WordScores:
    return WordScores(
        ("The", "walls", "of", "the", "harbour", "were", "broken", "by", "the", "storms"), np.asarray(scores), "en"
    )


def test_paraphrases_by_hand() -> None:
    # wall, harbour, storm match by their stems ("broke" and "broken" do not): (1, 2, 4) against (1, 2, 3).
    assert paraphrase_stability(ACTIVE, passive(0, 1, 0, 0, 2, 0, 9, 0, 0, 3))["main"].value == pytest.approx(1.0)
    # Ranks (1, 2, 3) against (3, 2, 1).
    assert paraphrase_stability(ACTIVE, passive(0, 3, 0, 0, 2, 0, 9, 0, 0, 1))["main"].value == pytest.approx(-1.0)
    assert paraphrase_stability(ACTIVE, passive(*[1.0] * 10))["main"].reason == "constant_scores"


def test_repeated_words_match_one_by_one() -> None:
    first = WordScores(("oak", "oak", "elm"), np.asarray([1.0, 2.0, 3.0]), "xx")
    second = WordScores(("oak", "elm", "oak"), np.asarray([1.0, 3.0, 2.0]), "xx")
    assert paraphrase_stability(first, second)["main"].value == pytest.approx(1.0)
    fewer = WordScores(("oak", "elm"), np.asarray([1.0, 3.0]), "xx")
    assert paraphrase_stability(first, fewer)["main"].reason == "few_matched_words"
