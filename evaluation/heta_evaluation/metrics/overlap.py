"""Metrics of the highest units against gold: F1, precision and intersection over union at k.

k is the number of gold units (main), a fixed number or a share of the units (variants). Ties at the k-th place are
resolved by expectation under uniform tie breaking.
"""

from functools import partial

import numpy as np

from heta_evaluation.metrics.base import AlignmentMetric, Batch, FloatArray, Grid, Pooling, Variant, grid
from heta_evaluation.metrics.ties import Hits, Size, top_hits, top_sizes, unlabelled

SIGNED = "rank below zero: evidence against the target"
_EXPECTED = "expected value under uniform tie breaking"


def _gold(batch: Batch) -> FloatArray:
    return np.asarray(batch.gold.sum(axis=1, keepdims=True), dtype=float)


def _random_hits(batch: Batch, k: Size) -> Hits:
    """Hits of scores drawn at random, `[P, 1]`: all units are one tie."""
    sizes, gold = top_sizes(batch, k), _gold(batch)
    all_ = np.full_like(gold, batch.gold.shape[1])
    return Hits(sizes, np.zeros_like(gold), all_, gold, sizes[:, None].astype(float))


def token_f1(batch: Batch, k: Size = None) -> Grid:
    """F1 of the k highest units against gold, 2 E[hits] / (k + gold). `[P, S]` in [0, 1].

    The number of hits is hypergeometric over the ties and F1 is linear in it, so the expectation has a closed form.
    """
    hits = top_hits(batch, k)
    values = 2 * hits.expected / np.maximum(hits.sizes[:, None] + _gold(batch), 1.0)
    return grid(values, (unlabelled(batch), "empty_gold"))


def token_f1_chance(batch: Batch, k: Size = None) -> Grid:
    """E[hits] = k g / n, so F1 = 2 k g / (n (k + g)); g / n where k = g. `[P, 1]`."""
    hits = _random_hits(batch, k)
    values = 2 * hits.expected / np.maximum(hits.sizes[:, None] + _gold(batch), 1.0)
    return grid(values, (unlabelled(batch), "empty_gold"))


def precision(batch: Batch, k: Size = None) -> Grid:
    """Share of the k highest units that are gold, E[hits] / k. `[P, S]` in [0, 1]."""
    hits = top_hits(batch, k)
    return grid(hits.expected / np.maximum(hits.sizes[:, None], 1.0), (unlabelled(batch), "empty_gold"))


def precision_chance(batch: Batch) -> Grid:
    """g / n, whatever k. `[P, 1]`."""
    return grid(batch.gold.mean(axis=1, keepdims=True), (unlabelled(batch), "empty_gold"))


def _iou(batch: Batch, hits: Hits, columns: int) -> Grid:
    gold = np.broadcast_to(_gold(batch), (len(batch.gold), columns))
    sizes = np.broadcast_to(hits.sizes[:, None], gold.shape)
    together = np.asarray(sizes + gold)
    values = hits.expect(lambda found, both: found / np.maximum(both - found, 1.0), together)
    return grid(values, (unlabelled(batch), "empty_gold"))


def iou(batch: Batch, k: Size = None) -> Grid:
    """Units both taken and gold by units either, E[h / (k + gold - h)]. `[P, S]` in [0, 1]."""
    return _iou(batch, top_hits(batch, k), len(batch.scores))


def iou_chance(batch: Batch) -> Grid:
    """The same for scores drawn at random: h hypergeometric over all units. `[P, 1]`."""
    return _iou(batch, _random_hits(batch, None), 1)


def _pooled(batch: Batch, *, k: Size, random: bool, whole: bool) -> Grid:
    """2 E[hits] of an item, or k + gold."""
    hits = _random_hits(batch, k) if random else top_hits(batch, k)
    both = np.broadcast_to(hits.sizes[:, None] + _gold(batch), hits.expected.shape)
    return grid(np.asarray(both if whole else 2 * hits.expected), (unlabelled(batch), "empty_gold"))


def micro_f1(k: Size = None) -> Pooling:
    """F1 of all items' words thrown together: sum of 2 E[hits] / sum of (k + gold). Long items count more."""
    own, random = (
        tuple(partial(_pooled, k=k, random=drawn, whole=whole) for whole in (False, True)) for drawn in (False, True)
    )
    return Pooling("micro", parts=own, combine=ratio, chance=random)


def ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """above / below, 0 where nothing is below."""
    return np.asarray(above / np.where(below == 0, 1.0, below))


def _at(k: Size) -> str:
    return f"k={k:.0%}" if isinstance(k, float) else f"k={k}"


TOKEN_F1 = AlignmentMetric(
    name="token_f1@k",
    title="F1 of a method's k highest words against the words that raters marked, k = number of marked words",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("gold",),
    reference="F1 = 2 E[hits] / (k + gold), hits hypergeometric over ties; chance = gold / units",
    ties=_EXPECTED,
    negative=SIGNED,
    compute=token_f1,
    chance=token_f1_chance,
    compared=True,
    variants=tuple(Variant(_at(k), partial(token_f1, k=k), partial(token_f1_chance, k=k)) for k in (5, 0.2)),
    poolings=(micro_f1(),),
)
PRECISION = AlignmentMetric(
    name="precision@k",
    title="share of a method's k highest words that raters marked; k = number of marked words: equal to F1 there",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("gold",),
    reference="P = E[hits] / k (R-precision where k = gold); chance = gold / units",
    ties=_EXPECTED,
    negative=SIGNED,
    compute=precision,
    chance=precision_chance,
    variants=tuple(Variant(_at(k), partial(precision, k=k), precision_chance) for k in (1, 5, 0.2)),
)
IOU = AlignmentMetric(
    name="iou",
    title="words both among a method's k highest and marked, by words that are either; k = number of marked words",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("gold",),
    reference="Jaccard index E[h / (k + gold - h)], hits h hypergeometric over ties",
    ties=_EXPECTED,
    negative=SIGNED,
    compute=iou,
    chance=iou_chance,
)
