"""Sums over items in every draw: what the bootstrap adds up, block by block of items."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heta_evaluation.metrics.base import BoolArray, FloatArray
from heta_evaluation.statistics.intervals import IntArray
from heta_evaluation.statistics.products import weighted_sums

PARTS = 1000
"""Draws that are made once more with the items alone and with the raters alone drawn: enough for a standard deviation
within 2 %."""


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
    """Sums over items as observed `[Q]`, with both drawn `[D, Q]`, and with items or raters alone drawn `[P, Q]`."""

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
    alike: IntArray,
    *,
    crossed: bool,
) -> Sums:
    """Sums over some items. In each draw, one row of each item's table counts `weights[draw, item]` times.

    Args:
        tables: what each item contributes.
        patterns: of each item, the drawings of its raters and which of them each draw has.
        weights: `[D, item]`, how often each item is drawn.
        alike: `[D]`, draws of the same number have the same raters.
        crossed: whether raters are drawn at all.
    """
    offsets = np.cumsum([0, *(len(table.values) for table in tables)])
    values = np.concatenate([table.values for table in tables])
    valid = np.concatenate([table.valid for table in tables])
    observed = offsets[:-1]
    first, seen = weights[:PARTS].astype(float), valid[observed].astype(float)
    point, n = values[observed].sum(axis=0), seen.sum(axis=0)
    if not crossed:  # every draw has the raters that were observed
        times = weights.astype(float)
        all_ = MeanSums(times @ values[observed], times @ seen)
        part = MeanSums(all_.sums[:PARTS], all_.numbers[:PARTS])
        same = MeanSums(np.tile(point, (len(first), 1)), np.tile(n, (len(first), 1)))
        return Sums(point, n, all_, part, same, np.zeros((3, len(point))))
    columns = (
        np.stack([which for _, which in patterns], axis=1) + 1 + offsets[:-1]
    )  # row 0 of a table is the observed data
    return Sums(
        point=point,
        n=n,
        both=MeanSums(*weighted_sums(values, valid, columns, weights, alike)),
        items=MeanSums(first @ values[observed], first @ seen),
        raters=MeanSums(
            *weighted_sums(values, valid, columns[:PARTS], np.ones(first.shape, dtype=np.uint16), alike[:PARTS])
        ),
        overlap=np.sum(
            [_overlap(table, rows, which) for table, (rows, which) in zip(tables, patterns, strict=True)], axis=0
        ),
    )
