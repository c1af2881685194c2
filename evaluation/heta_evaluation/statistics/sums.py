"""Sums over items in every draw: what the bootstrap adds up, block by block of items."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heta_evaluation.metrics.base import BoolArray, FloatArray
from heta_evaluation.statistics.intervals import IntArray

PARTS = 1000
"""Draws that are made once more with the raters alone drawn: enough for a standard deviation within 2 %."""


@dataclass(frozen=True)
class Cells:
    """What one item contributes to `Q` quantities under `P` rater weightings; invalid cells hold 0."""

    values: FloatArray
    """`[P, Q]`"""
    valid: BoolArray
    """`[P, Q]`"""


class MeanSums(NamedTuple):
    """Sums over items and numbers of items with a value, `[D, Q]` each."""

    sums: FloatArray
    numbers: FloatArray

    def means(self) -> tuple[FloatArray, BoolArray]:
        """Means over items, 0 where no item has a value, and where one has."""
        return self.sums / np.where(self.numbers == 0, 1.0, self.numbers), self.numbers > 0

    def plus(self, other: "MeanSums") -> "MeanSums":
        """Sums over both."""
        return MeanSums(self.sums + other.sums, self.numbers + other.numbers)


@dataclass(frozen=True)
class Sums:
    """Sums over items as observed `[Q]`, with both and with items alone drawn `[D, Q]`, with raters alone `[P, Q]`."""

    point: FloatArray
    n: FloatArray
    both: MeanSums
    items: MeanSums
    raters: MeanSums
    overlap: FloatArray
    """`[3, Q]`, see `_overlap`."""

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.point + other.point,
            self.n + other.n,
            self.both.plus(other.both),
            self.items.plus(other.items),
            self.raters.plus(other.raters),
            self.overlap + other.overlap,
        )


def _overlap(table: Cells, rows: IntArray, which: IntArray) -> FloatArray:
    """How one item's value moves with how often each of its raters is drawn: `[3, Q]`.

    With a_j = cov(times rater j is drawn, the item's value) and b_j the same for whether it has a value: the sums over
    raters of a_j^2, a_j b_j and b_j^2. The mean over items is a ratio, hence both.
    """
    times = np.bincount(which[:PARTS], minlength=len(rows))
    seen = times > 0
    share = times[seen] / times.sum()
    moved = ((rows[seen] - 1.0) * share[:, None]).T  # the mean of the times is 1
    values, valid = table.values[1:][seen], table.valid[1:][seen].astype(float)
    by_value, by_valid = moved @ (values - share @ values), moved @ (valid - share @ valid)
    return np.stack([(by_value**2).sum(axis=0), (by_value * by_valid).sum(axis=0), (by_valid**2).sum(axis=0)])


def block_sums(
    tables: Sequence[Cells],
    patterns: Sequence[tuple[IntArray, IntArray]],
    weights: NDArray[np.uint16],
    *,
    crossed: bool,
) -> Sums:
    """Sums over some items. In each draw, one row of each item's table counts `weights[draw, item]` times.

    That is one sparse matrix product: a row a draw, one entry an item, in the column of the table row it takes.
    """
    from scipy.sparse import csr_array

    offsets = np.cumsum([0, *(len(table.values) for table in tables)])
    values = np.concatenate([table.values for table in tables])
    valid = np.concatenate([table.valid for table in tables]).astype(float)
    observed = offsets[:-1]

    def product(factors: NDArray[Any], places: IntArray) -> MeanSums:
        draws, items = factors.shape
        pointers = np.arange(draws + 1, dtype=np.int64) * items
        entries = (factors.reshape(-1).astype(float), places.reshape(-1), pointers)
        matrix = csr_array(entries, shape=(draws, int(offsets[-1])))
        return MeanSums(matrix @ values, matrix @ valid)

    point, n, times = values[observed].sum(axis=0), valid[observed].sum(axis=0), weights.astype(float)
    alone = MeanSums(times @ values[observed], times @ valid[observed])
    if not crossed:  # every draw has the raters that were observed
        first = len(times[:PARTS])
        same = MeanSums(np.tile(point, (first, 1)), np.tile(n, (first, 1)))
        return Sums(point, n, alone, alone, same, np.zeros((3, len(point))))
    columns = (
        np.stack([which for _, which in patterns], axis=1) + 1 + offsets[:-1]
    )  # row 0 of a table is the observed data
    return Sums(
        point=point,
        n=n,
        both=product(weights, columns),
        items=alone,
        raters=product(np.ones_like(times[:PARTS]), columns[:PARTS]),
        overlap=np.sum(
            [_overlap(table, rows, which) for table, (rows, which) in zip(tables, patterns, strict=True)], axis=0
        ),
    )
