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


class Given(NamedTuple):
    """What is added up: values, and whether there is one; columns that are valid in the same places are told once."""

    values: FloatArray
    """`[R, Q]`, 0 where not valid."""
    counted: FloatArray
    """`[R, C]`, 1 where valid, of the distinct columns."""
    which: IntArray
    """`[Q]`, which of the distinct columns each column is."""

    @classmethod
    def of(cls, values: FloatArray, valid: BoolArray) -> "Given":
        """From values and where they are valid, `[R, Q]` each."""
        columns, which = distinct_columns(valid)
        return cls(values, valid[:, columns].astype(float), which)


def add_weighted_sums(total: MeanSums, given: Given, rows: IntArray, weights: NDArray[Any], alike: IntArray) -> None:
    """Add the sum of some rows of `given` in each draw to `total`, in place.

    Args:
        total: sums and numbers so far, `[D, Q]` each.
        given: what items contribute, a row an item and drawing of its raters.
        rows: `[D, item]`, the row of each item in each draw.
        weights: `[D, item]`, how often each item is drawn.
        alike: `[D]`, draws of the same number take the same rows.

    Where many draws share a drawing of raters (few raters), that is one dense product a drawing; where few do, one
    sparse product, a row a draw and an entry an item.
    """
    values, counted, which = given
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


def add_plain_sums(total: MeanSums, given: Given, weights: NDArray[Any]) -> None:
    """Add the sum of `given`, a row an item, by `weights [D, item]` to `total`, in place."""
    values, counted, which = given
    for start in range(0, len(weights), _CHUNK):
        part = slice(start, start + _CHUNK)
        times = weights[part].astype(float)
        total.sums[part] += times @ values
        total.numbers[part] += (times @ counted)[:, which]


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
