"""Every alignment metric on one item, under many weightings of its raters at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heta_evaluation.aggregation.majority import majority
from heta_evaluation.alignment.table import Row, Table
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import AlignmentMetric, Batch, BoolArray, FloatArray, Grid, Value, grid

LABELLED = ("gold", "share")


def item_metrics() -> tuple[AlignmentMetric, ...]:
    """Every registered metric of attributions, plug-ins included, in the registry's order."""
    found = (METRICS.get(name) for name in METRICS)
    return tuple(metric for metric in found if isinstance(metric, AlignmentMetric))


def uses_labels(metric: AlignmentMetric) -> bool:
    """Whether raters' labels enter the metric."""
    return any(need in LABELLED for need in metric.needs)


def drawn_raters(metric: AlignmentMetric, table: Table) -> bool:
    """Whether a draw of raters changes what methods are scored against: not where gold is fixed and nothing else."""
    return uses_labels(metric) and (not table.fixed_gold or "share" in metric.needs)


def score_item(row: Row, metrics: Sequence[AlignmentMetric], weights: FloatArray) -> dict[str, Grid]:
    """Each metric against the majority (or share) of the item's raters, or against its fixed gold.

    Args:
        row: the item.
        metrics: what to compute.
        weights: `[P, r]`, how often each rater counts.

    Returns:
        Metric name -> `[P, S + 1]`; the last column is `random`, by its exact expected value.
    """
    total = weights.sum(axis=1, keepdims=True)
    votes = weights @ row.labels.astype(float)
    share = votes / np.where(total == 0, 1.0, total)
    gold = majority(votes, total) if row.gold is None else np.broadcast_to(row.gold, votes.shape)
    result = {}
    for metric in metrics:
        if not uses_labels(metric):
            once = _with_random(metric, row.batch(gold[:1], share[:1]), row.present)
            zeros = np.zeros(len(weights), dtype=np.int64)
            result[metric.name] = Grid(once.values[zeros], once.reasons[zeros])
            continue
        keys = share if "share" in metric.needs else gold
        _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        found = _with_random(metric, row.batch(gold[first], share[first]), row.present)
        reasons = found.reasons[which.reshape(-1)]
        if row.gold is None or "share" in metric.needs:
            reasons = np.where(total == 0, "no_labels", reasons)
        elif row.gold_reason:
            reasons = np.full(reasons.shape, row.gold_reason, dtype=object)
        result[metric.name] = Grid(np.where(reasons == "", found.values[which.reshape(-1)], 0.0), reasons)
    return result


def _with_random(metric: AlignmentMetric, batch: Batch, present: BoolArray) -> Grid:
    """`[P, S + 1]`: the subjects, absent ones with a reason, and `random` behind them."""
    found = metric.compute(batch)
    unknown = grid(np.zeros((len(batch.gold), 1)), (np.asarray(True), "no_closed_form"))
    chance = metric.chance(batch) if metric.chance else unknown
    reasons = found.reasons.copy()
    reasons[:, ~present] = "no_attribution"
    values = np.where(reasons == "", found.values, 0.0)
    return Grid(np.concatenate([values, chance.values], axis=1), np.concatenate([reasons, chance.reasons], axis=1))


@dataclass(frozen=True)
class HeldOut:
    """One item against each of its raters in turn, averaged over them; `[P, S + 1]` each unless said otherwise."""

    method: FloatArray
    """The subject against the held-out rater."""
    crowd: FloatArray
    """The other raters against the same rater, on the targets where the subject has a value."""
    chance: FloatArray
    """`random` against the same rater, on the same targets."""
    valid: BoolArray
    chance_valid: BoolArray
    """Where `random` has a value on every one of them."""
    reference: FloatArray
    """`[P]`, the crowd on all targets where it has a value."""
    reference_valid: BoolArray
    """`[P]`"""


def held_out(row: Row, metrics: Sequence[AlignmentMetric], weights: FloatArray) -> dict[str, HeldOut]:
    """The human reference: each rater is everyone's target once, with as many units as that rater marked.

    The crowd's score of a unit is the share of ALL OTHER raters of the item that marked it, however often they are
    drawn: a draw of `r` raters holds some 0.63 r distinct people, and a crowd of those would be smaller, hence weaker,
    than the crowd whose value is estimated. What is drawn is the target.

    Args:
        row: the item.
        metrics: metrics that use labels.
        weights: `[P, r]`, how often each rater counts as a target.

    Returns:
        Metric name -> figures, averaged over the item's raters by weight.
    """
    sums = {metric.name: _Sums(len(weights), len(row.present) + 1) for metric in metrics}
    for rater, label in enumerate(row.labels):
        others = np.delete(row.labels, rater, axis=0)
        if not len(others):
            continue
        target = label[None]
        crowds = Batch(others.mean(axis=0)[None], target, target.astype(float), row.evidence, row.distractor)
        methods = row.batch(target, target.astype(float))
        for metric in metrics:
            sums[metric.name].add(
                weights[:, rater], _with_random(metric, methods, row.present), metric.compute(crowds).at(0, 0)
            )
    return {name: found.mean() for name, found in sums.items()}


class _Sums:
    """Weighted sums over held-out raters."""

    def __init__(self, patterns: int, subjects: int) -> None:
        self.method, self.crowd, self.chance, self.count, self.known = (
            np.zeros((patterns, subjects)) for _ in range(5)
        )
        self.reference, self.targets = np.zeros(patterns), np.zeros(patterns)

    def add(self, weight: FloatArray, method: Grid, crowd: Value) -> None:
        """One target: its weight `[P]`, the subjects against it `[1, S + 1]`, the crowd against it."""
        if crowd.value is None:
            return
        both = weight[:, None] * method.valid[0]
        self.method += both * method.values[0]
        self.crowd += both * crowd.value
        self.chance += both * method.values[0, -1]
        self.count += both
        self.known += both * method.valid[0, -1]
        self.reference += weight * crowd.value
        self.targets += weight

    def mean(self) -> HeldOut:
        count, targets = np.where(self.count == 0, 1.0, self.count), np.where(self.targets == 0, 1.0, self.targets)
        return HeldOut(
            method=self.method / count,
            crowd=self.crowd / count,
            chance=self.chance / count,
            valid=self.count > 0,
            chance_valid=(self.count > 0) & (self.known == self.count),
            reference=self.reference / targets,
            reference_valid=self.targets > 0,
        )
