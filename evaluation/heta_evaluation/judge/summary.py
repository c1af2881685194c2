"""What a run of a judge came to: how its calls ended, where they failed, and which method it prefers."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from heta_data.compose import label_units
from heta_data.judgments import Judgment, Status
from heta_data.records import Item
from heta_evaluation.judge.bias import winner
from heta_evaluation.judge.item_means import item_mean

STATUSES: tuple[Status, ...] = get_args(Status)
LENGTHS = ((0, 50, "up to 50 words"), (50, 150, "51 to 150 words"), (150, 10**9, "over 150 words"))


@dataclass(frozen=True)
class Failures:
    """How the calls of one kind ended."""

    what: str
    statuses: Mapping[Status, int]

    @property
    def planned(self) -> int:
        """All of them."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """Those without a verdict."""
        return self.planned - self.statuses.get("ok", 0)


@dataclass(frozen=True)
class Preference:
    """One method against another, over items that were asked about in both orders."""

    first: str
    second: str
    rate: float | None
    """How often the first is better, in [0, 1]; a tie, and two orders that contradict each other, count a half."""
    low: float | None
    high: float | None
    """Ends of the 95 % bootstrap interval over items."""
    worst: float | None
    best: float | None
    """What the rate would be if every call without a verdict had gone against the first method, or for it."""
    items: int
    inconsistent: int
    """Pairs of orders that contradict each other."""
    missing: int
    """Pairs of orders of which one has no verdict."""


def failure_table(judgments: Sequence[Judgment], items: Mapping[str, Item]) -> list[Failures]:
    """How calls ended: by task, canaries apart, then by method, source and length of the text."""
    groups: dict[str, Counter[Status]] = defaultdict(Counter)
    for one in judgments:
        groups[one.task + (", planted instructions" if one.canary else "")][one.status] += 1
    for one in judgments:
        if one.canary:
            continue
        for method in one.shown:
            groups[f"method {method.method}"][one.status] += 1
        if (item := items.get(one.item_id)) is not None:
            groups[f"source {item.source}"][one.status] += 1
            words = len(label_units(item))
            groups[next(name for low, high, name in LENGTHS if low < words <= high)][one.status] += 1
    return [Failures(what, dict(counted)) for what, counted in groups.items()]


def preferences(judgments: Sequence[Judgment], *, seed: int) -> list[Preference]:
    """Every two methods' win rate. Orders that contradict each other are a tie: position decided, not the text."""
    by_pair: dict[tuple[str, str], dict[tuple[str, int], list[Judgment]]] = defaultdict(lambda: defaultdict(list))
    for one in judgments:
        if one.task == "prefer" and not one.canary:
            first, second = sorted(method.name for method in one.shown)
            by_pair[first, second][one.item_id, one.repeat].append(one)
    return [_preference(pair, found, seed) for pair, found in sorted(by_pair.items())]


def _preference(pair: tuple[str, str], asked: Mapping[tuple[str, int], Sequence[Judgment]], seed: int) -> Preference:
    known: dict[str, list[float]] = defaultdict(list)
    bounds: dict[str, list[tuple[float, float]]] = defaultdict(list)
    inconsistent = missing = 0
    for (item, _), both in asked.items():
        if len(both) < 2 or any(one.status != "ok" for one in both):
            missing += 1
            bounds[item].append((0.0, 1.0))
            continue
        winners = {winner(one) for one in both}
        inconsistent += len(winners) > 1
        value = 0.5 if len(winners) > 1 or winners == {None} else float(winners == {pair[0]})
        known[item].append(value)
        bounds[item].append((value, value))
    worst, best = (
        float(np.mean([np.mean([bound[side] for bound in found]) for found in bounds.values()])) for side in (0, 1)
    )
    rate = item_mean(known, seed=seed)
    return Preference(*pair, *rate[:3], worst, best, rate.items, inconsistent, missing)
