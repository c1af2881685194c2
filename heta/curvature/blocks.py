"""Exact blocks: || H_ii r ||_1 for one token and one probe at a time, many such pairs in one batch.

By Khintchine's inequality ||H_ii||_{2,1} / sqrt 2 <= E S_i <= ||H_ii||_{2,1}.

`finite_difference` is one-sided, (grad(x + eps r) - grad(x)) / eps with one shared base gradient: one gradient a
probe, no second derivative of the attention kernel. `jvp` (forward over reverse) and `double_backward` (reverse over
reverse) are slower references without a difference step. Where a ReLU bends within the step, finite differences see
the bend, as the function has it; second derivatives do not.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from heta.curvature.options import CurvatureOptions
from heta.curvature.probes import rademacher
from heta.errors import IncompatibleModel
from heta.memory import row_cost, run_rows
from heta.objective import Objective, gradients_of

Tensor = torch.Tensor


class Pair(NamedTuple):
    """One probe of one token."""

    position: int
    probe: int


def block_norms(objective: Objective, pairs: Sequence[Pair], options: CurvatureOptions, *, budget: int) -> Tensor:
    """|| H_ii r ||_1 of every pair, `[output, pair]` float64, >= 0.

    Args:
        objective: what is differentiated, and where.
        pairs: tokens and probes, at least one, in any order.
        options: seed of the probes, product, difference step.
        budget: most tokens in one pass; changes speed and memory only.
    """
    width = objective.vectors.shape[-1]
    last = {pair.position: 0 for pair in pairs}
    for pair in pairs:
        last[pair.position] = max(last[pair.position], pair.probe)
    draws = {position: rademacher(options.seed, position, probe + 1, width) for position, probe in last.items()}

    def run(rows: list[int], start: int) -> Tensor:
        chosen = [pairs[row] for row in rows]
        vectors = torch.stack([draws[pair.position][pair.probe] for pair in chosen]).to(objective.vectors)
        blocks = _Blocks(objective, [pair.position for pair in chosen], start)
        if options.product == "finite_difference":
            products = _finite_difference(blocks, vectors, options.step)
        else:
            products = _second_derivative(blocks, vectors, options.product)
        return products.double().abs().sum(-1).T

    cost = row_cost(objective.model, objective.base, backward=True)
    return run_rows(objective.base, cost, [pair.position for pair in pairs], budget, run).T


def difference_step(objective: Objective, step: float) -> float:
    """`step` as a share of the mean absolute vector, position 0 left out: an attention sink is many times longer."""
    others = objective.vectors[:, 1:]
    return step * float((others if others.shape[1] else objective.vectors).abs().mean())


class _Blocks:
    """A batch in which row b may move one block only, that of `positions[b]`."""

    def __init__(self, objective: Objective, positions: Sequence[int], start: int) -> None:
        self.objective = objective
        self.positions = positions
        self.start = start
        where = torch.tensor(list(positions), device=objective.vectors.device)
        self.at = objective.vectors[0, where]
        self._place = (torch.arange(len(positions), device=where.device), where - self.start)
        self._suffix = objective.vectors[:, self.start :].repeat(len(positions), 1, 1)

    def values(self, blocks: Tensor) -> Tensor:
        """`[row, output]` nats with row b's block replaced, from `[row, d_model]`."""
        return self.objective.values(self.start, self._suffix.index_put(self._place, blocks))


def _finite_difference(rows: _Blocks, vectors: Tensor, step: float) -> Tensor:
    """H_ii r of every row, `[output, row, d_model]`."""
    epsilon = difference_step(rows.objective, step)
    moved = (rows.at + epsilon * vectors).requires_grad_(True)
    return (gradients_of(rows.values(moved), moved) - rows.objective.gradients_at(rows.positions)) / epsilon


def _second_derivative(rows: _Blocks, vectors: Tensor, product: str) -> Tensor:
    """The same without a step. Fused attention kernels have no second derivative, the plain one has."""
    outputs = rows.objective.outputs
    with sdpa_kernel(SDPBackend.MATH):
        if product == "jvp":
            return torch.stack([_forward_over_reverse(rows, vectors, output) for output in range(outputs)])
        leaf = rows.at.clone().requires_grad_(True)
        values = rows.values(leaf)
        products = []
        for output in range(outputs):
            (first,) = torch.autograd.grad(values[:, output].sum(), leaf, create_graph=True)
            (second,) = torch.autograd.grad((first * vectors).sum(), leaf, retain_graph=output + 1 < outputs)
            products.append(second.detach())
        return torch.stack(products)


def _forward_over_reverse(rows: _Blocks, vectors: Tensor, output: int) -> Tensor:
    def total(blocks: Tensor) -> Tensor:
        return rows.values(blocks)[:, output].sum()

    with warnings.catch_warnings():
        # torch loads its own forward-mode rules through an interface that it calls deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            tangent: Tensor = torch.func.jvp(torch.func.grad(total), (rows.at,), (vectors,))[1]
        except RuntimeError as error:
            if "functorch" not in str(error):
                raise
            name = rows.objective.model.identity.name
            raise IncompatibleModel(
                f"{name} has operations of its own that torch cannot differentiate forward; take"
                " product=double_backward or finite_difference"
            ) from error
    return tangent
