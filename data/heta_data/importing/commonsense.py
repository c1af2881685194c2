"""Rationales for CommonsenseQA questions: CoS-E (one person each) and fair-rationales (several raters each).

CoS-E: Rajani et al. 2019, arXiv:1906.02361. Fair rationales: Thorn Jakobsen et al. 2023, arXiv:2306.00639. Questions:
Talmor et al. 2019, arXiv:1811.00937.

    <question> ⏎ Choices: <a>, <b>, ... ⏎ Answer:        target: " <answer>"

Words of the question can be marked; the choices are shown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from heta.errors import InputError
from heta.records import Span
from heta.words import segment_words
from heta_data.errors import RecordError
from heta_data.funnel import Funnel
from heta_data.importing.files import as_model, read_objects
from heta_data.importing.rationales import Rationale, Texts
from heta_data.importing.scored import bare_text
from heta_data.records import Item, Mark

_TOKEN = re.compile(r"\S+")


class _Open(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Choices(_Open):
    label: tuple[str, ...]
    text: tuple[str, ...]


class _Question(_Open):
    id: str
    question: str
    choices: _Choices
    answerKey: str  # noqa: N815 - the file's own name

    @property
    def answer(self) -> str:
        return self.choices.text[self.choices.label.index(self.answerKey)]


class _Explanation(_Open):
    selected: str


class _CoseRow(_Open):
    id: str
    explanation: _Explanation


class _FairRow(_Open):
    text_id: str
    annotator_ID: str  # noqa: N815 - the file's own name
    sentence: str
    label: str
    rationale_index: tuple[int, ...]
    rationale_binary: tuple[Mark, ...]


@dataclass(frozen=True)
class Found:
    """Answers, and how many rows of the file could not be used and why."""

    rationales: tuple[Rationale, ...]
    funnel: Funnel


def read_cose(path: Path, questions: Path, texts: Texts, *, most: float = 0.5) -> Found:
    """The rows of CoS-E whose selected words stand in their question exactly once and are at most a share of it.

    Args:
        path: `cose_*_v1.11.jsonl`.
        questions: CommonsenseQA's questions as JSON Lines.
        texts: what the files do not say of their texts.
        most: the largest share of the question's words that a selection may cover: many select all of it.

    Raises:
        InputError: a file cannot be read, or no row is left. RecordError: a row that does not fit.
        ConfigError: no licence given.
    """
    asked = {question.id: question for question in _questions(questions)}
    rows = [(where, as_model(data, _CoseRow, where)) for where, data in read_objects(path)]
    _check_once([(where, row.id) for where, row in rows])
    funnel = Funnel(len(rows))
    rows = funnel.keep(rows, "question", "its question is not in the file of questions", lambda row: row[1].id in asked)

    def places(row: _CoseRow) -> int:
        return asked[row.id].question.count(row.explanation.selected) if row.explanation.selected.strip() else 0

    rows = funnel.keep(
        rows,
        "once",
        "the selected text stands in the question not at all or several times",
        lambda r: places(r[1]) == 1,
    )
    rows = funnel.keep(
        rows, "share", f"the selected text is more than {most:g} of the question's words",
        lambda r: _share(asked[r[1].id].question, r[1].explanation.selected) <= most,
    )  # fmt: skip
    if not rows:
        raise InputError(f"{path}: no row can be used: {funnel.to_json()['steps']}")
    made = []
    for where, row in rows:
        question = asked[row.id]
        start = question.question.index(row.explanation.selected)
        span = Span(start, start + len(row.explanation.selected))
        item = _item(where, texts, row.id, question.question, question)
        made.append(Rationale(where, item, "", (span,), (row.explanation.selected,)))
    return Found(tuple(made), funnel)


def _share(question: str, selected: str) -> float:
    start = question.index(selected)
    words = segment_words(question)
    return sum(word.overlaps(Span(start, start + len(selected))) for word in words) / max(1, len(words))


def read_fair_rationales(path: Path, questions: Path, texts: Texts, *, right_only: bool = False) -> Found:
    """The rows of fair-rationales, each a rater's marks for the answer that this rater chose.

    The item's target is the right answer by CommonsenseQA, whatever a rater chose.

    Args:
        path: the file of rationales.
        questions: CommonsenseQA's questions as JSON Lines; matched by text, white space aside.
        texts: what the files do not say of their texts.
        right_only: only rows of raters who chose the right answer.

    Raises:
        InputError: a file cannot be read, or no row is left. RecordError: a row that does not fit.
        ConfigError: no licence given.
    """
    asked = {bare_text(question.question): question for question in _questions(questions)}
    rows = [(where, as_model(data, _FairRow, where)) for where, data in read_objects(path)]
    _check_once([(where, f"{row.text_id} by {row.annotator_ID}") for where, row in rows])
    funnel = Funnel(len(rows))
    rows = funnel.keep(
        rows,
        "question",
        "its question is not in the file of questions",
        lambda row: bare_text(row[1].sentence) in asked,
    )
    if right_only:
        rows = funnel.keep(
            rows, "right", "the rater chose another answer than the right one", lambda row: _right(row[1], asked)
        )
    if not rows:
        raise InputError(f"{path}: no row can be used: {funnel.to_json()['steps']}")
    items: dict[str, Item] = {}
    made = []
    for where, row in rows:
        spans = _marked(where, row)
        if row.text_id not in items:
            items[row.text_id] = _item(where, texts, row.text_id, row.sentence, asked[bare_text(row.sentence)])
        item = items[row.text_id]
        if item.question != row.sentence:
            raise RecordError(f"{where}:sentence: differs from an earlier row of text_id {row.text_id!r}")
        made.append(Rationale(where, item, row.annotator_ID, spans))
    return Found(tuple(made), funnel)


def _right(row: _FairRow, asked: dict[str, _Question]) -> bool:
    return bare_text(row.label) == bare_text(asked[bare_text(row.sentence)].answer)


def _marked(where: str, row: _FairRow) -> tuple[Span, ...]:
    """The marked words, those that follow each other in one span."""
    tokens = [Span(match.start(), match.end()) for match in _TOKEN.finditer(row.sentence)]
    if len(row.rationale_binary) != len(tokens):
        raise RecordError(
            f"{where}:rationale_binary: has {len(row.rationale_binary)} values, the sentence {len(tokens)} words"
        )
    marked = {index for index, value in enumerate(row.rationale_binary) if value}
    if marked != set(row.rationale_index):
        raise RecordError(f"{where}:rationale_index: names other words than rationale_binary")
    return tuple(tokens[index] for index in sorted(marked))


def _questions(path: Path) -> list[_Question]:
    found = []
    for where, data in read_objects(path):
        question = as_model(data, _Question, where)
        if (
            len(question.choices.label) != len(question.choices.text)
            or question.answerKey not in question.choices.label
        ):
            raise RecordError(f"{where}:answerKey: {question.answerKey[:20]!r} is not the label of one choice")
        found.append(question)
    _check_once([(f"{path}", question.id) for question in found])
    return found


def _check_once(names: Sequence[tuple[str, str]]) -> None:
    seen: set[str] = set()
    for where, name in names:
        if name in seen:
            raise RecordError(f"{where}: {name[:60]!r} stands there twice")
        seen.add(name)


def _item(where: str, texts: Texts, row: str, shown: str, question: _Question) -> Item:
    rest = f"Choices: {', '.join(question.choices.text)}\nAnswer:"
    parts = [("evidence", shown), ("separator", "\n"), ("question", rest)]
    return texts.item(where, row, parts, answer=question.answer, question=shown)
