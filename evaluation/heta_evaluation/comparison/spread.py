"""Where the uncertainty of a paired difference comes from, and what would take it away."""

from collections.abc import Sequence
from math import ceil, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

NORMAL = NormalDist().inv_cdf(0.975)
"""1.96: half an interval over its standard error."""
POWER = NormalDist().inv_cdf(0.8)
"""0.84: of a power of 80 %."""


def item_error(differences: Sequence[float], groups: Sequence[str]) -> float | None:
    """Standard error of the mean of `differences [item]`, over groups of items; None with one group.

    sqrt(G / (G - 1) sum_g (S_g - n_g m)^2) / n, with S_g the sum of group g's n_g differences and m the mean of all n:
    the linearised standard error of a ratio of group totals, Cochran 1977, Sampling Techniques, equation 6.13.
    """
    names = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    if len(names) < 2:
        return None
    values = np.asarray(differences, dtype=float)
    residuals = np.zeros(len(names))
    np.add.at(residuals, [names[group] for group in groups], values - values.mean())
    return float(np.sqrt(len(names) / (len(names) - 1) * np.sum(residuals**2)) / len(values))


class Surer(NamedTuple):
    """What would make a difference surer, from its standard error taken apart.

    The error of the interval squared is taken as items + raters: what drawing other items would change, and the rest,
    which is what drawing other raters would. Each part falls with one over its number.
    """

    half: float
    """Half the interval now."""
    items_share: float
    """Share of the error's square that comes from the items, in [0, 1]; the raters have the rest."""
    half_twice_items: float
    """Half the interval with twice as many items."""
    half_twice_raters: float
    """Half the interval with twice as many raters."""
    items_needed: int | None
    """Items with which the interval would leave 0 out if the difference stays as it is; None where no number would."""


def surer(difference: float, half: float | None, error: float | None, items: float | None, count: int) -> Surer | None:
    """What would make a difference surer.

    Args:
        difference: the estimate.
        half: half of its 95 % interval.
        error: its standard error.
        items: the part of the standard error that comes from the items, see `item_error`.
        count: number of items.

    Returns:
        None where the interval has no width, or one of the errors is not known.
    """
    if not half or not error or items is None:
        return None
    reach = half / error
    own = min(items, error) ** 2
    rest = error**2 - own
    wanted = (difference / reach) ** 2 - rest
    return Surer(
        half=half,
        items_share=own / error**2,
        half_twice_items=reach * sqrt(own / 2 + rest),
        half_twice_raters=reach * sqrt(own + rest / 2),
        items_needed=ceil(count * own / wanted) if wanted > 0 else None,
    )


def detectable(error: float) -> float:
    """The smallest true difference that the interval leaves 0 out for in 80 % of such samples: 2.80 standard errors.

    Source: Bloom 1995, "Minimum detectable effects", Evaluation Review 19(5), equation 1.
    """
    return (NORMAL + POWER) * error
