"""How often intervals of alpha hold the truth: python tests/benchmarks/bench_agreement_intervals.py

Items differ in how much of them matters, raters in how much they miss and add. `these raters`: the truth is alpha of
the same raters on endlessly many items; `new raters`: of endlessly many raters too.
"""

from types import SimpleNamespace
from typing import Any, cast

import click
import numpy as np

from heta_evaluation.agreement.coincidence import KRIPPENDORFF_ALPHA, alpha, coincidences
from heta_evaluation.agreement.draws import crossed_estimates, item_draws
from heta_evaluation.agreement.figures import Figure, coincidence_features, pair_table, pooled
from heta_evaluation.ratings import Answers, Ratings

UNITS = 30


def style(raters: int, rng: np.random.Generator) -> np.ndarray:
    """`[rater, 2]`: what each misses, and adds."""
    return np.stack([rng.beta(4, 8, raters), rng.beta(2, 20, raters)], axis=1)


def mark(raters: np.ndarray, items: int, rng: np.random.Generator) -> np.ndarray:
    """`[item, rater, unit]`; each item has its own share of units that matter, and its own ease."""
    truth = rng.random((items, 1, UNITS)) < rng.beta(2, 6, (items, 1, 1))
    harder = rng.uniform(0.5, 1.5, (items, 1, 1))
    wrong = np.where(truth, raters[None, :, :1], raters[None, :, 1:]) * harder
    return np.asarray((rng.random(wrong.shape) < wrong) != truth)


def alpha_of(labels: np.ndarray) -> float:
    """Alpha over all items."""
    there = np.ones(labels.shape[1:], dtype=bool)
    found = coincidences((one.astype(float), there) for one in labels)
    return float(alpha(found.pairs.sum(axis=0, keepdims=True), found.values).values[0, 0])


def as_ratings(labels: np.ndarray) -> Ratings:
    """The answers without any text."""
    everyone = np.arange(labels.shape[1])
    rows = tuple(
        Answers(cast(Any, SimpleNamespace(group=str(number), source="")), (), everyone, one, ())
        for number, one in enumerate(labels)
    )
    return Ratings(rows, tuple(map(str, everyone)), ("simulated",) * len(everyone), "word/1", len(rows))


@click.command()
@click.option("--runs", default=300, show_default=True)
@click.option("--items", default=50, show_default=True)
@click.option("--draws", default=500, show_default=True)
@click.option("--raters", multiple=True, type=int, default=(3, 5, 8, 15), show_default=True)
def main(runs: int, items: int, draws: int, raters: tuple[int, ...]) -> None:
    """Print, for each number of raters, the shares of runs whose interval holds the truth."""
    rng = np.random.default_rng(0)
    everyone = alpha_of(mark(style(200, rng), 3000, rng))
    click.echo(f"truth for new raters: {everyone:.4f}; {items} items, {runs} runs, {draws} draws")
    for count in raters:
        these, item_only, crossed = [], [], []
        for run in range(runs):
            own = style(count, rng)
            ratings = as_ratings(mark(own, items, rng))
            truth = alpha_of(mark(own, 2000, rng))
            figure = Figure(KRIPPENDORFF_ALPHA, coincidence_features(ratings), pooled(KRIPPENDORFF_ALPHA))
            plain = item_draws(ratings, draws, run).estimate(figure).interval
            (both,) = crossed_estimates(ratings, [figure], pair_table(ratings), draws, run)
            assert plain is not None and both.interval is not None
            these.append(plain.low <= truth <= plain.high)
            item_only.append(plain.low <= everyone <= plain.high)
            crossed.append(both.interval.low <= everyone <= both.interval.high)
        click.echo(
            f"{count} raters: these raters {np.mean(these):.0%}; new raters, items drawn {np.mean(item_only):.0%}, "
            f"items and raters drawn {np.mean(crossed):.0%}"
        )


if __name__ == "__main__":
    main()
