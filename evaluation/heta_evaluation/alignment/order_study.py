"""The order effect of methods and what models answer in each order: needs items in both orders, and no labels."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heta.errors import InputError
from heta_data.attribution_files import read_attributions
from heta_data.jsonl import read_records
from heta_data.records import Item, MetricResult
from heta_data.workspace import Workspace
from heta_evaluation.alignment.orders import order_results
from heta_evaluation.alignment.quantities import Quantities
from heta_evaluation.alignment.subjects import Subject
from heta_evaluation.alignment.table import Progress, Table, build_table
from heta_evaluation.labels import Selection
from heta_evaluation.results import ResultIndex, Writer
from heta_evaluation.settings import EvaluateSettings


@dataclass(frozen=True)
class Answers:
    """How many pairs of twins a model answers by itself."""

    first: int
    """With the evidence first."""
    last: int
    """With the evidence last, next to the question."""
    both: int
    pairs: int


@dataclass(frozen=True)
class OrderLine:
    """One method over the pairs of twins; DSA in [-1, 1], higher puts more mass on the evidence."""

    subject: Subject
    first: float | None
    """Mean DSA with the evidence first."""
    last: float | None
    """Mean DSA with the evidence last."""
    effect: MetricResult
    """`last` minus `first`, paired."""
    averaged: MetricResult
    """DSA minus the uniform attribution's, mean over both orders."""


@dataclass(frozen=True)
class OrderStudy:
    """What the order of the segments does, to methods and to models."""

    pairs: int
    lines: tuple[OrderLine, ...]
    answers: Mapping[str, Answers]
    """One for each model that has records whose target is the item's answer."""


def study_orders(
    workspace: Workspace, *, draws: int | None = None, seed: int | None = None, progress: Progress | None = None
) -> OrderStudy:
    """Order effects of every method in the folder. Writes nothing.

    Raises:
        InputError: there are no items, or none of them comes in both orders.
        IntegrityError, RecordError: records that do not belong to the items, or cannot be read.
    """
    settings = workspace.settings("evaluate", EvaluateSettings, {"draws": draws, "seed": seed})
    if not workspace.items.exists():
        raise InputError(f"{workspace.items}: no such file; build items first (heta data build)")
    items = list(read_records(workspace.items, Item))
    nobody = Selection({item.id: () for item in items})
    table = build_table(items, nobody, read_attributions(workspace), rule=settings.rule, progress=progress)
    twins = table.twins()
    if not twins:
        raise InputError(
            f"{workspace.items}: no item comes in both segment orders; build them with `heta data build sample"
            " --orders both` or `heta data build curated ... --orders both`"
        )
    quantities = Quantities(table)
    observed = [quantities.observed(row) for row in table.rows]
    index = ResultIndex(order_results(Writer(table, settings), observed))

    def mean(subject: int, order: int) -> float | None:
        grids = [observed[pair[order]]["dsa"] for pair in twins]
        values = [float(grid.values[0, subject]) for grid in grids if grid.valid[0, subject]]
        return float(np.mean(values)) if values else None

    lines = []
    for number, subject in enumerate(table.subjects):
        effect = index.get("dsa", subject.name, "order_effect")
        averaged = index.get("dsa_minus_uniform", subject.name, "order_averaged")
        if effect is not None and averaged is not None:
            lines.append(OrderLine(subject, mean(number, 0), mean(number, 1), effect, averaged))
    return OrderStudy(len(twins), tuple(lines), {model: _answers(table, model) for model in table.models})


def _answers(table: Table, model: str) -> Answers:
    found = [
        tuple(table.rows[item].answered.get(model, False) for item in pair)
        for pair in table.twins()
        if all(model in table.rows[item].answered for item in pair)
    ]
    return Answers(
        first=sum(first for first, _ in found),
        last=sum(last for _, last in found),
        both=sum(first and last for first, last in found),
        pairs=len(found),
    )
