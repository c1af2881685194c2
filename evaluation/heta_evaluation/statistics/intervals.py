"""95 % intervals from bootstrap draws."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heta_evaluation.metrics.base import BoolArray, FloatArray

IntArray = NDArray[np.int64]
ENTRIES = 2_000_000
"""Draws x items (or groups) handled at once: some 50 MB of weights."""
_ENOUGH = 0.25
"""Share of draws that must have a value before an interval is given."""


class Interval(NamedTuple):
    """95 % interval of one estimate."""

    low: float
    high: float
    bias: float
    """Mean of the draws minus the estimate; the ends are less it."""

    def within(self, lowest: float, highest: float) -> "Interval":
        """Cut to the range that the figure can have: a shifted end may leave it."""
        return self._replace(low=max(self.low, lowest), high=min(self.high, highest))


def shifted_intervals(
    values: FloatArray, valid: BoolArray, point: FloatArray, *, stretch: FloatArray | float = 1.0
) -> list[Interval | None]:
    """Percentile intervals, 95 %, of estimates `[Q]` from their draws `[D, Q]`, less the bias of the draws.

    Both halves, from the estimate to either end, are multiplied by `stretch` (a number, or one each): `Spread.stretch`
    for few groups and raters, `few_groups` where groups alone were drawn.

    Draws of raters hold fewer distinct people than there are (some 63 %), so that figures against a majority lie lower
    in most of them than as observed, and plain quantiles lie too low. The bootstrap's estimate of that bias, mean of
    the draws minus the estimate, is taken off every draw; the estimate always lies inside. Draws of items alone, which
    `Draws.intervals` uses, have next to none. Efron's BC interval is no remedy: it shifts by twice the bias and narrows
    as it shifts (tests/evaluation/statistics/test_interval_coverage.py).

    Returns:
        None where fewer than a quarter of a column's draws are valid.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, equation 10.2 (bias), 13.5 (percentiles).
    """
    found: list[Interval | None] = []
    factors = np.broadcast_to(np.asarray(stretch, dtype=float), point.shape)
    size = max(1, ENTRIES // max(len(values), 1))
    for start in range(0, len(point), size):
        part = slice(start, start + size)
        found += _interval_block(values[:, part], valid[:, part], point[part], factors[part])
    return found


def enough(valid: BoolArray) -> BoolArray:
    """Of columns `[D, Q]`, those of which enough draws are valid for an interval, `[Q]`."""
    return np.asarray(valid.sum(axis=0) >= max(1.0, _ENOUGH * len(valid)))


def _interval_block(
    values: FloatArray, valid: BoolArray, point: FloatArray, stretch: FloatArray
) -> list[Interval | None]:
    count = valid.sum(axis=0)
    some = np.maximum(count, 1)
    given = enough(valid)
    bias = np.where(given, values.sum(axis=0, where=valid) / some - point, 0.0)
    ordered = np.sort(np.where(valid | ~given, values, np.inf), axis=0)
    low = point - stretch * np.maximum(point + bias - _quantile(ordered, some, 0.025), 0.0)
    high = point + stretch * np.maximum(_quantile(ordered, some, 0.975) - bias - point, 0.0)
    columns = zip(low.tolist(), high.tolist(), bias.tolist(), given.tolist(), strict=True)
    return [Interval(*numbers) if there else None for *numbers, there in columns]


def _quantile(ordered: FloatArray, count: IntArray, share: float) -> FloatArray:
    """Quantile `share` of the first `count [Q]` of each column `[D, Q]`, linear between neighbours."""
    if not len(ordered):
        return np.zeros(len(count))
    place = share * (count - 1)
    lower = np.floor(place).astype(np.int64)
    columns = np.arange(len(count))
    left, right = ordered[lower, columns], ordered[np.minimum(lower + 1, count - 1), columns]
    return np.asarray(left + (right - left) * (place - lower))
