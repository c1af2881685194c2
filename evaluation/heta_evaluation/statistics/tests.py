"""Tests of paired differences: sign-flip permutation, Holm's correction."""

from collections.abc import Sequence

import numpy as np

from heta_evaluation.metrics.base import FloatArray
from heta_evaluation.statistics.intervals import ENTRIES


def sign_flip_test(differences: FloatArray, *, draws: int, seed: int) -> FloatArray:
    """Two-sided paired permutation test: is the mean difference further from 0 than with random signs?

    Args:
        differences: `[group, test]`, sums of the paired differences within each group of items, 0 where there is none.
        draws: random sign vectors; all `2^groups` are used instead where they are no more than that.
        seed: of the sign vectors.

    Returns:
        `[test]`, p-values; `(1 + as far or further) / (1 + draws)` where signs are drawn, so never 0.
    """
    n = len(differences)
    exact = _exact(n, draws)
    observed = np.abs(differences.sum(axis=0)) - 1e-12 * np.maximum(np.abs(differences).sum(axis=0), 1e-300)
    total = 2**n if exact else draws
    rng = np.random.default_rng(seed)
    further = np.zeros(differences.shape[1])
    size = max(1, ENTRIES // max(n, 1))
    for start in range(0, total, size):
        count = min(size, total - start)
        if exact:
            bits = (np.arange(start, start + count)[:, None] >> np.arange(n)) & 1
        else:
            bits = rng.integers(0, 2, size=(count, n))
        further += (np.abs((2.0 * bits - 1.0) @ differences) >= observed).sum(axis=0)
    return np.asarray(further / total if exact else (further + 1) / (total + 1))


def smallest_p(groups: int, draws: int) -> float:
    """The smallest p-value that `sign_flip_test` can give: 2 / 2^groups where it is exact, else 1 / (1 + draws)."""
    return min(1.0, 2.0 / 2**groups) if _exact(groups, draws) else 1.0 / (draws + 1)


def _exact(groups: int, draws: int) -> bool:
    """Whether all sign vectors are gone through."""
    return groups < 63 and 2**groups <= draws


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given: the family-wise error stays below the level, no assumption.

    Source: Holm 1979: adjusted p of rank i (from 0) = max over ranks j <= i of min(1, (m - j) p_j).
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
