"""Crossed bootstrap over items and raters: every mean over items, as observed and in each draw.

Items of one group (document) are drawn together, because they are not independent; tokens are never drawn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heta_evaluation.metrics.base import BoolArray, FloatArray
from heta_evaluation.statistics.intervals import ENTRIES, IntArray, Interval, shifted_intervals
from heta_evaluation.statistics.products import number_rows, weighted_sums

FEW_RATERS = 5
"""Below this many raters nothing is claimed about raters who did not take part."""


@dataclass(frozen=True)
class Cells:
    """What one item contributes to `Q` quantities under `P` rater weightings; invalid cells hold 0."""

    values: FloatArray
    """`[P, Q]`"""
    valid: BoolArray
    """`[P, Q]`"""


@dataclass(frozen=True)
class Design:
    """Who rated what, and which items belong together."""

    groups: Sequence[int]
    """Per item, the number of its group, from 0."""
    raters: Sequence[IntArray]
    """Per item, the numbers of its raters, from 0; may be empty."""
    n_raters: int

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return max(self.groups, default=-1) + 1


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
    intervals: bool
    """False where there is only one group of items: one group says nothing about others."""

    @cached_property
    def _all(self) -> list[Interval | None]:
        return shifted_intervals(self.means, self.valid, self.point)

    def interval(self, quantity: int) -> Interval | None:
        """95 % interval; None where there is one group, or where most draws gave no value."""
        return self._all[quantity] if self.intervals else None

    def lost(self, quantity: int) -> int:
        """Draws without a value; the interval is conditional on the others."""
        return int((~self.valid[:, quantity]).sum())


def rater_weights(n_raters: int, draws: int, rng: np.random.Generator, *, resample: bool) -> IntArray:
    """How often each rater is drawn, `[draws, n_raters]`; ones where they are not resampled."""
    if n_raters < 2 or not resample:
        return np.ones((draws, n_raters), dtype=np.int64)
    return rng.multinomial(n_raters, np.full(n_raters, 1.0 / n_raters), size=draws)


def group_weights(n_groups: int, draws: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """How often each group of items is drawn, `[draws, n_groups]`."""
    weights = np.empty((draws, n_groups), dtype=np.uint16)
    size = max(1, ENTRIES // max(n_groups, 1))
    for start in range(0, draws, size):
        count = min(size, draws - start)
        weights[start : start + count] = rng.multinomial(n_groups, np.full(n_groups, 1.0 / n_groups), size=count)
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
) -> Draws:
    """Bootstrap macro means over items, drawing groups of items and raters with replacement, each crossed.

    Args:
        design: groups and raters of the items.
        cells: `cells(item, weights [P, raters of the item])` gives the item's contribution when its raters count that
            often; row 0 is all ones, the observed data. A row of zeros means that none of its raters was drawn.
        draws: number of draws.
        seed: the same seed gives the same draws.
        resample_raters: false keeps the raters as they are.

    Source: Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2): product weights, conservative.
    """
    rng = np.random.default_rng(seed)
    drawn = rater_weights(design.n_raters, draws, rng, resample=resample_raters)
    groups = np.asarray(design.groups, dtype=np.int64)
    weights = group_weights(design.n_groups, draws, rng)
    alike = number_rows(drawn)
    total: _Sums | None = None
    size = max(1, ENTRIES // (2 * draws))
    for start in range(0, len(groups), size):
        items = range(start, min(start + size, len(groups)))
        patterns = [_patterns(drawn[:, design.raters[item]]) for item in items]
        tables = [
            cells(item, np.concatenate([np.ones((1, rows.shape[1])), rows]))
            for item, (rows, _) in zip(items, patterns, strict=True)
        ]
        block = _block_sums(tables, [which for _, which in patterns], weights[:, groups[start : items.stop]], alike)
        if total is None:
            total = block
        else:
            total += block
    if total is None:
        raise ValueError("crossed_bootstrap needs at least one item")
    return Draws(
        point=total.point / np.maximum(total.n, 1.0),
        n=total.n.astype(np.int64),
        means=total.sums / np.where(total.numbers == 0, 1.0, total.numbers),
        valid=total.numbers > 0,
        intervals=design.n_groups > 1,
    )


@dataclass(frozen=True)
class _Sums:
    """Sums over items, and numbers of items with a value: as observed `[Q]` and by draw `[D, Q]`."""

    point: FloatArray
    n: FloatArray
    sums: FloatArray
    numbers: FloatArray

    def __iadd__(self, other: "_Sums") -> "_Sums":
        for own, more in zip(
            (self.point, self.n, self.sums, self.numbers),
            (other.point, other.n, other.sums, other.numbers),
            strict=True,
        ):
            own += more
        return self


def _block_sums(
    tables: Sequence[Cells], which: Sequence[IntArray], weights: NDArray[np.uint16], alike: IntArray
) -> _Sums:
    """Sums over some items. In each draw, one row of each item's table counts `weights[draw, item]` times."""
    offsets = np.cumsum([0, *(len(table.values) for table in tables)])
    rows = np.stack(which, axis=1) + 1 + offsets[:-1]  # row 0 of a table is the observed data
    values = np.concatenate([table.values for table in tables])
    valid = np.concatenate([table.valid for table in tables])
    observed = offsets[:-1]
    sums, numbers = weighted_sums(values, valid, rows, weights, alike)
    return _Sums(values[observed].sum(axis=0), valid[observed].sum(axis=0).astype(float), sums, numbers)
