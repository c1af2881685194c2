"""Raters' answers in the form that aggregation reads: distinct patterns of answers, each with its number of units.

Units that the same raters answered in the same way cannot be told apart by any model here, so five raters give at most
2^5 patterns, whether they marked a hundred words or a million.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from heta_evaluation.metrics.base import FloatArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

IntArray = NDArray[np.int64]
UNKNOWN = -1
"""The class of a unit that is not known beforehand."""


@dataclass(frozen=True)
class Votes:
    """Answers of `R` raters on units, in `P` patterns and `K` classes. An entry is one answer of one pattern."""

    n_raters: int
    n_classes: int
    pattern: IntArray
    """`[unit]`, the pattern of each unit, in the order the units came."""
    size: FloatArray
    """`[P]`, how many units have the pattern."""
    known: IntArray
    """`[P]`, the class where it is known beforehand (a gold item), else `UNKNOWN`."""
    rows: IntArray
    """`[entry]`, patterns, ascending."""
    raters: IntArray
    """`[entry]`"""
    labels: IntArray
    """`[entry]`, classes from 0."""

    @cached_property
    def hits(self) -> "list[csr_array[Any]]":
        """For each class a sparse `[P, R]`: 1 where the rater gave it."""
        from scipy.sparse import csr_array

        shape = (len(self.size), self.n_raters)
        found = []
        for label in range(self.n_classes):
            mine = self.labels == label
            found.append(csr_array((np.ones(int(mine.sum())), (self.rows[mine], self.raters[mine])), shape=shape))
        return found

    @cached_property
    def shares(self) -> FloatArray:
        """`[P, K]`, share of a pattern's raters that gave each class; rows sum to 1."""
        counts = np.stack([np.asarray(hits.sum(axis=1)).reshape(-1) for hits in self.hits], axis=1)
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))

    @cached_property
    def answers(self) -> FloatArray:
        """`[R, K]`, how often each rater gave each class, over units."""
        return np.stack([hits.T @ self.size for hits in self.hits], axis=1)

    def clamped(self, posterior: FloatArray) -> FloatArray:
        """`posterior [P, K]` with certainty where the class is known."""
        sure = self.known != UNKNOWN
        if not sure.any():
            return posterior
        found = posterior.copy()
        found[sure] = np.eye(self.n_classes)[self.known[sure]]
        return found

    def counts(self, posterior: FloatArray) -> FloatArray:
        """`[R, K, K]`: expected number of units of true class (first K) that the rater gave each class (second)."""
        weighted = posterior * self.size[:, None]
        return np.stack([hits.T @ weighted for hits in self.hits], axis=2)


def collect_votes(
    tables: Iterable[tuple[Sequence[int] | IntArray, NDArray[Any]]],
    *,
    n_raters: int,
    n_classes: int = 2,
    known: Sequence[NDArray[Any] | None] | None = None,
) -> Votes:
    """Answers of all items.

    Args:
        tables: for each item its raters' numbers `[r]`, at least one, each once, and their answers `[r, n]`.
        n_raters: number of all raters.
        n_classes: answers are 0 to `n_classes` - 1.
        known: for each item its known classes `[n]` (`UNKNOWN` where not), or None.

    Raises:
        ValueError: an item without a rater, or an answer that is no class.
    """
    groups: dict[tuple[int, ...], list[NDArray[Any]]] = defaultdict(list)
    places: dict[tuple[int, ...], list[IntArray]] = defaultdict(list)
    units = 0
    for number, (raters, labels) in enumerate(tables):
        answers = np.asarray(labels, dtype=np.int64)
        if not len(raters) or answers.min(initial=0) < 0 or answers.max(initial=0) >= n_classes:
            raise ValueError(f"item {number}: needs at least one rater, and answers from 0 to {n_classes - 1}")
        given = known[number] if known is not None else None
        fixed = np.full(answers.shape[1], UNKNOWN) if given is None else np.asarray(given, dtype=np.int64)
        key = tuple(int(rater) for rater in raters)
        groups[key].append(np.vstack([answers, fixed[None]]))
        places[key].append(np.arange(units, units + answers.shape[1]))
        units += answers.shape[1]
    pattern, total = np.zeros(units, dtype=np.int64), 0
    nothing: IntArray = np.zeros(0, dtype=np.int64)
    sizes, fixed_, rows, who, what = [nothing], [nothing], [nothing], [nothing], [nothing]
    for key, parts in groups.items():
        columns, which, count = _distinct(np.concatenate(parts, axis=1), n_classes + 1)
        pattern[np.concatenate(places[key])] = total + which
        rows.append(np.repeat(total + np.arange(len(count)), len(key)))
        who.append(np.tile(np.asarray(key, dtype=np.int64), len(count)))
        what.append(columns[:-1].T.reshape(-1))
        sizes.append(count)
        fixed_.append(columns[-1])
        total += len(count)
    whole = [np.concatenate(each) for each in (fixed_, rows, who, what)]
    return Votes(n_raters, n_classes, pattern, np.concatenate(sizes).astype(float), *whole)


def _distinct(table: NDArray[Any], base: int) -> tuple[IntArray, IntArray, IntArray]:
    """The distinct columns of `table [r, n]` (from -1), which of them each column is, and how often each occurs."""
    if len(table) * np.log2(base) < 62:  # one number a column sorts much faster than columns do
        codes = np.power(base, np.arange(len(table), dtype=np.int64)) @ (table + 1)
        _, first, which, count = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
        return table[:, first], which.reshape(-1), count
    columns, which, count = np.unique(table, axis=1, return_inverse=True, return_counts=True)
    return columns, which.reshape(-1), count
