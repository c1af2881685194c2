"""Facts about each rater, from labels alone."""

from collections import defaultdict
from collections.abc import Mapping
from statistics import median
from typing import NamedTuple

from heta_data.records import TokenLabels
from heta_evaluation.alignment.table import Table
from heta_evaluation.report.sheets import Cell, Number
from heta_evaluation.summary import number


class RaterFacts(NamedTuple):
    """One rater."""

    rater: str
    kind: str
    items: int
    words: int
    marked: int
    seconds: float | None
    """Median an item; None where it was not measured."""
    with_others: float | None
    """F1 of the marked words with those of every other rater of the same item, pooled: 2 common / (own + theirs), in
    [0, 1]; None where nobody else labelled an item, or nobody marked anything."""

    def cells(self) -> dict[str, Cell]:
        """As they stand in a table."""
        share = self.marked / self.words
        return {
            "rater": self.rater,
            "kind": self.kind,
            "items": Number(self.items, str(self.items)),
            "marked": Number(share, f"{100 * share:.0f} %"),
            "seconds": None if self.seconds is None else Number(self.seconds, number(self.seconds, 0)),
            "with_others": None if self.with_others is None else Number(self.with_others, number(self.with_others)),
        }


def rater_facts(table: Table, labels: Mapping[str, tuple[TokenLabels, ...]]) -> list[RaterFacts]:
    """Facts about every rater of the table, in its order.

    Args:
        table: the labels that count.
        labels: item id -> the records of those labels.
    """
    seconds: dict[str, list[float]] = defaultdict(list)
    for group in labels.values():
        for one in group:
            if one.seconds is not None:
                seconds[one.rater].append(one.seconds)
    items: dict[int, int] = defaultdict(int)
    words: dict[int, int] = defaultdict(int)
    marked: dict[int, int] = defaultdict(int)
    common: dict[int, float] = defaultdict(float)
    either: dict[int, float] = defaultdict(float)
    for row in table.rows:
        sizes = row.labels.sum(axis=1)
        shared = row.labels.astype(int) @ row.labels.astype(int).T
        for place, rater in enumerate(row.raters.tolist()):
            items[rater] += 1
            words[rater] += row.labels.shape[1]
            marked[rater] += int(sizes[place])
            common[rater] += 2.0 * (shared[place].sum() - sizes[place])
            either[rater] += float(sizes.sum() + (len(sizes) - 2) * sizes[place])
    return [
        RaterFacts(
            rater=name,
            kind=kind,
            items=items[number_],
            words=words[number_],
            marked=marked[number_],
            seconds=median(seconds[name]) if seconds[name] else None,
            with_others=float(common[number_] / either[number_]) if either[number_] else None,
        )
        for number_, (name, kind) in enumerate(zip(table.raters, table.rater_kinds, strict=True))
    ]
