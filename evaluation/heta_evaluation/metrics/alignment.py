"""Alignment of one attribution with labels or segments of its item: the computations behind the registry.

All are deterministic. Ties are resolved by expectation or as one threshold, never by position. Signed scores rank by
their signed value (support for the target); where mass is needed, negative scores count 0.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from heta_evaluation.metrics.base import AlignmentMetric, Batch, BoolArray, FloatArray, Grid, grid


def _empty(batch: Batch) -> BoolArray:
    return np.asarray(~batch.gold.any(axis=1, keepdims=True), dtype=np.bool_)


def _repeat(batch: Batch, row: FloatArray) -> FloatArray:
    """A value per subject `[S]` (or one for all) as `[P, S]`, for metrics that do not depend on labels."""
    return np.broadcast_to(row, batch.shape).copy()


def _chance_shape(batch: Batch) -> tuple[int, int]:
    return batch.shape[0], 1


def inclusion(scores: FloatArray, k: int) -> FloatArray:
    """Probability `[S, n]` that each unit is among the `k` highest scores when ties are broken uniformly at random.

    Units above the k-th score are in; the units tied at it share the places that are left.
    """
    threshold = -np.sort(-scores, axis=1)[:, k - 1 : k]
    above, tied = scores > threshold, scores == threshold
    places = k - above.sum(axis=1, keepdims=True)
    return np.asarray(above + tied * (places / tied.sum(axis=1, keepdims=True)))


def token_f1(batch: Batch, k: int | float | None = None) -> Grid:
    """F1 of the k highest units against gold, expected under uniform tie breaking.

    Args:
        batch: scores `[S, n]` and labels `[P, n]`.
        k: None takes as many as there are gold units; an int is a fixed number (at most n); a float in (0, 1] is a
            share of the units, rounded, at least one.

    Returns:
        `[P, S]` in [0, 1]. The number of hits is hypergeometric over the ties and F1 = 2 hits / (k + gold) is linear
        in it, so the expectation has a closed form.
    """
    n = batch.gold.shape[1]
    positives = batch.gold.sum(axis=1)
    if k is None:
        sizes = positives
    else:
        size = max(1, round(k * n)) if isinstance(k, float) else k
        sizes = np.full(len(positives), min(size, n))
    values = np.zeros(batch.shape)
    for size in np.unique(sizes[positives > 0]):
        rows = (sizes == size) & (positives > 0)
        hits = batch.gold[rows].astype(float) @ inclusion(batch.scores, int(size)).T
        values[rows] = 2 * hits / (size + positives[rows, None])
    return grid(values, (_empty(batch), "empty_gold"))


def _token_f1_chance(batch: Batch) -> Grid:
    # E[hits] = k g / n, and k = g: F1 = 2 (g g / n) / (2 g) = g / n.
    return grid(batch.gold.mean(axis=1, keepdims=True), (_empty(batch), "empty_gold"))


def _thresholds(scores: FloatArray, gold: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Precision and recall `[P, t]` of one subject at each distinct score, highest first. Gold must not be empty."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(gold[:, order], axis=1)[:, ends].astype(float)
    return hits / (ends + 1.0), hits / np.maximum(hits[:, -1:], 1.0)


def _area(batch: Batch, height: Callable[[FloatArray], FloatArray]) -> Grid:
    """Sum over distinct scores of (recall gained) x (height there), heights `[P, t]` made from precisions. `[P, S]`."""
    values = np.zeros(batch.shape)
    for subject, scores in enumerate(batch.scores):
        precision, recall = _thresholds(scores, batch.gold)
        values[:, subject] = np.sum(np.diff(recall, axis=1, prepend=0.0) * height(precision), axis=1)
    return grid(np.clip(values, 0.0, 1.0), (_empty(batch), "empty_gold"))


def average_precision(batch: Batch) -> Grid:
    """Step-wise average precision, sum over distinct scores of (recall gained) x (precision there). `[P, S]`."""
    return _area(batch, lambda precision: precision)


def _average_precision_chance(batch: Batch) -> Grid:
    # At rank i: P(positive) = g/n, precision there = (1 + (i-1)(g-1)/(n-1)) / i; averaged over the g positives and
    # summed over i this is  H/n + (g-1)/(n-1) (n - H)/n  with the harmonic number H = 1 + 1/2 + ... + 1/n.
    n = batch.gold.shape[1]
    harmonic = float(np.sum(1.0 / np.arange(1, n + 1)))
    others = (batch.gold.sum(axis=1, keepdims=True) - 1) / max(n - 1, 1)
    return grid(harmonic / n + others * (n - harmonic) / n, (_empty(batch), "empty_gold"))


def eraser_auprc(batch: Batch) -> Grid:
    """Area under the precision-recall curve by the trapezoid, from (recall 0, precision 1): ERASER's. `[P, S]`."""

    def middle(precision: FloatArray) -> FloatArray:
        before = np.concatenate([np.ones((len(precision), 1)), precision[:, :-1]], axis=1)
        return np.asarray((precision + before) / 2)

    return _area(batch, middle)


def roc_auc(batch: Batch) -> Grid:
    """Probability that a gold unit outranks another one, ties counting half. `[P, S]` in [0, 1]."""
    positives = batch.gold.sum(axis=1, keepdims=True).astype(float)
    negatives = batch.gold.shape[1] - positives
    ranks = rankdata(batch.scores, axis=1)
    above = batch.gold.astype(float) @ ranks.T - positives * (positives + 1) / 2
    values = above / np.maximum(positives * negatives, 1.0)
    return grid(values, (_empty(batch), "empty_gold"), (np.asarray(negatives == 0), "full_gold"))


def _half(batch: Batch) -> Grid:
    full = batch.gold.all(axis=1, keepdims=True)
    return grid(np.full(_chance_shape(batch), 0.5), (_empty(batch), "empty_gold"), (np.asarray(full), "full_gold"))


def spearman(batch: Batch) -> Grid:
    """Pearson correlation of average ranks, scores against the share of raters that marked. `[P, S]` in [-1, 1]."""
    shares, scores = rankdata(batch.share, axis=1), rankdata(batch.scores, axis=1)
    shares -= shares.mean(axis=1, keepdims=True)
    scores -= scores.mean(axis=1, keepdims=True)
    norms = np.sqrt(np.sum(shares**2, axis=1))[:, None] * np.sqrt(np.sum(scores**2, axis=1))[None, :]
    values = np.clip(shares @ scores.T / np.where(norms == 0, 1.0, norms), -1.0, 1.0)
    return grid(
        values, (_constant(batch.share)[:, None], "constant_labels"), (_constant(batch.scores), "constant_scores")
    )


def _constant(rows: FloatArray) -> BoolArray:
    return np.asarray(rows.min(axis=1) == rows.max(axis=1), dtype=np.bool_)


def _spearman_chance(batch: Batch) -> Grid:
    # Every order of distinct scores is equally likely, and reversing an order changes only the sign.
    n = batch.share.shape[1]
    constant = _constant(batch.share)[:, None]
    return grid(np.zeros(_chance_shape(batch)), (constant, "constant_labels"), (np.asarray(n < 2), "constant_scores"))


def _one_segment(batch: Batch) -> BoolArray:
    return np.asarray(not (batch.evidence.any() and batch.distractor.any()))


def dsa(batch: Batch) -> Grid:
    """Mass on evidence minus mass on distractor, as shares of the mass on both. `[P, S]` in [-1, 1]."""
    mass = np.maximum(batch.scores, 0.0)
    # Sums of the largest floats would overflow; a power of two scales without rounding.
    mass = np.ldexp(mass, -np.frexp(mass.max(axis=1, keepdims=True))[1])
    evidence, distractor = mass[:, batch.evidence].sum(axis=1), mass[:, batch.distractor].sum(axis=1)
    total = evidence + distractor
    values = _repeat(batch, (evidence - distractor) / np.where(total == 0, 1.0, total))
    return grid(values, (_one_segment(batch), "one_segment"), (total == 0, "no_mass"))


def uniform_dsa(batch: Batch) -> float:
    """What equal scores on all units give: (evidence units - distractor units) / (both). 0 without units."""
    evidence, distractor = int(batch.evidence.sum()), int(batch.distractor.sum())
    return (evidence - distractor) / max(evidence + distractor, 1)


def dsa_minus_uniform(batch: Batch) -> Grid:
    """`dsa` less the uniform attribution's value, so that segment lengths drop out. `[P, S]` in [-2, 2]."""
    raw = dsa(batch)
    return Grid(np.where(raw.valid, raw.values - uniform_dsa(batch), 0.0), raw.reasons)


def _dsa_chance(batch: Batch) -> Grid:
    # Scores drawn alike are exchangeable: each unit's expected share of the mass is the same.
    return grid(np.full(_chance_shape(batch), uniform_dsa(batch)), (_one_segment(batch), "one_segment"))


def _zero_dsa(batch: Batch) -> Grid:
    return grid(np.zeros(_chance_shape(batch)), (_one_segment(batch), "one_segment"))


def mass_outside(batch: Batch) -> Grid:
    """Share of a method's positive mass that lies on question, separators and instructions. `[P, S]` in [0, 1]."""
    if not len(batch.outside):
        return grid(np.zeros(batch.shape), (np.asarray(True), "not_known"))
    return grid(_repeat(batch, batch.outside), (batch.outside < 0, "no_mass"))


_TIES = "one threshold for all tied units"
_SIGNED = "rank below zero: evidence against the target"
_CLIP = "count 0"

TOKEN_F1 = AlignmentMetric(
    name="token_f1@k",
    title="F1 of a method's k highest words against the words that raters marked, k = number of marked words",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("gold",),
    reference="F1 = 2 E[hits] / (k + gold), hits hypergeometric over ties; chance = gold / units",
    ties="expected value under uniform tie breaking",
    negative=_SIGNED,
    compute=token_f1,
    chance=_token_f1_chance,
    compared=True,
)
AVERAGE_PRECISION = AlignmentMetric(
    name="average_precision",
    title="precision averaged over the marked words, as a method's ranking goes down",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("gold",),
    reference="AP = sum over thresholds of (R_t - R_(t-1)) P_t; equals scikit-learn's average_precision_score",
    ties=_TIES,
    negative=_SIGNED,
    compute=average_precision,
    chance=_average_precision_chance,
    compared=True,
)
SPEARMAN = AlignmentMetric(
    name="spearman",
    title="rank correlation of a method's scores with the share of raters that marked each word",
    family="alignment",
    range=(-1.0, 1.0),
    direction="higher",
    needs=("share",),
    reference="Pearson correlation of average ranks, Spearman 1904; equals scipy's spearmanr",
    ties="average ranks",
    negative=_SIGNED,
    empty="no value: constant_labels",
    constant="no value: constant_scores",
    compute=spearman,
    chance=_spearman_chance,
    compared=True,
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
    negative=_SIGNED,
    compute=roc_auc,
    chance=_half,
)
ERASER_AUPRC = AlignmentMetric(
    name="eraser_auprc",
    title="area under the precision-recall curve by the trapezoid, as ERASER computes it (optimistic on ties)",
    family="alignment",
    range=(0.0, 1.0),
    direction="higher",
    needs=("gold",),
    reference="DeYoung et al. 2020 (ERASER), arXiv:1911.03429; four tied scores at base rate 1/2 give 0.75",
    ties=_TIES + ", trapezoid in between",
    negative=_SIGNED,
    compute=eraser_auprc,
)
DSA = AlignmentMetric(
    name="dsa",
    title="share of mass on the evidence minus share on the distractor",
    family="alignment",
    range=(-1.0, 1.0),
    direction="higher",
    needs=("segments",),
    reference="DSA = (m_e - m_d) / (m_e + m_d) over words, arXiv:2604.13258; chance = the uniform attribution's value",
    ties="do not matter",
    negative=_CLIP,
    empty="labels are not used",
    constant="the uniform attribution's value; all zero or negative: no value, no_mass",
    compute=dsa,
    chance=_dsa_chance,
)
DSA_MINUS_UNIFORM = AlignmentMetric(
    name="dsa_minus_uniform",
    title="DSA less what equal scores on all words would give: free of the segments' lengths",
    family="alignment",
    range=(-2.0, 2.0),
    direction="higher",
    needs=("segments",),
    reference="DSA - (n_e - n_d) / (n_e + n_d); main figure of DSA",
    ties="do not matter",
    negative=_CLIP,
    empty="labels are not used",
    constant="0; all zero or negative: no value, no_mass",
    compute=dsa_minus_uniform,
    chance=_zero_dsa,
    compared=True,
)
MASS_OUTSIDE = AlignmentMetric(
    name="mass_outside",
    title="share of a method's mass on text that raters cannot mark (question, separators, instruction)",
    family="attribution",
    range=(0.0, 1.0),
    direction="neutral",
    needs=("mass",),
    reference="positive mass of scored tokens that overlap no word unit / positive mass of all scored tokens",
    ties="do not matter",
    negative=_CLIP,
    empty="labels are not used",
    constant="all zero or negative: no value, no_mass",
    compute=mass_outside,
)
