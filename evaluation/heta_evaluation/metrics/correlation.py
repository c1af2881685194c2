"""Correlations of scores with the share of raters that marked each unit: Spearman, Kendall's tau-b, Pearson."""

from collections.abc import Callable
from functools import partial

import numpy as np

from heta_evaluation.metrics.base import (
    AlignmentMetric,
    Batch,
    BoolArray,
    FloatArray,
    Grid,
    IntArray,
    Invariance,
    Pooling,
    grid,
)
from heta_evaluation.metrics.overlap import SIGNED
from heta_evaluation.metrics.ties import class_ranks, score_ranks, share_classes

LARGEST_R = 0.999
"""Correlations beyond it are taken for it before Fisher's z, which has no value at 1."""
_ENTRIES = 4_000_000
"""Signs of pairs held at once."""


def constant(rows: FloatArray) -> BoolArray:
    """`[rows]`, true where a row has one value only."""
    return np.asarray(rows.min(axis=1) == rows.max(axis=1), dtype=np.bool_)


def _reasons(batch: Batch, values: FloatArray) -> Grid:
    flat = batch.once("constant scores", lambda: constant(batch.scores))
    return grid(values, (constant(batch.share)[:, None], "constant_labels"), (flat, "constant_scores"))


def _correlate(first: FloatArray, second: FloatArray) -> FloatArray:
    """Pearson correlation of every row of `[P, n]` with every row of `[S, n]`, 0 for constant rows."""
    first, second = (rows - rows.mean(axis=1, keepdims=True) for rows in (first, second))
    norms = np.sqrt(np.sum(first**2, axis=1))[:, None] * np.sqrt(np.sum(second**2, axis=1))[None, :]
    return np.asarray(np.clip(first @ second.T / np.where(norms == 0, 1.0, norms), -1.0, 1.0))


def spearman(batch: Batch) -> Grid:
    """Pearson correlation of average ranks, scores against the share of raters that marked. `[P, S]` in [-1, 1].

    Units that the same raters marked have one share under every label vector, so ranks are made of such classes.
    """
    classes, members = share_classes(batch)
    middle = (len(members) + 1) / 2  # the mean of all ranks

    def make() -> tuple[FloatArray, FloatArray]:
        counts = np.bincount(members).astype(float)
        ranks = class_ranks(classes, counts) - middle
        return ranks, ranks**2 @ counts

    ranks, squares = batch.once_for_labels("share ranks", make)
    scores = score_ranks(batch) - middle
    products = ranks @ (np.eye(classes.shape[1])[members].T @ scores.T)
    norms = np.sqrt(squares[:, None] * np.sum(scores**2, axis=1))
    return _reasons(batch, np.clip(products / np.where(norms == 0, 1.0, norms), -1.0, 1.0))


def pearson(batch: Batch) -> Grid:
    """Pearson correlation of the scores themselves with the share of raters. `[P, S]` in [-1, 1].

    Scores are taken from their lowest and scaled to [0, 1] first: exact for close scores, and no square overflows.
    """

    def make() -> FloatArray:
        scaled = np.ldexp(batch.scores, -np.frexp(np.abs(batch.scores).max(axis=1, keepdims=True))[1] - 1)
        above = scaled - scaled.min(axis=1, keepdims=True)
        highest = above.max(axis=1, keepdims=True)
        return np.asarray(above / np.where(highest == 0, 1.0, highest))

    return _reasons(batch, _correlate(batch.share, batch.once("unit range", make)))


def kendall(batch: Batch) -> Grid:
    """Kendall's tau-b, (concordant - discordant) / sqrt(pairs not tied in one x pairs not tied in the other).

    Units that the same raters marked have one share under every label vector, so pairs are counted by such classes:
    `[P, S]` in [-1, 1].
    """
    classes, members = share_classes(batch)
    counts = np.bincount(members).astype(float)
    scores = _class_pairs(batch, members)
    n = batch.share.shape[1]
    untied = np.asarray([_untied(row) for row in batch.scores], dtype=float)
    numerator, apart = np.zeros(batch.shape), np.zeros(len(batch.share))
    step = max(1, _ENTRIES // len(counts) ** 2)
    for start in range(0, len(classes), step):
        part = slice(start, start + step)
        signs = np.sign(classes[part, :, None] - classes[part, None, :]).reshape(len(classes[part]), -1)
        numerator[part] = signs @ scores.T / 2
        apart[part] = np.abs(signs) @ np.outer(counts, counts).ravel() / 2
    norms = np.sqrt(apart[:, None] * untied[None, :]) if n > 1 else np.ones(batch.shape)
    return _reasons(batch, np.clip(numerator / np.where(norms == 0, 1.0, norms), -1.0, 1.0))


def _class_pairs(batch: Batch, members: IntArray) -> FloatArray:
    """Sum of sign(x_i - x_j) over i of one class and j of another, for each subject, `[S, C x C]`."""
    count, n = int(members.max()) + 1, len(members)
    inside = np.zeros((n, count))
    inside[np.arange(n), members] = 1.0
    found = np.empty((len(batch.scores), count, count))
    for subject, row in enumerate(batch.scores):
        order = np.argsort(row, kind="stable")
        ordered = row[order]
        up_to = np.concatenate([np.zeros((1, count)), np.cumsum(inside[order], axis=0)])
        below = up_to[np.searchsorted(ordered, row, side="left")]
        not_above = up_to[np.searchsorted(ordered, row, side="right")]
        found[subject] = inside.T @ (below + not_above - up_to[-1])
    return found.reshape(len(batch.scores), -1)


def _untied(row: FloatArray) -> float:
    """Pairs of different values."""
    counts = np.unique(row, return_counts=True)[1].astype(float)
    return float((len(row) * (len(row) - 1) - (counts * (counts - 1)).sum()) / 2)


def _nothing(batch: Batch) -> Grid:
    # Every order of distinct scores is equally likely, and reversing an order changes only the sign.
    flat = constant(batch.share)[:, None]
    single = np.asarray(batch.share.shape[1] < 2)
    return grid(np.zeros((len(batch.share), 1)), (flat, "constant_labels"), (single, "constant_scores"))


def _fisher(batch: Batch, metric: Callable[[Batch], Grid]) -> Grid:
    found = _once(batch, metric)
    capped = np.clip(found.values, -LARGEST_R, LARGEST_R)
    return Grid(np.where(found.valid, np.arctanh(capped), 0.0), found.reasons)


def _once(batch: Batch, metric: Callable[[Batch], Grid]) -> Grid:
    return batch.once(metric, lambda: metric(batch))


def _pooling(metric: Callable[[Batch], Grid]) -> Pooling:
    return Pooling("fisher_z", parts=(partial(_fisher, metric=metric),), combine=np.tanh, chance=(_nothing,))


def _correlation(name: str, title: str, reference: str, ties: str, invariance: Invariance) -> AlignmentMetric:
    compute = {"spearman": spearman, "kendall": kendall, "pearson": pearson}[name]
    return AlignmentMetric(
        name=name,
        title=title,
        family="alignment",
        range=(-1.0, 1.0),
        direction="higher",
        needs=("share",),
        reference=reference,
        ties=ties,
        negative=SIGNED,
        empty="no value: constant_labels",
        constant="no value: constant_scores",
        compute=partial(_once, metric=compute),
        chance=_nothing,
        compared=name == "spearman",
        invariance=invariance,
        poolings=(_pooling(compute),),
    )


SPEARMAN = _correlation(
    "spearman",
    "rank correlation of a method's scores with the share of raters that marked each word",
    "Pearson correlation of average ranks, Spearman 1904; equals scipy's spearmanr",
    "average ranks",
    "increasing",
)
KENDALL = _correlation(
    "kendall",
    "share of pairs of words in the raters' order less those in the other one, corrected for ties",
    "tau-b, Kendall 1945, Biometrika 33(3); equals scipy's kendalltau",
    "tied pairs count for neither side and leave the denominator (tau-b)",
    "increasing",
)
PEARSON = _correlation(
    "pearson",
    "linear correlation of a method's scores with the share of raters that marked each word",
    "product-moment correlation; equals scipy's pearsonr",
    "do not matter",
    "affine",
)
