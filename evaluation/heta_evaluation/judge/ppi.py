"""Prediction-powered inference: a mean over all judged items, put right by those that people labelled as well."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from heta_evaluation.metrics.base import FloatArray


@dataclass(frozen=True)
class Corrected:
    """A mean with its 95 % interval."""

    value: float
    low: float
    high: float
    weight: float
    """How much the judge counts, in [0, 1]: 0 where it tells nothing about people's figure."""
    people_alone: tuple[float, float]
    """The interval from the human-labelled items by themselves."""
    labelled: int
    judged: int


def corrected_mean(
    people: FloatArray,
    judged_there: FloatArray,
    judged_elsewhere: FloatArray,
    *,
    inclusion: FloatArray | None = None,
    level: float = 0.95,
) -> Corrected:
    """The mean of people's figure over all items, from few of them and a judge's figure for all.

    theta = mean(w (Y - lambda f)) over labelled items + lambda mean(f) over the others, where Y is people's figure of
    an item (a method's score against their labels, say) and f the judge's, with lambda chosen to make the interval as
    short as it can be, cut to [0, 1]. Whatever the judge is worth the interval covers: a useless one gets lambda = 0.

    Args:
        people: `[n]`, people's figure of each labelled item.
        judged_there: `[n]`, the judge's figure of the same items.
        judged_elsewhere: `[N]`, the judge's figure of the items that nobody labelled.
        inclusion: `[n]`, probability with which each labelled item was drawn; None where all were drawn alike.
        level: of the interval.

    Raises:
        ValueError: fewer than two items on either side, or arrays that do not fit.

    Source: Angelopoulos, Duchi and Zrnic 2023, "PPI++: Efficient Prediction-Powered Inference", arXiv 2311.01453,
    section 2 (mean estimation) and proposition 2 (lambda).
    """
    n, others = len(people), len(judged_elsewhere)
    if n < 2 or others < 2 or len(judged_there) != n or (inclusion is not None and len(inclusion) != n):
        raise ValueError("corrected_mean needs two items on either side, and one value an item")
    weights = np.ones(n) if inclusion is None else (1 / inclusion) / np.mean(1 / inclusion)
    z = float(stats.norm.ppf(0.5 + level / 2))
    ours, theirs = weights * people, weights * judged_there
    spread = float(np.var(np.concatenate([judged_there, judged_elsewhere]), ddof=1))
    together = float(np.cov(ours, theirs, ddof=1)[0, 1])
    weight = 0.0 if spread == 0 else float(np.clip(together / ((1 + n / others) * spread), 0.0, 1.0))
    rest = _weighted(people - weight * judged_there, weights)
    value = rest[0] + weight * float(judged_elsewhere.mean())
    error = float(np.sqrt(rest[1] + weight**2 * float(np.var(judged_elsewhere, ddof=1)) / others))
    alone = _weighted(people, weights)
    half = z * float(np.sqrt(alone[1]))
    return Corrected(value, value - z * error, value + z * error, weight, (alone[0] - half, alone[0] + half), n, others)


def _weighted(values: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Weighted mean (weights of mean 1) and the variance of that mean."""
    mean = float(np.mean(weights * values))
    return mean, float(np.var(weights * (values - mean), ddof=1)) / len(values)


def rogan_gladen(apparent: float, sensitivity: float, specificity: float) -> float | None:
    """The share of yes among all items, put right for how often a judge errs; None where the judge tells nothing.

    (apparent + specificity - 1) / (sensitivity + specificity - 1), cut to [0, 1]; all arguments are shares in [0, 1].

    Source: Rogan and Gladen 1978, American Journal of Epidemiology 107(1).
    """
    told = sensitivity + specificity - 1
    if told <= 0:
        return None
    return min(1.0, max(0.0, (apparent + specificity - 1) / told))


@dataclass(frozen=True)
class Bin:
    """Units to which a judge gives about the same probability."""

    said: float
    """Mean of what the judge gives."""
    marked: float
    """Share of raters' marks among them."""
    units: int


def calibration(probability: FloatArray, share: FloatArray, *, bins: int = 10) -> tuple[list[Bin], float | None]:
    """A judge's calibration curve, and its expected calibration error.

    Args:
        probability: `[unit]`, share of the judge's repeats that marked the unit.
        share: `[unit]`, share of the raters that did.
        bins: of equal width over [0, 1]; empty ones are left out.

    Returns:
        The bins, and the mean of |said - marked| weighted by units, in [0, 1]; None without a unit.
    """
    if not len(probability):
        return [], None
    which = np.minimum((probability * bins).astype(int), bins - 1)
    there = [which == number for number in range(bins) if (which == number).any()]
    found = [Bin(float(probability[one].mean()), float(share[one].mean()), int(one.sum())) for one in there]
    error = sum(abs(one.said - one.marked) * one.units for one in found) / len(probability)
    return found, error
