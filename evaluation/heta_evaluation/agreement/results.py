"""Agreement of the raters of a table, with intervals over item groups."""

from collections.abc import Iterator

import numpy as np

from heta_data.records import MetricResult
from heta_evaluation.agreement.coincidence import POSITIVE_AGREEMENT, coincidences
from heta_evaluation.alignment.table import Row, Table
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import AgreementMetric, Value
from heta_evaluation.results import Writer
from heta_evaluation.statistics.bootstrap import group_weights
from heta_evaluation.statistics.intervals import shifted_intervals
from heta_evaluation.statistics.spread import effective, few_groups

RATERS = "raters"


def agreement_results(writer: Writer) -> Iterator[MetricResult]:
    """Every registered agreement metric over all words of all items.

    Intervals draw groups of items only: a rater drawn twice would agree with himself. `n` is the number of items
    with labels.
    """
    table = writer.table
    found = coincidences((row.labels.astype(float), np.ones(row.labels.shape, dtype=bool)) for row in table.rows)
    design = table.design()
    pairs = np.zeros((design.n_groups, *found.pairs.shape[1:]))
    counts = np.zeros((design.n_groups, found.counts.shape[1]))
    np.add.at(pairs, np.asarray(design.groups), found.pairs)
    np.add.at(counts, np.asarray(design.groups), found.counts)
    drawn = group_weights(design.n_groups, writer.settings.draws, np.random.default_rng(writer.settings.seed))
    weights = np.concatenate([np.ones((1, design.n_groups)), drawn])  # row 0: as observed
    all_pairs, all_counts = np.tensordot(weights, pairs, axes=1), weights @ counts
    labelled = np.asarray([float(len(row.raters) > 0) for row in table.rows])
    n = int(labelled.sum())
    sizes = np.bincount(np.asarray(design.groups), weights=labelled).astype(float)
    wider = few_groups(effective(sizes[:, None]))
    for name in METRICS:
        metric = METRICS.get(name)
        if not isinstance(metric, AgreementMetric):
            continue
        grid = metric.compute(all_pairs, all_counts)
        value, reason = grid.at(0, 0)
        valid = grid.valid[1:, 0]
        ends = None
        if value is not None and design.n_groups > 1:
            ends = shifted_intervals(grid.values[1:], grid.valid[1:], np.asarray([value]), stretch=wider)[0]
        if ends is not None:
            ends = ends.within(*metric.range)
        yield writer.record(
            name,
            RATERS,
            value,
            "one_rater" if reason == "no_pairs" and len(table.raters) == 1 else reason,
            low=ends.low if ends else None,
            high=ends.high if ends else None,
            n=n,
            config={
                "raters": len(table.raters),
                **writer.how(ends, int((~valid).sum()), raters=False),
                **writer.few_raters(),
            },
        )


def item_disagreement(row: Row) -> Value:
    """1 - positive agreement of one item: 0 where all raters marked the same words; None with one rater."""
    if len(row.raters) < 2:
        return Value(None, "one_rater")
    found = coincidences([(row.labels.astype(float), np.ones(row.labels.shape, dtype=bool))])
    value, reason = POSITIVE_AGREEMENT.compute(found.pairs, found.counts).at(0, 0)
    if reason == "no_positive_labels":
        return Value(0.0)
    return Value(None, reason) if value is None else Value(1.0 - value)


def rater_counts(table: Table) -> list[tuple[str, str, int, int, int]]:
    """Each rater's pseudonym, kind, items, labels and positive labels."""
    counted: list[tuple[str, str, int, int, int]] = []
    for number, (rater, kind) in enumerate(zip(table.raters, table.rater_kinds, strict=True)):
        own = [row.labels[row.raters.tolist().index(number)] for row in table.rows if number in row.raters]
        counted.append((rater, kind, len(own), sum(len(one) for one in own), sum(int(one.sum()) for one in own)))
    return counted
