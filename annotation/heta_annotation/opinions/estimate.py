"""Means over items with an interval: what every figure about opinions is."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000


class Value(NamedTuple):
    """One answer as a number."""

    item: str
    group: str
    """Document of the item: items of one document are drawn together."""
    value: float


@dataclass(frozen=True)
class Estimate:
    """A mean of items' means, so that every item counts alike, however many were asked about it."""

    value: float | None
    low: float | None
    high: float | None
    """Ends of the 95 % interval; None where there is none."""
    answers: int
    items: int
    reason: str
    """Why there is no value or no interval; empty otherwise."""


def estimate(values: Iterable[Value], *, seed: int = 0) -> Estimate:
    """The mean over items, with a percentile interval from `DRAWS` draws of documents with replacement.

    The interval says how much hangs on which items were asked about; the raters are taken as they are.
    """
    by_item: dict[tuple[str, str], list[float]] = defaultdict(list)
    for found in values:
        by_item[found.group, found.item].append(found.value)
    if not by_item:
        return Estimate(None, None, None, 0, 0, "no answer")
    means = {key: float(np.mean(numbers)) for key, numbers in by_item.items()}
    groups = sorted({group for group, _ in means})
    sums = np.array([sum(mean for (group, _), mean in means.items() if group == one) for one in groups])
    counts = np.array([sum(group == one for group, _ in means) for one in groups], dtype=float)
    value = round(float(sums.sum() / counts.sum()), 6)
    answers = sum(map(len, by_item.values()))
    if len(groups) < 2:
        return Estimate(value, None, None, answers, len(means), "one document: no interval")
    low, high = _interval(sums, counts, seed)
    return Estimate(value, low, high, answers, len(means), "")


def _interval(sums: NDArray[np.float64], counts: NDArray[np.float64], seed: int) -> tuple[float, float]:
    from scipy.stats import bootstrap

    found = bootstrap(
        (sums, counts),
        lambda total, number, axis: total.sum(axis=axis) / number.sum(axis=axis),
        paired=True,
        n_resamples=DRAWS,
        method="percentile",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return round(float(found.low), 6), round(float(found.high), 6)
