"""Greedy rationales against a search by plain passes."""

from typing import Any

import numpy as np
import pytest

from helpers import oracles
from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import TargetChoice, create_method, prepare


def search(prepared: Any, units: list[tuple[int, ...]], steps: list[int], most: int) -> tuple[list[int], list[float]]:
    """Add the unit that raises log p most until the target is the first choice, every row a full pass of its own."""
    model, base = prepared.model, prepared.base

    def look(kept: list[int]) -> tuple[float, bool]:
        gone = sorted(at for unit, positions in enumerate(units) if unit not in kept for at in positions)
        found = oracles.perturbed_log_probs(model, base.embeddings[0], base.read, gone, None)
        value = sum(float(found[step, base.target_ids[step]]) for step in steps)
        return value, all(int(found[step].argmax()) == int(base.target_ids[step]) for step in steps)

    order: list[int] = []
    gains: list[float] = []
    value, enough = look(order)
    while not enough and len(order) < most:
        tried = {unit: look([*order, unit]) for unit in range(len(units)) if unit not in order}
        best = max(tried, key=lambda unit: tried[unit][0])
        gains.append(tried[best][0] - value)
        value, enough = tried[best]
        order.append(best)
    return order, gains


@pytest.mark.parametrize("policy", ["each", "answer"])
def test_equals_a_search_by_plain_passes(policy: Any) -> None:
    # The model's own answer, so that something suffices.
    written = prepare(tiny_model(), PROMPT, TARGET, policy="model").target.text
    prepared = prepare(tiny_model(), PROMPT, written, policy=policy)
    got = prepared.attribute(create_method("greedy_rationale", unit="word", most=4))
    units = list(prepared.unit_positions("word"))
    steps = range(len(prepared.base.read))
    lanes = [[step] for step in steps] if policy == "each" else [list(steps)]
    expected, gained = np.zeros((len(lanes), len(units))), np.zeros((len(lanes), len(units)))
    for row, chosen in enumerate(lanes):
        order, gains = search(prepared, units, chosen, 4)
        for place, (unit, gain) in enumerate(zip(order, gains, strict=True)):
            # Of k units the first gets 1, the last 1 / k.
            expected[row, unit], gained[row, unit] = (len(order) - place) / len(order), gain
    assert expected.any()
    np.testing.assert_allclose(got.scores, expected.sum(0), atol=1e-12)
    np.testing.assert_allclose(got.components["gain"], gained.sum(0), atol=1e-6)
    assert sum("rationale with" in note or "is needed" in note for note in got.notes) == len(lanes)


def test_against_a_foil_the_target_has_to_lead() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET, policy=TargetChoice(foil=" blue"))
    got = prepared.attribute(create_method("greedy_rationale"))
    base, model = prepared.base, prepared.model
    chosen = np.flatnonzero(got.scores)
    gone = sorted(set(prepared.positions) - set(chosen.tolist()))
    found = oracles.perturbed_log_probs(model, base.embeddings[0], base.read, gone, None)  # type: ignore[arg-type]
    lead = float(found[0, base.target_ids[0]] - found[0, prepared.explained.foil_ids[0]])  # type: ignore[index]
    assert lead >= 0
    assert any("a sufficient rationale" in note for note in got.notes)


def test_ends_after_the_most_units() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    got = prepared.attribute(create_method("greedy_rationale", most=2))
    assert sorted(got.scores[got.scores > 0]) == [0.5, 1.0]
    assert any(note.startswith("no sufficient rationale with 2 of") for note in got.notes)
