"""Information against one full pass for each masked token."""

import math

import numpy as np
import pytest
import torch

from helpers import oracles
from helpers.tiny_models import FAMILIES, PROMPT, TARGET, tiny_model
from heta import Budget, prepare
from heta.information import information_by_step
from heta.masks import MASKS, Mask, mask_vector


@pytest.mark.parametrize("target", [TARGET, " green"])
@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_naive_loop(family: str, target: str) -> None:
    model = tiny_model(family)
    prepared = prepare(model, PROMPT, target)
    ids = [*prepared.encoding.prompt_ids, *prepared.encoding.target_ids[:-1]]
    expected = oracles.information(model, oracles.embed(model, ids), prepared.base.read, prepared.positions)
    got = prepared.information()
    np.testing.assert_allclose(got[prepared.positions], expected.numpy(), atol=1e-6, rtol=0)
    assert got[~prepared.encoding.scored].tolist() == [0.0] * int((~prepared.encoding.scored).sum())
    assert got.max() > 0.01


def test_single_precision_agrees_with_double() -> None:
    single, double = (prepare(tiny_model(dtype=dtype), PROMPT, TARGET) for dtype in ("float32", "float64"))
    np.testing.assert_allclose(single.information(), double.information(), atol=2e-5, rtol=0)


def test_batches_change_nothing() -> None:
    reference = prepare(tiny_model(), PROMPT, TARGET).information()
    for budget in (1, 9, 60, 100_000):
        other = prepare(tiny_model(), PROMPT, TARGET, budget=Budget(tokens=budget)).information()
        np.testing.assert_allclose(other, reference, rtol=1e-9, atol=1e-12)


def test_is_the_sum_over_the_target_steps() -> None:
    # Teacher forcing: the first step of a long target is the whole of the policy `first`.
    whole = prepare(tiny_model(), PROMPT, TARGET).information()
    first = prepare(tiny_model(), PROMPT, TARGET, policy="first").information()
    assert (whole >= first - 1e-12).all()
    assert whole.sum() > first.sum()


def moved(family: str, mask: Mask) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """Clean `[step, vocab]` and masked `[position, step, vocab]` log-probabilities of full passes, and positions."""
    prepared = prepare(tiny_model(family), PROMPT, TARGET)
    model, base = tiny_model(family), prepared.base
    embeddings, vector = base.embeddings[0], mask_vector(model, base, mask)
    clean = oracles.perturbed_log_probs(model, embeddings, base.read, [], [])
    masked = [oracles.perturbed_log_probs(model, embeddings, base.read, [p], vector) for p in prepared.positions]
    return clean, torch.stack(masked), prepared.positions


@pytest.mark.parametrize("mask", [mask for mask in MASKS if mask != "unk"])
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_each_step_and_each_mask(family: str, mask: Mask) -> None:
    clean, masked, positions = moved(family, mask)
    base = prepare(tiny_model(family), PROMPT, TARGET).base
    expected = (clean.exp() * (clean - masked)).sum(-1).T
    got = information_by_step(tiny_model(family), base, positions, mask=mask)
    assert got.shape == (len(base.read), len(positions))
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=0)


def test_a_subset_in_any_order_gets_the_values_that_all_get() -> None:
    model, base = tiny_model(), prepare(tiny_model(), PROMPT, TARGET).base
    positions = list(range(1, base.read[0] + 1))
    for mask in ("sequence_mean", "drop"):
        whole = information_by_step(model, base, positions, mask=mask)
        part = information_by_step(model, base, [9, 2, 2, 5], mask=mask)
        torch.testing.assert_close(part, whole[:, [8, 1, 1, 4]], rtol=1e-9, atol=1e-12)
    assert information_by_step(model, base, []).shape == (len(base.read), 0)


@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_against_a_foil(family: str) -> None:
    clean, masked, positions = moved(family, "zero")
    model, base = tiny_model(family), prepare(tiny_model(family), PROMPT, TARGET).base
    foils = torch.tensor([(token + 17) % 360 for token in base.target_ids.tolist()])
    got = information_by_step(model, base, positions, foil_ids=foils)
    for step, (target, foil) in enumerate(zip(base.target_ids.tolist(), foils.tolist(), strict=True)):
        # p(target | target or foil) = e^t / (e^t + e^f), before and after, and the divergence of the two coins.
        pair = clean[step, [target, foil]].exp()
        p = float(pair[0] / pair.sum())
        for column in range(len(positions)):
            pair = masked[column, step, [target, foil]].exp()
            q = float(pair[0] / pair.sum())
            expected = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
            assert got[step, column] == pytest.approx(expected, abs=1e-6)
    assert float(got.max()) > 0.01


def test_a_foil_never_tells_more_than_the_whole_vocabulary_weighed_by_the_pair() -> None:
    # Chain rule: KL over the vocabulary = KL over {pair, each other token} + P(pair) * KL within the pair.
    clean, _, positions = moved("llama", "zero")
    model, base = tiny_model(), prepare(tiny_model(), PROMPT, TARGET).base
    foils = (base.target_ids + 1) % 360
    within = information_by_step(model, base, positions, foil_ids=foils)
    weight = clean.exp().gather(1, torch.stack([base.target_ids, foils], dim=1)).sum(1, keepdim=True)
    assert (weight * within <= information_by_step(model, base, positions) + 1e-9).all()


def test_a_foil_that_is_the_target_tells_nothing_and_one_a_step_is_needed() -> None:
    model, base = tiny_model(), prepare(tiny_model(), PROMPT, TARGET).base
    assert not information_by_step(model, base, [2, 3], foil_ids=base.target_ids).any()
    with pytest.raises(ValueError, match=r"foil_ids have shape \(1,\), the target \(\d,\)"):
        information_by_step(model, base, [2], foil_ids=base.target_ids[:1])


def test_an_overwhelming_foil_stays_finite() -> None:
    # Log odds of -2000 and -1000: sigmoids are 0 in float64, their logarithms must not be taken.
    from heta.information import _contrast
    from heta.passes import BasePass

    def log_probs(target: float) -> torch.Tensor:
        return torch.tensor([[target, 0.0]], dtype=torch.float64)

    base = BasePass(torch.zeros(1, 1, 2), (), (0,), torch.tensor([0]), log_probs(-2000.0))
    got = _contrast(base, torch.tensor([1]))(log_probs(-1000.0)[None])
    # q = e^-1000 and p = e^-2000 are both next to nothing: KL = -p log(p / q) ... + q - p, nothing in float64.
    assert got.tolist() == [[0.0]]
