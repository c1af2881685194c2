"""Figures that are no mean over items: micro averages, Fisher's z, ERASER's macro F1."""

from collections.abc import Iterator

import numpy as np

from heta_data.records import MetricResult
from heta_evaluation.alignment.quantities import Column, Quantities, part_column
from heta_evaluation.alignment.scoring import uses_labels
from heta_evaluation.metrics.base import AlignmentMetric, Pooling
from heta_evaluation.results import Writer
from heta_evaluation.statistics.bootstrap import Draws
from heta_evaluation.statistics.intervals import shifted_intervals


def pooled_results(writer: Writer, quantities: Quantities, draws: Draws) -> Iterator[MetricResult]:
    """Every pooling of every metric, by subject, with intervals from the draws of its parts."""
    for metric in quantities.metrics:
        for pooling in metric.poolings:
            for subject in range(len(writer.table.subjects)):
                yield _pooled(writer, quantities, draws, metric, pooling, subject)


def _pooled(
    writer: Writer, quantities: Quantities, draws: Draws, metric: AlignmentMetric, pooling: Pooling, subject: int
) -> MetricResult:
    columns = [part_column(metric, pooling, part, subject) for part in range(len(pooling.parts))]
    numbers = [quantities.index[column] for column in columns]
    n = int(draws.n[numbers[0]])
    value, ends = None, None
    there = draws.valid[:, numbers[0]]
    if n:
        value = float(pooling.combine(*(draws.point[[number]] for number in numbers))[0])
        drawn = pooling.combine(*(draws.means[:, number] for number in numbers))
        if draws.interval(numbers[0]) is not None:
            # As far as for the mean over items: the parts of a ratio move together, and each alone moves further.
            main = quantities.index[Column(metric.name, "main", subject)]
            wider = float(draws.spread.stretch()[main])
            ends = shifted_intervals(drawn[:, None], there[:, None], np.asarray([value]), stretch=wider)[0]
    if ends is not None:
        ends = ends.within(*metric.range)
    one = writer.table.subjects[subject]
    return writer.record(
        metric.name,
        one.name,
        value,
        quantities.reason(columns[0]) if value is None else None,
        variant=pooling.name,
        low=ends.low if ends else None,
        high=ends.high if ends else None,
        n=n,
        config={**writer.how(ends, int((~there).sum()), raters=uses_labels(metric)), **one.description()},
    )
