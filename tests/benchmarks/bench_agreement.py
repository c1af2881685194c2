"""Alpha with cluster bootstraps, and Dawid-Skene, beside peers: python tests/benchmarks/bench_agreement.py

Peers are timed where they can be imported: krippendorff (of the dev extra) on one draw, times the draws; crowd-kit
(pip install --no-deps crowd-kit) on all votes, with as many steps as ours took.
"""

import resource
import time
import warnings

import click
import numpy as np

from heta_evaluation.aggregation.confusion import fit_dawid_skene
from heta_evaluation.aggregation.votes import collect_votes
from heta_evaluation.agreement.coincidence import alpha, coincidences
from heta_evaluation.statistics.bootstrap import group_weights
from heta_evaluation.statistics.intervals import shifted_intervals

SENSITIVITY = np.array([0.9, 0.85, 0.75, 0.6, 0.5])
SPECIFICITY = np.array([0.97, 0.93, 0.95, 0.9, 0.85])


def answers(items: int, units: int, raters: int, seed: int) -> np.ndarray:
    """`[item, rater, unit]`, one unit in five matters."""
    rng = np.random.default_rng(seed)
    truth = rng.random((items, 1, units)) < 0.2
    kind = np.arange(raters) % len(SENSITIVITY)
    marked = np.where(truth, SENSITIVITY[kind][None, :, None], 1 - SPECIFICITY[kind][None, :, None])
    return rng.random((items, raters, units)) < marked


def bootstrapped(labels: np.ndarray, draws: int) -> tuple[float, float, float]:
    """Alpha and its interval over items."""
    there = np.ones(labels.shape[1:], dtype=bool)
    found = coincidences((one.astype(float), there) for one in labels)
    weights = group_weights(len(labels), draws, np.random.default_rng(0))
    pairs = np.tensordot(np.concatenate([np.ones((1, len(labels))), weights]), found.pairs, axes=1)
    grid = alpha(pairs, found.values)
    ends = shifted_intervals(grid.values[1:], grid.valid[1:], grid.values[0])[0]
    assert ends is not None
    return float(grid.values[0, 0]), ends.low, ends.high


def peak() -> float:
    """Highest resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def krippendorff_seconds(labels: np.ndarray) -> tuple[float, float]:
    """One draw by the krippendorff package: its alpha and seconds."""
    import krippendorff

    drawn = np.random.default_rng(0).integers(0, len(labels), len(labels))
    began = time.perf_counter()
    table = labels[drawn].transpose(1, 0, 2).reshape(labels.shape[1], -1)
    krippendorff.alpha(reliability_data=table.astype(float), level_of_measurement="nominal")
    seconds = time.perf_counter() - began
    whole = labels.transpose(1, 0, 2).reshape(labels.shape[1], -1)
    return float(krippendorff.alpha(reliability_data=whole.astype(float), level_of_measurement="nominal")), seconds


def crowdkit_seconds(labels: np.ndarray, steps: int) -> tuple[np.ndarray, float]:
    """Dawid-Skene by crowd-kit: the labels of all units in order, and seconds."""
    import pandas as pd
    from crowdkit.aggregation.classification import DawidSkene

    items, raters, units = labels.shape
    task = np.arange(items)[:, None, None] * units + np.arange(units)[None, None, :]
    columns = {
        "task": np.broadcast_to(task, labels.shape).reshape(-1),
        "worker": np.broadcast_to(np.arange(raters)[None, :, None], labels.shape).reshape(-1),
        "label": labels.astype(int).reshape(-1),
    }
    table = pd.DataFrame(columns)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = DawidSkene(n_iter=steps, tol=-1).fit_predict(table)
    seconds = time.perf_counter() - began
    return found.sort_index().to_numpy().astype(bool), seconds


@click.command()
@click.option("--items", default=2000, show_default=True)
@click.option("--units", default=100, show_default=True)
@click.option("--raters", default=5, show_default=True)
@click.option("--draws", default=1000, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(items: int, units: int, raters: int, draws: int, seed: int) -> None:
    """Print seconds, memory, and ratios to the peers that are there."""
    labels = answers(items, units, raters, seed)
    began = time.perf_counter()
    value, low, high = bootstrapped(labels, draws)
    ours = time.perf_counter() - began
    click.echo(f"alpha {value:.4f} [{low:.4f}, {high:.4f}], {draws} draws: {ours:.2f} s, peak {peak():.0f} MB")

    began = time.perf_counter()
    votes = collect_votes(((np.arange(raters), one) for one in labels), n_raters=raters)
    fit = fit_dawid_skene(votes)
    fitted = time.perf_counter() - began
    gold = fit.posterior[votes.pattern, 1] > 0.5
    shape = f"{len(votes.pattern)} units in {len(votes.size)} patterns, {fit.iterations} steps"
    click.echo(f"Dawid-Skene, {shape}: {fitted:.2f} s, peak {peak():.0f} MB")

    expected, one = krippendorff_seconds(labels)
    click.echo(f"krippendorff: one draw {one:.2f} s, {draws} draws {one * draws / ours:.0f} x ours")
    click.echo(f"  its alpha differs by {abs(expected - value):.1e}")
    try:
        theirs, seconds = crowdkit_seconds(labels, fit.iterations)
    except ImportError as error:
        click.echo(f"crowd-kit is not there ({error}): pip install --no-deps crowd-kit, in an environment of its own")
        return
    click.echo(f"crowd-kit, {fit.iterations} steps: {seconds:.2f} s, {seconds / fitted:.0f} x ours")
    click.echo(f"  labels equal on {(theirs == gold).mean():.4%} of the units, peak {peak():.0f} MB")


if __name__ == "__main__":
    main()
