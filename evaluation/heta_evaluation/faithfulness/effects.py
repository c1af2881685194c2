"""Scores against effects: of leaving out one unit at a time, and of random ablations."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import kendalltau, rankdata

from heta_evaluation.faithfulness.base import Case, Estimate, Estimates, FaithfulnessMetric
from heta_evaluation.metrics.base import FloatArray


def tau_loo(case: Case) -> Estimates:
    """Kendall's tau-b of the scores with what log p(target) loses when each unit alone is masked.

    Effects that differ by less than a millionth of the largest one are tied: that much is rounding.
    """
    whole, *without = case.ask([case.hard(units) for units in ((), *((unit,) for unit in case.all_units))])
    effects = np.asarray([whole.log_prob - reading.log_prob for reading in without])
    if case.scores.min() == case.scores.max():
        return {"main": Estimate(None, "constant_scores")}
    if effects.min() == effects.max():
        return {"main": Estimate(None, "constant_effects")}
    effects = np.round(effects / np.abs(effects).max(), 6)
    tau = float(kendalltau(case.scores, effects, variant="b").statistic)
    return {"main": Estimate(min(1.0, max(-1.0, tau)))}


def lds(case: Case) -> Estimates:
    """Linear datamodelling score: do the scores, added up, predict the effect of random ablations?

    Spearman correlation over ablations, each unit kept with probability 1/2, of log p(target) with the sum of the kept
    units' scores. The logit of p, which ContextCite fits, ranks as its logarithm does. Error: jackknife over ablations.
    """
    kept = case.rng(1).random((case.settings.ablations, len(case.scores))) < 0.5
    readings = case.ask([case.hard(np.flatnonzero(~row)) for row in kept])
    effects = np.asarray([reading.log_prob for reading in readings])
    # A power of two scales without rounding, and keeps sums finite.
    scores = np.ldexp(case.scores, -int(np.frexp(np.abs(case.scores).max())[1]))
    predicted = np.asarray(kept @ scores, dtype=float)
    if case.scores.min() == case.scores.max():
        return {"main": Estimate(None, "constant_scores")}
    if predicted.min() == predicted.max() or effects.min() == effects.max():
        return {"main": Estimate(None, "constant_effects")}
    value = rank_correlation(predicted, effects)
    n = len(effects)
    others = np.asarray([rank_correlation(np.delete(predicted, out), np.delete(effects, out)) for out in range(n)])
    error = float(np.sqrt((n - 1) / n * np.sum((others - others.mean()) ** 2)))
    return {"main": Estimate(value, None, error)}


def rank_correlation(first: Sequence[float] | FloatArray, second: Sequence[float] | FloatArray) -> float:
    """Spearman's rank correlation, average ranks for ties, in [-1, 1]; 0 where one side is constant."""
    ranks = np.stack([rankdata(first), rankdata(second)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    norms = np.sqrt((ranks**2).sum(axis=1)).prod()
    return float(np.clip(ranks.prod(axis=0).sum() / norms, -1.0, 1.0)) if norms > 0 else 0.0


TAU_LOO = FaithfulnessMetric(
    name="tau_loo",
    title="rank correlation of the scores with what the target loses without each token",
    family="faithfulness",
    range=(-1.0, 1.0),
    direction="higher",
    needs=("model",),
    reference="Kendall's tau-b; Jain and Wallace 2019, arXiv:1902.10186; equals scipy's kendalltau",
    ties="tau-b",
    negative="rank below zero: evidence against the target",
    empty="labels are not used",
    constant="no value: constant_scores",
    variants={"main": (-1.0, 1.0)},
    compute=tau_loo,
    invariance="increasing",
)
LDS = FaithfulnessMetric(
    name="lds",
    title="rank correlation of added-up scores with the target's probability over random ablations",
    family="faithfulness",
    range=(-1.0, 1.0),
    direction="higher",
    needs=("model",),
    reference="Cohen-Wang et al. 2024 (ContextCite), arXiv:2409.00729: linear datamodelling score",
    ties="average ranks",
    negative="count as they are: they predict that the target gains",
    empty="labels are not used",
    constant="no value: constant_scores",
    variants={"main": (-1.0, 1.0)},
    compute=lds,
    invariance="scaling",
    samples=True,
)
