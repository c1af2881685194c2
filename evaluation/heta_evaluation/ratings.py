"""Raters' answers by item, without any attribution: what agreement and aggregation read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heta.records import Span
from heta_data.compose import label_units
from heta_data.records import Arm, Item, RaterKind, TokenLabels
from heta_evaluation.labels import Selection
from heta_evaluation.metrics.base import BoolArray
from heta_evaluation.statistics.bootstrap import Design
from heta_evaluation.statistics.intervals import IntArray


@dataclass(frozen=True)
class Answers:
    """One item: `n` units, `r` raters."""

    item: Item
    units: tuple[Span, ...]
    raters: IntArray
    """`[r]`, numbers in `Ratings.raters`, ascending."""
    labels: BoolArray
    """`[r, n]`"""
    records: tuple[TokenLabels, ...]
    """`[r]`, what the labels came from."""


@dataclass(frozen=True)
class Ratings:
    """All items with at least one answer that counts, in the order of the benchmark."""

    rows: tuple[Answers, ...]
    raters: tuple[str, ...]
    """Pseudonyms, sorted."""
    rater_kinds: tuple[RaterKind, ...]
    segmentation: str
    items: int
    """All items of the benchmark, those without an answer included."""

    @property
    def kinds(self) -> tuple[RaterKind, ...]:
        """Kinds of raters behind the answers, sorted, each once."""
        return tuple(sorted(set(self.rater_kinds)))

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Arms behind the answers, sorted, each once."""
        return tuple(sorted({record.arm for row in self.rows for record in row.records}))

    def design(self) -> Design:
        """Who rated what, and which items belong together."""
        numbers: dict[str, int] = {}
        groups = [numbers.setdefault(row.item.group, len(numbers)) for row in self.rows]
        return Design(groups, [row.raters for row in self.rows], len(self.raters))

    def of_source(self, source: str) -> "Ratings":
        """The answers to items of one source; raters keep their numbers."""
        rows = tuple(row for row in self.rows if row.item.source == source)
        return Ratings(rows, self.raters, self.rater_kinds, self.segmentation, len(rows))


def collect_ratings(items: Sequence[Item], selection: Selection) -> Ratings:
    """The answers that count, on the units that were labelled."""
    kind_of = {labels.rater: labels.kind for labels in selection.used}
    raters = tuple(sorted(kind_of))
    numbers = {rater: number for number, rater in enumerate(raters)}
    rows = []
    for item in items:
        if records := selection.by_item[item.id]:
            units = label_units(item, selection.segmentation)
            rows.append(
                Answers(
                    item=item,
                    units=units,
                    raters=np.asarray([numbers[record.rater] for record in records], dtype=np.int64),
                    labels=np.asarray([record.labels for record in records], dtype=bool).reshape(len(records), -1),
                    records=records,
                )
            )
    kinds = tuple(kind_of[rater] for rater in raters)
    return Ratings(tuple(rows), raters, kinds, selection.segmentation, len(items))
