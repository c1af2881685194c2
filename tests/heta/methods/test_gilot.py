"""GiLOT against plain passes and the whole linear program."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from helpers import oracles
from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import TargetChoice, create_method, prepare


def least_cost(p: np.ndarray, q: np.ndarray, cost: np.ndarray) -> float:
    """Kantorovich's program with every plan from p to q."""
    n = len(p)
    sums = np.concatenate([np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))])
    return float(linprog(cost.reshape(-1), A_eq=sums[:-1], b_eq=np.concatenate([p, q])[:-1]).fun)


def angle(a: Any, b: Any) -> float:
    return float(torch.arccos((a @ b / a.norm() / b.norm()).clamp(-1, 1))) / np.pi


def test_equals_a_step_by_step_calculation() -> None:
    model, outputs = tiny_model(), 4
    prepared = prepare(model, PROMPT, TARGET, policy="each")
    got = prepared.attribute(create_method("gilot", outputs=outputs))
    base, weight = prepared.base, model.embedding.weight
    assert got.rows["score"].shape[0] == 3
    for position in (prepared.positions[0], prepared.positions[7], prepared.positions[-1]):
        moved = oracles.perturbed_log_probs(
            model, base.embeddings[0], base.read, [position], base.embeddings[0, 0] * 0
        ).exp()
        for step in range(3):
            p, q = base.log_probs[step].exp(), moved[step]
            ids = p.argsort(descending=True)[:outputs].tolist()
            cost = np.full((outputs + 1, outputs + 1), 0.5)
            for row, a in enumerate(ids):
                for column, b in enumerate(ids):
                    cost[row, column] = 0.0 if a == b else angle(weight[a], weight[b])
            cost[-1, -1] = 0.0
            # Four outputs and one for all others.
            rows = [np.array([*d[ids].tolist(), float(1 - d[ids].sum())]) for d in (p, q)]
            assert got.rows["score"][step, position] == pytest.approx(least_cost(*rows, cost), abs=1e-7)
    assert (got.scores >= 0).all()
    assert (got.rows["score"] <= 1).all()


def test_against_a_foil_it_is_the_probability_that_crosses_over_times_the_angle() -> None:
    model = tiny_model()
    prepared = prepare(model, PROMPT, TARGET, policy=TargetChoice(foil=" blue"))
    got = prepared.attribute(create_method("gilot"))
    base = prepared.base
    target, foil = int(base.target_ids[0]), prepared.explained.foil_ids[0]  # type: ignore[index]
    distance = angle(model.embedding.weight[target], model.embedding.weight[foil])
    for position in prepared.positions[:5]:
        moved = oracles.perturbed_log_probs(model, base.embeddings[0], base.read, [position], base.embeddings[0, 0] * 0)
        chances = [float(torch.sigmoid(lp[0, target] - lp[0, foil])) for lp in (base.log_probs, moved)]
        assert got.scores[position] == pytest.approx(abs(chances[0] - chances[1]) * distance, abs=1e-8)


def test_passes_are_those_of_leave_one_out_and_kl(monkeypatch: pytest.MonkeyPatch) -> None:
    from heta import prepared as module

    prepared = prepare(tiny_model(), PROMPT, TARGET)
    calls: list[int] = []
    perturb = module.Prepared.perturb

    def counting(self: Any, rows: Any, reduce: Any) -> Any:
        calls.append(len(rows))
        return perturb(self, rows, reduce)

    monkeypatch.setattr(module.Prepared, "perturb", counting)
    for name in ("kl", "leave_one_out", "gilot", "heta_fast"):
        prepared.attribute(create_method(name))
    assert calls == [len(prepared.positions)]
