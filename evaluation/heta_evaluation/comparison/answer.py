"""The answer to one question: is A better than B, by how much, how sure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heta_data.records import Item, MetricResult
from heta_evaluation.comparison.spread import NORMAL, Surer, detectable, item_error, surer
from heta_evaluation.metrics import METRICS
from heta_evaluation.report.material import parts
from heta_evaluation.report.paired import Paired, paired, turned
from heta_evaluation.results import HUMAN_REFERENCE, ResultIndex

_SAME = 1e-9
"""Differences of an item's values below this are a tie: rounding, not the methods."""
MOST_APART = 3
_SNIPPET = 110


@dataclass(frozen=True)
class Part:
    """The difference on a part of the items."""

    name: str
    """`source = sciq`."""
    difference: float
    low: float | None
    high: float | None
    """95 % interval over groups of items; None with one group, or where two figures of records are subtracted."""
    items: int


@dataclass(frozen=True)
class Case:
    """One item on which the two differ much."""

    item_id: str
    source: str
    first: float
    second: float
    snippet: str


@dataclass(frozen=True)
class Answer:
    """A against B in one metric, the better side of it in `Answer.better`."""

    metric: str
    first: str
    second: str
    """Subjects, as in results.jsonl."""
    difference: MetricResult
    """A minus B with its interval; where several pairs were judged, all their intervals hold at once."""
    said: Paired
    p: float | None
    """Of this pair alone."""
    p_family: float | None
    """After Holm over all pairs that the run judged together."""
    p_asked: float | None
    """After Holm over the pairs that are asked for now; None where it is one."""
    values: tuple[MetricResult | None, MetricResult | None]
    held_out: tuple[MetricResult | None, MetricResult | None]
    """Each against one rater at a time."""
    ceiling: MetricResult | None
    """The other raters against one rater at a time."""
    wins: int
    ties: int
    losses: int
    """Items where A is better, equal, worse."""
    detectable: float | None
    parts: tuple[Part, ...]
    cases: tuple[Case, ...]
    surer: Surer | None

    @property
    def better(self) -> str | None:
        """The subject that is surely better, None where that is open."""
        if not self.said.settled:
            return None
        lower = METRICS.get(self.metric).direction == "lower" if self.metric in METRICS else False
        return self.first if (self.said.decision == "ahead") != lower else self.second


@dataclass(frozen=True)
class Pair:
    """What one comparison is made of."""

    metric: str
    first: str
    second: str
    values: Mapping[str, Mapping[str, float]]
    """Item id -> subject -> value, where it has one."""
    items: Mapping[str, Item]


def recorded(index: ResultIndex, metric: str, first: str, second: str, variant: str) -> MetricResult | None:
    """The record of a pair, first minus second; a pair stands there once, in either order."""
    found = index.get(metric, f"{first} minus {second}", variant)
    if found is not None:
        return found
    other = index.get(metric, f"{second} minus {first}", variant)
    return other if other is None or variant == "detectable" else turned(other)


def answer(index: ResultIndex, pair: Pair, difference: MetricResult, p_asked: float | None = None) -> Answer:
    """Everything about one pair whose difference has a value.

    Args:
        index: figures over all items.
        pair: the two subjects with their values on single items.
        difference: A minus B.
        p_asked: after Holm over the pairs that are asked for, where they are several.
    """
    metric, sides = pair.metric, (pair.first, pair.second)
    both = [
        (item, found[pair.first], found[pair.second])
        for item, found in pair.values.items()
        if pair.first in found and pair.second in found
    ]
    sign = -1.0 if metric in METRICS and METRICS.get(metric).direction == "lower" else 1.0
    gains = [sign * (first - second) for _, first, second in both]
    differences = [first - second for _, first, second in both]
    error = item_error(differences, [pair.items[item].group for item, _, _ in both]) if both else None
    half, whole = _half(difference), _error(difference)
    config = difference.config
    return Answer(
        metric=metric,
        first=pair.first,
        second=pair.second,
        difference=difference,
        said=paired(difference),
        p=config.get("p"),
        p_family=config.get("p_holm"),
        p_asked=p_asked,
        values=(index.get(metric, sides[0]), index.get(metric, sides[1])),
        held_out=(index.get(metric, sides[0], "held_out"), index.get(metric, sides[1], "held_out")),
        ceiling=index.get(metric, HUMAN_REFERENCE, "held_out"),
        wins=sum(gain > _SAME for gain in gains),
        ties=sum(abs(gain) <= _SAME for gain in gains),
        losses=sum(gain < -_SAME for gain in gains),
        detectable=_detectable(index, pair, whole),
        parts=tuple(_recorded_parts(index, pair) or _source_parts(pair, both)),
        cases=tuple(_cases(pair, both)),
        surer=surer(difference.value or 0.0, half, whole, _item_part(difference, whole, error), len(both)),
    )


def _item_part(difference: MetricResult, whole: float | None, items: float | None) -> float | None:
    """The part of the standard error that comes from the items: all of it where raters were not drawn."""
    return items if "raters" in difference.config.get("drawn", "") else whole


def _half(difference: MetricResult) -> float | None:
    """Half of the pair's own interval, which is narrower than one that holds together with others."""
    ends = difference.config.get("alone")
    low, high = ends if isinstance(ends, list) and len(ends) == 2 else (difference.low, difference.high)
    return None if low is None or high is None else (high - low) / 2


def _error(difference: MetricResult) -> float | None:
    """The recorded standard error, else half the interval over 1.96."""
    if "error" in difference.config:
        return float(difference.config["error"])
    half = _half(difference)
    return None if half is None else half / NORMAL


def _detectable(index: ResultIndex, pair: Pair, error: float | None) -> float | None:
    found = recorded(index, pair.metric, pair.first, pair.second, "detectable")
    if found is not None:
        return found.value
    return detectable(error) if error else None


def _recorded_parts(index: ResultIndex, pair: Pair) -> list[Part]:
    """Parts of the items that the run has figures of: both sides' figures, subtracted."""
    found = []
    for name, values in parts(index.variants(pair.metric)).items():
        for value in values:
            first, second = (index.get(pair.metric, side, f"{name}={value}") for side in (pair.first, pair.second))
            if first is not None and second is not None and first.value is not None and second.value is not None:
                difference = first.value - second.value
                found.append(Part(f"{name} = {value}", difference, None, None, min(first.n, second.n)))
    return found


def _source_parts(pair: Pair, both: Sequence[tuple[str, float, float]]) -> list[Part]:
    """The difference on each source of items, from the values on single items; nothing where there is one source."""
    by_source: dict[str, list[tuple[float, str]]] = {}
    for identifier, first, second in both:
        item = pair.items[identifier]
        by_source.setdefault(item.source, []).append((first - second, item.group))
    if len(by_source) < 2:
        return []
    parts = []
    for source, found in sorted(by_source.items()):
        mean = sum(value for value, _ in found) / len(found)
        error = item_error([value for value, _ in found], [group for _, group in found])
        low, high = (None, None) if error is None else (mean - NORMAL * error, mean + NORMAL * error)
        parts.append(Part(f"source = {source}", mean, low, high, len(found)))
    return parts


def _cases(pair: Pair, both: Sequence[tuple[str, float, float]]) -> list[Case]:
    """The items with the largest differences either way; equal ones in the order of the benchmark."""
    apart = sorted(both, key=lambda one: -abs(one[1] - one[2]))[:MOST_APART]
    cases = []
    for identifier, first, second in apart:
        item = pair.items[identifier]
        evidence = " ".join(item.prompt[span.start : span.end] for span in item.spans("evidence"))
        text = " ".join(f"{item.question} {item.answer} | {evidence}".split())
        snippet = text if len(text) <= _SNIPPET else text[: _SNIPPET - 1] + "…"
        cases.append(Case(identifier, f"{item.source} {item.source_id}", first, second, snippet))
    return [case for case in cases if abs(case.first - case.second) > _SAME]
