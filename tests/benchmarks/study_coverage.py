"""Do intervals hold the truth, does the test keep its level? python tests/benchmarks/study_coverage.py --study items

Made-up documents of correlated items (tests/helpers/simulated_campaign.py) through the metrics, bootstrap, intervals
and tests that evaluations use. One JSON line for each figure and size.
"""

import json
import sys
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.coverage import false_alarms, item_coverage, make_pool, token_coverage
from helpers.simulated_campaign import World

SIZES = (20, 50, 200, 1000)


@click.command()
@click.option("--study", type=click.Choice(["items", "words", "test"]), multiple=True, default=("items",))
@click.option("--items", "sizes", type=int, multiple=True, default=SIZES, show_default=True)
@click.option("--runs", default=2000, show_default=True, help="Samples for each size.")
@click.option("--draws", default=1000, show_default=True, help="Bootstrap draws and sign vectors for each sample.")
@click.option("--documents", default=8000, show_default=True, help="Size of the population.")
@click.option("--clarity", default=0.0, show_default=True, help="How much agreement differs between documents.")
@click.option("--seed", default=1, show_default=True)
def main(
    study: tuple[str, ...], sizes: tuple[int, ...], runs: int, draws: int, documents: int, clarity: float, seed: int
) -> None:
    """Coverage of nominal 95 % intervals, and false alarms at 5 %."""
    pool = make_pool(seed, documents, world=World(clarity=clarity))
    click.echo(json.dumps({"population": pool.truth, "items": len(pool.values)}))
    for items in sizes:
        for kind in study:
            if kind == "test":
                found = {"sign flips": {"false alarms": false_alarms(pool, items, runs, draws=draws, seed=seed)}}
            else:
                measure = item_coverage if kind == "items" else token_coverage
                found = measure(pool, items, runs, draws=draws, seed=seed)
            for name, shares in found.items():
                click.echo(json.dumps({"study": kind, "items": items, "runs": runs, "figure": name, **shares}))


if __name__ == "__main__":
    main()
