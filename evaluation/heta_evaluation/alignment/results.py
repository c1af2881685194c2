"""Alignment figures as records: means over items, human reference, normalised scores, items."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from heta_data.records import MetricResult
from heta_evaluation.alignment.quantities import INNER, REFERENCE, Column, Quantities
from heta_evaluation.alignment.scoring import drawn_raters
from heta_evaluation.alignment.table import Table
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import Grid
from heta_evaluation.results import Writer
from heta_evaluation.statistics.bootstrap import Draws
from heta_evaluation.statistics.intervals import shifted_intervals


def alignment_results(
    writer: Writer, quantities: Quantities, draws: Draws, observed: Sequence[Mapping[str, Grid]]
) -> Iterator[MetricResult]:
    """Means over items of every metric and variant, the human reference, and normalised scores."""
    drawn = {metric.name for metric in quantities.metrics if drawn_raters(metric, writer.table)}
    for column, number in quantities.index.items():
        if column.variant in (*INNER, "difference"):
            continue
        subject = None if column.subject == REFERENCE else writer.table.subjects[column.subject]
        yield writer.estimate(
            column,
            draws,
            number,
            reason="" if draws.n[number] else _reason(column, writer.table, observed) or quantities.reason(column),
            config=subject.description() if subject else {},
            raters=column.metric in drawn or column.variant == "held_out",
        )
        if column.variant == "held_out" and subject is not None:
            yield from _normalised(writer, quantities, draws, column)


def _reason(column: Column, table: Table, observed: Sequence[Mapping[str, Grid]]) -> str:
    """Why a column has no value in any item: the commonest reason; empty for variants, which are not in `observed`."""
    if column.variant.startswith("answered"):
        return "no_item_answered"
    if column.variant == "held_out" and max((len(row.raters) for row in table.rows), default=0) < 2:
        return "one_rater"
    if column.subject == REFERENCE:
        return "no_value_for_any_rater"
    if column.variant not in ("main", "held_out"):
        return ""
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
    drawn = [draws.alone.items[:, number] for number in numbers]
    there = [draws.alone.items_valid[:, number] for number in numbers]
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
        if value is not None and draws.interval(numbers[0]) is not None:
            wider = float(draws.spread.stretch()[numbers[0]])  # method and crowd share items and targets
            ends = shifted_intervals(ratios[:, None], usable[:, None], np.asarray([value]), stretch=wider)[0]
        if ends is not None and variant == "normalised" and METRICS.get(column.metric).range[0] >= 0:
            ends = ends.within(0.0, np.inf)  # a ratio of two figures that are never below 0
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


def item_results(
    writer: Writer, quantities: Quantities, observed: Sequence[Mapping[str, Grid]]
) -> Iterator[MetricResult]:
    """Every subject on every item, by the metrics that compare methods."""
    for row, grids in zip(writer.table.rows, observed, strict=True):
        for metric in quantities.compared:
            for number, subject in enumerate(writer.table.subjects):
                value, reason = grids[metric.name].at(0, number)
                yield writer.record(
                    metric.name, subject.name, value, reason, item_id=row.item.id, n=0 if value is None else 1
                )
