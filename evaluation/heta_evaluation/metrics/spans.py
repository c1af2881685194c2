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
    """The stretches of several masks `[M, n]`, each distinct stretch once."""

    def __init__(self, masks: BoolArray, places: IntArray) -> None:
        order = np.argsort(places, kind="stable")
        ordered, n = masks[:, order], masks.shape[1]
        gap = np.diff(places[order]) != 1
        joined = ordered[:, 1:] & ordered[:, :-1] & ~gap
        edge = np.zeros((len(masks), 1), dtype=bool)
        owners, starts = np.nonzero(ordered & ~np.concatenate([edge, joined], axis=1))
        ends = np.nonzero(ordered & ~np.concatenate([joined, edge], axis=1))[1] + 1
        keys, which = np.unique(starts * (n + 1) + ends, return_inverse=True)
        self.starts, self.ends = np.divmod(keys, n + 1)
        """`[U]`, half-open, in the order of the places."""
        self.of = np.zeros((len(masks), len(keys)))
        """`[M, U]`, 1 where a mask has the stretch."""
        self.of[owners, which] = 1.0


def _matches(batch: Batch, k: Size, threshold: float) -> FloatArray:
    """`[4, P, S]`: spans matched one to one, predicted spans that match any, predicted spans, gold spans."""
    sizes = top_sizes(batch, k)
    found = np.zeros((4, *batch.shape))
    used = np.unique(sizes[sizes > 0]).tolist()
    if not used:
        return found
    gold = _Runs(batch.gold, batch.places)
    chosen = _Runs(np.concatenate([certain(batch, size) for size in used]), batch.places)
    both = np.minimum(chosen.ends[:, None], gold.ends) - np.maximum(chosen.starts[:, None], gold.starts)
    lengths = (chosen.ends - chosen.starts)[:, None] + (gold.ends - gold.starts)
    close = (both > 0) & (both >= threshold * (lengths - both))
    hits = close @ gold.of.T  # gold stretches of each pattern that a chosen stretch matches
    cells = np.searchsorted(used, np.maximum(sizes, used[0]))[:, None] * len(batch.scores) + np.arange(
        len(batch.scores)
    )
    patterns = np.arange(len(sizes))[:, None]
    found[0] = found[1] = (chosen.of @ (hits > 0))[cells, patterns]
    found[2] = chosen.of.sum(axis=1)[cells]
    found[3] = gold.of.sum(axis=1)[:, None]
    if threshold < THRESHOLD:
        # From a half on a stretch can match one other only; below, where one matches several, the best matching counts.
        taken = ((chosen.of @ close > 0) @ gold.of.T)[cells, patterns]
        crossed = ((chosen.of @ hits)[cells, patterns] > found[1]) | (taken < found[1])
        for pattern, subject in zip(*np.nonzero(crossed), strict=True):
            own = close[chosen.of[cells[pattern, subject]] > 0][:, gold.of[pattern] > 0]
            found[0, pattern, subject] = matched(own.astype(float), 1.0)[0]
    found[:, sizes == 0] = 0.0
    return found


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
