"""Several comparisons at once: intervals that hold together, ranks, the smallest detectable difference, verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from heta_evaluation.metrics.base import FloatArray
from heta_evaluation.statistics.bootstrap import Draws
from heta_evaluation.statistics.intervals import Interval
from heta_evaluation.statistics.spread import NORMAL, Spread, student

LEVEL = 0.05
"""Of tests; intervals hold with 1 - LEVEL."""
POWER = 0.8

Decision = Literal["ahead", "behind", "open"]
Doubt = Literal["few_raters", "interval", "test", "both"]


def joint_deviate(draws: Draws) -> float:
    """How many standard errors intervals must reach out so that ALL hold together in 95 % of samples.

    The 95 % quantile, over draws, of the largest |t| among the quantities, each centred on the mean of its draws; at
    least 1.96, what one alone needs. Correlated quantities need less than Bonferroni's correction says.

    Source: Romano and Wolf 2005, "Exact and approximate stepdown methods for multiple hypothesis testing", JASA
    100(469), the single-step procedure (max-t).
    """
    count = np.maximum(draws.valid.sum(axis=0), 1)
    mean = np.where(draws.valid, draws.means, 0.0).sum(axis=0) / count
    away = np.where(draws.valid, np.abs(draws.means - mean), 0.0)
    error = np.sqrt((away**2).sum(axis=0) / count)
    moving = error > 1e-12
    if not moving.any():
        return NORMAL
    largest = (away[:, moving] / error[moving]).max(axis=1)
    return max(NORMAL, float(np.quantile(largest, 1 - LEVEL)))


@dataclass(frozen=True)
class Joint:
    """Paired differences that are judged together."""

    deviate: float
    """See `joint_deviate`."""
    alone: Sequence[Interval | None]
    """Each by itself, 95 %."""
    together: Sequence[Interval | None]
    """Such that all hold in 95 % of samples."""
    spread: Spread

    def detectable(self, quantity: int) -> float:
        """Smallest true difference that the pair's interval leaves 0 out for in 80 % of such samples.

        See `detectable`, with the standard error that was found.
        """
        df = self.spread.df[quantity : quantity + 1]
        return detectable(float(self.spread.error[quantity]), float(df[0]), float(student(self.deviate, df)[0]))


def detectable(error: float, df: float, reach: float) -> float:
    """Smallest true difference that is seen with 80 % power: delta x error, with P(T > reach) = 0.8.

    T is noncentral t with `df` degrees of freedom and noncentrality delta; for many df, delta = reach + 0.84. `reach`
    is how many standard errors the interval reaches out.

    Source: Bloom 1995, "Minimum detectable effects", Evaluation Review 19(5), equation 1, with t for the normal.
    """
    from scipy.special import nctdtrinc

    return float(nctdtrinc(df, 1 - POWER, reach) * error)


def judge_together(draws: Draws) -> Joint:
    """Intervals of all quantities of `draws`, each alone and all together."""
    deviate = joint_deviate(draws)
    return Joint(deviate, draws.intervals(), draws.intervals(deviate), draws.spread)


def ranks(values: FloatArray, ahead: Sequence[tuple[int, int]]) -> list[tuple[float, float, float]]:
    """Rank of each of `values [M]` (1 is the highest, equal values share one) with the ends of its 95 % interval.

    Args:
        values: the estimates.
        ahead: pairs (a, b) where the interval of a minus b, all pairs together, lies above 0.

    Returns:
        (rank, low, high): low = 1 + number that are ahead of it, high = M - number that it is ahead of. All intervals
        hold together where those of the differences do, and never say other than these: quantiles of the draws' ranks
        are too narrow for methods that are nearly equal.

    Source: Mogstad, Romano, Shaikh and Wilhelm 2024, "Inference for ranks with applications to mobility across
    neighbourhoods and academic achievement across countries", Review of Economic Studies 91(1), equation 9.
    """
    found = []
    for number, value in enumerate(values):
        rank = 1 + float((values > value).sum()) + float((values == value).sum() - 1) / 2
        low = 1 + sum(behind == number for _, behind in ahead)
        high = len(values) - sum(first == number for first, _ in ahead)
        # Means over different items can be in another order than the paired differences.
        found.append((rank, min(float(low), rank), max(float(high), rank)))
    return found


@dataclass(frozen=True)
class Verdict:
    """What one paired difference says, from its interval together with others and its corrected p-value."""

    decision: Decision
    doubt: Doubt | None
    """Why it is open: `few_raters`, where interval and test agree, but too few raters speak for others; `interval`,
    where the test alone says that there is a difference, as it takes the raters as they are; `test`, where the interval
    alone does; `both`, where neither does."""


def decide(low: float | None, high: float | None, p: float | None, *, few_raters: bool) -> Verdict:
    """`ahead` or `behind` where the interval leaves 0 out, the test says so, and there are enough raters."""
    clear = low is not None and high is not None and (low > 0 or high < 0)
    sure = p is not None and p < LEVEL
    if not (clear and sure):
        return Verdict("open", "test" if clear else "interval" if sure else "both")
    if few_raters:
        return Verdict("open", "few_raters")
    return Verdict("ahead" if low is not None and low > 0 else "behind", None)
