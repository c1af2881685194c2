"""Sums over items in every draw: what the bootstrap adds up, block by block of items."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heta_evaluation.metrics.base import BoolArray, FloatArray
from heta_evaluation.statistics.intervals import IntArray
from heta_evaluation.statistics.products import MeanSums, add_plain_sums, add_weighted_sums, distinct_columns

PARTS = 1000
"""Draws that are made once more with the raters alone drawn: enough for a standard deviation within 2 %."""


@dataclass(frozen=True)
class Cells:
    """What one item contributes to `Q` quantities under `P` rater weightings; invalid cells hold 0."""

    values: FloatArray
    """`[P, Q]`"""
    valid: BoolArray
    """`[P, Q]`"""


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

    @classmethod
    def nothing(cls, draws: int, quantities: int) -> "Sums":
        """The sums over no item, to be added to in place: they are large."""
        both, items, raters = (
            MeanSums(np.zeros((size, quantities)), np.zeros((size, quantities))) for size in _sizes(draws)
        )
        return cls(np.zeros(quantities), np.zeros(quantities), both, items, raters, np.zeros((3, quantities)))


def _sizes(draws: int) -> tuple[int, int, int]:
    return draws, draws, min(draws, PARTS)


def _overlap(table: Cells, rows: IntArray, which: IntArray) -> FloatArray:
    """How one item's value moves with how often each of its raters is drawn: `[3, Q]`.

    With a_j = cov(times rater j is drawn, the item's value) and b_j the same for whether it has a value: the sums over
    raters of a_j^2, a_j b_j and b_j^2. The mean over items is a ratio, hence both.
    """
    times = np.bincount(which[:PARTS], minlength=len(rows))
    share = times / times.sum()
    moved = ((rows - 1.0) * share[:, None]).T  # the mean of the times is 1
    # sum over drawings of moved x (value - mean of the values), with the mean taken out of the sum
    centred = moved - moved.sum(axis=1, keepdims=True) * share
    columns, kinds = distinct_columns(table.valid)
    by_value, by_valid = centred @ table.values[1:], (centred @ table.valid[1:, columns].astype(float))[:, kinds]
    return np.stack([(by_value**2).sum(axis=0), (by_value * by_valid).sum(axis=0), (by_valid**2).sum(axis=0)])


def add_block(
    total: Sums,
    tables: Sequence[Cells],
    patterns: Sequence[tuple[IntArray, IntArray]],
    weights: NDArray[np.uint16],
    alike: IntArray,
    *,
    crossed: bool,
) -> None:
    """Add some items. In each draw, one row of each item's table counts `weights[draw, item]` times.

    Args:
        total: what is added to, in place.
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
    times, seen = weights.astype(float), valid[observed].astype(float)
    point, n = values[observed].sum(axis=0), seen.sum(axis=0)
    total.point[...] += point
    total.n[...] += n
    add_plain_sums(total.items, values[observed], valid[observed], times)
    if not crossed:  # every draw has the raters that were observed
        add_plain_sums(total.both, values[observed], valid[observed], times)
        total.raters.sums[...] += point
        total.raters.numbers[...] += n
        return
    rows = np.stack([which for _, which in patterns], axis=1) + 1 + offsets[:-1]  # row 0 of a table: as observed
    once = np.ones(times[:PARTS].shape, dtype=np.uint16)
    add_weighted_sums(total.both, values, valid, rows, weights, alike)
    add_weighted_sums(total.raters, values, valid, rows[:PARTS], once, alike[:PARTS])
    for table, (drawings, which) in zip(tables, patterns, strict=True):
        total.overlap[...] += _overlap(table, drawings, which)
