"""Crossed bootstrap over items and raters: every mean over items, as observed and in each draw.

Items of one group (document) are drawn together, because they are not independent; tokens are never drawn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heta_evaluation.metrics.base import BoolArray, FloatArray
from heta_evaluation.statistics.intervals import ENTRIES, IntArray, Interval, enough, shifted_intervals
from heta_evaluation.statistics.products import number_rows
from heta_evaluation.statistics.spread import NORMAL, Spread, effective, linear_variance, spread, student, variances
from heta_evaluation.statistics.sums import PARTS, Pairs, Sums
from heta_evaluation.statistics.sums import Cells as Cells

FEW_RATERS = 5
"""Below this many raters nothing is claimed about raters who did not take part."""


@dataclass(frozen=True)
class Design:
    """Who rated what, and which items belong together."""

    groups: Sequence[int]
    """Per item, the number of its group, from 0."""
    raters: Sequence[IntArray]
    """Per item, the numbers of its raters, from 0; may be empty."""
    n_raters: int
    strata: tuple[int, ...] | None = None
    """Per rater, the stratum within which he is drawn, so that each keeps its number; None: all are one."""

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return max(self.groups, default=-1) + 1

    def effective_raters(self) -> float:
        """Number of raters who would tell as much if all had labelled equally many items; of the smallest stratum.

        Strata of one rater do not vary and are left out.
        """
        counts = np.bincount(np.concatenate(self.raters), minlength=self.n_raters).astype(float)
        strata = np.zeros(self.n_raters) if self.strata is None else np.asarray(self.strata)
        sizes = [counts[strata == one] for one in np.unique(strata)]
        return min((float(effective(size)) for size in sizes if len(size) > 1), default=0.0)


@dataclass(frozen=True)
class Alone:
    """Means in draws where only one of the two was drawn, with the same weights."""

    items: FloatArray
    """`[D, Q]`, groups of items drawn, every rater counted once."""
    raters: FloatArray
    """`[P, Q]`, raters drawn, every item counted once; of the first draws."""
    items_valid: BoolArray
    raters_valid: BoolArray
    raters_drawn: IntArray
    """`[P, R]`, how often each rater was drawn."""
    overlap: FloatArray
    """`[Q]`, sum over items and raters of (cov(times drawn, the item's value) / number of items)^2."""


@dataclass(frozen=True)
class Draws:
    """Macro means over items of `Q` quantities, as observed and in each of `D` bootstrap draws."""

    point: FloatArray
    """`[Q]`, 0 where `n` is 0."""
    n: IntArray
    """`[Q]`, items with a value."""
    means: FloatArray
    """`[D, Q]`"""
    valid: BoolArray
    """`[D, Q]`, false where no drawn item has a value."""
    alone: Alone
    groups: FloatArray
    """`[Q]`, effective number of groups with a value."""
    raters: float
    """Effective number of raters; 0 where they are not drawn."""

    @cached_property
    def spread(self) -> Spread:
        """Standard errors over new groups of items and new raters, `[Q]`."""
        one = self.alone
        return spread(
            variances(one.items, one.items_valid),
            np.maximum(linear_variance(one.raters_drawn, one.raters, one.raters_valid) - one.overlap, 0.0),
            self.groups,
            self.raters,
        )

    def intervals(self, deviate: float = NORMAL) -> list[Interval | None]:
        """Intervals of all quantities: 95 %, or what the normal distribution has within +-`deviate`.

        Their shape is that of the draws of items alone, their width that of items and raters (`Spread.stretch`): the
        shape of the crossed draws is one-sided for figures against a majority, which is worse in draws that happen to
        hold few distinct raters. None where all values are of one group of items, which says nothing about others, or
        where most draws gave no value.
        """
        one, width = self.alone, self.spread
        found = shifted_intervals(one.items, one.items_valid, self.point, stretch=width.stretch(deviate))
        reach = student(deviate, width.df) * width.error
        given = enough(self.valid)
        for number, ends in enumerate(found):
            if self.groups[number] <= 1 or not given[number]:
                found[number] = None
            elif ends is not None and width.ratio[number] == 0:  # items are all alike, raters are not
                point = float(self.point[number])
                found[number] = Interval(point - float(reach[number]), point + float(reach[number]), ends.bias)
        return found

    @cached_property
    def _all(self) -> list[Interval | None]:
        return self.intervals()

    def interval(self, quantity: int) -> Interval | None:
        """95 % interval; see `intervals`."""
        return self._all[quantity]

    def only(self, quantities: Sequence[int]) -> "Draws":
        """The same draws of some of the quantities."""
        some = np.asarray(quantities, dtype=np.int64)
        one = self.alone
        return replace(
            self,
            point=self.point[some],
            n=self.n[some],
            means=self.means[:, some],
            valid=self.valid[:, some],
            groups=self.groups[some],
            alone=replace(
                one,
                items=one.items[:, some],
                raters=one.raters[:, some],
                items_valid=one.items_valid[:, some],
                raters_valid=one.raters_valid[:, some],
                overlap=one.overlap[some],
            ),
        )

    def lost(self, quantity: int) -> int:
        """Draws without a value; the interval is conditional on the others."""
        return int((~self.valid[:, quantity]).sum())


def rater_weights(
    n_raters: int, draws: int, rng: np.random.Generator, *, resample: bool, strata: Sequence[int] | None = None
) -> IntArray:
    """How often each rater is drawn, `[draws, n_raters]`; ones where they are not resampled, or alone in a stratum."""
    weights = np.ones((draws, n_raters), dtype=np.int64)
    if n_raters < 2 or not resample:
        return weights
    layers = np.zeros(n_raters, dtype=np.int64) if strata is None else np.asarray(strata)
    for one in np.unique(layers):
        size = int((layers == one).sum())
        weights[:, layers == one] = rng.multinomial(size, np.full(size, 1.0 / size), size=draws)
    return weights


def group_weights(n_groups: int, draws: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """How often each group of items is drawn, `[draws, n_groups]`."""
    weights = np.empty((draws, n_groups), dtype=np.uint16)
    size = max(1, ENTRIES // max(n_groups, 1))
    for start in range(0, draws, size):
        count = min(size, draws - start)
        # Counting drawn numbers is a multinomial draw, and ten times as fast as numpy's for many groups.
        drawn = rng.integers(0, n_groups, size=(count, n_groups)) + n_groups * np.arange(count)[:, None]
        counted = np.bincount(drawn.reshape(-1), minlength=count * n_groups)
        weights[start : start + count] = counted.reshape(count, n_groups)
    return weights


def _patterns(weights: IntArray) -> tuple[IntArray, IntArray]:
    """The distinct rows of `[D, r]`, and which of them each draw has, `[D]`."""
    base = int(weights.max(initial=0)) + 1
    if weights.shape[1] * np.log2(base) > 62:
        rows, which = np.unique(weights, axis=0, return_inverse=True)
        return rows, which.reshape(-1)
    # One number a row sorts much faster than rows do.
    codes = weights @ np.power(base, np.arange(weights.shape[1], dtype=np.int64))
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    return weights[first], which


def crossed_bootstrap(
    design: Design,
    cells: Callable[[int, FloatArray], Cells],
    *,
    draws: int,
    seed: int,
    resample_raters: bool = True,
    pairs: Sequence[tuple[int, int]] = (),
) -> Draws:
    """Bootstrap macro means over items, drawing groups of items and raters with replacement, each crossed.

    Args:
        design: groups and raters of the items.
        cells: `cells(item, weights [P, raters of the item])` gives the item's contribution when its raters count that
            often; row 0 is all ones, the observed data. A row of zeros means that none of its raters was drawn.
        draws: number of draws.
        seed: the same seed gives the same draws.
        resample_raters: false keeps the raters as they are.
        pairs: numbers of columns: the difference of each two, on the items where both have a value, comes behind the
            columns as a further quantity.

    Source: Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2): product weights, conservative.
    """
    rng = np.random.default_rng(seed)
    drawn = rater_weights(design.n_raters, draws, rng, resample=resample_raters, strata=design.strata)
    groups = np.asarray(design.groups, dtype=np.int64)
    weights = group_weights(design.n_groups, draws, rng)
    crossed = design.n_raters > 1 and resample_raters
    total: Sums | None = None
    size = max(1, ENTRIES // (2 * draws))
    for start in range(0, len(groups), size):
        items = range(start, min(start + size, len(groups)))
        patterns = [
            _patterns(
                drawn[:, design.raters[item]] if crossed else np.ones((1, len(design.raters[item])), dtype=np.int64)
            )
            for item in items
        ]
        tables = [
            cells(item, np.concatenate([np.ones((1, rows.shape[1])), rows]))
            for item, (rows, _) in zip(items, patterns, strict=True)
        ]
        if total is None:
            total = Sums(weights, number_rows(drawn), tables[0].values.shape[1], Pairs.of(pairs), crossed=crossed)
        total.add(tables, patterns, groups[start : items.stop])
    if total is None:
        raise ValueError("crossed_bootstrap needs at least one item")
    total.end()
    means, valid = total.both.means()
    return Draws(
        point=total.observed.means()[0][0],
        n=total.observed.numbers[0].astype(np.int64),
        means=means,
        valid=valid,
        alone=_alone(total, drawn[:PARTS]),
        groups=effective(total.counts),
        raters=design.effective_raters() if crossed else 0.0,
    )


def _alone(total: Sums, drawn: IntArray) -> Alone:
    (items, items_valid), (raters, raters_valid) = total.items.means(), total.raters.means()
    n = np.maximum(total.observed.numbers[0], 1.0)
    point = total.observed.means()[0][0]
    overlap = (total.overlap[0] - 2 * point * total.overlap[1] + point**2 * total.overlap[2]) / n**2
    return Alone(items, raters, items_valid, raters_valid, drawn, np.maximum(overlap, 0.0))
