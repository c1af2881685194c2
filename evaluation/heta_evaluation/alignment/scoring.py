"""Every alignment metric on one item, under many weightings of its raters at once."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from heta_evaluation.aggregation.majority import majority
from heta_evaluation.alignment.table import Row, Table
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import AlignmentMetric, Batch, BoolArray, FloatArray, Grid, IntArray, grid

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


@dataclass(frozen=True)
class Form:
    """Something to compute on an item: a metric, one of its variants, or a part of a pooling."""

    name: str
    compute: Callable[[Batch], Grid]
    chance: Callable[[Batch], Grid] | None
    needs: Literal["", "gold", "share"]
    """Which labels it is computed against."""


def form(metric: AlignmentMetric) -> Form:
    """The metric itself."""
    return Form(metric.name, metric.compute, metric.chance, label_need(metric))


def label_need(metric: AlignmentMetric) -> Literal["", "gold", "share"]:
    """Which labels a metric is computed against; those of `share` decide gold as well."""
    return "share" if "share" in metric.needs else "gold" if "gold" in metric.needs else ""


@dataclass(frozen=True)
class Scored:
    """One form on one item, computed once for each distinct label vector."""

    grid: Grid
    """`[U, S + 1]`; the last column is `random`, by its exact expected value."""
    which: IntArray
    """`[P]`, the label vector of each weighting of the raters."""
    nobody: BoolArray
    """`[P]`, where no rater counts, though labels are needed."""

    def cells(self) -> tuple[FloatArray, BoolArray]:
        """Values and where there are any, `[P, S + 1]` each."""
        values, valid = self.grid.values[self.which], self.grid.valid[self.which]
        values[self.nobody], valid[self.nobody] = 0.0, False
        return values, valid

    def full(self) -> Grid:
        """`[P, S + 1]`, with the reasons."""
        reasons = self.grid.reasons[self.which]
        reasons[self.nobody] = "no_labels"
        return Grid(np.where(reasons == "", self.grid.values[self.which], 0.0), reasons)

    def first(self) -> Grid:
        """The same under the first weighting alone, `[1, S + 1]`."""
        return Scored(self.grid, self.which[:1], self.nobody[:1]).full()


def score_item(row: Row, metrics: Sequence[AlignmentMetric], weights: FloatArray) -> dict[str, Grid]:
    """Each metric against the majority (or share) of the item's raters, `[P, S + 1]`; see `score_forms`."""
    found = score_forms(row, [form(metric) for metric in metrics], Labelled(row, weights))
    return {name: one.full() for name, one in found.items()}


class Labelled:
    """An item's distinct label vectors under many weightings of its raters, as batches to compute forms on.

    Args:
        row: the item.
        weights: `[P, r]`, how often each rater counts.
    """

    def __init__(self, row: Row, weights: FloatArray) -> None:
        total = weights.sum(axis=1, keepdims=True)
        votes = weights @ row.labels.astype(float)
        self.row = row
        self.share = votes / np.where(total == 0, 1.0, total)
        self.gold = majority(votes, total) if row.gold is None else np.broadcast_to(row.gold, votes.shape)
        self.nobody = np.asarray(total[:, 0] == 0)
        self._batches: dict[str, tuple[Batch, IntArray]] = {}

    def batch(self, need: Literal["", "gold", "share"]) -> tuple[Batch, IntArray]:
        """The vectors that differ in what is needed `[U, n]`, and which of them each weighting has, `[P]`."""
        if need not in self._batches:
            keys = {"": self.gold[:, :0], "gold": self.gold, "share": self.share}[need]
            first, which = distinct_rows(keys)
            self._batches[need] = self.row.batch(self.gold[first], self.share[first]), which
        return self._batches[need]

    def rescored(self, row: Row) -> "Labelled":
        """The same labels beside other scores of the same units: what depends on labels alone is not made again."""
        other = copy(self)
        other.row = row
        other._batches = {
            need: (batch.with_scores(row.scores, row.outside), which) for need, (batch, which) in self._batches.items()
        }
        return other


def score_forms(row: Row, forms: Sequence[Form], labelled: Labelled) -> dict[str, Scored]:
    """Each form against the majority (or share) of the item's raters, or against its fixed gold, by its name.

    Args:
        row: the item.
        forms: what to compute.
        labelled: its label vectors.
    """
    result = {}
    for one in forms:
        batch, which = labelled.batch(one.needs)
        found = _with_random(one, batch, row.present)
        fixed = row.gold is not None and one.needs == "gold"
        if fixed and row.gold_reason:
            found = Grid(np.zeros_like(found.values), np.full(found.reasons.shape, row.gold_reason, dtype=object))
        result[one.name] = Scored(found, which, labelled.nobody & (bool(one.needs) and not fixed))
    return result


def distinct_rows(rows: NDArray[Any]) -> tuple[IntArray, IntArray]:
    """Where each distinct row of `[P, n]` stands first, and which of them each row is, `[P]`. Compared byte by byte."""
    packed = np.packbits(rows, axis=1) if rows.dtype == np.bool_ else np.ascontiguousarray(rows)
    if not packed.shape[1]:
        return np.zeros(min(1, len(rows)), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    keys = packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1])))[:, 0]
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return first, which.reshape(-1)


def _with_random(one: Form, batch: Batch, present: BoolArray) -> Grid:
    """`[P, S + 1]`: the subjects, absent ones with a reason, and `random` behind them."""
    found = one.compute(batch)
    unknown = grid(np.zeros((len(batch.gold), 1)), (np.asarray(True), "no_closed_form"))
    chance = one.chance(batch) if one.chance else unknown
    values = np.concatenate([found.values, chance.values], axis=1)
    reasons = np.concatenate([found.reasons, chance.reasons], axis=1)
    absent = np.append(~present, False)
    reasons[:, absent], values[:, absent] = "no_attribution", 0.0
    return Grid(values, reasons)


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
    count = len(row.labels)
    if count < 2:
        nothing, nobody = np.zeros((len(weights), len(row.present) + 1)), np.zeros(len(weights))
        never, none = nothing > 0, nobody > 0
        return {each.name: HeldOut(nothing, nothing, nothing, never, never, nobody, none) for each in metrics}
    targets = row.labels.astype(float)
    others = (targets.sum(axis=0) - targets) / (count - 1)
    crowds = Batch(others, row.labels, targets, row.evidence, row.distractor, position=row.position)
    methods = row.batch(row.labels, targets)
    found = {}
    for metric in metrics:
        reached = metric.compute(crowds)
        every = np.arange(count)
        found[metric.name] = _mean_over_targets(
            weights,
            _with_random(form(metric), methods, row.present),
            reached.values[every, every],
            reached.valid[every, every],
        )
    return found


def _mean_over_targets(weights: FloatArray, method: Grid, crowd: FloatArray, crowd_valid: BoolArray) -> HeldOut:
    """Means over held-out raters `[r]` by weight: the subjects against each `[r, S + 1]`, the crowd against each."""
    both = (crowd_valid[:, None] & method.valid).astype(float)
    count = weights @ both
    known = weights @ (both * method.valid[:, -1:])
    targets = weights @ crowd_valid.astype(float)
    by = np.where(count == 0, 1.0, count)
    return HeldOut(
        method=weights @ (both * method.values) / by,
        crowd=weights @ (both * crowd[:, None]) / by,
        chance=weights @ (both * method.values[:, -1:]) / by,
        valid=count > 0,
        chance_valid=(count > 0) & (known == count),
        reference=weights @ np.where(crowd_valid, crowd, 0.0) / np.where(targets == 0, 1.0, targets),
        reference_valid=targets > 0,
    )
