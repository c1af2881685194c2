"""Scores read as probabilities against soft labels."""

import numpy as np

from heta_evaluation.metrics.base import AlignmentMetric, Batch, Grid, grid


def soft_brier(batch: Batch) -> Grid:
    """Mean squared difference of heat and share, heat = scores clipped at 0 by the highest one. `[P, S]` in [0, 1].

    mean (h - s)^2 = mean h^2 - 2 mean h s + mean s^2; scores without any mass have no heat anywhere.
    """
    mass = np.maximum(batch.scores, 0.0)
    highest = mass.max(axis=1, keepdims=True)
    heat = mass / np.where(highest == 0, 1.0, highest)
    n = batch.share.shape[1]
    squares = (heat**2).sum(axis=1)[None] + (batch.share**2).sum(axis=1)[:, None]
    return grid(np.clip((squares - 2 * batch.share @ heat.T) / n, 0.0, 1.0))


def _soft_brier_chance(batch: Batch) -> Grid:
    # One of n uniform scores is the highest and has heat 1, each with probability 1/n; given it, the others' heats are
    # uniform on [0, 1]: E (h - s)^2 = (1 - s)^2 / n + (1 - 1/n) (1/3 - s + s^2).
    n, share = batch.share.shape[1], batch.share
    values = (1 - share) ** 2 / n + (1 - 1 / n) * (1 / 3 - share + share**2)
    return grid(values.mean(axis=1, keepdims=True))


SOFT_BRIER = AlignmentMetric(
    name="soft_brier",
    title="mean squared difference of a method's heat (highest word 1) and the share of raters that marked each word",
    family="alignment",
    range=(0.0, 1.0),
    direction="lower",
    needs=("share",),
    reference="Brier 1950 against soft labels: mean (max(score, 0) / highest - share)^2",
    ties="do not matter",
    negative="count 0",
    empty="the mean square of the heat",
    constant="heat 1 everywhere; all zero or negative: heat 0 everywhere",
    compute=soft_brier,
    chance=_soft_brier_chance,
    invariance="scale",
)
