"""Means over some of the items, and paired differences between two rows, from values of single items."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from heta_data.jsonl import read_records
from heta_data.records import Item, MetricResult
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import FloatArray
from heta_evaluation.results import INTERVAL
from heta_evaluation.statistics.bootstrap import Cells, Design, crossed_bootstrap

Values = dict[tuple[str, str, str], dict[str, MetricResult]]
"""(metric, variant, subject) -> item id -> its value."""


def read_values(files: Sequence[Path]) -> Values:
    """Values of single items of the files that a faithfulness run named."""
    found: Values = {}
    for path in files:
        for one in read_records(path, MetricResult):
            if one.item_id is not None and one.value is not None:
                found.setdefault((one.metric, one.variant, one.subject), {})[one.item_id] = one
    return found


def means_over(values: Values, items: Sequence[Item], suffix: str, *, draws: int, seed: int) -> list[MetricResult]:
    """The mean of every figure over some items, its variant ending in `suffix`, with intervals over their groups."""
    kept = {item.id for item in items}
    columns = {
        key: {item: one.value for item, one in by_item.items() if item in kept and one.value is not None}
        for key, by_item in values.items()
    }
    return _means(columns, values, items, suffix, draws=draws, seed=seed, within=True)


def differences(
    values: Values,
    items: Sequence[Item],
    base: str,
    others: Sequence[str],
    suffix: str,
    *,
    draws: int,
    seed: int,
) -> list[MetricResult]:
    """Each other subject minus the subject `base`, paired by item, mean over items; variants end in `suffix`."""
    columns: dict[tuple[str, str, str], dict[str, float]] = {}
    for (metric, variant, subject), by_item in values.items():
        basis = values.get((metric, variant, base))
        if subject not in others or basis is None:
            continue
        columns[metric, variant, subject] = {
            item: float(one.value) - float(basis[item].value)  # type: ignore[arg-type]
            for item, one in by_item.items()
            if item in basis
        }
    return _means(columns, values, items, suffix, draws=draws, seed=seed, within=False)


def _means(
    columns: Mapping[tuple[str, str, str], Mapping[str, float]],
    values: Values,
    items: Sequence[Item],
    suffix: str,
    *,
    draws: int,
    seed: int,
    within: bool,
) -> list[MetricResult]:
    if not columns or not items:
        return []
    keys = list(columns)
    points: FloatArray = np.asarray([[columns[key].get(item.id, 0.0) for key in keys] for item in items])
    valid = np.asarray([[item.id in columns[key] for key in keys] for item in items], dtype=bool)
    numbers: dict[str, int] = {}
    groups = [numbers.setdefault(item.group, len(numbers)) for item in items]

    def cells(item: int, weights: FloatArray) -> Cells:
        rows = np.zeros(len(weights), dtype=np.int64)
        return Cells(points[item][None][rows], valid[item][None][rows])

    nobody = np.zeros(0, dtype=np.int64)
    found = crossed_bootstrap(Design(groups, [nobody] * len(items), 0), cells, draws=draws, seed=seed)
    results = []
    for number, (metric, variant, subject) in enumerate(keys):
        n = int(found.n[number])
        ends = found.interval(number) if n else None
        if ends is not None and within:
            ends = ends.within(*METRICS.get(metric).range)
        any_one = next(iter(values[metric, variant, subject].values()), None)
        results.append(
            MetricResult(
                metric=metric,
                variant=f"{variant}, {suffix}",
                subject=subject,
                value=float(found.point[number]) if n else None,
                reason=None if n else "no_common_items",
                low=ends.low if ends else None,
                high=ends.high if ends else None,
                n=n,
                kinds=any_one.kinds if any_one else (),
                arms=any_one.arms if any_one else (),
                config={"interval": f"95 % {INTERVAL}" if ends else "none", "draws": draws, "seed": seed},
            )
        )
    return results
