"""Soft normalised comprehensiveness and sufficiency: embeddings thinned out at random, as an attribution says.

Zhao and Aletras 2023 (arXiv 2305.10496) for next-token distributions, as the code of ReAGent (Zhao and Shan 2024,
arXiv 2402.00794) has it. With a_i the scores, clipped at 0 and divided by their sum, p the model's prediction, q the
one on the thinned input and p_0 that on the input with every unit's embedding zero:

    D(p, q) = sum over the vocabulary of (sqrt p - sqrt q)^2 / sqrt 2,   suff = 1 - D,   comp = D
    soft_ns = max(0, suff - suff_0) / (1 - suff_0) = max(0, D(p, p_0) - D(p, q)) / D(p, p_0)    q: kept with a_i
    soft_nc = comp / (1 - suff_0)                  = D(p, q) / D(p, p_0)                        q: kept with 1 - a_i

D is sqrt 2 times the squared Hellinger distance, in [0, sqrt 2], so suff may be below 0. D is averaged over the
target's tokens and over the draws before it enters a quotient; a mean of clipped single draws would lie too high.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from heta_evaluation.faithfulness.base import Case, Estimate, Estimates, FaithfulnessMetric, Soft, without_value
from heta_evaluation.metrics.base import FloatArray

RETENTIONS = tuple(tenth / 10 for tenth in range(1, 10))
"""Expected shares of coordinates that are kept: the same for every method."""
NO_EFFECT = 1e-9
"""Below this D(p, p_0) nothing in the units matters for the prediction, and quotients by it mean nothing."""


def root_distance(p: FloatArray, q: FloatArray, *, root_two: float = math.sqrt(2.0)) -> FloatArray:
    """D(p, q) = sum (sqrt p - sqrt q)^2 / sqrt 2 over the last axis, in [0, sqrt 2].

    Args:
        p: probabilities, `[..., vocab]`.
        q: others of the same shape.
        root_two: the divisor; ReAGent's code holds it in single precision, which moves the ninth digit.
    """
    return np.asarray(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2, axis=-1) / root_two)


def hellinger(p: FloatArray, q: FloatArray, *, root_two: float = math.sqrt(2.0)) -> FloatArray:
    """The Hellinger distance, in [0, 1]: ReAGent's *hard* comprehensiveness. Its soft one is `root_distance`."""
    return np.asarray(np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2, axis=-1)) / root_two)


def shares(scores: FloatArray) -> FloatArray | None:
    """Scores clipped at 0 and divided by their sum, `[unit]`; None where there is nothing above 0."""
    mass = np.maximum(scores, 0.0)
    largest = float(mass.max(initial=0.0))
    if largest == 0.0:
        return None
    mass = mass / largest  # so that no sum overflows
    return np.asarray(mass / mass.sum())


def rank_retention(scores: FloatArray, retention: float) -> FloatArray:
    """Keep probabilities `[unit]` in [0, 1] with mean `retention`, from the scores' ranks alone.

    The unit of rank r (1 = lowest) gets min(1, c r) with c such that the mean is right; tied units share the mean of
    what their places get. So every method hands out the same probabilities, in another order.
    """
    count = len(scores)
    ranks = np.arange(1, count + 1, dtype=float)
    wanted = retention * count
    # The highest ranks reach 1 first: with the upper m at 1, c = (wanted - m) / (sum of the other ranks).
    for full in range(count):
        rest = ranks[: count - full]
        c = (wanted - full) / rest.sum()
        if c * rest[-1] <= 1.0 + 1e-12:
            break
    profile = np.minimum(1.0, c * ranks)
    _, place, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes)
    sums = np.concatenate([[0.0], np.cumsum(profile)])
    means = (sums[ends] - sums[ends - sizes]) / sizes
    return np.asarray(np.clip(means[place], 0.0, 1.0))


def _whole_effect(case: Case) -> float:
    """D(p, p_0): all units' embeddings zero, whatever mask the settings name, because thinning goes there."""
    return case.ask([case.hard(case.all_units, "zero")])[0].distance


def _distances(case: Case, keep: FloatArray, draws: int) -> FloatArray:
    """D(p, q) of each draw, `[draw]`."""
    wanted = tuple(keep.tolist())
    return np.asarray([reading.distance for reading in case.ask([Soft(wanted, draw) for draw in range(draws)])])


def _mean(values: FloatArray) -> tuple[float, float]:
    """Mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))


def soft_nc(case: Case) -> Estimates:
    """Soft normalised comprehensiveness: how far the prediction moves when what matters is thinned out."""
    return _plain(case, sufficient=False)


def soft_ns(case: Case) -> Estimates:
    """Soft normalised sufficiency: how much of the prediction is left when little but what matters is kept."""
    return _plain(case, sufficient=True)


def _plain(case: Case, *, sufficient: bool) -> Estimates:
    share = shares(case.scores)
    if share is None:
        return without_value(("main",), "no_mass")
    whole = _whole_effect(case)
    if whole < NO_EFFECT:
        return without_value(("main",), "no_effect")
    mean, error = _mean(_distances(case, share if sufficient else 1.0 - share, case.settings.draws))
    value = max(0.0, whole - mean) / whole if sufficient else mean / whole
    return {"main": Estimate(value, None, error / whole)}


def _variant(retention: float) -> str:
    return f"pi={retention:.1f}"


def _at_equal_retention(case: Case, *, sufficient: bool, retentions: Sequence[float] = RETENTIONS) -> Estimates:
    """The same at each retention, and the mean height of the curve over it (its area by the trapezoid over its width).

    Comprehensiveness at retention pi keeps a share pi too, of what matters least. The curve's height only where it is
    measured at all of `RETENTIONS`.
    """
    whole_curve = tuple(retentions) == RETENTIONS
    variants = (*(("main",) if whole_curve else ()), *map(_variant, retentions))
    if case.scores.min() == case.scores.max():
        return without_value(variants, "constant_scores")
    whole = _whole_effect(case)
    if whole < NO_EFFECT:
        return without_value(variants, "no_effect")
    ranked = case.scores if sufficient else -case.scores
    draws = case.settings.pi_draws
    distances = np.stack([_distances(case, rank_retention(ranked, pi), draws) for pi in retentions])
    found: Estimates = {}
    for pi, row in zip(retentions, distances, strict=True):
        mean, error = _mean(row)
        value = max(0.0, whole - mean) / whole if sufficient else mean / whole
        found[_variant(pi)] = Estimate(value, None, error / whole)
    if not whole_curve:
        return found
    heights = np.asarray([found[_variant(pi)].value for pi in retentions])
    # One draw uses the same random numbers at every retention, so areas of single draws are what is independent.
    _, error = _mean(_area(distances / whole))
    return {"main": Estimate(float(_area(heights)), None, error), **found}


def at_retentions(name: str, retentions: Sequence[float]) -> FaithfulnessMetric:
    """`soft_nc_pi` or `soft_ns_pi` at some of `RETENTIONS` alone: the same variants and values, without the area.

    Raises:
        ValueError: a retention that the metric does not have.
    """
    metric = {one.name: one for one in (SOFT_NC_PI, SOFT_NS_PI)}[name]
    if lost := set(retentions) - set(RETENTIONS):
        raise ValueError(f"retention {min(lost)} is none of {RETENTIONS}")
    return replace(
        metric,
        variants={_variant(pi): metric.range for pi in retentions},
        compute=partial(_at_equal_retention, sufficient=name == SOFT_NS_PI.name, retentions=tuple(retentions)),
    )


def _area(heights: FloatArray) -> FloatArray:
    """Mean height over the retentions by the trapezoid, along the first axis."""
    width = RETENTIONS[-1] - RETENTIONS[0]
    return np.asarray(np.trapezoid(heights, np.asarray(RETENTIONS), axis=0) / width)


_PI_TIES = "tied units are kept with one probability, the mean of what their places get"
_REFERENCE = "Zhao and Aletras 2023, arXiv:2305.10496; ReAGent, arXiv:2402.00794"
_NON_NEGATIVE, _UNIT = (0.0, math.inf), (0.0, 1.0)
_AT_PI = tuple(map(_variant, RETENTIONS))

SOFT_NC = FaithfulnessMetric(
    name="soft_nc",
    title="how far the prediction moves when each token's embedding is thinned out as much as its score says",
    family="faithfulness",
    range=_NON_NEGATIVE,
    direction="higher",
    needs=("model",),
    reference=f"{_REFERENCE}: comp / (1 - suff_0) = D(p, q) / D(p, p_0); moves with how peaked scores are",
    ties="tied units are kept with one probability",
    negative="count 0",
    empty="labels are not used",
    constant="every unit gets 1 / n; all zero or negative: no value, no_mass",
    variants={"main": _NON_NEGATIVE},
    compute=soft_nc,
    invariance="scaling",
    samples=True,
)
SOFT_NS = FaithfulnessMetric(
    name="soft_ns",
    title="how much of the prediction is left when each token's embedding is kept only as much as its score says",
    family="faithfulness",
    range=_UNIT,
    direction="higher",
    needs=("model",),
    reference=f"{_REFERENCE}: max(0, suff - suff_0) / (1 - suff_0); moves with how peaked scores are",
    ties="tied units are kept with one probability",
    negative="count 0",
    empty="labels are not used",
    constant="every unit gets 1 / n; all zero or negative: no value, no_mass",
    variants={"main": _UNIT},
    compute=soft_ns,
    invariance="scaling",
    samples=True,
)
SOFT_NC_PI = FaithfulnessMetric(
    name="soft_nc_pi",
    title="soft comprehensiveness with the same expected share of embeddings kept for every method, mean over shares",
    family="faithfulness",
    range=_NON_NEGATIVE,
    direction="higher",
    needs=("model",),
    reference="soft_nc with keep probabilities by rank at retention pi in {.1, ..., .9}; main: area / width",
    ties=_PI_TIES,
    negative="rank below zero",
    empty="labels are not used",
    constant="no value: constant_scores",
    variants={"main": _NON_NEGATIVE, **dict.fromkeys(_AT_PI, _NON_NEGATIVE)},
    compute=partial(_at_equal_retention, sufficient=False),
    invariance="increasing",
    samples=True,
)
SOFT_NS_PI = FaithfulnessMetric(
    name="soft_ns_pi",
    title="soft sufficiency with the same expected share of embeddings kept for every method, mean over shares",
    family="faithfulness",
    range=_UNIT,
    direction="higher",
    needs=("model",),
    reference="soft_ns with keep probabilities by rank at retention pi in {.1, ..., .9}; main: area / width",
    ties=_PI_TIES,
    negative="rank below zero",
    empty="labels are not used",
    constant="no value: constant_scores",
    variants={"main": _UNIT, **dict.fromkeys(_AT_PI, _UNIT)},
    compute=partial(_at_equal_retention, sufficient=True),
    invariance="increasing",
    samples=True,
)
