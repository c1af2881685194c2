"""Campaigns with new items AND new raters: python tests/benchmarks/study_campaigns.py --study verdicts

Made-up raters and methods (tests/helpers/simulated_campaign.py) through the metrics, the crossed bootstrap, the test,
and the verdict of evaluations. `verdicts` sets what campaigns say of two equal and of two unequal methods beside what
`heta evaluate power` promises from a pilot; `coverage` counts how often intervals hold the truth. One JSON line each.
"""

import json
import sys
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.crossed import crossed_coverage, expected_difference, f1_difference, verdict_shares
from helpers.simulated_campaign import World
from heta_evaluation.statistics.power import Campaign, components, expected_error, power

UNEQUAL, EQUAL = (1.0, 0.62), (0.9, 0.9)


@click.command()
@click.option("--study", type=click.Choice(["verdicts", "coverage"]), default="verdicts", show_default=True)
@click.option("--items", default=60, show_default=True)
@click.option("--raters", default=6, show_default=True)
@click.option("--runs", default=500, show_default=True, help="Campaigns of each kind.")
@click.option("--draws", default=300, show_default=True, help="Bootstrap draws and sign vectors of each campaign.")
@click.option("--leniency", default=0.35, show_default=True, help="Standard deviation of raters' leniency, in logits.")
@click.option("--pilot", default=800, show_default=True, help="Items of the pilot, with 8 raters.")
@click.option("--seed", default=1, show_default=True)
def main(study: str, items: int, raters: int, runs: int, draws: int, leniency: float, pilot: int, seed: int) -> None:
    """False and true verdicts of campaigns, or coverage of their intervals."""
    about = {"items": items, "raters": raters, "runs": runs, "leniency": leniency}
    if study == "coverage":
        world = World(leniency=leniency)
        for name, shares in crossed_coverage(items, raters, runs, draws=draws, seed=seed, world=world).items():
            click.echo(json.dumps({"study": study, **about, "figure": name, **shares}))
        return
    unequal, equal = World(leniency=leniency, gain=UNEQUAL), World(leniency=leniency, gain=EQUAL)
    difference = expected_difference(seed, raters, 40_000, unequal)
    found, _ = f1_difference(seed + 10**6, pilot, 8, unequal, draws=1000)
    planned = Campaign(items=items, raters=raters, per_document=float(found.n[0] / found.groups[0]))
    promised = power(difference, expected_error(components(found, 0, 8.0), planned))
    click.echo(json.dumps({"study": study, **about, "difference": difference, "power promised": promised}))
    for name, world, first in (("equal", equal, 2 * 10**6), ("unequal", unequal, 3 * 10**6)):
        shares = verdict_shares(seed + first, items, raters, runs, world, draws=draws)
        click.echo(json.dumps({"study": study, **about, "methods": name, **shares}))


if __name__ == "__main__":
    main()
