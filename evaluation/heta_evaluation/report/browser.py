"""The item browser's data: texts, labels and scores of the items, quantised and compressed to stand in the page.

Two parts, each zlib in base64: an index (JSON: texts, figures, what is filtered and sorted by) and the heat (one signed
byte a word for every method and baseline of every item, then one a word for every rater). The page unpacks both.
"""

import base64
import json
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heta_data.records import Item
from heta_evaluation.agreement.results import item_disagreement
from heta_evaluation.alignment.subjects import RANDOM
from heta_evaluation.alignment.table import Row, Table
from heta_evaluation.metrics.base import BoolArray, FloatArray
from heta_evaluation.summary import short_names

MOST_ITEMS = 2_000
MOST_BYTES = 12_000_000
"""Of both parts together, as they stand in the page: the whole file then stays below 15 MB."""
STEPS = 127
"""Steps of a score on each side of 0: the largest absolute score of a method on an item is 127."""


@dataclass(frozen=True)
class PackedItems:
    """What the page holds of the items."""

    index: str
    heat: str
    shown: int
    total: int
    """Items of the benchmark; more than `shown` where only a sample fits."""
    seed: int
    """Of that sample."""
    sources: tuple[str, ...]

    @property
    def sampled(self) -> bool:
        """Whether some items are left out."""
        return self.shown < self.total


def pack_items(
    table: Table,
    scores: Mapping[str, Mapping[str, float | None]],
    *,
    seed: int = 0,
    most_items: int = MOST_ITEMS,
    most_bytes: int = MOST_BYTES,
) -> PackedItems:
    """All items, or a random sample where they are more than `most_items` or would take more than `most_bytes`.

    Args:
        table: items with labels and scores.
        scores: item id -> subject name -> F1@k, None where it has no value.
        seed: of the sample.
        most_items: most items that are shown.
        most_bytes: most characters of both parts.
    """
    order = np.random.default_rng(seed).permutation(len(table.rows))
    count = min(len(table.rows), most_items)
    while True:
        rows = [table.rows[number] for number in sorted(order[:count])]
        index, heat = _packed(_index(table, rows, scores)), _packed(_heat(rows))
        size = len(index) + len(heat)
        if size <= most_bytes or count == 1:
            sources = tuple(sorted({row.item.source for row in rows}))
            return PackedItems(index, heat, count, len(table.rows), seed, sources)
        count = max(1, int(count * 0.97 * most_bytes / size))


def _packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode("ascii")


def _index(table: Table, rows: Sequence[Row], scores: Mapping[str, Mapping[str, float | None]]) -> bytes:
    names = short_names(table.subjects)
    subjects = [subject for subject in table.subjects if subject.method != RANDOM]
    document = {
        "subjects": [
            {"label": names[subject.name], "kind": "baseline" if subject.baseline else "method"} for subject in subjects
        ],
        "raters": table.raters,
        "models": table.models,
        "steps": STEPS,
        "items": [_entry(row, table, [subject.name for subject in subjects], scores) for row in rows],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def _entry(
    row: Row, table: Table, subjects: Sequence[str], scores: Mapping[str, Mapping[str, float | None]]
) -> dict[str, Any]:
    """One item. Lengths are in UTF-16 units, as the page's script counts."""
    item, disagreement = row.item, item_disagreement(row).value
    found = scores.get(item.id, {})
    values = [found.get(name) for name in subjects]
    return {
        "id": item.id,
        "source": item.source,
        "row": item.source_id,
        "lang": item.language,
        "rtl": int(right_to_left(item)),
        "question": item.question,
        "answer": item.answer,
        "parts": passages(row),
        "n": len(row.units),
        "disagreement": None if disagreement is None else round(disagreement, 3),
        "raters": row.raters.tolist(),
        "answered": [int(row.answered[model]) if model in row.answered else None for model in table.models],
        "f1": [None if value is None else round(value, 3) for value in values],
        "absent": np.flatnonzero(~row.present).tolist(),
        "gold": np.flatnonzero(gold_units(row)).tolist(),
    }


def gold_units(row: Row) -> BoolArray:
    """`[n]`, the words that are gold: what more than half of the item's raters marked, or fixed gold labels."""
    return row.marked if row.gold is not None or len(row.labels) else np.zeros(len(row.units), dtype=np.bool_)


def passages(row: Row) -> list[tuple[str, str, list[int]]]:
    """Each evidence and distractor segment: role, text, and `gap, word, gap, word, ...` as lengths in UTF-16 units."""
    found: list[tuple[str, str, list[int]]] = []
    for segment in row.item.spans("evidence", "distractor"):
        text, position, lengths = row.item.prompt, segment.start, []
        for unit in row.units:
            if segment.start <= unit.start < segment.end:
                lengths += [_units16(text[position : unit.start]), _units16(text[unit.start : unit.end])]
                position = unit.end
        found.append((segment.role, text[segment.start : max(segment.end, position)], lengths))
    return found


def _units16(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _heat(rows: Sequence[Row]) -> bytes:
    """For each item: a byte a word for every subject, then one for every rater of the item, 0 or 1."""
    parts = []
    for row in rows:
        parts += [quantise(row.scores).tobytes(), row.labels.astype(np.int8).tobytes()]
    return b"".join(parts)


def quantise(scores: FloatArray) -> NDArray[np.int8]:
    """Scores `[subject, unit]` as shares of each subject's largest absolute score, in steps of 1/127.

    0 stays 0 and nothing else becomes 0: a score too small for a step counts as one step, with its sign.
    """
    size = np.abs(scores)
    largest = size.max(axis=1, keepdims=True, initial=0.0)
    shares = size / np.where(largest == 0, 1.0, largest)
    steps = np.where(size == 0, 0.0, np.maximum(np.rint(shares * STEPS), 1.0))
    return np.asarray(np.sign(scores) * steps, dtype=np.int8)


def right_to_left(item: Item) -> bool:
    """Whether the first letter of the evidence with a direction runs from right to left."""
    segment = item.spans("evidence")[0]
    for character in item.prompt[segment.start : segment.end]:
        kind = unicodedata.bidirectional(character)
        if kind in ("L", "R", "AL"):
            return kind != "L"
    return False
