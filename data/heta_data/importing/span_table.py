"""Rationales as plain rows: `.csv` or `.tsv` (one row a span) and `.jsonl` (one row an answer)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from heta.records import Span
from heta_data.errors import RecordError
from heta_data.importing.files import read_rows
from heta_data.importing.rationales import Rationale, Texts
from heta_data.records import Item

_TEXTS = ("prompt", "target", "answer", "question", "group", "evidence_start", "evidence_end")


class RationaleRow(BaseModel):
    """One row. Several rows of one item and rater are one answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    item_id: str
    """An item of the folder (its id, or the id of its source's row), or any id where the row brings the texts."""
    rater: str | None = None
    start: int | None = None
    end: int | None = None
    """`[start, end)` in code points of the prompt; without them nothing is marked, which is an answer."""
    text: str | None = None
    """What the span covers; proved."""
    spans: tuple[tuple[int, int], ...] | None = None
    """All spans at once, in JSON Lines."""
    prompt: str | None = None
    """What the model reads. The first row of an item brings the texts."""
    target: str | None = None
    """What it continues with, with its leading blank."""
    answer: str | None = None
    question: str | None = None
    group: str | None = None
    """Document; items of one document are resampled together."""
    evidence_start: int | None = None
    evidence_end: int | None = None
    """The part of the prompt whose words could be marked; all of it where nothing is said."""

    @property
    def brings_text(self) -> bool:
        """Whether it says more of the item than its id."""
        return any(getattr(self, name) is not None for name in _TEXTS)


@dataclass
class _Answer:
    where: str
    spans: list[Span] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    nothing: str = ""
    """Where it says that nothing was marked."""


def read_span_table(path: Path, texts: Texts, known: Iterable[Item]) -> list[Rationale]:
    """The answers of a file; items are those of the folder, or made from its texts.

    Args:
        path: see `heta_data.importing.files.read_rows`.
        texts: what the file does not say of its texts.
        known: items of the folder.

    Raises:
        InputError: the file cannot be read or holds no row. RecordError: a row that does not fit.
        ConfigError: an item is made and no licence given.
    """
    items = _known(known)
    rows: dict[str, Item] = {}
    answers: dict[tuple[str, str], _Answer] = {}
    for where, row in read_rows(path, RationaleRow):
        if row.item_id not in rows:
            rows[row.item_id] = _item(where, row, texts, items)
        elif row.brings_text:
            _same(where, row, rows[row.item_id])
        answer = answers.setdefault((row.item_id, row.rater or ""), _Answer(where))
        _add(where, row, answer)
    return [
        Rationale(answer.where, rows[name], rater, tuple(answer.spans), tuple(answer.texts))
        for (name, rater), answer in answers.items()
    ]


def _known(items: Iterable[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        for name in {item.id, item.source_id}:
            found.setdefault(name, []).append(item)
    return found


def _item(where: str, row: RationaleRow, texts: Texts, known: Mapping[str, list[Item]]) -> Item:
    if row.brings_text:
        return _made(where, row, texts)
    found = known.get(row.item_id, [])
    if len(found) != 1:
        there = f"{len(found)} items of the folder have it: give their ids" if found else "no item of the folder has it"
        raise RecordError(
            f"{where}:item_id: got {row.item_id[:60]!r}, {there}, and the row brings no prompt and target"
        )
    return found[0]


def _made(where: str, row: RationaleRow, texts: Texts) -> Item:
    if row.prompt is None or row.target is None:
        raise RecordError(f"{where}: an item needs prompt and target, both in the first row that names it")
    start, end = row.evidence_start, row.evidence_end
    if (start is None) != (end is None):
        raise RecordError(f"{where}: evidence_start and evidence_end: both or neither")
    start, end = (0, len(row.prompt)) if start is None or end is None else (start, end)
    if not 0 <= start < end <= len(row.prompt):
        raise RecordError(
            f"{where}:evidence_start: got [{start}, {end}), expected a part of the prompt, "
            f"which has {len(row.prompt)} code points"
        )
    parts = [("other", row.prompt[:start]), ("evidence", row.prompt[start:end]), ("other", row.prompt[end:])]
    answer = row.target.strip() if row.answer is None else row.answer
    question = row.prompt if row.question is None else row.question
    return texts.item(where, row.item_id, parts, answer=answer, question=question, target=row.target, group=row.group)


def _same(where: str, row: RationaleRow, item: Item) -> None:
    """A later row may repeat the item's texts, not change them."""
    mine = {"prompt": item.prompt, "target": item.target, "answer": item.answer, "question": item.question}
    for name, there in {**mine, "group": item.group}.items():
        got = getattr(row, name)
        if got is not None and got != there:
            raise RecordError(
                f"{where}:{name}: got {got[:60]!r}, an earlier row of item {row.item_id!r} has {there[:60]!r}"
            )
    if row.evidence_start is not None or row.evidence_end is not None:
        segment = item.spans("evidence")[0]
        if (row.evidence_start, row.evidence_end) != (segment.start, segment.end):
            raise RecordError(f"{where}:evidence_start: differs from an earlier row of item {row.item_id!r}")


def _add(where: str, row: RationaleRow, answer: _Answer) -> None:
    spans = [Span(start, end) for start, end in row.spans or ()]
    if row.start is not None and row.end is not None:
        spans.append(Span(row.start, row.end))
    elif row.start is not None or row.end is not None:
        raise RecordError(f"{where}: start and end: both or neither")
    elif row.text is not None:
        raise RecordError(f"{where}:text: stands without start and end; say where it is")
    if row.text is not None and row.spans:
        raise RecordError(f"{where}:text: goes with start and end, not with spans")
    if not spans:
        if answer.spans or answer.nothing:
            raise RecordError(
                f"{where}: marks nothing, and this rater's answer stands in {answer.nothing or answer.where}"
            )
        answer.nothing = where
        return
    if answer.nothing:
        raise RecordError(f"{where}: marks something, and {answer.nothing} says that this rater marked nothing")
    for span in spans:
        if span in answer.spans:
            raise RecordError(f"{where}: span [{span.start}, {span.end}) of this rater stands there twice")
        answer.spans.append(span)
        answer.texts.append(row.text)
