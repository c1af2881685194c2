"""Products with the joint Hessian of many tokens, and the two modes made of them: one pass, and low rank."""

import math
from collections.abc import Sequence

import torch

from heta.curvature.blocks import difference_step
from heta.curvature.options import CurvatureOptions
from heta.curvature.probes import rademacher_of
from heta.memory import row_cost, run_rows
from heta.objective import Objective, gradients_of

Tensor = torch.Tensor


def joint_products(
    objective: Objective,
    positions: Sequence[int],
    vectors: Tensor,
    *,
    step: float,
    budget: int,
    only: int | None = None,
) -> Tensor:
    """(H v) over `positions`, H the joint Hessian of those tokens: `[row, output, position, d_model]`.

    Args:
        objective: what is differentiated, and where.
        positions: the tokens that move and that are read, increasing.
        vectors: `[row, position, d_model]`, of about 1 a coordinate.
        step: difference step, as a share of the mean absolute vector.
        budget: most tokens in one pass.
        only: the one output to differentiate; none: all of them.
    """
    chosen = slice(None) if only is None else slice(only, only + 1)
    epsilon = difference_step(objective, step)
    before = objective.gradients_at(positions)[chosen]

    def run(rows: list[int], start: int) -> Tensor:
        where = torch.tensor(list(positions), device=objective.vectors.device) - start
        suffix = objective.vectors[:, start:].repeat(len(rows), 1, 1)
        suffix[:, where] += epsilon * vectors[rows].to(suffix)
        suffix.requires_grad_(True)
        moved = gradients_of(objective.values(start, suffix)[:, chosen], suffix)[:, :, where]
        return ((moved - before[:, None]) / epsilon).transpose(0, 1)

    cost = row_cost(objective.model, objective.base, backward=True)
    return run_rows(objective.base, cost, [positions[0]] * len(vectors), budget, run)


def one_pass(objective: Objective, positions: Sequence[int], options: CurvatureOptions, *, budget: int) -> Tensor:
    """(1/m) sum_k || (H r_k)_i ||_1, `[output, position]` float64, >= 0.

    A different estimand than exact blocks: it holds the off-diagonal blocks H_ij too.
    """
    draws = rademacher_of(options.seed, positions, options.probes, objective.vectors.shape[-1])
    total = torch.zeros(objective.outputs, len(positions), dtype=torch.float64)
    for draw in draws:
        products = joint_products(objective, positions, draw[None], step=options.step, budget=budget)
        total += products[0].double().abs().sum(-1).cpu()
    return total / options.probes


def low_rank(
    objective: Objective, positions: Sequence[int], options: CurvatureOptions, *, budget: int
) -> tuple[Tensor, float]:
    """S from Q B Q', B = Q' H Q, Q an orthonormal basis of the range of the tokens' joint Hessian H.

    A randomised range finder (Halko, Martinsson and Tropp 2011, Algorithm 4.1) spends rank + oversampling products on Q
    and as many on B. The basis is as wide as both together; S_i = (1/m) sum_k || Q_i B Q_i' r_k ||_1.

    Returns:
        S `[output, position]` float64, and the largest residual ||H v - Q B Q' v|| / ||H v|| over fresh vectors.
    """
    count, width = len(positions), objective.vectors.shape[-1]
    columns = min(options.rank + options.oversampling, count * width)
    generator = torch.Generator().manual_seed(options.seed)
    draws = rademacher_of(options.seed, positions, options.probes, width).double()
    fresh = torch.randn(2, count, width, generator=generator)
    start = torch.randn(columns, count, width, generator=generator)

    def apply(vectors: Tensor, only: int | None = None) -> Tensor:
        """`[row, output, position * d_model]` float64, from `[row, ...]` vectors over the same coordinates."""
        shaped = vectors.reshape(-1, count, width)
        products = joint_products(objective, positions, shaped, step=options.step, budget=budget, only=only)
        return products.double().cpu().flatten(2)

    ranges, true = apply(start), apply(fresh)
    result, residuals = [], []
    scale = math.sqrt(count * width)  # A basis vector has length 1; the step is meant for about 1 a coordinate.
    for output in range(objective.outputs):
        basis = torch.linalg.qr(ranges[:, output].T).Q
        inner = basis.T @ (apply(basis.T * scale, output)[:, 0].T / scale)
        inner = (inner + inner.T) / 2
        blocks = basis.reshape(count, width, -1)
        inside = torch.einsum("idc,kid->kic", blocks, draws) @ inner
        result.append(torch.einsum("idc,kic->kid", blocks, inside).abs().sum(-1).mean(0))
        flat = fresh.double().flatten(1)
        missing = true[:, output] - flat @ basis @ inner @ basis.T
        residuals.append(float((missing.norm(dim=1) / true[:, output].norm(dim=1).clamp_min(1e-300)).max()))
    return torch.stack(result), max(residuals)
