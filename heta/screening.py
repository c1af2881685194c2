"""Exact curvature only where the ranking is still open: a cheap estimate of every token's S, exact probes for the few
whose place in the top k it leaves undecided, more of them until the top is settled.

One-pass S tells exact S up to a factor: log S_i = log S~_i + mu + tau * noise. mu and tau are estimated from tokens
that were probed exactly. Each token then has a normal log S: from its own probes where it has some, weighed against
the one-pass estimate, else from that alone. A token is open while its score could lie on the other side of the k-th
place with S off by `_DEVIATIONS` standard deviations. Probes go to open tokens only, first to those that reach
farthest across, as in LUCB (Kalyanakrishnan et al. 2012).
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heta.curvature.blocks import Pair, block_norms
from heta.curvature.options import CurvatureOptions
from heta.objective import Objective

Array = NDArray[np.float64]

CHEAP_PROBES = 3
"""Probes of the one-pass estimate."""
_DEVIATIONS = 2.0
_ROUND = 4
"""Probes that a round adds to a token."""
_A_SIDE = 4
"""Tokens that a round probes on either side of the k-th place."""
_PRIOR_TAU = 0.2
"""Spread of log(exact / one-pass) before any token was probed."""
_PRIOR_WEIGHT = 4
"""Probed tokens that the prior spread counts for."""
_SPREAD = 0.15
"""Coefficient of variation of one probe before it was measured."""


@dataclass(frozen=True)
class Screened:
    """What a screening came to."""

    curvature: Array
    """`[position]`: the best estimate of exact S."""
    probes: NDArray[np.int64]
    """`[position]`: exact probes spent on each token, 0 where one-pass S told enough."""
    tau: float
    """Spread of log(exact / one-pass), estimated."""
    open: int
    """Tokens whose place in the top stayed undecided after the most probes: ties, for all that is known."""

    def note(self, top: int) -> str:
        """What is guaranteed, in one line."""
        state = f"top {top} settled" if self.open == 0 else f"top {top}: {self.open} tokens tie at its edge"
        return (
            f"screened: {state} at {_DEVIATIONS:g} standard deviations of log S (one-pass {self.tau:.2f}); exact probes"
            f" for {int((self.probes > 0).sum())} of {len(self.probes)} tokens, {int(self.probes.sum())} in all"
        )


def screen(
    objective: Objective,
    positions: Sequence[int],
    cheap: Array,
    score: Callable[[Array], Array],
    options: CurvatureOptions,
    *,
    budget: int,
) -> Screened:
    """Settle which tokens have the `options.top` highest scores.

    Args:
        objective: what is differentiated, and where; of one output.
        positions: the tokens, increasing.
        cheap: one-pass S of each, `[position]`.
        score: a method's scores `[position]` from S `[position]`, increasing in each token's S.
        options: `top`, most `probes` a token, seed, difference step.
        budget: most tokens in one pass.
    """
    state = _State(np.maximum(cheap, sys.float_info.min))
    top = min(options.top, len(positions))
    # The first probes go to the tokens nearest to the edge, open or not: without any, the spread would be a guess.
    sides = _nearest(score, state, top)
    while True:
        unsure = [[i for i in side if len(state.norms[i]) < options.probes] for side in sides]
        wanted = sorted(i for side in unsure for i in side[:_A_SIDE])
        if not wanted:
            mean, _ = state.posterior()
            return Screened(np.exp(mean), state.counts(), state.tau(), len(sides[0]) + len(sides[1]))
        pairs = [
            Pair(positions[i], probe)
            for i in wanted
            for probe in range(len(state.norms[i]), min(len(state.norms[i]) + _ROUND, options.probes))
        ]
        owners = {positions[i]: i for i in wanted}
        (norms,) = block_norms(objective, pairs, options, budget=budget).numpy()
        for pair, norm in zip(pairs, norms, strict=True):
            state.norms[owners[pair.position]].append(float(norm))
        sides = _open(score, state, top)


class _State:
    """What is known of every token's log S."""

    def __init__(self, cheap: Array) -> None:
        self.cheap = np.log(cheap)
        self.norms: list[list[float]] = [[] for _ in cheap]

    def counts(self) -> NDArray[np.int64]:
        counts: NDArray[np.int64] = np.array([len(norms) for norms in self.norms], dtype=np.int64)
        return counts

    def spread(self) -> float:
        """Coefficient of variation of one probe, pooled over the tokens that have several."""
        rows = [np.array(norms) for norms in self.norms if len(norms) > 1 and sum(norms) > 0]
        squares = sum(float(((row / row.mean() - 1) ** 2).sum()) for row in rows)
        freedom = sum(len(row) - 1 for row in rows)
        return math.sqrt((squares + _PRIOR_WEIGHT * _SPREAD**2) / (freedom + _PRIOR_WEIGHT))

    def ratios(self) -> Array:
        """log(exact / one-pass) of the probed tokens."""
        found = [_log_mean(norms) - self.cheap[i] for i, norms in enumerate(self.norms) if norms]
        return np.array(found, dtype=np.float64)

    def tau(self) -> float:
        """Spread of log(exact / one-pass) among tokens, without what comes from few exact probes."""
        found = self.ratios()
        if len(found) < 2:
            return _PRIOR_TAU
        counts = self.counts()
        noise = float(np.mean(self.spread() ** 2 / counts[counts > 0]))
        squares = max(0.0, float(((found - np.median(found)) ** 2).sum()) - noise * len(found))
        return math.sqrt((squares + _PRIOR_WEIGHT * _PRIOR_TAU**2) / (len(found) + _PRIOR_WEIGHT))

    def posterior(self) -> tuple[Array, Array]:
        """Mean and standard deviation of every token's log S."""
        found, tau, spread = self.ratios(), self.tau(), self.spread()
        mean = self.cheap + (float(np.median(found)) if len(found) else 0.0)
        deviation = np.full(len(mean), tau)
        for i, norms in enumerate(self.norms):
            if norms:
                weight = tau**2 / (tau**2 + spread**2 / len(norms))
                mean[i] = weight * _log_mean(norms) + (1 - weight) * mean[i]
                deviation[i] = math.sqrt(weight / len(norms)) * spread
        return mean, deviation


def _log_mean(norms: Sequence[float]) -> float:
    # A token that changes nothing (behind the prediction) has norms of exactly 0.
    return math.log(max(math.fsum(norms) / len(norms), sys.float_info.min))


def _nearest(score: Callable[[Array], Array], state: _State, top: int) -> tuple[list[int], list[int]]:
    """Tokens inside and outside the top, the nearest to its edge first; none where every token is inside."""
    order = np.argsort(-score(np.exp(state.cheap)), kind="stable").tolist()
    return ([], []) if len(order) <= top else (order[:top][::-1], order[top:])


def _open(score: Callable[[Array], Array], state: _State, top: int) -> tuple[list[int], list[int]]:
    """Tokens inside and outside the top whose score could lie on the other side, those that reach farthest first."""
    mean, deviation = state.posterior()
    center = np.exp(mean)
    middle = score(center)
    order = np.argsort(-middle, kind="stable")
    inside, outside = order[:top], order[top:]
    if len(outside) == 0:
        return [], []
    low, high = (_moved(score, center, np.exp(mean + sign * _DEVIATIONS * deviation)) for sign in (-1, 1))
    edge_in, edge_out = low[inside].min(), high[outside].max()
    weak = [int(i) for i in inside[np.argsort(low[inside], kind="stable")] if low[i] < edge_out]
    strong = [int(i) for i in outside[np.argsort(-high[outside], kind="stable")] if high[i] > edge_in]
    return weak, strong


def _moved(score: Callable[[Array], Array], center: Array, moved: Array) -> Array:
    """Every token's score with its own S moved and all others where they are."""
    result = np.empty(len(center))
    for i in range(len(center)):
        one = center.copy()
        one[i] = moved[i]
        result[i] = score(one)[i]
    return result
