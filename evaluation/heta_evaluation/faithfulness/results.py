"""From values of items to one figure for each row and metric, with intervals over groups of items."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from heta_data.records import Item, MetricResult
from heta_evaluation.alignment.subjects import RANDOM
from heta_evaluation.faithfulness.run import ModelMetric, Run
from heta_evaluation.faithfulness.subjects import Source, items_digest
from heta_evaluation.metrics.base import BoolArray, FloatArray
from heta_evaluation.results import INTERVAL
from heta_evaluation.statistics.bootstrap import Cells, Design, Draws, crossed_bootstrap
from heta_evaluation.statistics.intervals import Interval, shifted_intervals
from heta_evaluation.statistics.spread import few_groups

FAITHFULNESS = "faithfulness"
"""Name of the first result: how many items, with the settings behind all others."""
DIFFERENCE, LOG_RATIO = "difference", "log_ratio"
RATIOS = ("soft_nc", "soft_ns", "soft_nc_pi", "soft_ns_pi")
"""Metrics whose ratio to random scores is given too."""


@dataclass(frozen=True)
class _Column:
    """Values of one row, metric and variant on all items."""

    source: Source
    metric: ModelMetric
    variant: str
    values: FloatArray
    """`[item]`, 0 where there is none."""
    valid: BoolArray
    errors: FloatArray
    """`[item]`, Monte-Carlo errors, 0 where nothing was drawn."""
    reason: str
    """The commonest reason for no value."""


def summary_results(run: Run, notes: Sequence[str]) -> list[MetricResult]:
    """The records of faithfulness.jsonl: settings, means, and what main figures are beyond random scores."""
    columns = [
        _column(run, source, metric, variant)
        for metric in run.metrics
        for source in run.sources
        for variant in metric.variants
    ]
    chance = {
        column.metric.name: column
        for column in columns
        if column.source.subject.method == RANDOM and column.variant == "main"
    }
    against = [
        (column, chance[column.metric.name])
        for column in columns
        if column.variant == "main" and column.metric.name in chance and column.source.subject.method != RANDOM
    ]
    differences = [_paired(column, other, column.values - other.values) for column, other in against]
    ratios = [pair for pair in against if pair[0].metric.name in RATIOS]
    # A ratio is of two means over the same items.
    parts = [_paired(column, other, values.values) for column, other in ratios for values in (column, other)]
    draws = _bootstrap(run, [*columns, *differences, *parts])
    found = [_first(run, notes)]
    found += [_mean(run, column, draws, number) for number, column in enumerate(columns)]
    offset = len(columns)
    found += [_difference(run, column, draws, offset + number) for number, column in enumerate(differences)]
    offset += len(differences)
    found += [_log_ratio(run, column, draws, offset + 2 * number) for number, (column, _) in enumerate(ratios)]
    return found


def _column(run: Run, source: Source, metric: ModelMetric, variant: str) -> _Column:
    there = run.results()[source.file]
    found = [there.get((metric.name, metric.version, variant, item.id)) for item in run.items]
    reasons = Counter(result.reason or "" for result in found if result is not None and result.value is None)
    return _Column(
        source,
        metric,
        variant,
        np.asarray([0.0 if result is None or result.value is None else result.value for result in found]),
        np.asarray([result is not None and result.value is not None for result in found], dtype=bool),
        np.asarray([0.0 if result is None else float(result.config.get("error", 0.0)) for result in found]),
        reasons.most_common(1)[0][0] if reasons else "not_computed",
    )


def _paired(column: _Column, other: _Column, values: FloatArray) -> _Column:
    both = np.asarray(column.valid & other.valid, dtype=bool)
    return _Column(
        column.source,
        column.metric,
        column.variant,
        np.where(both, values, 0.0),
        both,
        column.errors,
        "no_common_items",
    )


def _bootstrap(run: Run, columns: Sequence[_Column]) -> Draws:
    values = np.stack([column.values for column in columns], axis=1)
    valid = np.stack([column.valid for column in columns], axis=1)

    def cells(item: int, weights: FloatArray) -> Cells:
        rows = np.zeros(len(weights), dtype=np.int64)
        return Cells(values[item][None][rows], valid[item][None][rows])

    nobody = np.zeros(0, dtype=np.int64)
    design = Design(_groups(run.items), [nobody] * len(run.items), 0)
    return crossed_bootstrap(design, cells, draws=run.settings.resamples, seed=run.settings.seed)


def _groups(items: Sequence[Item]) -> list[int]:
    numbers: dict[str, int] = {}
    return [numbers.setdefault(item.group, len(numbers)) for item in items]


def _first(run: Run, notes: Sequence[str]) -> MetricResult:
    identity = run.model.identity
    return MetricResult(
        metric=FAITHFULNESS,
        subject="items",
        value=float(len(run.items)),
        n=len(run.items),
        config={
            "inputs": items_digest(run.items),
            "labels": next((source.digest for source in run.sources if source.labels is not None), None),
            "model": {"name": identity.name, "revision": identity.revision, "tokenizer": identity.tokenizer},
            "settings": run.settings.model_dump(mode="json"),
            "notes": list(notes),
        },
    )


def _mean(run: Run, column: _Column, draws: Draws, number: int) -> MetricResult:
    low, high = column.metric.variants[column.variant]
    config: dict[str, object] = {"version": column.metric.version}
    if getattr(column.metric, "samples", False) and column.valid.any():
        # Items draw independently of each other.
        config["error"] = float(np.sqrt(np.sum(column.errors[column.valid] ** 2)) / column.valid.sum())
    ends = draws.interval(number) if draws.n[number] else None
    return _result(
        run, column, column.variant, column.source.subject.name, draws, number, ends and ends.within(low, high), config
    )


def _difference(run: Run, column: _Column, draws: Draws, number: int) -> MetricResult:
    """Mean paired difference with random scores."""
    name = f"{column.source.subject.name} minus {RANDOM}"
    ends = draws.interval(number) if draws.n[number] else None
    return _result(run, column, DIFFERENCE, name, draws, number, ends, {"version": column.metric.version})


def _result(
    run: Run,
    column: _Column,
    variant: str,
    subject: str,
    draws: Draws,
    number: int,
    ends: Interval | None,
    config: dict[str, object],
) -> MetricResult:
    n = int(draws.n[number])
    return MetricResult(
        metric=column.metric.name,
        variant=variant,
        subject=subject,
        value=float(draws.point[number]) if n else None,
        reason=None if n else column.reason,
        low=ends.low if ends else None,
        high=ends.high if ends else None,
        n=n,
        kinds=column.source.kinds,
        arms=column.source.arms,
        config={**config, **_how(run, ends, draws.lost(number))},
    )


def _log_ratio(run: Run, column: _Column, draws: Draws, number: int) -> MetricResult:
    """log of (mean over items) / (mean of random scores over the same items); of the columns `number` and the next."""
    ours, theirs = draws.point[number], draws.point[number + 1]
    n = int(draws.n[number])
    reason = None if n and ours > 0 and theirs > 0 else ("no_common_items" if not n else "mean_is_zero")
    value, ends = None, None
    if reason is None:
        value = math.log(ours / theirs)
        pair = draws.means[:, number : number + 2]
        valid = draws.valid[:, number] & (pair > 0).all(axis=1)
        logs = np.log(np.where(valid[:, None], pair, 1.0))
        if (groups := float(draws.groups[number])) > 1:
            differences = logs[:, :1] - logs[:, 1:]
            (ends,) = shifted_intervals(differences, valid[:, None], np.asarray([value]), stretch=few_groups(groups))
    return MetricResult(
        metric=column.metric.name,
        variant=LOG_RATIO,
        subject=f"{column.source.subject.name} over {RANDOM}",
        value=value,
        reason=reason,
        low=ends.low if ends else None,
        high=ends.high if ends else None,
        n=n,
        kinds=column.source.kinds,
        arms=column.source.arms,
        config={"version": column.metric.version, **_how(run, ends, 0)},
    )


def _how(run: Run, ends: Interval | None, lost: int) -> dict[str, object]:
    """How an interval came about."""
    if ends is None:
        return {"interval": "none"}
    return {
        "interval": f"95 % {INTERVAL}",
        "drawn": "item groups",
        "bias": ends.bias,
        "draws": run.settings.resamples,
        "lost_draws": lost,
        "seed": run.settings.seed,
    }


def figures(results: Sequence[MetricResult], variant: str = "main") -> Iterator[MetricResult]:
    """The means of one variant."""
    return (result for result in results if result.variant == variant and result.metric != FAITHFULNESS)
