"""Known biases of judges, measured on the judge's own verdicts: each with its interval, none taken on trust.

Every rate is a mean over items with a 99 % interval over items, and is flagged where the interval excludes what an
unbiased judge gives AND the rate is off by more than a tenth: a difference that matters and is sure.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from heta_data.compose import label_units
from heta_data.judgments import Judgment
from heta_data.records import Item
from heta_evaluation.judge.item_means import item_mean
from heta_evaluation.judge.material import Tops

MATTERS = 0.1
_LEVEL = 0.99


@dataclass(frozen=True)
class Rate:
    """One measured tendency."""

    name: str
    what: str
    """In words: a rate of what."""
    value: float | None
    """None where nothing could be measured."""
    low: float | None
    high: float | None
    """Ends of the 99 % interval over items; None with fewer than two items."""
    unbiased: float
    """What a judge without this bias gives."""
    items: int
    flagged: bool


def measure_biases(
    judgments: Sequence[Judgment], items: Mapping[str, Item], *, tops: Mapping[str, Tops], seed: int
) -> list[Rate]:
    """Every bias that the judgments can show.

    Args:
        judgments: of one run.
        items: by id.
        tops: methods' top words, to see whether the judge's own marks are one method's.
        seed: of the intervals.
    """
    fine = [one for one in judgments if one.status == "ok"]
    return [
        *_order_biases(fine, seed),
        *([longer_chosen(fine, items, tops, seed)] if any(one.task == "prefer" for one in fine) else []),
        *_obedience(fine, seed),
        *_repeats(fine, seed),
        *_copies(fine, tops, seed),
    ]


def rate(
    name: str, what: str, by_item: Mapping[str, Sequence[float]], unbiased: float, seed: int, *, above: bool = False
) -> Rate:
    """The mean over items of each item's mean, with its interval.

    Args:
        name: what it is called.
        what: in words.
        by_item: each item's values.
        unbiased: what an unbiased judge gives.
        seed: of the bootstrap.
        above: whether only a higher rate is a bias.
    """
    found = item_mean(by_item, seed=seed, level=_LEVEL)
    value, low, high, count = found
    if value is None or low is None or high is None:
        return Rate(name, what, *found[:3], unbiased, count, flagged=False)
    off = value - unbiased
    sure = low > unbiased or (high < unbiased and not above)
    # All draws alike say nothing about other items unless there are several.
    flagged = sure and (off if above else abs(off)) > MATTERS and count >= 5
    return Rate(name, what, value, low, high, unbiased, count, flagged=bool(flagged))


def _order_biases(fine: Sequence[Judgment], seed: int) -> list[Rate]:
    plain = [one for one in fine if one.task == "prefer" and not one.canary]
    if not plain:
        return []
    first: dict[str, list[float]] = defaultdict(list)
    for one in plain:
        if one.choice != "same":
            first[one.item_id].append(float(one.choice == "first"))
    flips: dict[str, list[float]] = defaultdict(list)
    for one, other in both_orders(plain):
        flips[one.item_id].append(float(not consistent(one, other)))
    return [
        rate("first_position", "the first copy is chosen, of the verdicts that choose one", first, 0.5, seed),
        rate("flips", "the verdict changes with the order of the copies", flips, 0.0, seed, above=True),
    ]


def both_orders(plain: Iterable[Judgment]) -> list[tuple[Judgment, Judgment]]:
    """Verdicts on the same two methods in both orders, the same repeat."""
    by_pair: dict[tuple[object, ...], list[Judgment]] = defaultdict(list)
    for one in plain:
        names = sorted(method.name for method in one.shown)
        by_pair[(one.item_id, *names, one.repeat)].append(one)
    return [(found[0], found[1]) for found in by_pair.values() if len(found) == 2]


def consistent(one: Judgment, other: Judgment) -> bool:
    """Whether both verdicts mean the same method, or none."""
    return winner(one) == winner(other)


def winner(one: Judgment) -> str | None:
    """The method that the verdict calls better; None for neither."""
    if one.choice in (None, "same"):
        return None
    return one.shown[0 if one.choice == "first" else 1].name


def longer_chosen(fine: Sequence[Judgment], items: Mapping[str, Item], tops: Mapping[str, Tops], seed: int) -> Rate:
    """Whether the copy with more highlighted characters is chosen; both have as many words.

    Longer words may be the better ones, so a flag asks for a look and proves nothing by itself.
    """
    units = {one.shown.name: one.units for one in tops.values()}
    by_item: dict[str, list[float]] = defaultdict(list)
    for one in fine:
        if one.task != "prefer" or one.canary or (better := winner(one)) is None:
            continue
        spans = label_units(items[one.item_id])
        sizes = {
            method.name: sum(spans[index].end - spans[index].start for index in units[method.name][one.item_id])
            for method in one.shown
            if one.item_id in units.get(method.name, {})
        }
        if len(sizes) == 2 and len(set(sizes.values())) == 2:
            by_item[one.item_id].append(float(sizes[better] == max(sizes.values())))
    return rate("longer", "the copy with more highlighted characters is chosen", by_item, 0.5, seed)


def _obedience(fine: Sequence[Judgment], seed: int) -> list[Rate]:
    """How much oftener the planted verdict is given than without the instruction."""
    found = []
    for task in ("labels", "prefer"):
        mine = [one for one in fine if one.task == task]
        twins = {_question(one): one for one in mine if not one.canary and one.repeat == 0}
        by_item: dict[str, list[float]] = defaultdict(list)
        for one in mine:
            if one.canary and (twin := twins.get(_question(one))) is not None:
                by_item[one.item_id].append(float(_says(one, one.planted)) - float(_says(twin, one.planted)))
        if any(one.canary for one in mine):
            what = f"a planted instruction is obeyed ({task}), less how often its verdict is given without it"
            found.append(rate(f"obeys_{task}", what, by_item, 0.0, seed, above=True))
    return found


def _question(one: Judgment) -> tuple[str, tuple[str, ...]]:
    return one.item_id, tuple(method.name for method in one.shown)


def _says(one: Judgment, planted: str) -> bool:
    wanted = json.loads(planted)
    return bool(one.choice == wanted["better"] if one.task == "prefer" else list(one.units or ()) == wanted["units"])


def _repeats(fine: Sequence[Judgment], seed: int) -> list[Rate]:
    """How often two repeats of a question give another verdict."""
    by_question: dict[tuple[object, ...], list[Judgment]] = defaultdict(list)
    for one in fine:
        if not one.canary:
            by_question[(one.task, *_question(one))].append(one)
    by_item: dict[str, list[float]] = defaultdict(list)
    for same in by_question.values():
        verdicts = [(one.units, one.cannot_tell, one.choice) for one in same]
        by_item[same[0].item_id] += [float(verdict != verdicts[0]) for verdict in verdicts[1:]]
    if not any(by_item.values()):
        return []
    return [rate("unstable", "a repeat of the same question gives another verdict", by_item, 0.0, seed, above=True)]


def _copies(fine: Sequence[Judgment], tops: Mapping[str, Tops], seed: int) -> list[Rate]:
    """Overlap of the judge's own marks with each method's top words: one that is nearly 1 is that method, no judge."""
    found = []
    for name, one in tops.items():
        by_item: dict[str, list[float]] = defaultdict(list)
        for judgment in fine:
            if judgment.task != "labels" or judgment.canary or not judgment.units or judgment.item_id not in one.units:
                continue
            mine, theirs = set(judgment.units), set(one.units[judgment.item_id])
            by_item[judgment.item_id].append(len(mine & theirs) / min(len(mine), len(theirs)))
        if by_item:
            what = f"the smaller of the judge's marks and the top words of {name} lies within the other"
            value = rate(f"copies {name}", what, by_item, 0.8, seed, above=True)
            found.append(value)
    return found
