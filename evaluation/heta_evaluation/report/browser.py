"""The item browser: each item's text with the raters' marks, and heat strips of every method beside them.

Heat is written as one character a word: 0 to 7 for nothing to strongest, `a` to `g` for the negative side. Strips and
text take their colours from those, so that they follow light, dark and paper.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heta.records import Span
from heta_data.records import Item
from heta_evaluation.agreement.results import item_disagreement
from heta_evaluation.alignment.subjects import RANDOM
from heta_evaluation.alignment.table import Row, Table
from heta_evaluation.metrics.base import FloatArray
from heta_evaluation.summary import number, short_names

LEVELS = 7
LINE = 22
"""Height of a row."""
_CELL, _NARROW_CELL, _MANY = 20, 15, 42
"""Width of a word's column, and of one among many."""
_LONGEST = 13
"""Letters of a word shown above its column."""


@dataclass(frozen=True)
class Piece:
    """A stretch of the text: a word with its number, or what stands between words."""

    text: str
    unit: int | None


@dataclass(frozen=True)
class Passage:
    """One evidence or distractor segment."""

    role: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Strip:
    """One row of heat."""

    label: str
    kind: str
    """`gold`, `rater`, `method` or `baseline`."""
    levels: str
    """One character a word."""
    detail: str
    """Short text beside the label, e.g. the F1."""
    spoken: str
    """What a screen reader says."""
    y: int
    paths: tuple[tuple[str, str], ...]
    """(level, path) of the cells that have one."""


@dataclass(frozen=True)
class Card:
    """One item."""

    item: Item
    direction: str
    """`ltr` or `rtl`."""
    passages: tuple[Passage, ...]
    strips: tuple[Strip, ...]
    heads: tuple[tuple[float, str, str], ...]
    """(x, word, role) of each column."""
    gold_columns: tuple[int, ...]
    """x of the columns that are gold."""
    width: int
    height: int
    cell: int
    """Width of a column."""
    head: int
    """Height of the words above the columns."""
    disagreement: float | None
    raters: int
    answered: tuple[tuple[str, bool], ...]
    search: str


def item_cards(table: Table, scores: Mapping[str, Mapping[str, float | None]]) -> list[Card]:
    """A card for each item, in the order of the table. `scores`: item id -> subject name -> F1@k."""
    return [_card(table, row, scores.get(row.item.id, {})) for row in table.rows]


def _card(table: Table, row: Row, scores: Mapping[str, float | None]) -> Card:
    item, right = row.item, _right_to_left(row.item)
    cell = _CELL if len(row.units) <= _MANY else _NARROW_CELL
    columns = [cell * (len(row.units) - 1 - unit if right else unit) for unit in range(len(row.units))]
    words = [item.prompt[unit.start : unit.end] for unit in row.units]
    # Words lean by 60 degrees and a letter is some 6.5 wide.
    head = 14 + round(5.8 * max(len(_short(word)) for word in words))
    strips = []
    for position, (label, kind, values, detail) in enumerate(_rows(table, row, scores)):
        levels = heat_levels(values)
        y = head + LINE * position
        spoken = f"{label}{', ' + detail if detail else ''}; strongest: {_strongest(values, words)}"
        strips.append(Strip(label, kind, levels, detail, spoken, y, _paths(levels, columns, y, cell)))
    gold = row.marked if row.gold is not None or len(row.labels) else np.zeros(len(words), dtype=bool)
    roles = ["evidence" if inside else "distractor" for inside in row.evidence]
    heads = zip(columns, words, roles, strict=True)
    return Card(
        item=item,
        direction="rtl" if right else "ltr",
        passages=tuple(_passages(item, row.units)),
        strips=tuple(strips),
        heads=tuple((x + cell / 2, _short(word), role) for x, word, role in heads),
        gold_columns=tuple(x for x, mark in zip(columns, gold, strict=True) if mark),
        width=cell * len(words),
        height=head + LINE * len(strips),
        cell=cell,
        head=head,
        disagreement=item_disagreement(row).value,
        raters=len(row.raters),
        answered=tuple(row.answered.items()),
        search=" ".join((item.source, item.source_id, item.id, item.question, item.answer, *words)).casefold(),
    )


def _rows(table: Table, row: Row, scores: Mapping[str, float | None]) -> list[tuple[str, str, FloatArray, str]]:
    """Label, kind, values and detail of each strip: all raters together, each rater, each method, each baseline."""
    found: list[tuple[str, str, FloatArray, str]] = []
    if len(row.raters):
        found.append(("all raters", "gold", row.labels.mean(axis=0), f"{len(row.raters)} raters"))
    for rater, labels in zip(row.raters.tolist(), row.labels, strict=True):
        found.append((table.raters[rater], "rater", labels.astype(float), f"{int(labels.sum())} words"))
    names = short_names(table.subjects)
    for subject, values, present in zip(table.subjects, row.scores, row.present, strict=False):
        if subject.method == RANDOM:
            continue
        value = scores.get(subject.name)
        detail = "no attribution" if not present else f"F1 {number(value)}" if value is not None else "no F1"
        found.append((names[subject.name], "baseline" if subject.baseline else "method", values, detail))
    return found


def heat_levels(values: FloatArray) -> str:
    """One character a word: the value's share of the largest absolute one, in steps of 1/7, rounded up."""
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0:
        return "0" * len(values)
    steps = np.ceil(np.abs(values) / largest * LEVELS - 1e-9).astype(int)
    return "".join(
        "0" if not step else str(step) if value > 0 else chr(ord("a") + step - 1)
        for step, value in zip(steps, values, strict=True)
    )


def _paths(levels: str, columns: Sequence[int], y: int, cell: int) -> tuple[tuple[str, str], ...]:
    """One path a level: all its cells as rectangles."""
    cells: dict[str, list[str]] = {}
    for level, x in zip(levels, columns, strict=True):
        if level != "0":
            cells.setdefault(level, []).append(f"M{x + 1} {y + 3}h{cell - 2}v{LINE - 6}h{2 - cell}z")
    return tuple((level, "".join(parts)) for level, parts in sorted(cells.items()))


def _strongest(values: FloatArray, words: Sequence[str], count: int = 5) -> str:
    order = [index for index in np.argsort(-values, kind="stable")[:count] if values[index] > 0]
    return ", ".join(words[index] for index in order) or "nothing"


def _passages(item: Item, units: Sequence[Span]) -> list[Passage]:
    """The text of evidence and distractor in their order, cut into words and what stands between."""
    numbers = {unit.start: number for number, unit in enumerate(units)}
    passages = []
    for segment in item.spans("evidence", "distractor"):
        pieces, position = [], segment.start
        for start, number_ in numbers.items():
            if segment.start <= start < segment.end:
                if start > position:
                    pieces.append(Piece(item.prompt[position:start], None))
                position = units[number_].end
                pieces.append(Piece(item.prompt[start:position], number_))
        if position < segment.end:
            pieces.append(Piece(item.prompt[position : segment.end], None))
        passages.append(Passage(segment.role, tuple(pieces)))
    return passages


def _right_to_left(item: Item) -> bool:
    """Whether the first letter of the evidence with a direction runs from right to left."""
    segment = item.spans("evidence")[0]
    for character in item.prompt[segment.start : segment.end]:
        kind = unicodedata.bidirectional(character)
        if kind in ("L", "R", "AL"):
            return kind != "L"
    return False


def _short(word: str) -> str:
    return word if len(word) <= _LONGEST else word[: _LONGEST - 1] + "…"
