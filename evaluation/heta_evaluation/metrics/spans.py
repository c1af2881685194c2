"""Span metrics: stretches of neighbouring words among the highest k against stretches of marked words.

A tie at the k-th place that does not fit in whole stays out: the expectation over all ways to break it has no closed
form for spans, and no order of the words may decide.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from heta_evaluation.metrics.base import (
    AlignmentMetric,
    Batch,
    BoolArray,
    FloatArray,
    Grid,
    IntArray,
    Pooling,
    Variant,
    grid,
)
from heta_evaluation.metrics.overlap import SIGNED, ratio
from heta_evaluation.metrics.ties import Size, certain, top_sizes, unlabelled

THRESHOLD = 0.5
Spans = Sequence[tuple[int, int]]


def span_overlaps(predicted: Spans, gold: Spans) -> FloatArray:
    """Intersection over union of half-open spans, `[predicted, gold]`."""
    first, second = (np.asarray(spans, dtype=float).reshape(-1, 2) for spans in (predicted, gold))
    ends = np.minimum(first[:, None, 1], second[None, :, 1]) - np.maximum(first[:, None, 0], second[None, :, 0])
    both = np.maximum(ends, 0.0)
    lengths = np.diff(first, axis=1) + np.diff(second, axis=1).T
    return np.asarray(both / np.maximum(lengths - both, 1.0))


def matched(overlaps: FloatArray, threshold: float) -> tuple[int, int]:
    """How many spans match one to one at `threshold`, and how many predicted ones match any gold span.

    The second is what ERASER counts, for precision and recall alike, though two predicted spans can match one gold
    span: its recall can exceed 1.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    close = overlaps >= threshold
    if not close.any():
        return 0, 0
    pairs = maximum_bipartite_matching(csr_array(close), perm_type="column")
    return int((pairs >= 0).sum()), int(close.any(axis=1).sum())


class _Runs:
    """The stretches of several masks `[M, n]` side by side: one row a stretch."""

    def __init__(self, masks: BoolArray, places: IntArray) -> None:
        order = np.argsort(places, kind="stable")
        gap = np.concatenate([[True], np.diff(places[order]) != 1]) if len(order) else np.zeros(0, dtype=bool)
        ordered = masks[:, order]
        before = np.concatenate([np.zeros((len(masks), 1), dtype=bool), ordered[:, :-1]], axis=1) & ~gap
        starts = ordered & ~before
        self.counts = starts.sum(axis=1)
        """Stretches of each mask."""
        number = np.cumsum(starts, axis=1) - 1 + np.concatenate([[0], np.cumsum(self.counts)[:-1]])[:, None]
        rows, units = np.nonzero(ordered)
        self.units = np.zeros((int(self.counts.sum()), masks.shape[1]), dtype=np.float32)
        """`[stretch, n]`, in the order of the masks."""
        self.units[number[rows, units], units] = 1.0
        self.owner = np.repeat(np.arange(len(masks)), self.counts)
        """`[stretch]`, which mask it is of."""


def _matches(batch: Batch, k: Size, threshold: float) -> FloatArray:
    """`[4, P, S]`: spans matched one to one, predicted spans that match any, predicted spans, gold spans."""
    sizes = top_sizes(batch, k)
    found = np.zeros((4, *batch.shape))
    used = np.unique(sizes[sizes > 0]).tolist()
    if not used:
        return found
    gold = _Runs(batch.gold, batch.places)
    chosen = _Runs(np.concatenate([certain(batch, size) for size in used]), batch.places)
    both = (chosen.units @ gold.units.T).astype(float)
    lengths = chosen.units.sum(axis=1, dtype=float)[:, None] + gold.units.sum(axis=1, dtype=float)[None, :]
    close = both >= threshold * (lengths - both)
    masks = len(used) * len(batch.scores)
    into_gold = np.zeros((len(gold.owner), len(batch.gold)))
    into_gold[np.arange(len(gold.owner)), gold.owner] = 1.0
    per_chosen = close @ into_gold  # gold stretches of each pattern that a chosen stretch matches
    into_chosen = np.zeros((masks, len(chosen.owner)))
    into_chosen[chosen.owner, np.arange(len(chosen.owner))] = 1.0
    any_, pairs = into_chosen @ (per_chosen > 0), into_chosen @ per_chosen
    which = np.searchsorted(used, np.maximum(sizes, used[0]))
    cells = which[:, None] * len(batch.scores) + np.arange(len(batch.scores))
    patterns = np.arange(len(sizes))[:, None]
    found[0] = found[1] = any_[cells, patterns]
    found[2] = chosen.counts[cells]
    found[3] = gold.counts[:, None]
    # Where each chosen stretch matches one gold stretch at most, and each gold stretch one chosen, that is a matching.
    crossed = (pairs[cells, patterns] > found[1]) | (
        _gold_matched(close, chosen, gold, masks)[cells, patterns] < found[1]
    )
    for pattern, subject in zip(*np.nonzero(crossed & (sizes[:, None] > 0)), strict=True):
        own = close[chosen.owner == cells[pattern, subject]][:, gold.owner == pattern]
        found[0, pattern, subject] = matched(own.astype(float), 1.0)[0]
    found[:, sizes == 0] = 0.0
    return found


def _gold_matched(close: BoolArray, chosen: _Runs, gold: _Runs, masks: int) -> FloatArray:
    """Gold stretches that any stretch of a mask matches, `[mask, P]`."""
    hit = np.zeros((masks, close.shape[1]))
    np.add.at(hit, chosen.owner, close)
    into = np.zeros((close.shape[1], len(gold.counts)))
    into[np.arange(close.shape[1]), gold.owner] = 1.0
    return np.asarray((hit > 0) @ into)


def _counts(batch: Batch, k: Size, threshold: float) -> FloatArray:
    return batch.once(("spans", k, threshold), lambda: _matches(batch, k, threshold))


def iou_f1(batch: Batch, k: Size = None, threshold: float = THRESHOLD) -> Grid:
    """F1 of spans: 2 x spans matched one to one / (predicted + gold spans). `[P, S]` in [0, 1]."""
    one, _, predicted, gold = _counts(batch, k, threshold)
    return grid(2 * one / np.maximum(predicted + gold, 1.0), (unlabelled(batch), "empty_gold"))


def eraser_iou_f1(batch: Batch, k: Size = None, threshold: float = THRESHOLD) -> Grid:
    """ERASER's: predicted spans that match any gold span count for precision and recall. `[P, S]` in [0, 2]."""
    _, any_, predicted, gold = _counts(batch, k, threshold)
    return grid(2 * any_ / np.maximum(predicted + gold, 1.0), (unlabelled(batch), "empty_gold"))


def _part(batch: Batch, *, k: Size, counted: tuple[int, ...], below: int | None = None) -> Grid:
    """Sum of some of the four counts of `_matches`, by another one if `below` names it."""
    counts = _counts(batch, k, THRESHOLD)
    values = sum((counts[number] for number in counted), np.zeros(batch.shape))
    if below is not None:
        values = values / np.maximum(counts[below], 1.0)
    return grid(values, (unlabelled(batch), "empty_gold"))


def harmonic(precision: FloatArray, recall: FloatArray) -> FloatArray:
    """F1 of a mean precision and a mean recall, 0 where both are 0."""
    return ratio(2 * precision * recall, precision + recall)


def micro_spans(counted: int, k: Size = None) -> Pooling:
    """F1 of all items' spans thrown together; `counted` 0: matched one to one, 1: as ERASER counts."""
    return Pooling(
        "micro", (partial(_part, k=k, counted=(counted, counted)), partial(_part, k=k, counted=(2, 3))), ratio
    )


def eraser_macro(k: Size = None) -> Pooling:
    """ERASER's macro F1: the harmonic mean of the mean precision and the mean recall."""
    precision, recall = (partial(_part, k=k, counted=(1,), below=below) for below in (2, 3))
    return Pooling("f1_of_means", (precision, recall), harmonic)


IOU_F1 = AlignmentMetric(
    name="iou_f1",
    title="F1 of stretches of a method's k highest words that overlap a marked stretch by half, matched one to one",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("gold",),
    reference="2 matched / (predicted + gold), a pair matches at intersection over union >= 0.5; maximum matching",
    ties="a tie at the k-th place that does not fit in whole stays out",
    negative=SIGNED,
    constant="0: nothing stands out",
    compute=iou_f1,
    variants=(Variant("threshold=0.1", partial(iou_f1, threshold=0.1)),),
    poolings=(micro_spans(0),),
)
ERASER_IOU_F1 = AlignmentMetric(
    name="eraser_iou_f1",
    title="the same as ERASER counts it: two predicted stretches may match one marked stretch, and F1 can exceed 1",
    family="alignment",
    range=(0.0, 2.0),
    direction="higher",
    needs=("gold",),
    reference="DeYoung et al. 2020 (ERASER), arXiv:1911.03429, section 4; `f1_of_means` is its macro F1",
    ties="a tie at the k-th place that does not fit in whole stays out",
    negative=SIGNED,
    constant="0: nothing stands out",
    compute=eraser_iou_f1,
    perfect=1.0,
    variants=(Variant("threshold=0.1", partial(eraser_iou_f1, threshold=0.1)),),
    poolings=(micro_spans(1), eraser_macro()),
)
