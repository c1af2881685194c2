"""The columns of the bootstrap: every mean over items that is reported, and every item's contribution to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from heta_evaluation.alignment.scoring import HeldOut, held_out, item_metrics, score_item, uses_labels
from heta_evaluation.alignment.table import Progress, Row, Table
from heta_evaluation.metrics.base import BoolArray, FloatArray, Grid
from heta_evaluation.statistics.bootstrap import Cells, Draws, crossed_bootstrap

REFERENCE = -1
"""Stands for the human reference among the subjects."""


class Column(NamedTuple):
    """One mean over items."""

    metric: str
    variant: str
    """`main`; `answered by <model>`: items whose answer the model gives; `held_out`: against each rater in turn;
    `crowd`, `chance`: the other raters and `random` on the targets of `held_out`; `difference`: subject minus `other`,
    paired."""
    subject: int
    other: int = REFERENCE


@dataclass
class _Block:
    """Columns under construction for one item: `[P]` each."""

    values: list[FloatArray] = field(default_factory=list)
    valid: list[BoolArray] = field(default_factory=list)

    def add(self, values: FloatArray, valid: BoolArray) -> None:
        self.values.append(values.reshape(len(values), -1))
        self.valid.append(valid.reshape(len(valid), -1))

    def cells(self) -> Cells:
        valid = np.concatenate(self.valid, axis=1)
        return Cells(np.where(valid, np.concatenate(self.values, axis=1), 0.0), valid)


class Quantities:
    """Which means a table has, and how each item contributes."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.metrics = item_metrics()
        self.compared = [metric for metric in self.metrics if metric.compared]
        self.referenced = [metric for metric in self.compared if uses_labels(metric)]
        self.pairs = _pairs(table)
        self.by_model = {model: _with_baselines(table, model) for model in table.models}
        self.columns = tuple(self._columns())
        self.index: Mapping[Column, int] = {column: number for number, column in enumerate(self.columns)}

    def _columns(self) -> list[Column]:
        everyone = range(len(self.table.subjects))
        columns = [Column(metric.name, "main", subject) for metric in self.metrics for subject in everyone]
        for model, members in self.by_model.items():
            variant = answered_by(model)
            columns += [Column(metric.name, variant, subject) for metric in self.compared for subject in members]
        for metric in self.referenced:
            columns += [Column(metric.name, "held_out", subject) for subject in everyone]
            columns += [Column(metric.name, "crowd", subject) for subject in everyone]
            columns += [Column(metric.name, "chance", subject) for subject in everyone]
            columns.append(Column(metric.name, "held_out", REFERENCE))
        for metric in self.compared:
            columns += [Column(metric.name, "difference", first, second) for first, second in self.pairs]
        return columns

    def cells(self, item: int, weights: FloatArray) -> Cells:
        """What an item contributes to every column, under each weighting `[P, r]` of its raters."""
        row = self.table.rows[item]
        grids = score_item(row, self.metrics, weights)
        block = _Block()
        for metric in self.metrics:
            block.add(grids[metric.name].values, grids[metric.name].valid)
        for model, members in self.by_model.items():
            answered = row.answered.get(model, False)
            for metric in self.compared:
                found = grids[metric.name]
                block.add(found.values[:, members], found.valid[:, members] & answered)
        self._add_held_out(block, held_out(row, self.referenced, weights))
        self._add_differences(block, grids)
        return block.cells()

    def _add_held_out(self, block: _Block, found: Mapping[str, HeldOut]) -> None:
        for metric in self.referenced:
            one = found[metric.name]
            block.add(one.method, one.valid)
            block.add(one.crowd, one.valid)
            block.add(one.chance, one.chance_valid)
            block.add(one.reference, one.reference_valid)

    def _add_differences(self, block: _Block, grids: Mapping[str, Grid]) -> None:
        if not self.pairs:
            return
        first, second = np.asarray(self.pairs).T
        for metric in self.compared:
            found = grids[metric.name]
            block.add(found.values[:, first] - found.values[:, second], found.valid[:, first] & found.valid[:, second])

    def bootstrap(self, draws: int, seed: int, progress: Progress | None = None) -> Draws:
        """Every column's mean and its draws, over items and raters crossed."""

        def cells(item: int, weights: FloatArray) -> Cells:
            found = self.cells(item, weights)
            if progress is not None:
                progress(item + 1, len(self.table.rows))
            return found

        return crossed_bootstrap(self.table.design(), cells, draws=draws, seed=seed)

    def observed(self, row: Row) -> Mapping[str, Grid]:
        """Every metric of one item as labelled, `[1, S + 1]` each."""
        return score_item(row, self.metrics, np.ones((1, len(row.raters))))


def answered_by(model: str) -> str:
    """The variant of figures over the items whose answer `model` gives by itself."""
    return f"answered by {model}"


def _with_baselines(table: Table, model: str) -> list[int]:
    return [number for number, subject in enumerate(table.subjects) if subject.baseline or subject.model_name == model]


def _pairs(table: Table) -> list[tuple[int, int]]:
    """Every two methods, and every method with every baseline; baselines are not compared with each other."""
    everyone = range(len(table.subjects))
    return [(first, second) for first in table.methods for second in everyone if second > first]
