"""From draws to records: one `MetricResult` for each figure, with its interval or the reason why there is none."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from heta_data.records import MetricResult
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import BoolArray, FloatArray, Grid
from heta_evaluation.quantities import REFERENCE, Column, Quantities
from heta_evaluation.scoring import uses_labels
from heta_evaluation.settings import EvaluateSettings
from heta_evaluation.statistics import FEW_RATERS, Draws, Interval, holm, shifted_intervals, sign_flip_test
from heta_evaluation.table import Table

HUMAN_REFERENCE = "human reference"
EVALUATION, LABELS, ANSWERED = "evaluation", "labels", "items_answered"
COUNTS = (EVALUATION, LABELS, ANSWERED)
"""Names of results that are plain counts and therefore no registered metrics."""


class Writer:
    """Makes the records of one evaluation: who rated, how intervals came about."""

    def __init__(self, table: Table, settings: EvaluateSettings) -> None:
        self.table = table
        self.settings = settings

    def record(self, metric: str, subject: str, value: float | None, reason: str | None, **fields: Any) -> MetricResult:
        """One result with the kinds and arms behind it."""
        fields.setdefault("n", 0)
        return MetricResult(
            metric=metric,
            subject=subject,
            value=value,
            reason=None if value is not None else reason,
            kinds=self.table.kinds,
            arms=self.table.arms,
            **fields,
        )

    def how(self, interval: Interval | None, lost: int, *, raters: bool) -> dict[str, Any]:
        """How an interval came about, for `config`."""
        if interval is None:
            return {"interval": "none", "rule": self.table.rule}
        crossed = raters and len(self.table.raters) > 1
        found = {
            "interval": "95 % percentile less bias",
            "drawn": "item groups x raters" if crossed else "item groups",
            "bias": interval.bias,
            "draws": self.settings.draws,
            "lost_draws": lost,
            "seed": self.settings.seed,
            "rule": self.table.rule,
        }
        return {**found, **(self.few_raters() if crossed else {})}

    def few_raters(self) -> dict[str, str]:
        """The note on figures of fewer raters than say anything about others; empty with enough of them."""
        count = len(self.table.raters)
        if count >= FEW_RATERS:
            return {}
        return {"note": f"{count} rater{'' if count == 1 else 's'}: no claim about new raters"}

    def estimate(
        self,
        column: Column,
        draws: Draws,
        number: int,
        *,
        reason: str,
        config: Mapping[str, Any],
        raters: bool = True,
    ) -> MetricResult:
        """One column of the bootstrap."""
        n = int(draws.n[number])
        ends = draws.interval(number) if n else None
        if ends is not None:
            ends = ends.within(*_bounds(column))
        return self.record(
            column.metric,
            self.subject(column),
            float(draws.point[number]) if n else None,
            reason,
            variant=column.variant,
            low=ends.low if ends else None,
            high=ends.high if ends else None,
            n=n,
            config={**config, **self.how(ends, draws.lost(number), raters=raters)},
        )

    def subject(self, column: Column) -> str:
        """What a column is about, as it stands in the record."""
        if column.subject == REFERENCE:
            return HUMAN_REFERENCE
        first = self.table.subjects[column.subject].name
        return f"{first} minus {self.table.subjects[column.other].name}" if column.variant == "difference" else first


def _bounds(column: Column) -> tuple[float, float]:
    """The range that a column's value can have."""
    low, high = METRICS.get(column.metric).range
    return (low - high, high - low) if column.variant in ("difference", "order_effect") else (low, high)


def count_results(writer: Writer, inputs: str) -> Iterator[MetricResult]:
    """What went in: items, labels that count and those left out, items that each model answers."""
    table, settings = writer.table, writer.settings
    config = {"inputs": inputs, "notes": list(table.notes), "settings": settings.model_dump(mode="json")}
    yield writer.record(EVALUATION, "items", float(len(table.rows)), None, n=len(table.rows), config=config)
    used = sum(len(row.raters) for row in table.rows)
    yield writer.record(LABELS, "raters", float(used), None, variant="used", n=len(table.raters))
    for reason, count in table.left_out.items():
        yield writer.record(LABELS, "raters", float(count), None, variant=reason, n=count)
    for model in table.models:
        known = [row.answered[model] for row in table.rows if model in row.answered]
        value = float(sum(known)) if known else None
        yield writer.record(ANSWERED, model, value, "no_target_record", n=len(known))


def alignment_results(
    writer: Writer, quantities: Quantities, draws: Draws, observed: Sequence[Mapping[str, Grid]]
) -> Iterator[MetricResult]:
    """Means over items of every metric and variant, the human reference, and normalised scores."""
    labelled = {metric.name for metric in quantities.metrics if uses_labels(metric)}
    for column, number in quantities.index.items():
        if column.variant in ("crowd", "chance", "difference"):
            continue
        subject = None if column.subject == REFERENCE else writer.table.subjects[column.subject]
        yield writer.estimate(
            column,
            draws,
            number,
            reason=_reason(column, writer.table, observed),
            config=subject.description() if subject else {},
            raters=column.metric in labelled,
        )
        if column.variant == "held_out" and subject is not None:
            yield from _normalised(writer, quantities, draws, column)


def _reason(column: Column, table: Table, observed: Sequence[Mapping[str, Grid]]) -> str:
    """Why a column has no value in any item: the commonest reason."""
    if column.variant.startswith("answered"):
        return "no_item_answered"
    if column.variant == "held_out" and max((len(row.raters) for row in table.rows), default=0) < 2:
        return "one_rater"
    if column.subject == REFERENCE:
        return "no_value_for_any_rater"
    cells = (grids[column.metric].at(0, column.subject) for grids in observed)
    reasons = Counter(cell.reason for cell in cells if cell.reason)
    return max(reasons, key=lambda reason: (reasons[reason], reason), default="no_value_for_any_rater")


def _normalised(writer: Writer, quantities: Quantities, draws: Draws, column: Column) -> Iterator[MetricResult]:
    """method / crowd, and (method - random) / (crowd - random), all three on the same held-out raters."""
    numbers = [
        quantities.index[Column(column.metric, variant, column.subject)] for variant in ("held_out", "crowd", "chance")
    ]
    n, known_chance = int(draws.n[numbers[0]]), int(draws.n[numbers[2]])
    method, crowd, chance = (draws.point[number] for number in numbers)
    drawn = [draws.means[:, number] for number in numbers]
    there = [draws.valid[:, number] for number in numbers]
    absent = _reason(column, writer.table, ())
    for variant, below, valid, reason in (
        ("normalised", (0.0, np.zeros_like(drawn[2])), there[0], "crowd_not_above_zero"),
        ("chance_corrected", (chance, drawn[2]), there[0] & there[2], "crowd_not_above_chance"),
    ):
        closed = variant == "normalised" or known_chance == n
        room, rooms = float(crowd - below[0]), drawn[1] - below[1]
        usable = valid & (rooms > 0)
        ratios = np.where(usable, (drawn[0] - below[1]) / np.where(rooms > 0, rooms, 1.0), 0.0)
        known = n > 0 and closed and room > 0
        value = float((method - below[0]) / room) if known else None
        ends = None
        if value is not None and draws.intervals:
            ends = shifted_intervals(ratios[:, None], usable[:, None], np.asarray([value]))[0]
        yield writer.record(
            column.metric,
            writer.subject(column),
            value,
            absent if not n else reason if closed else "no_closed_form",
            variant=variant,
            low=ends.low if ends else None,
            high=ends.high if ends else None,
            n=n if known else 0,
            config=writer.how(ends, int((~usable).sum()), raters=True),
        )


def difference_results(
    writer: Writer, quantities: Quantities, draws: Draws, observed: Sequence[Mapping[str, Grid]]
) -> Iterator[MetricResult]:
    """Paired differences of methods with interval, sign-flip p-value, and Holm's correction over a metric's pairs."""
    groups = np.asarray(writer.table.design().groups)
    for metric in quantities.compared:
        if not quantities.pairs:
            continue
        found = [grids[metric.name] for grids in observed]
        values = np.concatenate([cells.values for cells in found])
        valid = np.concatenate([cells.valid for cells in found])
        sums, there = _group_differences(values, valid, quantities.pairs, groups)
        p_values = sign_flip_test(sums, draws=writer.settings.draws, seed=writer.settings.seed).tolist()
        tested = [index for index, any_ in enumerate(there) if any_]
        adjusted = dict(zip(tested, holm([p_values[index] for index in tested]), strict=True))
        for index, (first, second) in enumerate(quantities.pairs):
            column = Column(metric.name, "difference", first, second)
            test = {}
            if index in adjusted:
                test = {"p": p_values[index], "p_holm": adjusted[index], "pairs": len(tested)}
            yield writer.estimate(
                column,
                draws,
                quantities.index[column],
                reason="no_common_items",
                config=test,
                raters=uses_labels(metric),
            )


def _group_differences(
    values: FloatArray, valid: BoolArray, pairs: Sequence[tuple[int, int]], groups: np.ndarray[Any, Any]
) -> tuple[FloatArray, BoolArray]:
    """Sums `[group, pair]` of the paired differences of each group's items, and which pairs have any."""
    first, second = np.asarray(pairs).T
    both = valid[:, first] & valid[:, second]
    differences = np.where(both, values[:, first] - values[:, second], 0.0)
    sums = np.zeros((int(groups.max()) + 1, len(pairs)))
    np.add.at(sums, groups, differences)
    return sums, np.asarray(both.any(axis=0), dtype=np.bool_)


def item_results(
    writer: Writer, quantities: Quantities, observed: Sequence[Mapping[str, Grid]]
) -> Iterator[MetricResult]:
    """Every metric of every subject on every item."""
    for row, grids in zip(writer.table.rows, observed, strict=True):
        for metric in quantities.metrics:
            for number, subject in enumerate(writer.table.subjects):
                value, reason = grids[metric.name].at(0, number)
                yield writer.record(
                    metric.name, subject.name, value, reason, item_id=row.item.id, n=0 if value is None else 1
                )


class ResultIndex:
    """Results by metric, variant and subject; figures over all items only."""

    def __init__(self, results: Iterable[MetricResult]) -> None:
        self._found = {(one.metric, one.variant, one.subject): one for one in results if one.item_id is None}

    def get(self, metric: str, subject: str, variant: str = "main") -> MetricResult | None:
        """The result, None where there is no such figure."""
        return self._found.get((metric, variant, subject))

    def of(self, metric: str, variant: str) -> list[MetricResult]:
        """All subjects' results of a metric and variant, in order."""
        return [one for key, one in self._found.items() if key[:2] == (metric, variant)]
