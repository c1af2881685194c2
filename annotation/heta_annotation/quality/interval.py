"""How sure the raters' agreement is: Krippendorff's alpha with a bootstrap interval over items."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heta_data.records import TokenLabels
from heta_evaluation.agreement.coincidence import alpha, coincidences

DRAWS = 1000


@dataclass(frozen=True)
class Agreement:
    """Nominal alpha over all units of all items with two answers or more."""

    alpha: float | None
    """At most 1; 0 is chance. None where there is nothing to compare, see `reason`."""
    low: float | None
    high: float | None
    """2.5 and 97.5 % of draws of items; None where an alpha cannot be told in most draws."""
    items: int
    """Items with at least two answers."""
    reason: str
    """`no_pairs` or `no_variation` where there is no alpha, else empty."""


def agreement(labels: Sequence[TokenLabels], *, seed: int = 0) -> Agreement:
    """Agreement of the answers that count, with an interval from `DRAWS` draws of items."""
    by_item: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for record in labels:
        if record.answered:
            by_item[record.item_id].append(record.labels)
    shared = [np.array(rows, dtype=float) for _, rows in sorted(by_item.items()) if len(rows) > 1]
    if not shared:
        return Agreement(None, None, None, 0, "no_pairs")
    found = coincidences((rows, np.ones(rows.shape, dtype=bool)) for rows in shared)
    weights = np.random.default_rng(seed).multinomial(len(shared), np.full(len(shared), 1 / len(shared)), size=DRAWS)
    drawn = alpha(np.einsum("di,icv->dcv", weights.astype(float), found.pairs), found.values)
    value, reason = alpha(found.pairs.sum(0, keepdims=True), found.values).at(0, 0)
    draws = np.array([one for one in (drawn.at(draw, 0).value for draw in range(DRAWS)) if one is not None])
    if value is None or len(draws) < DRAWS / 2:
        return Agreement(value, None, None, len(shared), reason or "")
    low, high = np.quantile(draws, [0.025, 0.975]).tolist()
    return Agreement(value, low, high, len(shared), "")
