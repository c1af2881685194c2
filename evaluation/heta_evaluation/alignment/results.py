"""Alignment figures as records: means over items, human reference, normalised scores, paired differences, items."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from heta_data.records import MetricResult
from heta_evaluation.alignment.quantities import REFERENCE, Column, Quantities
from heta_evaluation.alignment.scoring import drawn_raters
from heta_evaluation.alignment.table import Table
from heta_evaluation.metrics.base import BoolArray, FloatArray, Grid
from heta_evaluation.results import Writer
from heta_evaluation.statistics.bootstrap import Draws
from heta_evaluation.statistics.intervals import shifted_intervals
from heta_evaluation.statistics.tests import holm, sign_flip_test


def alignment_results(
    writer: Writer, quantities: Quantities, draws: Draws, observed: Sequence[Mapping[str, Grid]]
) -> Iterator[MetricResult]:
    """Means over items of every metric and variant, the human reference, and normalised scores."""
    drawn = {metric.name for metric in quantities.metrics if drawn_raters(metric, writer.table)}
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
            raters=column.metric in drawn or column.variant == "held_out",
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
                raters=drawn_raters(metric, writer.table),
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
