"""Readings against plain full passes, and each change asked once."""

import math

import numpy as np
import pytest
import torch

import heta
from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta_evaluation.faithfulness.asking import ModelAsker
from heta_evaluation.faithfulness.base import Hard, Reading, Soft


@pytest.fixture
def prepared() -> heta.Prepared:
    return heta.prepare(tiny_model(), PROMPT, TARGET)


def asker(prepared: heta.Prepared) -> ModelAsker:
    return ModelAsker(prepared, prepared.positions, (0, 1))


def plain(prepared: heta.Prepared, embeddings: torch.Tensor) -> Reading:
    """By the definition, from one full pass over other embeddings of prompt and target, as long or shorter."""
    model, steps = prepared.model, len(prepared.base.target_ids)
    assert model is not None
    with torch.no_grad():
        logits = model.module(inputs_embeds=embeddings[None]).logits[0, -steps:]
    log_q = logits.double().log_softmax(-1)
    log_p = prepared.base.log_probs
    ids = prepared.base.target_ids
    distance = ((log_p.exp().sqrt() - log_q.exp().sqrt()) ** 2).sum(-1).mean() / math.sqrt(2.0)
    return Reading(
        float(log_q[range(steps), ids].sum()),
        float((log_p.exp() * (log_p - log_q)).sum()),
        float(distance),
    )


def close(found: Reading, expected: Reading) -> bool:
    return found == pytest.approx(expected, abs=1e-9)


def test_masked_units_are_those_of_a_plain_pass(prepared: heta.Prepared) -> None:
    ask, base = asker(prepared), prepared.base.embeddings[0]
    for units in ((0,), (2, 5, 7), tuple(range(len(prepared.positions)))):
        embeddings = base.clone()
        embeddings[[prepared.positions[unit] for unit in units]] = 0.0
        assert close(ask([Hard(units, "zero")])[0], plain(prepared, embeddings))


def test_units_left_out_are_those_of_a_shorter_prompt(prepared: heta.Prepared) -> None:
    base, units = prepared.base.embeddings[0], (1, 4)
    gone = {prepared.positions[unit] for unit in units}
    kept = base[[position for position in range(len(base)) if position not in gone]]
    assert close(asker(prepared)([Hard(units, "drop")])[0], plain(prepared, kept))


def test_thinning_keeps_coordinates_with_the_given_probability(prepared: heta.Prepared) -> None:
    ask, count = asker(prepared), len(prepared.positions)
    everything, nothing, half = (Soft((keep,) * count, 0) for keep in (1.0, 0.0, 0.5))
    whole, empty = ask([everything, nothing])
    assert close(whole, Reading(ask([Hard((), "zero")])[0].log_prob, 0.0, 0.0))
    assert close(empty, ask([Hard(tuple(range(count)), "zero")])[0])
    kept = ask._kept(half)
    assert kept.mean() == pytest.approx(0.5, abs=4 * 0.5 / kept.size**0.5)
    embeddings = prepared.base.embeddings[0].clone()
    embeddings[prepared.positions] *= torch.from_numpy(kept)
    assert close(ask([half])[0], plain(prepared, embeddings))
    # One draw has the same random numbers whatever is kept, another draw has others.
    more = ask._kept(Soft((0.7,) * count, 0))
    assert (more | ~kept).all()
    assert (ask._kept(Soft((0.5,) * count, 1)) != kept).any()


def test_each_change_is_asked_once(prepared: heta.Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    real = heta.Prepared.perturb
    monkeypatch.setattr(
        heta.Prepared, "perturb", lambda self, changes, reduce: rows.append(len(changes)) or real(self, changes, reduce)
    )
    ask = asker(prepared)
    first = ask([Hard((0,), "zero"), Hard((1,), "zero"), Hard((0,), "zero"), Hard((), "zero")])
    again = ask([Hard((1,), "zero"), Hard((), "drop"), Hard((2,), "zero")])
    assert first[0] == first[2]
    assert first[1] == again[0]
    assert first[3] == again[1]
    assert rows == [2, 1]
    assert ask.forwards == 1 + 3


def test_order_and_company_do_not_change_a_reading(prepared: heta.Prepared) -> None:
    changes = [Hard((unit,), "zero") for unit in range(len(prepared.positions))]
    together = asker(prepared)(changes)
    backwards = asker(prepared)(changes[::-1])[::-1]
    np.testing.assert_allclose(together, backwards, rtol=0.0, atol=1e-10)
