"""Information against one full pass for each masked token."""

import numpy as np
import pytest

from helpers import oracles
from helpers.tiny_models import FAMILIES, PROMPT, TARGET, tiny_model
from heta import prepare


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
        other = prepare(tiny_model(), PROMPT, TARGET, token_budget=budget).information()
        np.testing.assert_allclose(other, reference, rtol=1e-9, atol=1e-12)


def test_is_the_sum_over_the_target_steps() -> None:
    # Teacher forcing: the first step of a long target is the whole of the policy `first`.
    whole = prepare(tiny_model(), PROMPT, TARGET).information()
    first = prepare(tiny_model(), PROMPT, TARGET, policy="first").information()
    assert (whole >= first - 1e-12).all()
    assert whole.sum() > first.sum()
