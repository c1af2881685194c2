"""`heta evaluate power`."""

import json
import math
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heta_data.options import json_option
from heta_evaluation.cli.progress import progress_bar

if TYPE_CHECKING:
    from heta_evaluation.statistics.planning import Assumptions, Plan

_METRICS = ("token_f1@k", "average_precision", "spearman")


class _Finite(click.FloatRange):
    """A range without `nan`, which is below no bound and above none, and without infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


_DEVIATION = _Finite(min=0)


@click.command()
@click.option(
    "-C",
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with a pilot's labels; without one, assumptions from public data.",
)
@click.option(
    "--metric",
    type=click.Choice(_METRICS),
    default=_METRICS[0],
    show_default=True,
    help="What methods are compared by.",
)
@click.option(
    "--items",
    multiple=True,
    type=click.IntRange(2),
    default=(50, 100, 200, 400),
    show_default=True,
    help="Numbers of items.",
)
@click.option("--raters", multiple=True, type=click.IntRange(1), default=(3, 5, 8), show_default=True, help="Per arm.")
@click.option("--overlap", type=click.IntRange(1), help="Raters for each item (default: all of the arm).")
@click.option("--arms", type=click.IntRange(1, 2), default=1, show_default=True, help="Arms that are labelled.")
@click.option(
    "--difference",
    type=_Finite(0, 2, min_open=True),
    default=0.05,
    show_default=True,
    help="True difference of two methods.",
)
@click.option("--pairs", type=click.IntRange(1), default=1, show_default=True, help="Pairs that are judged together.")
@click.option("--per-document", type=_Finite(min=1), help="Items of a document (default: 1, or the pilot's).")
@click.option("--icc", type=_Finite(0, 1), help="Correlation of two items of a document (default: 0).")
@click.option("--item-sd", type=_DEVIATION, help="SD of the difference between items.")
@click.option("--rater-sd", type=_DEVIATION, help="SD of the difference between raters.")
@click.option("--residual-sd", type=_DEVIATION, help="SD of the difference between raters of one item, beyond that.")
@click.option("--seconds", type=_Finite(min=0, min_open=True), help="A rater's seconds for an item.")
@click.option("--wage", type=_Finite(min=0), help="Of an hour, in any currency.")
@click.option("--kinds", multiple=True, type=click.Choice(["human", "simulated", "judge"]), help="As in evaluate run.")
@click.option("--contrasts", metavar="'A vs B'", help="Which two methods of the pilot (default: the best two).")
@json_option
def power(
    folder: Path | None,
    metric: str,
    items: tuple[int, ...],
    raters: tuple[int, ...],
    overlap: int | None,
    arms: int,
    difference: float,
    pairs: int,
    per_document: float | None,
    icc: float | None,
    item_sd: float | None,
    rater_sd: float | None,
    residual_sd: float | None,
    seconds: float | None,
    wage: float | None,
    kinds: tuple[str, ...],
    contrasts: str | None,
    as_json: bool,
) -> None:
    """Say what campaigns of so many items and raters would find, and what they cost, before one starts.

    Expected width of intervals, power for a difference, the smallest one that is seen with 80 % power, hours. How much
    figures vary comes from a pilot folder (-C), or from public data; single values can be given.

    \b
    Examples:
      heta evaluate power --items 100 --items 200 --raters 5 --difference 0.05 --wage 15
      heta evaluate power -C my-pilot --arms 2
    """
    from heta_evaluation.statistics.planning import declared, plan_grid
    from heta_evaluation.statistics.power import Campaign

    if folder is None:
        if kinds or contrasts:
            raise click.UsageError("--kinds and --contrasts choose among a pilot's labels: name its folder with -C")
        assumed = declared(metric, per_document=per_document or 1.0, icc=icc or 0.0)
    else:
        if per_document is not None or icc is not None:
            raise click.UsageError("--per-document and --icc are known from the pilot: leave them out with -C")
        assumed = _pilot(folder, metric, kinds, contrasts)
    if overlap is not None and overlap > max(raters):
        raise click.UsageError(f"--overlap: got {overlap}, and no arm has more than {max(raters)} raters (--raters)")
    given = {"item": item_sd, "rater": rater_sd, "residual": residual_sd}
    own = {key: value for key, value in given.items() if value is not None}
    assumed = replace(assumed, difference=assumed.difference._replace(**own), seconds=seconds or assumed.seconds)
    campaigns = [
        Campaign(items=each, raters=people, overlap=overlap, arms=arms, pairs=pairs)
        for each, people in product(items, raters)
    ]
    plans = plan_grid(assumed, campaigns, difference, wage=wage)
    if as_json:
        click.echo(json.dumps(_document(assumed, plans, difference), indent=2, allow_nan=False))
        return
    from heta_evaluation.power_table import print_plans

    print_plans(assumed, plans, difference, given=tuple(own))


def _pilot(folder: Path, metric: str, kinds: tuple[str, ...], contrasts: str | None) -> "Assumptions":
    from heta_data.workspace import Workspace
    from heta_evaluation.pilot import assumptions_of_pilot

    chosen = (contrasts,) if contrasts else None
    with progress_bar() as progress:
        return assumptions_of_pilot(Workspace(folder), metric, progress=progress, kinds=kinds or None, contrasts=chosen)


def _document(assumed: "Assumptions", plans: "list[Plan]", difference: float) -> dict[str, object]:
    from heta_evaluation.summary import banners_of

    found = banners_of((*assumed.kinds, *assumed.arms))
    return {
        "banners": [f"{banner.label}: {banner.text}" for banner in found],
        "assumptions": {
            **asdict(assumed),
            "level": assumed.level._asdict(),
            "difference": assumed.difference._asdict(),
        },
        "difference": difference,
        "plans": [
            {
                "items": plan.campaign.items,
                "raters": plan.campaign.raters,
                "raters_an_item": plan.campaign.each,
                "arms": plan.campaign.arms,
                "answers": plan.campaign.answers,
                "claims_about_new_raters": plan.campaign.claims,
                "half_width": plan.figure,
                "half_width_of_difference": plan.difference,
                "power": plan.power,
                "detectable": plan.detectable,
                "half_width_of_anchoring": plan.anchoring,
                "hours": plan.hours,
                "cost": plan.cost,
            }
            for plan in plans
        ],
    }
