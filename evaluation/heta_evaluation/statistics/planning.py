"""A grid of planned campaigns: expected intervals, power, hours and cost of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from heta_evaluation.statistics.power import (
    Campaign,
    Components,
    anchoring_error,
    detectable,
    expected_error,
    half_width,
    power,
)


@dataclass(frozen=True)
class Assumptions:
    """How much one metric varies, and where that is known from."""

    metric: str
    level: Components
    """Of one method's figure."""
    difference: Components
    """Of the paired difference of two methods."""
    seconds: float
    """That a rater needs for an item."""
    source: str
    per_document: float = 1.0
    """Items of a document; see `Campaign`."""
    icc: float = 0.0
    kinds: tuple[str, ...] = ("human",)
    """Kinds of the raters behind it."""
    arms: tuple[str, ...] = ("blind",)


PUBLIC = "250 questions x 6 of 300 raters of a public set (fair-rationales), ranked by rules that read no model"
DEFAULTS = {
    "token_f1@k": (Components(0.27, 0.11, 0.34), Components(0.29, 0.05, 0.41)),
    "average_precision": (Components(0.23, 0.09, 0.28), Components(0.24, 0.04, 0.32)),
    "spearman": (Components(0.25, 0.12, 0.30), Components(0.32, 0.10, 0.42)),
}
"""Metric -> components of a figure and of a paired difference, as `power.components` finds them in `PUBLIC`; of the
difference, the middle between two rules that are much alike and two that are not (docs/statistics.md)."""
SECONDS = 33.0
"""People need 24 to 41 s to read and mark 120 words."""


def declared(metric: str, *, per_document: float = 1.0, icc: float = 0.0) -> Assumptions:
    """What is assumed of a metric without a pilot."""
    level, difference = DEFAULTS[metric]
    return Assumptions(metric, level, difference, SECONDS, PUBLIC, per_document, icc)


@dataclass(frozen=True)
class Plan:
    """What one planned campaign is expected to give and to take."""

    campaign: Campaign
    figure: float
    """Half width of the 95 % interval of a method's figure."""
    difference: float
    """Half width of the interval of a paired difference, with the others that it is judged together with."""
    power: float
    """Probability of seeing the difference that was asked for."""
    detectable: float
    """The difference that is seen with 80 % power."""
    anchoring: float | None
    """Half width of the interval of the anchoring effect, at least; None with one arm."""
    hours: float
    """Of all raters together."""
    cost: float | None
    """None where no wage is known."""


def plan_grid(
    assumed: Assumptions,
    campaigns: Sequence[Campaign],
    difference: float,
    *,
    wage: float | None = None,
) -> list[Plan]:
    """What each of the campaigns is expected to give for a true `difference`, in the order given."""
    plans = []
    for one in campaigns:
        campaign = replace(one, per_document=assumed.per_document, icc=assumed.icc)
        error = expected_error(assumed.difference, campaign)
        hours = campaign.answers * assumed.seconds / 3600
        plans.append(
            Plan(
                campaign,
                figure=half_width(expected_error(assumed.level, campaign)),
                difference=half_width(error, campaign.pairs),
                power=power(difference, error, campaign.pairs),
                detectable=detectable(error, campaign.pairs),
                anchoring=half_width(anchoring_error(assumed.level, campaign)) if campaign.arms > 1 else None,
                hours=hours,
                cost=None if wage is None else hours * wage,
            )
        )
    return plans
