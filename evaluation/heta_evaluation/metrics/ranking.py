"""Metrics of a whole ranking against gold or soft labels: a tie is one threshold, or is resolved by expectation."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from heta_evaluation.metrics.base import AlignmentMetric, Batch, FloatArray, Grid, IntArray, grid
from heta_evaluation.metrics.overlap import SIGNED
from heta_evaluation.metrics.ties import gold_classes, score_ranks, share_classes, unlabelled

_ONE_THRESHOLD = "one threshold for all tied units"


def _thresholds(batch: Batch) -> list[tuple[IntArray, IntArray]]:
    """For each subject: units by falling score, and the last place of each distinct score."""

    def make() -> list[tuple[IntArray, IntArray]]:
        orders = np.argsort(-batch.scores, axis=1, kind="stable")
        ordered = np.take_along_axis(batch.scores, orders, axis=1)
        last = batch.scores.shape[1] - 1
        return [
            (order, np.append(np.flatnonzero(row[1:] != row[:-1]), last))
            for order, row in zip(orders, ordered, strict=True)
        ]

    return batch.once("thresholds", make)


def _ranking(batch: Batch) -> tuple[IntArray, IntArray, IntArray]:
    """For each subject `[S, n]`: units by falling score, and the first and last place of those tied with each."""

    def make() -> tuple[IntArray, IntArray, IntArray]:
        orders = np.argsort(-batch.scores, axis=1, kind="stable")
        ordered = np.take_along_axis(batch.scores, orders, axis=1)
        place = np.broadcast_to(np.arange(orders.shape[1]), orders.shape)
        new = np.ones(orders.shape, dtype=bool)
        new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        if new.all():
            return orders, place, place
        first = np.maximum.accumulate(np.where(new, place, 0), axis=1)
        ends = np.where(np.roll(new, -1, axis=1), place, orders.shape[1])
        ends[:, -1:] = orders.shape[1] - 1
        return orders, first, np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]

    return batch.once("ranking", make)


def _area(batch: Batch, classes: FloatArray, members: IntArray, *, trapezoid: bool = False) -> FloatArray:
    """Sum over distinct scores of (recall gained) x (precision there, or with the one before), `[P, S]`.

    A unit counts as what its class does: `classes [P, C]`, of which unit it is `members [n]`. With m_t the classes'
    units at threshold t, u_t those at or above it, and e_t their number, the area is
    r' (sum over t of m_t u_t' / e_t) r
    for relevances r: one matrix a subject, whatever the number of label vectors.
    """
    orders, first, last = _ranking(batch)
    inside = np.eye(classes.shape[1])[members]
    here = np.take(inside, orders, axis=0)  # [S, n, C]
    found = np.cumsum(here, axis=1)
    precision = _at(found, last) / (last + 1.0)[..., None]
    at_first = np.zeros((len(orders), classes.shape[1]))
    if trapezoid:  # from precision 1 at recall 0
        before = _at(found, np.maximum(first - 1, 0)) / np.maximum(first, 1)[..., None]
        precision = (precision + np.where((first > 0)[..., None], before, 0.0)) / 2
        at_first = np.where((first == 0)[..., None], here, 0.0).sum(axis=1) / 2
    kernels = here.transpose(0, 2, 1) @ precision
    values = np.einsum("spc,pc->ps", classes @ kernels, classes) + classes @ at_first.T
    total = np.maximum(classes @ inside.sum(axis=0), 1e-300)
    return np.asarray(np.clip(values / total[:, None], 0.0, 1.0))


def _at(found: FloatArray, places: IntArray) -> FloatArray:
    """Rows of `[S, n, C]` by place `[S, n]`."""
    subjects, n, width = found.shape
    flat = places + n * np.arange(subjects)[:, None]
    return np.take(found.reshape(-1, width), flat, axis=0)  # many times as fast as take_along_axis


def average_precision(batch: Batch) -> Grid:
    """Step-wise average precision, sum over distinct scores of (recall gained) x (precision there). `[P, S]`."""
    return grid(_area(batch, *gold_classes(batch)), (unlabelled(batch), "empty_gold"))


def soft_ap(batch: Batch) -> Grid:
    """The same against soft labels: a unit counts as positive with its share, as negative with the rest. `[P, S]`.

    Below 1 for any ranking where raters disagree: a unit that half of them marked is half a false alarm.
    """
    nobody = np.asarray(~batch.share.any(axis=1, keepdims=True))
    return grid(_area(batch, *share_classes(batch)), (nobody, "empty_gold"))


def eraser_auprc(batch: Batch) -> Grid:
    """Area under the precision-recall curve by the trapezoid, from (recall 0, precision 1): ERASER's. `[P, S]`."""
    return grid(_area(batch, *gold_classes(batch), trapezoid=True), (unlabelled(batch), "empty_gold"))


def _random_area(relevance: FloatArray) -> FloatArray:
    """Expected step-wise average precision of a random order of units that count `relevance [P, n]`, `[P, 1]`.

    With S and Q the sums of the relevances and of their squares, the unit at rank i has E[s^2] = Q / n, and together
    with another one E[s s'] = (S^2 - Q) / (n (n - 1)). The area is 1/S sum over i of (E[s^2] + (i - 1) E[s s']) / i
    = (H Q / n + (n - H) (S^2 - Q) / (n (n - 1))) / S, H = 1 + 1/2 + ... + 1/n.
    """
    n = relevance.shape[1]
    harmonic = float(np.sum(1.0 / np.arange(1, n + 1)))
    total, squares = relevance.sum(axis=1, keepdims=True), (relevance**2).sum(axis=1, keepdims=True)
    pairs = (total**2 - squares) / max(n - 1, 1)
    return np.asarray((harmonic * squares + (n - harmonic) * pairs) / n / np.maximum(total, 1e-300))


def _average_precision_chance(batch: Batch) -> Grid:
    return grid(_random_area(batch.gold.astype(float)), (unlabelled(batch), "empty_gold"))


def _soft_ap_chance(batch: Batch) -> Grid:
    nobody = np.asarray(~batch.share.any(axis=1, keepdims=True))
    return grid(_random_area(batch.share), (nobody, "empty_gold"))


def roc_auc(batch: Batch) -> Grid:
    """Probability that a gold unit outranks another one, ties counting half. `[P, S]` in [0, 1]."""
    positives = batch.gold.sum(axis=1, keepdims=True).astype(float)
    negatives = batch.gold.shape[1] - positives
    above = batch.gold.astype(float) @ score_ranks(batch).T - positives * (positives + 1) / 2
    values = above / np.maximum(positives * negatives, 1.0)
    return grid(values, (unlabelled(batch), "empty_gold"), (np.asarray(negatives == 0), "full_gold"))


def _half(batch: Batch) -> Grid:
    full = np.asarray(batch.gold.all(axis=1, keepdims=True))
    return grid(np.full((len(batch.gold), 1), 0.5), (unlabelled(batch), "empty_gold"), (full, "full_gold"))


@lru_cache(maxsize=4096)
def mean_reciprocal(above: int, tied: int, marked: int) -> float:
    """E[1 / rank of the first marked unit] where it is one of `tied` units, `marked` of them, behind `above` others.

    P(first at place j of the tie) = C(tied - j, marked - 1) / C(tied, marked), by its ratio from place to place.
    """
    chance, total = marked / tied, 0.0
    for place in range(1, tied - marked + 2):
        total += chance / (above + place)
        chance *= (tied - place - marked + 1) / max(tied - place, 1)
    return total


def mrr(batch: Batch) -> Grid:
    """1 / rank of the first gold unit, expected under uniform tie breaking. `[P, S]` in [0, 1]."""
    values = np.zeros(batch.shape)
    for subject, (order, ends) in enumerate(_thresholds(batch)):
        level = np.empty(len(order), dtype=np.int64)  # 0 for the highest score, and so on
        level[order] = np.searchsorted(ends, np.arange(len(order)))
        best = np.where(batch.gold, level, len(ends)).min(axis=1)
        marked = (batch.gold & (level == best[:, None])).sum(axis=1)
        before = np.concatenate([[0], ends + 1])
        for pattern, place in enumerate(best.tolist()):
            if place < len(ends):
                above, behind = int(before[place]), int(before[place + 1])
                values[pattern, subject] = mean_reciprocal(above, behind - above, int(marked[pattern]))
    return grid(values, (unlabelled(batch), "empty_gold"))


def _mrr_chance(batch: Batch) -> Grid:
    n = batch.gold.shape[1]
    counts: Sequence[int] = batch.gold.sum(axis=1).tolist()
    values = [[mean_reciprocal(0, n, count) if count else 0.0] for count in counts]
    return grid(np.asarray(values, dtype=float).reshape(len(counts), 1), (unlabelled(batch), "empty_gold"))


AVERAGE_PRECISION = AlignmentMetric(
    name="average_precision",
    title="precision averaged over the marked words, as a method's ranking goes down",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("gold",),
    reference="AP = sum over thresholds of (R_t - R_(t-1)) P_t; equals scikit-learn's average_precision_score",
    ties=_ONE_THRESHOLD,
    negative=SIGNED,
    compute=average_precision,
    chance=_average_precision_chance,
    compared=True,
)
SOFT_AP = AlignmentMetric(
    name="soft_ap",
    title="average precision where a word counts as marked with the share of raters that marked it",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("share",),
    reference="equals scikit-learn's average_precision_score with each word as a positive of weight share and a "
    "negative of weight 1 - share; below 1 for every ranking where raters disagree",
    ties=_ONE_THRESHOLD,
    negative=SIGNED,
    compute=soft_ap,
    chance=_soft_ap_chance,
)
ROC_AUC = AlignmentMetric(
    name="roc_auc",
    title="probability that a marked word outranks an unmarked one",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("gold",),
    reference="Mann-Whitney U / (positives x negatives); equals scikit-learn's roc_auc_score",
    ties="count one half",
    negative=SIGNED,
    compute=roc_auc,
    chance=_half,
)
MRR = AlignmentMetric(
    name="mrr",
    title="1 / rank of the first marked word, averaged over items",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("gold",),
    reference="mean reciprocal rank, Voorhees 1999, TREC-8; over a tie of t words, g of them marked, behind a others: "
    "sum over j of C(t - j, g - 1) / C(t, g) / (a + j)",
    ties="expected value under uniform tie breaking",
    negative=SIGNED,
    compute=mrr,
    chance=_mrr_chance,
)
ERASER_AUPRC = AlignmentMetric(
    name="eraser_auprc",
    title="area under the precision-recall curve by the trapezoid, as ERASER computes it (optimistic on ties)",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("gold",),
    reference="DeYoung et al. 2020 (ERASER), arXiv:1911.03429; four tied scores at base rate 1/2 give 0.75",
    ties=_ONE_THRESHOLD + ", trapezoid in between",
    negative=SIGNED,
    compute=eraser_auprc,
)
