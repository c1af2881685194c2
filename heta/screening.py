"""Exact values only where the ranking is still open: a cheap estimate of every token's S, exact probes for the few
whose place in the top k it leaves undecided, more of them until the top is settled.

One-pass S tells exact S up to a factor: log S_i = log S~_i + mu + tau * noise. mu and tau are estimated from tokens
that were probed exactly. Each token then has a normal log S: from its own probes where it has some, weighed against
the one-pass estimate, else from that alone. Where information is added raw, it is screened too: a token that was not
masked has between 0 and `_MOST_INFORMATION` times the largest I that was measured. A token is open while its score
could lie on the other side of the k-th place, S off by `_DEVIATIONS` standard deviations and I at the end of its
range. Only open tokens are probed and masked, first those that reach farthest across, as in LUCB (Kalyanakrishnan et
al. 2012).
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heta.curvature.blocks import Pair, block_norms
from heta.curvature.options import CurvatureOptions
from heta.errors import ConfigError
from heta.objective import Objective

if TYPE_CHECKING:
    from heta.masks import Mask
    from heta.prepared import Prepared

Array = NDArray[np.float64]
Score = Callable[[Array, Array], Array]
"""Scores `[position]` from S and I, both `[position]`; increasing in each token's S and I."""

CHEAP_PROBES = 3
"""Probes of the one-pass estimate."""
_DEVIATIONS = 2.0
_ROUND = 4
"""Probes that a round adds to a token."""
_A_SIDE = 4
"""Tokens that a round looks at on either side of the k-th place."""
_MOST_INFORMATION = 2.0
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
    information: Array
    """`[position]` nats: I where the token was masked, the mean of those elsewhere."""
    probes: NDArray[np.int64]
    """`[position]`: exact probes spent on each token, 0 where one-pass S told enough."""
    masked: NDArray[np.bool_]
    """`[position]`: whether I was measured."""
    tau: float
    """Spread of log(exact / one-pass), estimated."""
    open: int
    """Tokens whose place in the top stayed undecided after the most probes: ties, for all that is known."""

    def note(self, top: int) -> str:
        """What is guaranteed, in one line."""
        state = f"top {top} settled" if self.open == 0 else f"top {top}: {self.open} tokens tie at its edge"
        return (
            f"screened: {state} at {_DEVIATIONS:g} standard deviations of log S (one-pass {self.tau:.2f}); exact probes"
            f" for {int((self.probes > 0).sum())} of {len(self.probes)} tokens, {int(self.probes.sum())} in all;"
            f" {int(self.masked.sum())} tokens masked"
        )


def screened(
    prepared: "Prepared", options: CurvatureOptions, score: Score, mask: "Mask", *, information: bool
) -> Screened:
    """See `Prepared.screened`."""
    if prepared.each:
        raise ConfigError(
            "curvature screened settles one ranking, policy 'each' has one for every target token; take curvature"
            " exact or one_pass"
        )
    cheap, _ = prepared.curvature(options.one_pass(CHEAP_PROBES))

    def measure(indices: Sequence[int]) -> Array:
        rows = prepared.information_rows([prepared.positions[i] for i in indices], mask)
        return np.asarray(rows.sum(0), dtype=np.float64)

    known = measure if information else prepared.information(mask)[prepared.positions]
    knowledge = Knowledge(cheap[prepared.positions], known)
    objective = prepared.objective(options.hessian_layer)
    budget = prepared.in_flight(backward=True)
    return screen(objective, prepared.positions, knowledge, score, options, budget=budget)


def screen(
    objective: Objective,
    positions: Sequence[int],
    knowledge: "Knowledge",
    score: Score,
    options: CurvatureOptions,
    *,
    budget: int,
) -> Screened:
    """Settle which tokens have the `options.top` highest scores, of more tokens than that.

    Args:
        objective: what is differentiated, and where; of one output.
        positions: the tokens, increasing.
        knowledge: their one-pass S, and their I or how to measure it; filled further here.
        score: of the method.
        options: `top`, most `probes` a token, seed, difference step.
        budget: most tokens in one pass.
    """
    top = options.top
    # The first probes go to the tokens nearest to the edge, open or not: without any, the spread would be a guess.
    sides = first = _nearest(score, knowledge, top)
    while True:
        unsure = [[i for i in side if knowledge.can_learn(i, options.probes)] for side in sides]
        wanted = sorted(i for side in unsure for i in side[:_A_SIDE])
        if not wanted:
            break
        if knowledge.mask(wanted) and sides is not first:
            # Known I alone may have closed some of them.
            sides = _open(score, knowledge, top)
            continue
        had = {i: len(knowledge.norms[i]) for i in wanted}
        pairs = [
            (i, Pair(positions[i], probe))
            for i in wanted
            for probe in range(had[i], min(had[i] + _ROUND, options.probes))
        ]
        (norms,) = block_norms(objective, [pair for _, pair in pairs], options, budget=budget).numpy()
        for (i, _), norm in zip(pairs, norms, strict=True):
            knowledge.norms[i].append(float(norm))
        sides = _open(score, knowledge, top)
    return knowledge.outcome(len(sides[0]) + len(sides[1]))


class Knowledge:
    """What is known of every token's S and I.

    Args:
        cheap: one-pass S, `[position]`.
        information: I `[position]`, or a function that measures it for some indices, `[index]`.
    """

    def __init__(self, cheap: Array, information: Array | Callable[[Sequence[int]], Array]) -> None:
        self.cheap = np.log(np.maximum(cheap, sys.float_info.min))
        self.norms: list[list[float]] = [[] for _ in cheap]
        self._measure = information if callable(information) else None
        self.masked = np.full(len(cheap), not callable(information))
        self._information = np.zeros(len(cheap)) if callable(information) else np.asarray(information)

    def can_learn(self, index: int, probes: int) -> bool:
        """Whether the token has fewer than `probes` exact probes, or was not masked yet."""
        return len(self.norms[index]) < probes or not bool(self.masked[index])

    def mask(self, indices: Sequence[int]) -> bool:
        """Measure I of those that were not masked yet; whether there were any."""
        new = [i for i in indices if not self.masked[i]]
        if new and self._measure is not None:
            self._information[new] = self._measure(new)
            self.masked[new] = True
        return bool(new)

    def information(self) -> tuple[Array, Array, Array]:
        """Middle, lowest and highest I of every token."""
        known = self._information[self.masked]
        middle, high = (float(known.mean()), _MOST_INFORMATION * float(known.max())) if len(known) else (0.0, 0.0)
        values = self._information
        return (
            np.where(self.masked, values, middle),
            np.where(self.masked, values, 0.0),
            np.where(self.masked, values, high),
        )

    def outcome(self, left_open: int) -> Screened:
        """The best estimates so far."""
        mean, _ = self.curvature()
        return Screened(np.exp(mean), self.information()[0], self._counts(), self.masked.copy(), self._tau(), left_open)

    def curvature(self) -> tuple[Array, Array]:
        """Mean and standard deviation of every token's log S."""
        found, tau, spread = self._ratios(), self._tau(), self._spread()
        mean = self.cheap + (float(np.median(found)) if len(found) else 0.0)
        deviation = np.full(len(mean), tau)
        for i, norms in enumerate(self.norms):
            if norms:
                weight = tau**2 / (tau**2 + spread**2 / len(norms))
                mean[i] = weight * _log_mean(norms) + (1 - weight) * mean[i]
                deviation[i] = math.sqrt(weight / len(norms)) * spread
        return mean, deviation

    def _counts(self) -> NDArray[np.int64]:
        counts: NDArray[np.int64] = np.array([len(norms) for norms in self.norms], dtype=np.int64)
        return counts

    def _spread(self) -> float:
        """Coefficient of variation of one probe, pooled over the tokens that have several."""
        rows = [np.array(norms) for norms in self.norms if len(norms) > 1 and sum(norms) > 0]
        squares = sum(float(((row / row.mean() - 1) ** 2).sum()) for row in rows)
        freedom = sum(len(row) - 1 for row in rows)
        return math.sqrt((squares + _PRIOR_WEIGHT * _SPREAD**2) / (freedom + _PRIOR_WEIGHT))

    def _ratios(self) -> Array:
        """log(exact / one-pass) of the probed tokens."""
        found = [_log_mean(norms) - self.cheap[i] for i, norms in enumerate(self.norms) if norms]
        return np.array(found, dtype=np.float64)

    def _tau(self) -> float:
        """Spread of log(exact / one-pass) among tokens, without what comes from few exact probes."""
        found = self._ratios()
        if len(found) < 2:
            return _PRIOR_TAU
        counts = self._counts()
        noise = float(np.mean(self._spread() ** 2 / counts[counts > 0]))
        squares = max(0.0, float(((found - np.median(found)) ** 2).sum()) - noise * len(found))
        return math.sqrt((squares + _PRIOR_WEIGHT * _PRIOR_TAU**2) / (len(found) + _PRIOR_WEIGHT))


def _log_mean(norms: Sequence[float]) -> float:
    # A token that changes nothing (behind the prediction) has norms of exactly 0.
    return math.log(max(math.fsum(norms) / len(norms), sys.float_info.min))


def _nearest(score: Score, knowledge: Knowledge, top: int) -> tuple[list[int], list[int]]:
    """Tokens inside and outside the top, the nearest to its edge first."""
    middle = score(np.exp(knowledge.cheap), knowledge.information()[0])
    order = np.argsort(-middle, kind="stable").tolist()
    return order[:top][::-1], order[top:]


def _open(score: Score, knowledge: Knowledge, top: int) -> tuple[list[int], list[int]]:
    """Tokens inside and outside the top whose score could lie on the other side, those that reach farthest first."""
    mean, deviation = knowledge.curvature()
    middle, least, most = knowledge.information()
    center = np.exp(mean)
    order = np.argsort(-score(center, middle), kind="stable")
    inside, outside = order[:top], order[top:]
    low = _moved(score, (center, middle), (np.exp(mean - _DEVIATIONS * deviation), least))
    high = _moved(score, (center, middle), (np.exp(mean + _DEVIATIONS * deviation), most))
    edge_in, edge_out = low[inside].min(), high[outside].max()
    weak = [int(i) for i in inside[np.argsort(low[inside], kind="stable")] if low[i] < edge_out]
    strong = [int(i) for i in outside[np.argsort(-high[outside], kind="stable")] if high[i] > edge_in]
    return weak, strong


def _moved(score: Score, center: tuple[Array, Array], moved: tuple[Array, Array]) -> Array:
    """Every token's score with its own S and I moved and all others where they are."""
    result = np.empty(len(center[0]))
    for i in range(len(result)):
        curvature, information = center[0].copy(), center[1].copy()
        curvature[i], information[i] = moved[0][i], moved[1][i]
        result[i] = score(curvature, information)[i]
    return result
