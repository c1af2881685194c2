"""Optimal transport between two distributions over the same few points."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from heta.errors import NumericalError

Array = NDArray[np.float64]


def transport_distance(p: Array, q: Array, cost: Array) -> float:
    """The least cost of turning `p` into `q`, sum of mass moved times `cost` from where to where.

    Between 0 and the largest cost; solved exactly, as a linear program (Kantorovich). What both have stays where it is,
    which is optimal because `cost` is a metric, so that only surpluses are moved to deficits.

    Args:
        p: `[point]`, >= 0, sums to 1.
        q: `[point]`, the same.
        cost: `[point, point]`, a metric: symmetric, 0 on the diagonal, triangle inequality.

    Raises:
        NumericalError: the solver found no plan.
    """
    difference = p - q
    # Rounding: less than this is no mass, and what remains on either side is brought to the same sum.
    here, there = np.flatnonzero(difference > 1e-12), np.flatnonzero(difference < -1e-12)
    if not len(here) or not len(there):
        return 0.0
    surplus, deficit = difference[here], -difference[there]
    deficit = deficit * (surplus.sum() / deficit.sum())
    many, few = len(here), len(there)
    rows = np.concatenate([np.repeat(np.arange(many), few), many + np.tile(np.arange(few), many)])
    columns = np.tile(np.arange(many * few), 2)
    sums = coo_array((np.ones(2 * many * few), (rows, columns)), shape=(many + few, many * few)).tocsr()
    # One of the sums follows from the others; left in, rounding could make them contradict.
    wanted = np.concatenate([surplus, deficit])[:-1]
    found = linprog(cost[np.ix_(here, there)].reshape(-1), A_eq=sums[:-1], b_eq=wanted, method="highs")
    if found.status != 0:
        raise NumericalError(f"optimal transport between {many} and {few} outputs was not solved: {found.message}")
    return float(found.fun)


def angular_distance(vectors: Array) -> Array:
    """Angles between vectors over pi, `[point, point]` in [0, 1]: a metric. From `[point, d]`, none of them 0."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    angles = np.arccos(np.clip(unit @ unit.T, -1.0, 1.0)) / np.pi
    np.fill_diagonal(angles, 0.0)
    return np.asarray((angles + angles.T) / 2)
