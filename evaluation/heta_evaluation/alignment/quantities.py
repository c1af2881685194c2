"""The columns of the bootstrap: every mean over items that is reported, and every item's contribution to it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from heta_evaluation.alignment.scoring import (
    Form,
    HeldOut,
    Labelled,
    Scored,
    form,
    held_out,
    item_metrics,
    label_need,
    score_forms,
    score_item,
    uses_labels,
)
from heta_evaluation.alignment.strata import strata, stratified
from heta_evaluation.alignment.table import Progress, Row, Table
from heta_evaluation.alignment.views import View, viewed, views
from heta_evaluation.metrics.base import AlignmentMetric, BoolArray, FloatArray, Grid, IntArray, Pooling
from heta_evaluation.statistics.bootstrap import Cells, Draws, crossed_bootstrap

REFERENCE = -1
"""Stands for the human reference among the subjects."""
_ASKED = 20
"""Items that are asked why a figure has no value."""
INNER = ("crowd", "chance", "part")
"""Columns that are no figures themselves: what ratios and poolings are made of."""


class Column(NamedTuple):
    """One mean over items."""

    metric: str
    variant: str
    """`main`; a variant of the metric, a view, a stratum; `answered by <model>`: items whose answer the model gives;
    `held_out`: against each rater in turn; `crowd`, `chance`: the other raters and `random` on the targets of
    `held_out`; `part`: see `pooling`; `difference`: subject minus `other`, paired."""
    subject: int
    other: int = REFERENCE
    pooling: str = ""
    """Name of the pooling that a part is of, and the part's number."""


class Block(NamedTuple):
    """Columns that are filled together, from one grid: some of its subjects, on some of the items."""

    columns: tuple[Column, ...]
    grid: str
    """Which of the grids of `Quantities.score`."""
    places: IntArray | None = None
    """Their subjects' places in the grid; None: all in order."""
    items: BoolArray | None = None
    """`[item]`, those that count; None: all."""


class Quantities:
    """Which means a table has, and how each item contributes."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.metrics = item_metrics()
        self.compared = [metric for metric in self.metrics if metric.compared]
        self.referenced = [metric for metric in self.compared if uses_labels(metric)]
        self.pairs = _pairs(table)
        self.views = views(table)
        self.strata = strata(table)
        self.forms = tuple(_forms(self.metrics))
        self.blocks = tuple(self._blocks())
        own = [*(column for block in self.blocks for column in block.columns), *self._held_out_columns()]
        differences = [
            Column(metric.name, "difference", first, second) for metric in self.compared for first, second in self.pairs
        ]
        self.own = len(own)
        """Columns that items contribute to; those behind them are differences of two of these."""
        self.columns = (*own, *differences)
        self._seen: dict[str, Mapping[str, Scored]] = {}
        self._observed: dict[str, Mapping[str, Grid]] = {}
        self.index: Mapping[Column, int] = {column: number for number, column in enumerate(self.columns)}

    def _blocks(self) -> Iterator[Block]:
        everyone = range(len(self.table.subjects))
        for metric in self.metrics:
            yield _block(metric.name, metric.name, "main", everyone)
        for metric in self.metrics:
            for variant in metric.variants:
                yield _block(f"{metric.name}/{variant.name}", metric.name, variant.name, everyone)
        for view in self.views:
            random = len(view.subjects) == len(self.table.subjects)
            for one in viewed(self.metrics):
                columns = tuple(Column(one.name, view.name, subject) for subject in view.subjects)
                yield Block(columns, f"{one.name}/{view.name}", None if random else np.arange(len(columns)))
        for metric, pooling in _poolings(self.metrics):
            for part in range(len(pooling.parts)):
                columns = tuple(part_column(metric, pooling, part, subject) for subject in everyone)
                yield Block(columns, f"{metric.name}/{pooling.name}/{part}")
        for model in self.table.models:
            answered = np.asarray([row.answered.get(model, False) for row in self.table.rows], dtype=bool)
            members = _with_baselines(self.table, model)
            for metric in self.compared:
                yield _block(metric.name, metric.name, answered_by(model), members, answered)
        for stratum in self.strata:
            for metric in stratified(self.metrics, stratum.dimension):
                yield _block(metric.name, metric.name, stratum.name, everyone, stratum.items)

    def _held_out_columns(self) -> Iterator[Column]:
        for metric in self.referenced:
            for variant in ("held_out", "crowd", "chance"):
                yield from (Column(metric.name, variant, subject) for subject in range(len(self.table.subjects)))
            yield Column(metric.name, "held_out", REFERENCE)

    def score(self, row: Row, weights: FloatArray) -> dict[str, Scored]:
        """Everything that is computed on an item, under each weighting `[P, r]` of its raters."""
        labelled = Labelled(row, weights)
        found = score_forms(row, self.forms, labelled)
        for view in self.views:
            look = _subjects_of(view, view.look(row))
            labels = labelled.rescored(look) if view.scores_only else Labelled(look, view.weigh(row, weights))
            seen = score_forms(look, viewed(self.metrics), labels)
            found.update({f"{name}/{view.name}": one for name, one in seen.items()})
        return found

    def cells(self, item: int, weights: FloatArray) -> Cells:
        """What an item contributes to every column but the differences, under each weighting `[P, r]` of its raters."""
        row = self.table.rows[item]
        scored = self.score(row, weights)
        if row.item.id not in self._observed and (weights[0] == 1).all():
            self._observed[row.item.id] = {metric.name: scored[metric.name].first() for metric in self.metrics}
        found = {name: one.cells() for name, one in scored.items()}
        values = np.zeros((len(weights), self.own))
        valid = np.zeros(values.shape, dtype=bool)
        end = 0
        for block in self.blocks:
            start, end = end, end + len(block.columns)
            if block.items is None or block.items[item]:
                own, there = found[block.grid]
                if block.places is not None:
                    own, there = own[:, block.places], there[:, block.places]
                values[:, start:end], valid[:, start:end] = own, there
        for part, ok in self._held_out(row, weights):
            start, end = end, end + part.shape[1]
            values[:, start:end], valid[:, start:end] = part, ok
        return Cells(values, valid)

    def _held_out(self, row: Row, weights: FloatArray) -> Iterator[tuple[FloatArray, BoolArray]]:
        found: Mapping[str, HeldOut] = held_out(row, self.referenced, weights)
        for metric in self.referenced:
            one = found[metric.name]
            yield one.method, one.valid
            yield one.crowd, one.valid
            yield one.chance, one.chance_valid
            yield one.reference[:, None], one.reference_valid[:, None]

    def reason(self, column: Column) -> str:
        """Why a column has no value: the commonest reason in the first items that it is about."""
        block = next(block for block in self.blocks if column in block.columns)
        place = block.columns.index(column)
        place = place if block.places is None else int(block.places[place])
        about = [row for number, row in enumerate(self.table.rows) if block.items is None or block.items[number]]
        reasons = Counter(str(self._first(row)[block.grid].full().reasons[0, place]) for row in about[:_ASKED])
        return max(reasons, key=lambda reason: (reasons[reason], reason), default="no_common_items")

    def _first(self, row: Row) -> Mapping[str, Scored]:
        if row.item.id not in self._seen:
            self._seen[row.item.id] = self.score(row, np.ones((1, len(row.raters))))
        return self._seen[row.item.id]

    def bootstrap(self, draws: int, seed: int, progress: Progress | None = None) -> Draws:
        """Every column's mean and its draws, over items and raters crossed."""

        def cells(item: int, weights: FloatArray) -> Cells:
            found = self.cells(item, weights)
            if progress is not None:
                progress(item + 1, len(self.table.rows))
            return found

        differences = [
            (
                self.index[Column(column.metric, "main", column.subject)],
                self.index[Column(column.metric, "main", column.other)],
            )
            for column in self.columns[self.own :]
        ]
        return crossed_bootstrap(self.table.design(), cells, draws=draws, seed=seed, pairs=differences)

    def observed(self, row: Row) -> Mapping[str, Grid]:
        """Every metric of one item as labelled, `[1, S + 1]` each."""
        if row.item.id not in self._observed:
            self._observed[row.item.id] = score_item(row, self.metrics, np.ones((1, len(row.raters))))
        return self._observed[row.item.id]


def answered_by(model: str) -> str:
    """The variant of figures over the items whose answer `model` gives by itself."""
    return f"answered by {model}"


def part_column(metric: AlignmentMetric, pooling: Pooling, part: int, subject: int) -> Column:
    """The column of one part of a pooling."""
    return Column(metric.name, "part", subject, pooling=f"{pooling.name}/{part}")


def _block(grid: str, metric: str, variant: str, subjects: Sequence[int], items: BoolArray | None = None) -> Block:
    """Columns of some of the subjects, in the order of the table."""
    places = None if isinstance(subjects, range) else np.asarray(subjects, dtype=np.int64)
    return Block(tuple(Column(metric, variant, subject) for subject in subjects), grid, places, items)


def _poolings(metrics: Sequence[AlignmentMetric]) -> Iterator[tuple[AlignmentMetric, Pooling]]:
    for metric in metrics:
        for pooling in metric.poolings:
            yield metric, pooling


def _forms(metrics: Sequence[AlignmentMetric]) -> Iterator[Form]:
    """Every metric, its variants and the parts of its poolings."""
    for metric in metrics:
        yield form(metric)
        for variant in metric.variants:
            need = "gold" if variant.labels else label_need(metric)
            yield Form(f"{metric.name}/{variant.name}", variant.compute, variant.chance, need)
    for metric, pooling in _poolings(metrics):
        for number, part in enumerate(pooling.parts):
            chance = pooling.chance[number] if pooling.chance else None
            yield Form(f"{metric.name}/{pooling.name}/{number}", part, chance, label_need(metric))


def _subjects_of(view: View, row: Row) -> Row:
    """Scores of the other subjects are not looked at: absent, so that they cost nothing but their place."""
    if len(view.subjects) > len(row.scores):
        return row
    return row.only(view.subjects)


def _with_baselines(table: Table, model: str) -> list[int]:
    return [number for number, subject in enumerate(table.subjects) if subject.baseline or subject.model_name == model]


def _pairs(table: Table) -> list[tuple[int, int]]:
    """Every two methods that are ranked, and each with every baseline; baselines are not compared with each other."""
    silent = set(table.methods) - set(table.ranked)
    everyone = range(len(table.subjects))
    return [(first, second) for first in table.ranked for second in everyone if second > first and second not in silent]
