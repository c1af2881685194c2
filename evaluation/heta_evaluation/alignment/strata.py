"""Parts of the items that are reported by themselves: by source, length, position of the evidence, disagreement."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from heta_evaluation.alignment.table import Row, Table
from heta_evaluation.metrics.base import AlignmentMetric, BoolArray, FloatArray

DIMENSIONS = ("source", "length", "position", "disagreement")
_THIRDS = (1 / 3, 2 / 3)


class Stratum(NamedTuple):
    """Some of the items."""

    dimension: str
    value: str
    items: BoolArray
    """`[item]`"""

    @property
    def name(self) -> str:
        """As it stands in records, as the variant: `length=short`."""
        return f"{self.dimension}={self.value}"


def strata(table: Table) -> tuple[Stratum, ...]:
    """Every stratum of a dimension on which the items differ; an item may be in none, e.g. without any label."""
    rows = table.rows
    source = [row.item.source for row in rows]
    length = np.asarray([len(row.evidence) for row in rows], dtype=float)
    positions = [_position(row) for row in rows]
    disagreement = np.asarray([_disagreement(row) for row in rows], dtype=float)
    found = [
        *_values("source", source, sorted(set(source))),
        *_terciles("length", length, ("short", "medium", "long")),
        *_values("position", positions, ["first", "last"]),
        *_terciles("disagreement", disagreement, ("low", "medium", "high")),
    ]
    several = {dimension for dimension in DIMENSIONS if sum(one.dimension == dimension for one in found) > 1}
    return tuple(one for one in found if one.dimension in several)


def stratified(metrics: tuple[AlignmentMetric, ...], dimension: str) -> tuple[AlignmentMetric, ...]:
    """What is reported by stratum: the metrics that compare methods, and by disagreement those of soft labels too."""
    soft = ("soft_ap", "soft_brier") if dimension == "disagreement" else ()
    return tuple(metric for metric in metrics if metric.compared or metric.name in soft)


def _position(row: Row) -> str:
    """Whether the evidence stands before the distractor."""
    if not (row.evidence.any() and row.distractor.any()):
        return ""
    return "first" if int(np.argmax(row.evidence)) < int(np.argmax(row.distractor)) else "last"


def _disagreement(row: Row) -> float:
    """Share of pairs of raters that disagree on a unit, mean over units; below 0 with one rater."""
    raters = len(row.labels)
    if raters < 2:
        return -1.0
    votes = row.labels.sum(axis=0)
    return float((2 * votes * (raters - votes) / (raters * (raters - 1))).mean())


def _values(dimension: str, of: Sequence[str], known: Sequence[str]) -> Iterator[Stratum]:
    for value in known:
        items = np.asarray([one == value for one in of], dtype=np.bool_)
        if items.any():
            yield Stratum(dimension, value, items)


def _terciles(dimension: str, of: FloatArray, names: tuple[str, str, str]) -> Iterator[Stratum]:
    """Thirds of the items by a number; equal items stay together, so parts can differ in size and one can be empty."""
    there = of >= 0
    if not there.any():
        return
    low, high = np.quantile(of[there], _THIRDS)
    for name, items in zip(names, (of <= low, (of > low) & (of <= high), of > high), strict=True):
        if (inside := items & there).any():
            yield Stratum(dimension, name, np.asarray(inside, dtype=np.bool_))
