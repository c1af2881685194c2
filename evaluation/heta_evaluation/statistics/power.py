"""Before a campaign: how wide intervals will be and what differences will be seen, with so many items and raters.

Model: crossed random effects. A figure of item i against rater j is mu + item_i + rater_j + residual_ij; the campaign's
figure, over n items in documents, R raters and o of them for each item, has the variance

    V = item^2 deff / n + rater^2 / R + residual^2 / (n o),    deff = 1 + (items of a document - 1) icc

and Satterthwaite's degrees of freedom, from documents - 1 and R - 1. A paired difference of two methods has components
of its own: what both share, cancels.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import nctdtr, ndtr, ndtri, stdtrit

from heta_evaluation.statistics import comparisons
from heta_evaluation.statistics.bootstrap import FEW_RATERS, Draws
from heta_evaluation.statistics.comparisons import LEVEL
from heta_evaluation.statistics.spread import linear_variance, variances


class Components(NamedTuple):
    """Standard deviations of one figure, in its own units."""

    item: float
    """Between items, beyond what single raters add; correlation within documents is `icc`'s, unless estimated."""
    rater: float
    """Between raters, the same for all items."""
    residual: float
    """Between raters of one item, beyond `rater`."""


@dataclass(frozen=True)
class Campaign:
    """A planned campaign."""

    items: int
    raters: int
    """In each arm."""
    overlap: int | None = None
    """Raters for each item; None: all of the arm."""
    arms: int = 1
    per_document: float = 1.0
    """Items of a document."""
    icc: float = 0.0
    """Correlation of a figure's values for two items of one document."""
    pairs: int = 1
    """Comparisons that are judged together."""

    @property
    def each(self) -> int:
        """Raters for each item."""
        return min(self.raters, self.overlap or self.raters)

    @property
    def answers(self) -> int:
        """Items that raters label, over all of them."""
        return self.items * self.each * self.arms

    @property
    def claims(self) -> bool:
        """Whether there are enough raters to say anything about others."""
        return self.raters >= FEW_RATERS


class Error(NamedTuple):
    """An expected standard error with its degrees of freedom."""

    value: float
    df: float


def expected_error(parts: Components, campaign: Campaign) -> Error:
    """Standard error over new items and new raters; see the module's model."""
    deff = 1 + (campaign.per_document - 1) * campaign.icc
    residual = parts.residual**2 / (campaign.items * campaign.each)
    own = parts.item**2 * deff / campaign.items + residual
    main = parts.rater**2 / campaign.raters if campaign.raters > 1 else 0.0
    documents = max(campaign.items / campaign.per_document, 2.0)
    if own + main == 0:
        return Error(0.0, documents - 1)
    shares = own**2 / (documents - 1) + (main**2 / (campaign.raters - 1) if main else 0.0)
    return Error(float(np.sqrt(own + main)), max(1.0, float((own + main) ** 2 / shares)))


def anchoring_error(parts: Components, campaign: Campaign) -> Error:
    """Standard error of the anchoring effect: the difference of two arms on the same items, raters of their own.

    Items cancel, unless they are anchored differently, which nobody knows beforehand: a lower bound.
    """
    one = expected_error(parts._replace(item=0.0), campaign)
    # Two arms: variance and degrees of freedom double.
    return Error(float(np.sqrt(2.0)) * one.value, 2 * one.df)


def half_width(error: Error, pairs: int = 1) -> float:
    """Half of the 95 % interval, or of each of `pairs` that hold together (Bonferroni: an upper bound of max-t)."""
    return float(_reach(error, pairs) * error.value)


def power(difference: float, error: Error, pairs: int = 1) -> float:
    """Probability that the interval leaves 0 out on the right side when the true difference is `difference`.

    P(T > t) for T noncentral t with the error's degrees of freedom and noncentrality |difference| / error.

    Source: Lehmann and Romano 2005, Testing Statistical Hypotheses, section 5.2.
    """
    if error.value == 0:
        return 1.0 if difference else 0.0
    return float(1.0 - nctdtr(error.df, abs(difference) / error.value, _reach(error, pairs)))


def detectable(error: Error, pairs: int = 1) -> float:
    """The smallest difference that is seen with 80 % power; see `comparisons.detectable`."""
    return comparisons.detectable(error.value, error.df, _reach(error, pairs))


def _reach(error: Error, pairs: int) -> float:
    """Student's t at 97.5 %; for several pairs further, where the normal distribution has Bonferroni's quantile."""
    return float(stdtrit(error.df, ndtr(ndtri(1 - LEVEL / (2 * pairs)))))


def components(draws: Draws, quantity: int, raters_an_item: float) -> Components:
    """What a pilot says of one figure: its bootstrap taken apart.

    With G documents, R raters, n items, o raters an item, and from the draws V_items (items alone drawn), L (linear in
    the raters) and O (the same item by item, `Alone.overlap`):

        rater^2 = R / (R - 1) (L - O) R,   residual^2 = O n o R / (R - 1) - rater^2,
        item^2 = n V_items G / (G - 1) - residual^2 / o

    none below 0. The items' correlation within documents is in item^2: a campaign of the same kind of documents has it
    too, so that `icc` is 0 with these.
    """
    one = draws.only([quantity])
    n, groups, raters = float(one.n[0]), float(one.groups[0]), one.raters
    whole = float(variances(one.alone.items, one.alone.items_valid)[0]) * groups / max(groups - 1, 1e-9) * n
    if raters <= 1:
        return Components(float(np.sqrt(whole)), 0.0, 0.0)
    linear = float(linear_variance(one.alone.raters_drawn, one.alone.raters, one.alone.raters_valid)[0])
    overlap, wider = float(one.alone.overlap[0]), raters / (raters - 1)
    rater = max(wider * (linear - overlap) * raters, 0.0)
    residual = max(overlap * n * raters_an_item * wider - rater, 0.0)
    item = max(whole - residual / raters_an_item, 0.0)
    return Components(*(float(np.sqrt(each)) for each in (item, rater, residual)))
