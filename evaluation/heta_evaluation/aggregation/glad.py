"""GLAD: a right answer depends on how able the rater is and how easy the unit."""

import numpy as np

from heta_evaluation.aggregation.base import Aggregator, Fit, likelihood, normalised
from heta_evaluation.aggregation.votes import Votes
from heta_evaluation.metrics.base import FloatArray

MOST_STEPS = 200
TOLERANCE = 1e-4
"""No posterior moves by more than this in a step once the model has converged: the M-step is itself a search."""
_MEAN = 1.0
"""Mean of the normal priors (variance 1) of alpha and of log beta."""


def fit_glad(votes: Votes, seed: int = 0) -> Fit:  # noqa: ARG001 - no draw
    """EM with a gradient M-step; classes are equally frequent.

    P(answer = truth) = 1 / (1 + exp(-alpha_i beta_j)), beta_j > 0, errors spread evenly over the other classes. The
    skill is alpha; `difficulty` is 1 / beta: above 1 harder than the prior's middle e^-1 says, and with few raters
    mostly a matter of how many agree.

    Source: Whitehill, Ruvolo, Wu, Bergsma and Movellan 2009, NIPS 22, equations 1 to 4 and section 3.1 (priors).
    """
    from scipy.optimize import minimize

    raters, patterns = votes.n_raters, len(votes.size)
    point = np.full(raters + patterns, _MEAN)
    posterior, step, moved, value = votes.clamped(votes.shares), 0, np.inf, 0.0
    while step < MOST_STEPS and moved > TOLERANCE:
        log_joint = _log_joint(votes, point)
        free, log_sum = normalised(log_joint)
        updated = votes.clamped(free)
        value = likelihood(votes, log_joint, log_sum)
        moved, step = float(np.abs(updated - posterior).max(initial=0.0)) if step else np.inf, step + 1
        posterior = updated
        point = minimize(_loss, point, args=(votes, posterior), jac=True, method="L-BFGS-B", options={"maxiter": 25}).x
    return Fit(
        posterior=posterior,
        counts=votes.counts(posterior),
        skill=point[:raters].copy(),
        iterations=step,
        converged=moved <= TOLERANCE,
        log_likelihood=value,
        difficulty=np.exp(-point[raters:]),
    )


def _products(votes: Votes, point: FloatArray) -> FloatArray:
    """`[entry]`, alpha_i beta_j of each answer."""
    return np.asarray(point[votes.raters] * np.exp(point[votes.n_raters + votes.rows]))


def _log_joint(votes: Votes, point: FloatArray) -> FloatArray:
    """`[P, K]`: log p(class) + sum over answers of log p(answer | class)."""
    product = _products(votes, point)
    right, wrong = -np.logaddexp(0, -product), -np.logaddexp(0, product) - np.log(max(votes.n_classes - 1, 1))
    patterns = len(votes.size)
    base = np.bincount(votes.rows, wrong, patterns)
    columns = [
        base + np.bincount(votes.rows[mine], (right - wrong)[mine], patterns)
        for mine in (votes.labels == label for label in range(votes.n_classes))
    ]
    return np.asarray(np.stack(columns, axis=1) - np.log(votes.n_classes))


def _loss(point: FloatArray, votes: Votes, posterior: FloatArray) -> tuple[float, FloatArray]:
    """Minus the expected log-likelihood with priors, and its gradient."""
    product = _products(votes, point)
    weight = votes.size[votes.rows]
    right = posterior[votes.rows, votes.labels]
    # log(1 - sigmoid(x)) = log sigmoid(x) - x; what the errors are spread over is a constant
    value = weight @ (-np.logaddexp(0, product) + right * product)
    slope = weight * (right - 1 / (1 + np.exp(-product)))
    raters = votes.n_raters
    alpha, log_beta = point[:raters], point[raters:]
    beta = np.exp(log_beta[votes.rows])
    to_alpha = np.bincount(votes.raters, slope * beta, raters) - (alpha - _MEAN)
    to_beta = np.bincount(votes.rows, slope * product, len(log_beta)) - votes.size * (log_beta - _MEAN)
    value -= ((alpha - _MEAN) ** 2).sum() / 2 + votes.size @ (log_beta - _MEAN) ** 2 / 2
    return -float(value), -np.concatenate([to_alpha, to_beta])


GLAD = Aggregator(
    name="glad",
    title="a rater's ability times a unit's ease decides whether the answer is right",
    skill="ability alpha: 0 answers by chance, below 0 against the truth; no bounds",
    reference="EM; Whitehill et al. 2009, Whose vote should count more, NIPS 22, equations 1-4",
    fit=fit_glad,
)
