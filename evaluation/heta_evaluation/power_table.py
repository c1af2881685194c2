"""Planned campaigns as a table on a terminal."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from heta_evaluation.statistics.bootstrap import FEW_RATERS
from heta_evaluation.statistics.planning import Assumptions, Plan
from heta_evaluation.summary import banners_of, number

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_WIDTH = 110


def print_plans(
    assumed: Assumptions,
    plans: Sequence[Plan],
    difference: float,
    *,
    given: Sequence[str] = (),
    console: "Console | None" = None,
) -> None:
    """Print one line a campaign, and what is assumed.

    Args:
        assumed: what the plans are computed from.
        plans: campaigns.
        difference: for which power is given.
        given: components of the difference that the user gave.
        console: where to; None is standard output.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table as RichTable

    out = console or Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    table = RichTable(
        title=f"{assumed.metric}: expected 95 % intervals (half widths) and power",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    arms, paid = any(plan.anchoring is not None for plan in plans), any(plan.cost is not None for plan in plans)
    headings = [
        "items",
        "raters",
        "one\nmethod",
        "difference\nof two",
        f"power for\n{number(difference, 3)}",
        "80 % power\nfrom",
    ]
    headings += ["anchoring\n(at least)"] if arms else []
    headings += ["answers", "hours"] + (["cost"] if paid else [])
    for heading in headings:
        table.add_column(heading, justify="right")
    for plan in plans:
        campaign = plan.campaign
        cells = [str(campaign.items), f"{campaign.raters} x {campaign.arms}" if arms else str(campaign.raters)]
        cells += [f"± {number(plan.figure, 3)}", f"± {number(plan.difference, 3)}"]
        cells += [f"{100 * plan.power:.0f} %" if campaign.claims else f"({100 * plan.power:.0f} %)"]
        cells += [number(plan.detectable, 3)]
        cells += [f"± {number(plan.anchoring, 3)}" if plan.anchoring is not None else ""] if arms else []
        cells += [f"{campaign.answers:,}", f"{plan.hours:,.1f}"]
        cells += [f"{plan.cost:,.0f}" if plan.cost is not None else ""] if paid else []
        table.add_row(*cells, style=None if campaign.claims else "dim")
    for banner in banners_of((*assumed.kinds, *assumed.arms)):
        out.print(Panel(f"{banner.label}. {banner.text}", style="bold black on yellow"))
    out.print(table)
    for line in _notes(assumed, plans, given):
        out.print(line, markup=False)


def _notes(assumed: Assumptions, plans: Sequence[Plan], given: Sequence[str]) -> list[str]:
    level, apart = (
        ", ".join(f"{name} {number(value, 2)}" for name, value in parts._asdict().items())
        for parts in (assumed.level, assumed.difference)
    )
    said = [f"Standard deviations from {assumed.source}. One method: {level}. Difference: {apart}."]
    if given:
        said.append(f"Given for the difference: {', '.join(given)}.")
    if plans[0].campaign.pairs > 1:
        said.append(f"{plans[0].campaign.pairs} pairs are judged together: their intervals all hold at once.")
    said.append(f"{number(assumed.seconds, 0)} s an answer.")
    if _raters_decide(plans):
        said.append(
            "With as few raters more items do not narrow one method's interval: what is left is how much a further "
            "rater would differ."
        )
    if any(not plan.campaign.claims for plan in plans):
        said.append(
            f"Warning: with fewer than {FEW_RATERS} raters no method is said to beat another; power in brackets is "
            "what interval and test alone would say."
        )
    return said


def _raters_decide(plans: Sequence[Plan]) -> bool:
    """Whether a method's interval is wider with more items: then fewer degrees of freedom, the raters', decide."""
    return any(
        more.campaign.items > less.campaign.items
        and more.figure > less.figure
        and more.campaign.raters == less.campaign.raters
        for more in plans
        for less in plans
    )
