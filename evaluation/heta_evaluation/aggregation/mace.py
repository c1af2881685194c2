"""MACE: on each unit a rater either knows the class or answers by a habit of their own."""

from dataclasses import dataclass

import numpy as np

from heta_evaluation.aggregation.base import TOLERANCE, Aggregator, Fit, likelihood, normalised
from heta_evaluation.aggregation.votes import Votes
from heta_evaluation.metrics.base import FloatArray

RESTARTS = 10
MOST_STEPS = 500
_NOISE = 1.5
_KNOW, _GUESS, _HABIT = 0.5, 0.5, 10.0
"""Beta and Dirichlet priors of the authors' implementation."""


@dataclass(frozen=True)
class _State:
    """Weights of `R` raters, and the posterior they lead to; variational weights sum to less than 1."""

    know: FloatArray
    """`[R]`"""
    guess: FloatArray
    """`[R, K]`: not knowing, times the habit."""
    posterior: FloatArray
    """`[P, K]`"""
    value: float
    """Log-likelihood of the answers under the weights."""

    def knowing(self, votes: Votes) -> FloatArray:
        """`[R, K]`, expected number of answers of each class that a rater gave out of knowledge."""
        right = np.stack(
            [hits.T @ (votes.size * self.posterior[:, label]) for label, hits in enumerate(votes.hits)], axis=1
        )
        return np.asarray(right * self.know[:, None] / (self.know[:, None] + self.guess))


def fit_mace(votes: Votes, seed: int = 0, *, restarts: int = RESTARTS) -> Fit:
    """Variational EM from `restarts` random starts; the start with the highest likelihood counts.

    A rater knows the class with probability theta (the skill), else answers from xi; classes are equally frequent.
    E: P(T = c) ~ prod over answers a of ((1 - theta) xi_a + theta [a = c]). M: theta and xi by the digamma rule under
    their priors. `iterations` and `converged` are those of the start that counts.

    Source: Hovy, Berg-Kirkpatrick, Vaswani and Hovy 2013, Learning Whom to Trust with MACE, sections 2 and 3.
    """
    rng = np.random.default_rng(seed)
    climbs = [_climb(votes, rng) for _ in range(max(restarts, 1))]
    state, steps, converged = max(climbs, key=lambda climb: climb[0].value)
    known = state.knowing(votes).sum(axis=1)
    return Fit(
        posterior=state.posterior,
        counts=votes.counts(state.posterior),
        skill=np.asarray((known + _KNOW) / (votes.answers.sum(axis=1) + _KNOW + _GUESS)),
        iterations=steps,
        converged=converged,
        log_likelihood=state.value,
    )


def _climb(votes: Votes, rng: np.random.Generator) -> tuple[_State, int, bool]:
    """EM from one random start: the last state, its steps, and whether it converged."""
    know, guess = (rng.uniform(1, 1 + _NOISE, votes.n_raters) for _ in range(2))
    habit = rng.uniform(1, 1 + _NOISE, (votes.n_raters, votes.n_classes))
    whole = know + guess
    state = _expect(votes, know / whole, (guess / whole)[:, None] * habit / habit.sum(axis=1, keepdims=True))
    for step in range(1, MOST_STEPS + 1):
        updated = _expect(votes, *_maximise(votes, state))
        moved = float(np.abs(updated.posterior - state.posterior).max(initial=0.0))
        state = updated
        if moved <= TOLERANCE:
            return state, step, True
    return state, MOST_STEPS, False


def _expect(votes: Votes, know: FloatArray, guess: FloatArray) -> _State:
    """E-step: every answer could be a guess; the right one could be knowledge as well."""
    guessed = sum(hits @ np.log(guess[:, label]) for label, hits in enumerate(votes.hits))
    lift = np.log1p(know[:, None] / guess)
    log_joint = np.stack([guessed + hits @ lift[:, label] for label, hits in enumerate(votes.hits)], axis=1)
    log_joint = log_joint - np.log(votes.n_classes)
    free, log_sum = normalised(log_joint)
    return _State(know, guess, votes.clamped(free), likelihood(votes, log_joint, log_sum))


def _maximise(votes: Votes, state: _State) -> tuple[FloatArray, FloatArray]:
    """M-step: know `[R]` and guess `[R, K]` from expected counts, by exp(digamma) as variational Bayes has it."""
    from scipy.special import digamma

    knowing = state.knowing(votes)
    guesses = votes.answers - knowing
    known, unknown = knowing.sum(axis=1) + _KNOW, guesses.sum(axis=1) + _GUESS
    whole = np.exp(digamma(known + unknown))
    habit = guesses + _HABIT
    share = np.exp(digamma(habit)) / np.exp(digamma(habit.sum(axis=1, keepdims=True)))
    return np.exp(digamma(known)) / whole, (np.exp(digamma(unknown)) / whole)[:, None] * share


MACE = Aggregator(
    name="mace",
    title="a rater knows the class or answers by habit: finds those who mark without reading",
    skill="probability of knowing the class, [0, 1]",
    reference="variational EM; Hovy, Berg-Kirkpatrick, Vaswani and Hovy 2013, aclanthology.org/N13-1132",
    random=True,
    fit=fit_mace,
)
