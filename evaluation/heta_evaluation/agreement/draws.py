"""Bootstrap of agreement: over groups of items with the raters as they are, and over items and raters crossed.

A rater drawn twice must not be paired with himself: he would agree. So in the crossed bootstrap a pair of DIFFERENT
raters counts the product of how often each was drawn, and pairs of one rater with himself count nothing, which is the
bootstrap of a U-statistic. A coincidence matrix is such a sum over pairs; each unit's is scaled to the number of
ratings drawn, as in the plain one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heta_evaluation.agreement.figures import Figure, PairTable, mean, pooled
from heta_evaluation.agreement.pairs import BOTH, FIRST, NEITHER, SECOND, PairMetric, PooledPairMetric
from heta_evaluation.metrics.base import AgreementMetric, FloatArray, Grid, Metric, Value, grid
from heta_evaluation.ratings import Ratings
from heta_evaluation.statistics.bootstrap import group_weights, rater_weights
from heta_evaluation.statistics.intervals import ENTRIES, IntArray, Interval, shifted_intervals
from heta_evaluation.statistics.spread import effective, few_groups


@dataclass(frozen=True)
class Estimate:
    """A figure as observed, with its interval."""

    value: Value
    interval: Interval | None
    lost: int
    """Draws without a value; the interval is conditional on the others."""
    n: int


_KEPT = 64
"""Sets of raters whose draws are kept at hand: some 30 MB at 10,000 draws of five raters."""

PairEstimates = dict[tuple[int, int], Estimate]
"""Numbers of two raters, the lower first, to what is known of them."""


@dataclass(frozen=True)
class ItemDraws:
    """Draws of groups of items."""

    groups: IntArray
    """`[item]`"""
    weights: NDArray[np.uint16]
    """`[D, G]`"""

    def grid(self, figure: Figure) -> Grid:
        """`[D + 1, 1]`, the first row as observed."""
        live = np.flatnonzero((figure.features != 0).any(axis=1))
        used, which = np.unique(self.groups[live], return_inverse=True)
        sums = np.zeros((len(used), figure.features.shape[1]))
        np.add.at(sums, which, figure.features[live])
        found = [figure.reduce(figure.features.sum(axis=0, keepdims=True))]
        size = max(1, 2 * ENTRIES // max(figure.features.shape[1] + len(used), 1))
        for start in range(0, len(self.weights), size):
            found.append(figure.reduce(self.weights[start : start + size, used].astype(float) @ sums))
        return Grid(*(np.concatenate(each) for each in zip(*((one.values, one.reasons) for one in found), strict=True)))

    def estimate(self, figure: Figure) -> Estimate:
        """The figure with its interval over groups of items; none with one group."""
        return self.summarised(self.grid(figure), figure)

    def summarised(self, found: Grid, figure: Figure) -> Estimate:
        """The first row of `found [D + 1, 1]` as the value, the others as its draws."""
        return summarised(found, figure, self.groups, self.weights.shape[1])


def item_draws(ratings: Ratings, draws: int, seed: int) -> ItemDraws:
    """Draws for all figures of these ratings."""
    design = ratings.design()
    weights = group_weights(design.n_groups, draws, np.random.default_rng(seed))
    return ItemDraws(np.asarray(design.groups, dtype=np.int64), weights)


def summarised(found: Grid, figure: Figure, groups: IntArray, n_groups: int) -> Estimate:
    """The first row of `found [D + 1, 1]` as the value, the others as its draws; no interval with one group.

    The interval is as wide as the groups of the items that the figure has to do with ask (`few_groups`).
    """
    value, valid = found.at(0, 0), found.valid[1:]
    ends = None
    if value.value is not None and n_groups > 1:
        live = (figure.features != 0).any(axis=1)
        sizes = np.bincount(groups, weights=live.astype(float), minlength=n_groups).astype(float)
        wider = few_groups(effective(sizes[:, None]))
        ends = shifted_intervals(found.values[1:], valid, np.asarray([value.value]), stretch=wider)[0]
    ends = ends.within(*figure.metric.range) if ends else None
    return Estimate(value, ends, int((~valid).sum()), figure.n)


def pair_estimates(table: PairTable, metric: PooledPairMetric, drawn: ItemDraws) -> tuple[PairEstimates, Estimate]:
    """A metric of every two raters that share an item, and its mean over the pairs that have a value."""
    size = len(drawn.weights) + 1
    sums: FloatArray = np.zeros((size, 1))
    number: FloatArray = np.zeros((size, 1))
    known = False
    found: PairEstimates = {}
    for pair, counts in table.by_pair():
        figure = Figure(metric, counts, metric.compute)
        cells = drawn.grid(figure)
        sums, number, known = sums + cells.values, number + cells.valid, True
        found[pair] = drawn.summarised(cells, figure)
    absent = "no_variation" if known else "no_pairs"
    means = grid(sums / np.maximum(number, 1.0), (number == 0, absent))
    everywhere = np.zeros((table.n_items, 1))
    everywhere[table.items] = 1.0
    return found, drawn.summarised(means, Figure(metric, everywhere, metric.compute))


def crossed_sums(ratings: Ratings, table: PairTable, metrics: Sequence[Metric], draws: int, seed: int) -> FloatArray:
    """Summed features `[D, 6 + 2 M]` of items and raters crossed: coincidences, counts, each pair metric's mean."""
    design, rng = ratings.design(), np.random.default_rng(seed)
    raters = rater_weights(design.n_raters, draws, rng, resample=True)
    groups = group_weights(design.n_groups, draws, rng)
    starts = np.searchsorted(table.items, np.arange(table.n_items + 1))
    own = [metric for metric in metrics if isinstance(metric, PairMetric)]
    values = (
        np.stack([metric.compute(table.counts) for metric in own], axis=1) if own else np.zeros((len(table.items), 0))
    )
    sums = np.zeros((draws, 6 + 2 * len(own)))
    patterns: dict[bytes, tuple[FloatArray, IntArray]] = {}
    for number, row in enumerate(ratings.rows):
        part = slice(starts[number], starts[number + 1])
        key = row.raters.tobytes()
        if key not in patterns:  # many items have the same raters
            if len(patterns) >= _KEPT:
                patterns.clear()
            distinct, which = np.unique(raters[:, row.raters], axis=0, return_inverse=True)
            patterns[key] = distinct.astype(float), which.reshape(-1)
        rows, which = patterns[key]
        found = _item_features(rows, row.labels.astype(float), table.counts[part], values[part])
        sums += groups[:, design.groups[number], None] * found[which]
    return sums


def _item_features(weights: FloatArray, labels: FloatArray, counts: FloatArray, values: FloatArray) -> FloatArray:
    """One item's features `[P, 6 + 2 M]` when its raters count `weights [P, r]`; counts `[q, 4]`, values `[q, M]`."""
    size = weights.shape[1]
    first, second = np.triu_indices(size, 1)
    pairs = weights[:, first] * weights[:, second]  # [P, q]
    total, both = weights.sum(axis=1, keepdims=True), pairs.sum(axis=1, keepdims=True)
    some = both > 0
    # ordered pairs are twice the unordered ones; each unit's coincidences add up to its number of ratings
    scale = np.where(some, total / np.where(some, 2 * both, 1.0), 0.0)
    summed = pairs @ counts * scale
    apart = summed[:, FIRST] + summed[:, SECOND]
    marked = weights @ labels.sum(axis=1)
    units = weights.sum(axis=1) * labels.shape[1]
    means = np.where(some, pairs @ values / np.where(some, both, 1.0), 0.0)
    with_number = np.stack([means, np.broadcast_to(some, means.shape)], axis=2).reshape(len(weights), -1)
    block = [2 * summed[:, NEITHER], apart, apart, 2 * summed[:, BOTH], units - marked, marked]
    return np.concatenate([np.stack(block, axis=1), with_number], axis=1)


def crossed_estimates(
    ratings: Ratings, figures: Sequence[Figure], table: PairTable, draws: int, seed: int
) -> list[Estimate]:
    """The figures of coincidences and pairs with intervals over items and raters, in their order."""
    metrics = [figure.metric for figure in figures]
    sums = crossed_sums(ratings, table, metrics, draws, seed)
    found, place = [], 6
    design = ratings.design()
    groups = np.asarray(design.groups, dtype=np.int64)
    for figure in figures:
        observed = figure.reduce(figure.features.sum(axis=0, keepdims=True))
        if isinstance(figure.metric, AgreementMetric):
            drawn = pooled(figure.metric)(sums[:, :6])
        else:
            drawn, place = mean(sums[:, place : place + 2]), place + 2
        both = Grid(np.concatenate([observed.values, drawn.values]), np.concatenate([observed.reasons, drawn.reasons]))
        found.append(summarised(both, figure, groups, design.n_groups))
    return found
