"""What an aggregation is, and what it finds: posteriors of units, and what its raters are worth."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from heta_evaluation.aggregation.votes import Votes
from heta_evaluation.metrics.base import FloatArray, Value

TOLERANCE = 1e-6
"""No posterior moves by more than this in a step once a model has converged."""


@dataclass(frozen=True)
class Fit:
    """What a model found, `P` patterns, `K` classes, `R` raters."""

    posterior: FloatArray
    """`[P, K]`, rows sum to 1."""
    counts: FloatArray
    """`[R, K, K]`, expected answers by true class (first) and class given (second)."""
    skill: FloatArray
    """`[R]`, in the sense of `Aggregator.skill`; higher is better."""
    iterations: int
    converged: bool
    log_likelihood: float | None = None
    """Of the answers under the model, nats; None for a rule that is no model."""
    difficulty: FloatArray | None = None
    """`[P]`, only of models that have it; higher is harder."""

    def recall(self, rater: int, label: int) -> Value:
        """Share of the units of true class `label` to which the rater gave it: for two classes, class 1 is the
        sensitivity and class 0 the specificity. None with `no_such_unit` where the rater met none.
        """
        row = self.counts[rater, label]
        total = float(row.sum())
        return Value(float(row[label]) / total) if total > 0 else Value(None, "no_such_unit")


@dataclass(frozen=True, kw_only=True)
class Aggregator:
    """A way to put labels together, as the registry holds it."""

    name: str
    version: int = 1
    title: str
    """One line: what it assumes of raters."""
    skill: str
    """What a rater's skill means here, with its range."""
    reference: str
    """Source with its equations."""
    random: bool = False
    """Whether the seed changes anything."""
    fit: Callable[[Votes, int], Fit]
    """`fit(votes, seed)`"""

    @property
    def method(self) -> str:
        """What stands as `method` in gold records."""
        return f"{self.name}/{self.version}"


def normalised(log_joint: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rows of `log_joint [P, K]` as probabilities, and the log of each row's sum `[P]`."""
    top = log_joint.max(axis=1, keepdims=True)
    shifted = np.exp(log_joint - top)
    total = shifted.sum(axis=1, keepdims=True)
    return np.asarray(shifted / total), np.asarray((top + np.log(total))[:, 0])


def likelihood(votes: Votes, log_joint: FloatArray, log_sum: FloatArray) -> float:
    """Log-likelihood of the answers, nats: where the class is known, jointly with it."""
    sure = votes.known >= 0
    per_pattern = log_sum.copy()
    per_pattern[sure] = log_joint[sure, votes.known[sure]]
    return float(votes.size @ per_pattern)
