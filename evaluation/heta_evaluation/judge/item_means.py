"""Means over items of each item's mean, with an interval over items: what verdicts and opinions come to."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

DRAWS = 2000


class ItemMean(NamedTuple):
    """A mean over items."""

    value: float | None
    """None without any item."""
    low: float | None
    high: float | None
    """Ends of the bootstrap interval over items; None with fewer than two."""
    items: int


def item_mean(by_item: Mapping[str, Sequence[float]], *, seed: int, level: float = 0.95) -> ItemMean:
    """The mean over items of each item's mean, so that an item that was asked about oftener counts no more.

    Args:
        by_item: each item's values.
        seed: of the bootstrap.
        level: of the interval.
    """
    means = np.asarray([float(np.mean(values)) for values in by_item.values() if len(values)])
    if not len(means):
        return ItemMean(None, None, None, 0)
    value = float(means.mean())
    if len(means) < 2:
        return ItemMean(value, None, None, len(means))
    drawn = np.random.default_rng(seed).multinomial(len(means), np.full(len(means), 1 / len(means)), size=DRAWS)
    low, high = np.quantile(drawn @ means / len(means), [(1 - level) / 2, (1 + level) / 2]).tolist()
    return ItemMean(value, low, high, len(means))
