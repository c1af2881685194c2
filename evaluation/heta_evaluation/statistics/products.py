"""Sums over items in every draw: the one product that all intervals come from, made fast."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heta_evaluation.metrics.base import BoolArray, FloatArray, IntArray

_DENSE = 2
"""Draws that must share one drawing of raters, on average, for dense products to pay."""
_CHUNK = 256
"""Draws whose sums are computed at once: so much memory is used again, and more of it would be asked for anew."""


class MeanSums(NamedTuple):
    """Sums over items and numbers of items with a value, `[D, Q]` each."""

    sums: FloatArray
    numbers: FloatArray

    def means(self) -> tuple[FloatArray, BoolArray]:
        """Means over items, 0 where no item has a value, and where one has."""
        return self.sums / np.where(self.numbers == 0, 1.0, self.numbers), self.numbers > 0


def add_weighted_sums(
    total: MeanSums, values: FloatArray, valid: BoolArray, rows: IntArray, weights: NDArray[Any], alike: IntArray
) -> None:
    """Add the sum of some rows of `values [R, Q]` in each draw, and of `valid [R, Q]`, to `total`, in place.

    Args:
        total: sums and numbers so far, `[D, Q]` each.
        values: what items contribute, a row an item and drawing of its raters; 0 where not valid.
        valid: whether they contribute at all.
        rows: `[D, item]`, the row of each item in each draw.
        weights: `[D, item]`, how often each item is drawn.
        alike: `[D]`, draws of the same number take the same rows.

    Where many draws share a drawing of raters (few raters), that is one dense product a drawing; where few do, one
    sparse product, a row a draw and an entry an item. Most columns are valid in the same places, so numbers are
    computed once for each distinct column.
    """
    columns, which = distinct_columns(valid)
    counted = valid[:, columns].astype(float)
    order = np.argsort(alike, kind="stable")
    starts = np.flatnonzero(np.diff(alike[order], prepend=-1))
    if len(starts) * _DENSE > len(alike):
        matrix = _matrix(rows, weights, len(values))
        total.sums[...] += matrix @ values
        total.numbers[...] += (matrix @ counted)[:, which]
        return
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=True):
        draws = order[start:end]
        own, factors = rows[draws[0]], weights[draws].astype(float)
        total.sums[draws] += factors @ values[own]
        total.numbers[draws] += (factors @ counted[own])[:, which]


def add_plain_sums(total: MeanSums, values: FloatArray, valid: BoolArray, weights: FloatArray) -> None:
    """Add the sum of `values [item, Q]` by `weights [D, item]`, and of `valid`, to `total`, in place."""
    columns, which = distinct_columns(valid)
    counted = valid[:, columns].astype(float)
    for start in range(0, len(weights), _CHUNK):
        part = slice(start, start + _CHUNK)
        total.sums[part] += weights[part] @ values
        total.numbers[part] += (weights[part] @ counted)[:, which]


def distinct_columns(valid: BoolArray) -> tuple[IntArray, IntArray]:
    """Numbers of the distinct columns of `[R, Q]`, and which of them each column is, `[Q]`."""
    packed = np.ascontiguousarray(np.packbits(valid, axis=0).T)
    seen: dict[bytes, int] = {}
    which = [seen.setdefault(column.tobytes(), len(seen)) for column in packed]
    _, first = np.unique(which, return_index=True)
    return np.asarray(first, dtype=np.int64), np.asarray(which, dtype=np.int64)


def _matrix(rows: IntArray, weights: NDArray[Any], height: int) -> Any:
    from scipy.sparse import csr_array

    drawn = weights > 0
    pointers = np.concatenate([[0], np.cumsum(drawn.sum(axis=1))])
    return csr_array((weights[drawn].astype(float), rows[drawn], pointers), shape=(len(rows), height))


def number_rows(rows: Sequence[Any] | NDArray[Any]) -> IntArray:
    """Which of the distinct rows of `[D, r]` each row is, `[D]`."""
    table = np.ascontiguousarray(rows)
    if not table.size:
        return np.zeros(len(table), dtype=np.int64)
    keys = table.view(np.dtype((np.void, table.dtype.itemsize * table.shape[1])))[:, 0]
    return np.asarray(np.unique(keys, return_inverse=True)[1].reshape(-1), dtype=np.int64)
