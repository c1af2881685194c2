"""Optimal transport between two distributions over the same few points."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from heta.errors import NumericalError

Array = NDArray[np.float64]


def transport_distance(p: Array, q: Array, cost: Array) -> float:
    """The least cost of turning `p` into `q`, sum of mass moved times `cost` from where to where.

    Between 0 and the largest cost; solved as a linear program (Kantorovich), to a millionth of what moves. What both
    have stays where it is, which is optimal because `cost` is a metric: only surpluses are moved to deficits.

    Args:
        p: `[point]`, >= 0, sums to 1.
        q: `[point]`, the same.
        cost: `[point, point]`, a metric: symmetric, 0 on the diagonal, triangle inequality.

    Raises:
        NumericalError: the solver found no plan.
    """
    difference = p - q
    moved = np.abs(difference).sum() / 2
    if moved < 1e-15:
        return 0.0
    # The solver's tolerance is an absolute 1e-7, so what moves is scaled to 1, and less than that of it is nothing.
    share = difference / moved
    here, there = np.flatnonzero(share > 1e-7), np.flatnonzero(share < -1e-7)
    if not len(here) or not len(there):  # rounding of the two sums to 1, and nothing else
        return 0.0
    surplus, deficit = share[here] / share[here].sum(), share[there] / share[there].sum()
    many, few = len(here), len(there)
    rows = np.concatenate([np.repeat(np.arange(many), few), many + np.tile(np.arange(few), many)])
    columns = np.tile(np.arange(many * few), 2)
    # At most the surplus leaves a point and at least the deficit arrives; both sum to 1, so exactly those do. As
    # equalities they would contradict each other by rounding.
    sign = np.where(rows < many, 1.0, -1.0)
    sums = coo_array((sign, (rows, columns)), shape=(many + few, many * few)).tocsr()
    bounds = np.concatenate([surplus, -deficit])
    # Without presolve, which takes masses near that tolerance for contradictions.
    plain = {"presolve": False}
    found = linprog(cost[np.ix_(here, there)].reshape(-1), A_ub=sums, b_ub=bounds, method="highs", options=plain)
    if found.status != 0:
        raise NumericalError(f"optimal transport between {many} and {few} outputs was not solved: {found.message}")
    return float(found.fun * moved)


def angular_distance(vectors: Array) -> Array:
    """Angles between vectors over pi, `[point, point]` in [0, 1]: a metric. From `[point, d]`.

    A vector of zeros, as some padding tokens have, stands at a right angle to all others: 0.5.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)
    angles = np.arccos(np.clip(unit @ unit.T, -1.0, 1.0)) / np.pi
    np.fill_diagonal(angles, 0.0)
    return np.asarray((angles + angles.T) / 2)
