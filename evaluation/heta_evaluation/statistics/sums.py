"""Sums over items in every draw: what the bootstrap adds up, block by block of items.

Differences of two columns need no products of their own: their sums are those of the columns, taken from each other,
but for items of which one column has a value and the other has none. What such items must give back is kept apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heta_evaluation.metrics.base import BoolArray, FloatArray
from heta_evaluation.statistics.intervals import IntArray
from heta_evaluation.statistics.products import Given, MeanSums, add_plain_sums, add_weighted_sums

PARTS = 1000
"""Draws that are made once more with the raters alone drawn: enough for a standard deviation within 2 %."""
_OBSERVED = 2048
"""Items whose observed values are kept until they are added in one product: long products are fast ones."""
_ROUNDING = 1e-12
"""Differences of sums that are smaller than this share of the sums themselves are none."""
Weights = NDArray[np.uint16]
Patterns = tuple[IntArray, IntArray]
"""The drawings of an item's raters, and which of them each draw has."""


@dataclass(frozen=True)
class Cells:
    """What one item contributes to `Q` quantities under `P` rater weightings; invalid cells hold 0."""

    values: FloatArray
    """`[P, Q]`"""
    valid: BoolArray
    """`[P, Q]`"""


@dataclass(frozen=True)
class Pairs:
    """Differences of two columns each, on what both have a value of: further quantities behind the `Q` columns."""

    first: IntArray
    """`[K]`"""
    second: IntArray
    """`[K]`, which is taken from the first."""

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, int]]) -> "Pairs":
        """From numbers of columns."""
        table = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        return cls(table[:, 0], table[:, 1])

    def __len__(self) -> int:
        return len(self.first)

    def both(self, valid: BoolArray) -> BoolArray:
        """`[..., Q]` to `[..., Q + K]`: a difference is valid where both columns are."""
        return np.concatenate([valid, valid[..., self.first] & valid[..., self.second]], axis=-1)


@dataclass(frozen=True)
class _Block:
    """Columns to add, `[R, Q]`, and what some differences must give back, `[R, M]`."""

    plain: Given
    uneven: IntArray
    """`[M]`, numbers of the differences of columns that are not valid in the same places."""
    back: Given
    """What the plain difference of the columns has too little, and where it has an item too many."""

    @classmethod
    def of(cls, values: FloatArray, valid: BoolArray, pairs: Pairs) -> "_Block":
        plain = Given.of(values, valid)
        uneven = np.flatnonzero(plain.which[pairs.first] != plain.which[pairs.second])
        first, second = pairs.first[uneven], pairs.second[uneven]
        there, other = valid[:, first], valid[:, second]
        back = np.where(there, 0.0, values[:, second]) - np.where(other, 0.0, values[:, first])
        return cls(plain, uneven, Given.of(back, there & ~other))


class Sums:
    """Sums over items as observed, with both, with items alone and with raters alone drawn. To be added to, then ended.

    Args:
        weights: `[D, G]`, how often each group of items is drawn.
        alike: `[D]`, draws of the same number have the same raters.
        columns: how many quantities each item contributes to.
        pairs: differences of some of them.
        crossed: whether raters are drawn at all.
    """

    def __init__(self, weights: Weights, alike: IntArray, columns: int, pairs: Pairs, *, crossed: bool) -> None:
        draws, width = len(weights), columns + len(pairs)
        self.weights, self.alike, self.columns, self.pairs, self.crossed = weights, alike, columns, pairs, crossed
        self.observed = _nothing(1, width)
        self.items = _nothing(draws, width)
        self.both = _nothing(draws, width) if crossed else self.items
        self.raters = _nothing(min(draws, PARTS), width)
        self.overlap = np.zeros((3, width))
        """See `_overlap`."""
        self.counts = np.zeros((weights.shape[1], width))
        """`[G, Q + K]`, items of each group that have a value."""
        self._observed = _Observed()

    def add(self, tables: Sequence[Cells], patterns: Sequence[Patterns], groups: IntArray) -> None:
        """Add some items. In each draw, one row of each item's table counts as often as the item's group is drawn.

        Args:
            tables: what each item contributes; row 0 as observed, then a row for each drawing of its raters.
            patterns: the drawings of each item's raters.
            groups: `[item]`
        """
        offsets = np.cumsum([0, *(len(table.values) for table in tables)])
        values = np.concatenate([table.values for table in tables])
        valid = np.concatenate([table.valid for table in tables])
        self._observed.add(values[offsets[:-1]], valid[offsets[:-1]], groups)
        if self._observed.items >= _OBSERVED:
            self._add_observed()
        if not self.crossed:  # every draw has the raters that were observed
            return
        rows = np.stack([which for _, which in patterns], axis=1) + 1 + offsets[:-1]
        weights = self.weights[:, groups]
        once = np.ones(weights[:PARTS].shape, dtype=np.uint16)
        block = _Block.of(values, valid, self.pairs)
        for total, taken, times in ((self.both, rows, weights), (self.raters, rows[:PARTS], once)):
            alike = self.alike[: len(taken)]
            add_weighted_sums(self._plain(total), block.plain, taken, times, alike)
            if len(block.uneven):
                more = _nothing(len(taken), len(block.uneven))
                add_weighted_sums(more, block.back, taken, times, alike)
                self._give_back(total, block, more)
        for start, end, (drawings, which) in zip(offsets, offsets[1:], patterns, strict=False):
            self.overlap += self._overlap(block, slice(start + 1, end), drawings, which)

    def end(self) -> None:
        """Add what has been kept, and make the differences from their columns."""
        self._add_observed()
        if not self.crossed:
            self.raters.sums[...] += self.observed.sums
            self.raters.numbers[...] += self.observed.numbers
        for total in (self.observed, self.items, self.raters, *([self.both] if self.crossed else [])):
            _take(total.sums, self.columns, self.pairs)
            total.numbers[:, self.columns :] += total.numbers[:, self.pairs.first]

    def _add_observed(self) -> None:
        if not self._observed.items:
            return
        values, valid, groups = self._observed.take()
        block = _Block.of(values, valid, self.pairs)
        once = np.ones((1, len(groups)), dtype=np.uint16)
        np.add.at(self.counts, groups, self.pairs.both(valid).astype(float))
        for total, weights in ((self.observed, once), (self.items, self.weights[:, groups])):
            add_plain_sums(self._plain(total), block.plain, weights)
            if len(block.uneven):
                more = _nothing(len(weights), len(block.uneven))
                add_plain_sums(more, block.back, weights)
                self._give_back(total, block, more)

    def _plain(self, total: MeanSums) -> MeanSums:
        """The columns without the differences."""
        return MeanSums(total.sums[:, : self.columns], total.numbers[:, : self.columns])

    def _give_back(self, total: MeanSums, block: _Block, more: MeanSums) -> None:
        total.sums[:, self.columns + block.uneven] += more.sums
        total.numbers[:, self.columns + block.uneven] -= more.numbers

    def _overlap(self, block: _Block, rows: slice, drawings: IntArray, which: IntArray) -> FloatArray:
        """How one item's value moves with how often each of its raters is drawn: `[3, Q + K]`.

        With a_j = cov(times rater j is drawn, the item's value) and b_j the same for whether it has a value: the sums
        over raters of a_j^2, a_j b_j and b_j^2. The mean over items is a ratio, hence both.
        """
        times = np.bincount(which[:PARTS], minlength=len(drawings))
        share = times / times.sum()
        moved = ((drawings - 1.0) * share[:, None]).T  # the mean of the times is 1
        # sum over drawings of moved x (value - mean of the values), with the mean taken out of the sum
        centred = moved - moved.sum(axis=1, keepdims=True) * share
        plain, plain_valid = _moved(centred, block.plain, rows)
        back, lost = _moved(centred, block.back, rows)
        more = plain[:, self.pairs.first] - plain[:, self.pairs.second]
        more_valid = plain_valid[:, self.pairs.first]
        more[:, block.uneven] += back
        more_valid[:, block.uneven] -= lost
        value, valid = np.concatenate([plain, more], axis=1), np.concatenate([plain_valid, more_valid], axis=1)
        return np.stack([(value**2).sum(axis=0), (value * valid).sum(axis=0), (valid**2).sum(axis=0)])


@dataclass
class _Observed:
    """Observed values of items that wait to be added."""

    values: list[FloatArray] = field(default_factory=list)
    valid: list[BoolArray] = field(default_factory=list)
    groups: list[IntArray] = field(default_factory=list)
    items: int = 0

    def add(self, values: FloatArray, valid: BoolArray, groups: IntArray) -> None:
        self.values.append(values)
        self.valid.append(valid)
        self.groups.append(groups)
        self.items += len(groups)

    def take(self) -> tuple[FloatArray, BoolArray, IntArray]:
        found = np.concatenate(self.values), np.concatenate(self.valid), np.concatenate(self.groups)
        self.values, self.valid, self.groups, self.items = [], [], [], 0
        return found


def _nothing(draws: int, quantities: int) -> MeanSums:
    return MeanSums(np.zeros((draws, quantities)), np.zeros((draws, quantities)))


def _moved(centred: FloatArray, given: Given, rows: slice) -> tuple[FloatArray, FloatArray]:
    """Values and whether there is one, `[r, Q]` each, by how much they move with each rater."""
    return centred @ given.values[rows], (centred @ given.counted[rows])[:, given.which]


def _take(sums: FloatArray, columns: int, pairs: Pairs) -> None:
    """Put the differences behind the columns of `[D, Q + K]`, in place, where what is to be given back stands."""
    first, second = sums[:, pairs.first], sums[:, pairs.second]
    found = first - second + sums[:, columns:]
    found[np.abs(found) <= _ROUNDING * (np.abs(first) + np.abs(second))] = 0.0
    sums[:, columns:] = found
