"""Curvature against the exact Hessian of two-layer models in float64."""

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from helpers import oracles
from helpers.tiny_models import FAMILIES, PROMPT, TARGET, tiny_model
from heta import Budget, Prepared, create_method, prepare
from heta.curvature.modes import curvature
from heta.curvature.options import CurvatureOptions
from heta.curvature.probes import rademacher
from heta.objective import Objective
from heta.passes import base_pass

PROBES = 6


def s_of(prepared: Prepared, **options: Any) -> np.ndarray:
    """S of the scored tokens."""
    values, _ = prepared.curvature(CurvatureOptions(**options))
    return values[..., prepared.positions]


@cache
def exact_blocks(family: str, target: str = TARGET) -> torch.Tensor:
    """H_ii of every scored token, `[scored, d_model, d_model]`, always from the float64 model."""
    model = tiny_model(family)
    prepared = prepare(model, PROMPT, target)
    base = prepared.base
    ids = [*prepared.encoding.prompt_ids, *prepared.encoding.target_ids[:-1]]
    rows = prepared.positions
    full = oracles.hessian(model, oracles.embed(model, ids), base.read, base.target_ids.tolist(), rows)
    return torch.stack([full[index, :, position] for index, position in enumerate(rows)])


@pytest.mark.parametrize(
    ("family", "target", "dtype"),
    [
        *((family, TARGET, "float32") for family in FAMILIES),
        *(("llama", target, "float64") for target in (TARGET, " green")),
        *(("gpt2", target, "float64") for target in (TARGET, " green")),
    ],
)
def test_equals_exact_hessian_with_the_same_probes(family: str, target: str, dtype: str) -> None:
    prepared = prepare(tiny_model(family, dtype=dtype), PROMPT, target)
    assert (len(prepared.encoding.target_ids) > 1) == (target == TARGET)
    got = s_of(prepared, probes=PROBES, seed=3)
    blocks = exact_blocks(family, target)
    # S_i = mean over the same probes r of || H_ii r ||_1.
    expected = [
        float((rademacher(3, position, PROBES, block.shape[0]).double() @ block).abs().sum(-1).mean())
        for position, block in zip(prepared.positions, blocks, strict=True)
    ]
    np.testing.assert_allclose(got, expected, rtol=1e-2)


def test_stays_within_the_bounds_of_khintchine() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    got = s_of(prepared, probes=300)
    # ||H_ii||_{2,1}: the sum of the Euclidean norms of its rows.
    norms = exact_blocks("llama").norm(dim=-1).sum(-1).numpy()
    # The mean over 300 probes strays by about 1 %: CV of one probe 15 %, over sqrt(300).
    assert (got >= norms / math.sqrt(2) * 0.97).all()
    assert (got <= norms * 1.03).all()
    # The constant is sqrt(2 / pi) = 0.798 for many comparable entries in a row.
    assert 0.75 < got.sum() / norms.sum() < 0.9


@pytest.mark.parametrize("family", FAMILIES)
def test_token_read_after_the_prediction_has_none(family: str) -> None:
    # The causal mask hides the last target token from the logits that predict it: its own block of H is 0.
    model = tiny_model(family)
    ids = model.encoder.encode(PROMPT, add_special_tokens=False).ids
    base = base_pass(model, [*ids, 7], [len(ids) - 1], [7])
    own = len(ids)
    objective = Objective(model=model, base=base, first=own - 1)
    ((before, itself),) = curvature(objective, [own - 1, own], CurvatureOptions(probes=3), budget=512).values
    assert float(itself) == 0.0
    assert float(before) > 0.0


def test_one_pass_is_the_row_sum_of_the_joint_hessian() -> None:
    model = tiny_model()
    prepared = prepare(model, PROMPT, TARGET)
    where = prepared.positions
    got = s_of(prepared, curvature="one_pass", probes=PROBES, seed=5)
    ids = [*prepared.encoding.prompt_ids, *prepared.encoding.target_ids[:-1]]
    base = prepared.base
    rows = oracles.hessian(model, oracles.embed(model, ids), base.read, base.target_ids.tolist(), where)
    joint = rows[:, :, where]
    draws = torch.stack([rademacher(5, position, PROBES, joint.shape[1]) for position in where], dim=1).double()
    # (H r)_i over the scored tokens, off-diagonal blocks included.
    expected = torch.einsum("iajb,kjb->kia", joint, draws).abs().sum(-1).mean(0)
    # All tokens move at once, so the difference step is larger and so is its error.
    np.testing.assert_allclose(got, expected.numpy(), rtol=3e-2)


@pytest.mark.parametrize("mode", ["exact", "one_pass", "low_rank"])
def test_batches_and_neighbours_change_nothing(mode: str) -> None:
    model = tiny_model()
    options = {"curvature": mode, "probes": 4, "seed": 1}
    reference = s_of(prepare(model, PROMPT, TARGET), **options)
    for budget in (1, 7, 50, 100_000):
        other = s_of(prepare(model, PROMPT, TARGET, budget=Budget(tokens=budget)), **options)
        np.testing.assert_allclose(other, reference, rtol=1e-6)


def test_probes_follow_the_seed_and_the_position_alone() -> None:
    one = rademacher(0, 5, 3, 64)
    assert torch.equal(one, rademacher(0, 5, 3, 64))
    assert not torch.equal(one, rademacher(1, 5, 3, 64))
    assert not torch.equal(one, rademacher(0, 6, 3, 64))
    assert set(one.unique().tolist()) == {-1, 1}


def test_unscored_prefix_is_only_context() -> None:
    # A token's exact block does not depend on which other tokens are scored.
    model = tiny_model()
    everything = prepare(model, PROMPT, TARGET)
    part = prepare(model, PROMPT, TARGET, unscored=[(0, 31)])
    assert 0 < len(part.positions) < len(everything.positions)
    kept = [everything.positions.index(position) for position in part.positions]
    np.testing.assert_allclose(s_of(part, probes=3), s_of(everything, probes=3)[kept], rtol=1e-6)


def test_step_is_an_option_that_acts() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    small, large = (
        prepared.attribute(create_method("heta", probes=1, step=step)).components["curvature"] for step in (0.001, 0.1)
    )
    assert not np.allclose(small, large, rtol=1e-3)
