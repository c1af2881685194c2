"""Two raters at a time: the marks they share on an item, and Cohen's kappa over all their common items."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from heta_evaluation.metrics.base import BoolArray, FloatArray, Grid, Metric, grid
from heta_evaluation.statistics.intervals import IntArray

BOTH, FIRST, SECOND, NEITHER = range(4)
"""Columns of a pair's counts: units that both marked, only the first, only the second, neither."""


@dataclass(frozen=True, kw_only=True)
class PairMetric(Metric):
    """A metric of two raters on one item; an item has the mean over its pairs, all raters the mean over items."""

    compute: Callable[[FloatArray], FloatArray]
    """Counts `[..., 4]` (`BOTH`, `FIRST`, `SECOND`, `NEITHER`) to values `[...]`; always a value."""


@dataclass(frozen=True, kw_only=True)
class PooledPairMetric(Metric):
    """A metric of two raters over all units of their common items; the figure of many raters is the mean over pairs."""

    compute: Callable[[FloatArray], Grid]
    """Counts `[D, 4]` of one pair, summed over items, to `[D, 1]`."""


def pair_counts(labels: BoolArray) -> tuple[IntArray, FloatArray]:
    """The pairs `[q, 2]` of an item's raters (rows of `labels [r, n]`, first below second), and counts `[q, 4]`."""
    chosen = np.asarray(list(combinations(range(len(labels)), 2)), dtype=np.int64).reshape(-1, 2)
    marks = labels.astype(float)
    own, shared = marks.sum(axis=1), marks @ marks.T
    both = shared[chosen[:, 0], chosen[:, 1]]
    first, second = own[chosen[:, 0]] - both, own[chosen[:, 1]] - both
    return chosen, np.stack([both, first, second, labels.shape[1] - both - first - second], axis=1)


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """part / whole; 1 where both raters marked nothing: they agree."""
    return np.asarray(np.where(whole == 0, 1.0, part / np.where(whole == 0, 1.0, whole)))


def _f1(counts: FloatArray) -> FloatArray:
    twice = 2 * counts[..., BOTH]
    return _ratio(twice, twice + counts[..., FIRST] + counts[..., SECOND])


def _overlap(counts: FloatArray) -> FloatArray:
    return _ratio(counts[..., BOTH], counts[..., BOTH] + counts[..., FIRST] + counts[..., SECOND])


def _exact(counts: FloatArray) -> FloatArray:
    return np.asarray(counts[..., FIRST] + counts[..., SECOND] == 0, dtype=float)


def cohen_kappa(counts: FloatArray) -> Grid:
    """Cohen's kappa `[D, 1]` of counts `[D, 4]`: `no_pairs` without a common unit, `no_variation` where both raters
    gave one and the same answer throughout (0/0).
    """
    total = counts.sum(axis=1, keepdims=True)
    both, first, second, neither = (counts[:, column, None] for column in (BOTH, FIRST, SECOND, NEITHER))
    whole = np.where(total == 0, 1.0, total)
    chance = ((both + first) * (both + second) + (neither + first) * (neither + second)) / whole**2
    same = (both == total) | (neither == total)
    values = ((both + neither) / whole - chance) / np.where(same, 1.0, 1.0 - chance)
    return grid(values, (total == 0, "no_pairs"), (same, "no_variation"))


PAIRWISE_F1 = PairMetric(
    name="pairwise_f1",
    title="F1 of one rater's marked words against another's, mean over pairs, then over items",
    family="agreement",
    range=(0.0, 1.0),
    direction="higher",
    needs=("raters",),
    reference="2 |A and B| / (|A| + |B|)",
    empty="1 for two raters who both marked nothing",
    constant="1 where both mark everything",
    compute=_f1,
)
PAIRWISE_OVERLAP = PairMetric(
    name="pairwise_overlap",
    title="shared words of two raters among those that either marked, mean over pairs, then over items",
    family="agreement",
    range=(0.0, 1.0),
    direction="higher",
    needs=("raters",),
    reference="|A and B| / |A or B| (Jaccard)",
    empty="1 for two raters who both marked nothing",
    constant="1 where both mark everything",
    compute=_overlap,
)
PAIRWISE_EXACT = PairMetric(
    name="pairwise_exact",
    title="how often two raters marked exactly the same words, mean over pairs, then over items",
    family="agreement",
    range=(0.0, 1.0),
    direction="higher",
    needs=("raters",),
    reference="A = B",
    empty="1 for two raters who both marked nothing",
    constant="1 where both mark everything",
    compute=_exact,
)
COHEN_KAPPA = PooledPairMetric(
    name="cohen_kappa",
    title="agreement of two raters corrected for chance, each rater's own rate being chance; mean over pairs",
    family="agreement",
    range=(-1.0, 1.0),
    direction="higher",
    needs=("raters",),
    reference="(P - P_e) / (1 - P_e), P_e from each rater's own rate; Cohen 1960, equation 1",
    empty="no value: no_variation",
    constant="no value: no_variation",
    compute=cohen_kappa,
)
