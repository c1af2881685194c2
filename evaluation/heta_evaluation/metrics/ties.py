"""The highest units of a ranking with ties: no tie is ever broken by position.

`inclusion` spreads the places that are left over the tied units; `Hits` knows the whole distribution, for metrics that
are not linear in the number of hits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from heta_evaluation.metrics.base import Batch, BoolArray, FloatArray, IntArray

Size = int | float | None
"""How many units are taken: a number (at most all), a share of the units (rounded, at least one), or None for as many
as there are gold units."""


def unlabelled(batch: Batch) -> BoolArray:
    """`[P, 1]`, true where there is no gold unit."""
    return np.asarray(~batch.gold.any(axis=1, keepdims=True), dtype=np.bool_)


def descending(batch: Batch) -> FloatArray:
    """Each subject's scores, highest first, `[S, n]`."""
    return batch.once("descending", lambda: -np.sort(-batch.scores, axis=1))


def unit_classes(rows: FloatArray | BoolArray) -> tuple[FloatArray, IntArray]:
    """The distinct columns of `[P, n]` as `[P, C]`, and which of them each unit has, `[n]`.

    Units that the same raters marked have one value under every label vector: what depends on labels alone is computed
    once for each such class.
    """
    columns = np.ascontiguousarray(rows.T)
    keys = columns.view(np.dtype((np.void, columns.dtype.itemsize * columns.shape[1])))[:, 0]
    _, first, members = np.unique(keys, return_index=True, return_inverse=True)
    return rows[:, first].astype(float), members.reshape(-1)


def share_classes(batch: Batch) -> tuple[FloatArray, IntArray]:
    """Share of each class under each label vector `[P, C]`, and the class of each unit `[n]`."""
    return batch.once_for_labels("share classes", lambda: unit_classes(batch.share))


def gold_classes(batch: Batch) -> tuple[FloatArray, IntArray]:
    """The same for hard labels."""
    return batch.once_for_labels("gold classes", lambda: unit_classes(batch.gold))


def class_ranks(classes: FloatArray, counts: FloatArray) -> FloatArray:
    """Average ranks, from 1, of classes of `counts [C]` equal units with values `[P, C]`, row by row."""
    order = np.argsort(classes, axis=1)
    ordered = np.take_along_axis(classes, order, axis=1)
    up_to = np.cumsum(counts[order], axis=1)
    place = np.arange(classes.shape[1])
    edge = np.ones((len(classes), 1), dtype=bool)
    new = np.concatenate([edge, ordered[:, 1:] != ordered[:, :-1]], axis=1)
    first = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    last = np.where(np.concatenate([new[:, 1:], edge], axis=1), place, place[-1])
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    below = np.take_along_axis(np.concatenate([np.zeros_like(up_to[:, :1]), up_to], axis=1), first, axis=1)
    ranks = np.empty_like(classes)
    np.put_along_axis(ranks, order, (below + np.take_along_axis(up_to, last, axis=1) + 1) / 2, axis=1)
    return ranks


def score_ranks(batch: Batch) -> FloatArray:
    """Average ranks of each subject's scores, from 1 for the lowest, `[S, n]`."""
    return batch.once("ranks", lambda: class_ranks(batch.scores, np.ones(batch.scores.shape[1])))


def top_sizes(batch: Batch, k: Size) -> IntArray:
    """How many units are taken for each label vector, `[P]`; 0 without gold where `k` is None."""
    n = batch.gold.shape[1]
    if k is None:
        return np.asarray(batch.gold.sum(axis=1), dtype=np.int64)
    size = max(1, round(k * n)) if isinstance(k, float) else k
    return np.full(len(batch.gold), min(size, n), dtype=np.int64)


def _split(batch: Batch, size: int) -> tuple[BoolArray, BoolArray, FloatArray]:
    """Units above the `size`-th score `[S, n]`, units tied at it `[S, n]`, and the places left for those `[S, 1]`."""

    def make() -> tuple[BoolArray, BoolArray, FloatArray]:
        threshold = descending(batch)[:, size - 1 : size]
        above, tied = batch.scores > threshold, batch.scores == threshold
        return above, tied, size - above.sum(axis=1, keepdims=True).astype(float)

    return batch.once(("split", size), make)


def inclusion(batch: Batch, size: int) -> FloatArray:
    """Probability `[S, n]` that each unit is among the `size` highest when ties are broken uniformly at random."""
    above, tied, places = _split(batch, size)
    return np.asarray(above + tied * (places / tied.sum(axis=1, keepdims=True)))


def certain(batch: Batch, size: int) -> BoolArray:
    """The `size` highest units `[S, n]`, without a tie at the last place that does not fit in whole."""
    above, tied, places = _split(batch, size)
    return np.asarray(above | (tied & (tied.sum(axis=1, keepdims=True) <= places)), dtype=np.bool_)


@dataclass(frozen=True)
class Hits:
    """How many of the units taken are gold, for each label vector and subject: `sure + H`, all `[P, S]`.

    H is hypergeometric: of `tied` units, `tied_gold` of them gold, `places` are drawn without replacement.
    """

    sizes: IntArray
    """`[P]`, units taken."""
    sure: FloatArray
    tied: FloatArray
    tied_gold: FloatArray
    places: FloatArray

    @property
    def expected(self) -> FloatArray:
        """E[hits], `[P, S]`."""
        return np.asarray(self.sure + self.places * self.tied_gold / np.maximum(self.tied, 1.0))

    def expect(self, function: Callable[[FloatArray, FloatArray], FloatArray], gold: FloatArray) -> FloatArray:
        """E[function(hits, gold)] for `gold [P, S]`, number of gold units of the item; exact, `[P, S]`."""
        fixed = (self.tied_gold == 0) | (self.tied_gold == self.tied) | (self.places == self.tied)
        values = function(self.expected, gold)
        if fixed.all():
            return values
        open_ = ~fixed
        sure, tied, marked, places = (part[open_] for part in (self.sure, self.tied, self.tied_gold, self.places))
        total = np.zeros(len(sure))
        for drawn in range(int(np.minimum(marked, places).max()) + 1):
            chance = hypergeometric(drawn, tied, marked, places)
            total += chance * function(sure + drawn, gold[open_])
        values[open_] = total
        return values


def hypergeometric(drawn: int, tied: FloatArray, marked: FloatArray, places: FloatArray) -> FloatArray:
    """P(`drawn` marked units among `places` taken of `tied`, of which `marked`), element by element."""
    from scipy.special import gammaln

    def choose(above: FloatArray, below: FloatArray) -> FloatArray:
        return np.asarray(gammaln(above + 1) - gammaln(below + 1) - gammaln(above - below + 1))

    others, rest = tied - marked, places - drawn
    possible = (drawn <= marked) & (rest >= 0) & (rest <= others)
    inside, left = np.where(possible, marked, drawn), np.where(possible, rest, 0.0)
    log = choose(inside, np.full_like(inside, drawn)) + choose(others, left) - choose(tied, places)
    return np.where(possible, np.exp(log), 0.0)


def top_hits(batch: Batch, k: Size) -> Hits:
    """Hits among the `k` highest units of each subject, `[P, S]`; zeros where nothing is taken."""

    def make() -> Hits:
        sizes = top_sizes(batch, k)
        found = np.zeros((4, *batch.shape))
        gold = batch.gold.astype(float)
        for size in np.unique(sizes[sizes > 0]).tolist():
            rows = sizes == size
            above, tied, places = _split(batch, size)
            found[0, rows] = gold[rows] @ above.T
            found[1, rows] = tied.sum(axis=1)
            found[2, rows] = gold[rows] @ tied.T
            found[3, rows] = places[:, 0]
        return Hits(sizes, *found)

    return batch.once(("hits", k), make)
