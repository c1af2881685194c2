"""What each coefficient is computed from, as sums over items, so that a bootstrap draw is a weighted sum.

A figure has a row of features for each item and a function of their sums. Items without anything to say hold zeros.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from heta_evaluation.agreement.coincidence import Level, alpha, coincidences
from heta_evaluation.agreement.pairs import PairMetric, PooledPairMetric, pair_counts
from heta_evaluation.agreement.unitised import UnitisedMetric, alpha_u, disagreement, sections
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import AgreementMetric, FloatArray, Grid, Metric, grid
from heta_evaluation.ratings import Answers, Ratings
from heta_evaluation.statistics.intervals import IntArray

Reduce = Callable[[FloatArray], Grid]
"""Summed features `[D, Q]` to values `[D, 1]`."""


@dataclass(frozen=True)
class Figure:
    """One coefficient over some items."""

    metric: Metric
    features: FloatArray
    """`[item, Q]`"""
    reduce: Reduce

    @property
    def n(self) -> int:
        """Items that say anything."""
        return int((self.features != 0).any(axis=1).sum())


def agreement_metrics() -> tuple[Metric, ...]:
    """Every registered metric of raters with each other, in the registry's order."""
    kinds = (AgreementMetric, PairMetric, PooledPairMetric, UnitisedMetric)
    return tuple(metric for metric in map(METRICS.get, METRICS) if isinstance(metric, kinds))


def pooled(metric: AgreementMetric) -> Reduce:
    """How a metric of coincidences `[V, V]` and counts `[V]` reads them as one row of features."""

    def reduce(sums: FloatArray) -> Grid:
        values = int(np.sqrt(sums.shape[1] + 0.25) - 0.5 + 1e-9)  # V * V + V features
        return metric.compute(sums[:, : values**2].reshape(-1, values, values), sums[:, values**2 :])

    return reduce


def mean(sums: FloatArray) -> Grid:
    """Sum and number of items to the mean over items."""
    none = sums[:, 1:] == 0
    return grid(sums[:, :1] / np.where(none, 1.0, sums[:, 1:]), (none, "no_pairs"))


def coincidence_features(ratings: Ratings) -> FloatArray:
    """`[item, 6]`: the coincidence matrix and the counts of unmarked and marked."""
    found = coincidences((row.labels.astype(float), np.ones(row.labels.shape, dtype=bool)) for row in ratings.rows)
    return np.concatenate([found.pairs.reshape(len(found.pairs), -1), found.counts], axis=1)


def level_figure(ratings: Ratings, metric: Metric, level: Level) -> Figure:
    """Krippendorff's alpha of graded labels; -1, misleading, lies below 0, unmarked."""
    tables = [np.asarray([record.levels for record in row.records], dtype=float) for row in ratings.rows]
    values = sorted({value for table in tables for value in np.unique(table).tolist()})
    found = coincidences(((table, np.ones(table.shape, dtype=bool)) for table in tables), values)
    size = len(values)

    def reduce(sums: FloatArray) -> Grid:
        return alpha(sums.reshape(-1, size, size), found.values, level)

    return Figure(metric, found.pairs.reshape(len(found.pairs), -1), reduce)


def graded(ratings: Ratings) -> bool:
    """Whether all answers are grades of one scale."""
    scales = {record.scale for row in ratings.rows for record in row.records}
    return len(scales) == 1 and None not in scales


@dataclass(frozen=True)
class PairTable:
    """Counts of every two raters on every item that both answered."""

    items: IntArray
    """`[entry]`, numbers of items, ascending."""
    first: IntArray
    second: IntArray
    """`[entry]`, numbers of raters, `first` below `second`."""
    counts: FloatArray
    """`[entry, 4]`, see `pairs`."""
    n_items: int

    def item_means(self, metric: PairMetric, weights: FloatArray | None = None) -> FloatArray:
        """`[item, 2]`: the mean over an item's pairs, and 1, or zeros without a pair; `weights [entry]` of pairs."""
        weight = np.ones(len(self.items)) if weights is None else weights
        total = np.bincount(self.items, weight, self.n_items)
        sums = np.bincount(self.items, weight * metric.compute(self.counts), self.n_items)
        there = total > 0
        means = np.where(there, sums / np.where(there, total, 1.0), 0.0)
        return np.asarray(np.stack([means, there.astype(float)], axis=1))

    def of_rater(self, rater: int) -> FloatArray:
        """`[entry]`, 1 for the pairs with that rater."""
        return np.asarray((self.first == rater) | (self.second == rater), dtype=float)

    def by_pair(self) -> Iterator[tuple[tuple[int, int], FloatArray]]:
        """Every two raters that share an item, and their counts `[item, 4]`."""
        keys, which = np.unique(np.stack([self.first, self.second], axis=1), axis=0, return_inverse=True)
        order = np.argsort(which.reshape(-1), kind="stable")
        ends = np.searchsorted(which.reshape(-1)[order], np.arange(len(keys) + 1))
        for number, (first, second) in enumerate(keys.tolist()):
            mine = order[ends[number] : ends[number + 1]]
            table = np.zeros((self.n_items, 4))
            table[self.items[mine]] = self.counts[mine]
            yield (first, second), table


def pair_table(ratings: Ratings) -> PairTable:
    """Every two raters of every item."""
    parts = [pair_counts(row.labels) for row in ratings.rows]
    which = [row.raters[chosen] for row, (chosen, _) in zip(ratings.rows, parts, strict=True)]
    numbers = np.repeat(np.arange(len(parts)), [len(chosen) for chosen, _ in parts])
    raters = np.concatenate([np.zeros((0, 2), dtype=np.int64), *which])
    counts = np.concatenate([np.zeros((0, 4)), *(found for _, found in parts)])
    return PairTable(numbers, raters[:, 0], raters[:, 1], counts, len(parts))


def span_features(ratings: Ratings) -> FloatArray:
    """`[item, 2]`: observed and expected disagreement on spans; zeros with one rater."""
    found = np.zeros((len(ratings.rows), 2))
    for number, row in enumerate(ratings.rows):
        if len(row.raters) > 1:
            found[number] = disagreement(sections(row.labels, segment_breaks(row)), len(row.units), len(row.raters))
    return found


def segment_breaks(row: Answers) -> IntArray:
    """Numbers of the units with which another segment begins: no span goes on from one into the next."""
    starts = np.asarray([segment.start for segment in row.item.segments])
    of_unit = np.searchsorted(starts, [unit.start for unit in row.units], side="right")
    return np.flatnonzero(np.diff(of_unit)) + 1


def all_figures(ratings: Ratings, metrics: tuple[Metric, ...] | None = None) -> Iterator[Figure]:
    """Every registered metric of all raters at once over all items of `ratings`: none of two raters pooled."""
    counted, table = coincidence_features(ratings), pair_table(ratings)
    for metric in metrics or agreement_metrics():
        if isinstance(metric, AgreementMetric):
            yield Figure(metric, counted, pooled(metric))
        elif isinstance(metric, PairMetric):
            yield Figure(metric, table.item_means(metric), mean)
        elif isinstance(metric, UnitisedMetric):
            yield Figure(metric, span_features(ratings), alpha_u)
