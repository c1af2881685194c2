"""Models that give each rater a confusion matrix, by expectation and maximisation: Dawid-Skene, and one coin a rater.

Both take the classes' frequencies from the data, begin at the raters' shares, and alternate:
E: T_ij ~ p_j prod over answers pi^(k)_{j, answer};  M: p and pi from the counts weighted by T.
"""

from collections.abc import Callable

import numpy as np

from heta_evaluation.aggregation.base import TOLERANCE, Aggregator, Fit, likelihood, normalised
from heta_evaluation.aggregation.votes import Votes
from heta_evaluation.metrics.base import FloatArray

SMOOTHING = 0.01
"""Pseudo-answers in each cell of a confusion matrix: with none, one answer makes a rater infallible in a class."""
MOST_STEPS = 1000
_LEAST = 1e-10

MStep = Callable[[FloatArray, float], FloatArray]
"""Expected counts `[R, K, K]` and pseudo-answers to confusion matrices `[R, K, K]`, rows of true classes."""


def fit_confusions(votes: Votes, m_step: MStep, *, smoothing: float = SMOOTHING) -> tuple[Fit, FloatArray]:
    """Fit by EM until no posterior moves; returns the fit, its skill left 0, and the confusion matrices `[R, K, K]`.

    Source: Dawid and Skene 1979, Applied Statistics 28(1), equations 2.3 to 2.5.
    """
    posterior = votes.clamped(votes.shares)
    total = votes.size.sum()
    confusion = m_step(votes.counts(posterior), smoothing)
    value, step, moved = 0.0, 0, np.inf
    while step < MOST_STEPS and moved > TOLERANCE:
        prior = np.maximum(votes.size @ posterior / total, _LEAST)
        log_joint = np.log(prior) + sum(hits @ np.log(confusion[:, :, label]) for label, hits in enumerate(votes.hits))
        free, log_sum = normalised(log_joint)
        updated = votes.clamped(free)
        value = likelihood(votes, log_joint, log_sum)
        moved = float(np.abs(updated - posterior).max(initial=0.0))
        posterior, step = updated, step + 1
        confusion = m_step(votes.counts(posterior), smoothing)
    fit = Fit(
        posterior=posterior,
        counts=votes.counts(posterior),
        skill=np.zeros(votes.n_raters),
        iterations=step,
        converged=moved <= TOLERANCE,
        log_likelihood=value,
    )
    return fit, confusion


def free_confusion(counts: FloatArray, smoothing: float) -> FloatArray:
    """Every cell by itself: (count + smoothing) / (row's counts + K smoothing)."""
    padded = np.maximum(counts + smoothing, _LEAST)
    return np.asarray(padded / padded.sum(axis=2, keepdims=True))


def coin_confusion(counts: FloatArray, smoothing: float) -> FloatArray:
    """One accuracy a rater for all classes, errors spread evenly over the other classes."""
    classes = counts.shape[1]
    right = np.trace(counts, axis1=1, axis2=2) + smoothing
    accuracy = np.clip(right / (counts.sum(axis=(1, 2)) + classes * smoothing), _LEAST, 1 - _LEAST)
    wrong = (1 - accuracy) / max(classes - 1, 1)
    same = np.eye(classes, dtype=bool)
    return np.where(same[None], accuracy[:, None, None], wrong[:, None, None])


def fit_dawid_skene(votes: Votes, seed: int = 0, *, smoothing: float = SMOOTHING) -> Fit:  # noqa: ARG001 - no draw
    """Dawid-Skene; a rater's skill is the informedness of the confusion matrix, for two classes
    sensitivity + specificity - 1, in [-1, 1]: 0 where the answer says nothing about the truth.
    """
    fit, confusion = fit_confusions(votes, free_confusion, smoothing=smoothing)
    classes = votes.n_classes
    mean = np.trace(confusion, axis1=1, axis2=2) / classes
    return _with_skill(fit, (classes * mean - 1) / max(classes - 1, 1))


def fit_one_coin(votes: Votes, seed: int = 0, *, smoothing: float = SMOOTHING) -> Fit:  # noqa: ARG001 - no draw
    """One coin a rater; the skill is the probability of a right answer, in [0, 1]."""
    fit, confusion = fit_confusions(votes, coin_confusion, smoothing=smoothing)
    return _with_skill(fit, confusion[:, 0, 0])


def _with_skill(fit: Fit, skill: FloatArray) -> Fit:
    return Fit(
        posterior=fit.posterior,
        counts=fit.counts,
        skill=np.asarray(skill),
        iterations=fit.iterations,
        converged=fit.converged,
        log_likelihood=fit.log_likelihood,
    )


DAWID_SKENE = Aggregator(
    name="dawid_skene",
    title="each rater has a confusion matrix: some miss words, others mark too many",
    skill="sensitivity + specificity - 1, [-1, 1]; 0 says nothing about the truth",
    reference="EM, equations 2.3-2.5 of Dawid and Skene 1979, Applied Statistics 28(1), doi:10.2307/2346806",
    fit=fit_dawid_skene,
)
ONE_COIN = Aggregator(
    name="one_coin",
    title="each rater is right with one probability, whatever the true class",
    skill="probability of a right answer, [0, 1]",
    reference="Dawid-Skene with equal diagonals; Zhang, Chen, Zhou and Jordan 2016, JMLR 17(102), section 2",
    fit=fit_one_coin,
)
