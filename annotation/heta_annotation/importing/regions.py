"""The regions of one annotation as marked words: spans with labels, and the answers of our own page."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from heta.records import Span
from heta_annotation.campaign.answers import read_result
from heta_annotation.importing.export import Task, is_number
from heta_annotation.importing.matching import Match
from heta_annotation.importing.own_page import is_answer, is_page, page_problems
from heta_annotation.importing.privacy import SPANS, quoted, scrub_text
from heta_annotation.importing.vocabulary import Vocabulary, label_names
from heta_data.records import Arm
from heta_data.snapping import other_encoding, snap

BESIDE = frozenset(
    {"choices", "datetime", "number", "pairwise", "ranker", "rating", "relation", "taxonomy", "textarea"}
)
"""Types of regions that mark no text: other questions of the same page, which are no labels."""
_BLANK = re.compile(r"\\n|\s+")


@dataclass
class Marks:
    """What one annotation marks."""

    units: set[int] = field(default_factory=set)
    """Indices of marked units."""
    cannot_tell: bool = False
    stray: list[Span] = field(default_factory=list)
    """Spans that cover no unit, in code points of the prompt."""
    unproved: int = 0
    """Spans that do not repeat their text, so that nothing but the range speaks for their offsets."""
    beside: Counter[str] = field(default_factory=Counter)
    """Type of region -> how many were not read, since they mark no text."""
    problems: list[str] = field(default_factory=list)
    """Everything that cannot be right."""


class _Range(NamedTuple):
    """Where a span says it is, and what its text is."""

    start: object
    end: object
    said: str | None
    html: bool

    @property
    def problem(self) -> str:
        """What to say of offsets that are no whole numbers."""
        if self.html:
            return "impossible span: a span in HTML without whole globalOffsets, and its paths say no place in the text"
        return f"impossible span: [{quoted(self.start)}, {quoted(self.end)}), expected whole numbers"

    def agrees(self, piece: str) -> bool:
        """Whether that is the text the span says, in which a line feed may be `\\n`, in HTML between blocks too."""
        if self.said is None or self.said == piece:
            return True
        if self.html:
            return _BLANK.sub("", self.said) == _BLANK.sub("", piece)
        return self.said.replace("\\n", "\n") == piece


def read_regions(task: Task, match: Match, result: object, vocabulary: Vocabulary, arm: Arm) -> Marks:
    """Read an annotation's `result`.

    Args:
        task: the task that was labelled.
        match: its item.
        result: a list of regions.
        vocabulary: what the labels mean.
        arm: what the raters are said to have seen.
    """
    if not isinstance(result, list):
        return Marks(problems=["result: no list of regions"])
    reading = _Reading(match, vocabulary)
    page = is_page(task)
    ours = [region for region in result if page and is_answer(region)]
    for region in result:
        if not (page and is_answer(region)):
            reading.add(region)
    marks = reading.marks
    if page:
        marks.problems += page_problems(task, match.item, arm)
        answer = read_result(ours, len(match.units))
        marks.units |= set(answer.marked)
        marks.cannot_tell = answer.verdict
        marks.problems += [scrub_text(problem)[:200] for problem in answer.problems]
    return marks


class _Reading:
    """Regions of one annotation, read one after the other."""

    def __init__(self, match: Match, vocabulary: Vocabulary) -> None:
        self.match = match
        self.vocabulary = vocabulary
        self.marks = Marks()

    def add(self, region: object) -> None:
        kind = region.get("type") if isinstance(region, Mapping) else None
        if not isinstance(region, Mapping) or not isinstance(kind, str) or kind not in {*SPANS, *BESIDE}:
            self.marks.problems.append(f"unknown region: of type {quoted(kind)}")
        elif kind in BESIDE:
            self.marks.beside[kind] += 1
        elif names := label_names(region):
            self._add_labelled(region, names)
        else:
            self.marks.problems.append("no label: a span has none that can be read")

    def _add_labelled(self, region: Mapping[str, Any], names: Sequence[str]) -> None:
        known = self.vocabulary.marked | self.vocabulary.ignored
        if unknown := [name for name in names if name not in known]:
            self.marks.problems.append(
                f"unknown label: {quoted(unknown[0])}, named by neither --label nor --ignore-label"
            )
        elif self.vocabulary.marked.isdisjoint(names):
            self.marks.beside["other label"] += 1
        elif region.get("to_name") != self.vocabulary.target:
            self.marks.beside["on another text"] += 1
        else:
            self._add_span(region["value"])

    def _add_span(self, value: Mapping[str, Any]) -> None:
        found = _range(value)
        shown = self.match.html if found.html else self.match.plain
        if not is_number(found.start) or not is_number(found.end):
            self.marks.problems.append(found.problem)
        elif shown is None:
            self.marks.problems.append("other text: what the span points into is not the item's text as it is shown")
        elif problem := self._offset_problem(found.start, found.end, shown, found):
            self.marks.problems.append(problem)
        else:
            self.marks.unproved += found.said is None
            span = Span(shown.start + found.start, shown.start + found.end)
            marked = snap(self.match.item.prompt, span, self.match.units)
            self.marks.units.update(marked)
            if not marked:
                self.marks.stray.append(span)

    def _offset_problem(self, start: int, end: int, shown: Span, found: _Range) -> str | None:
        """What is wrong with offsets into what is shown of the prompt."""
        text = self.match.item.prompt[shown.start : shown.end]
        if 0 <= start < end <= len(text):
            piece = text[start:end]
            if found.said is None or found.agrees(piece):
                return None
            what = f"other text: [{start}, {end}) is {quoted(piece)}, the span says {quoted(found.said)}"
        else:
            what = f"impossible span: [{start}, {end}) of a text of {len(text)} code points"
        other = other_encoding(text, start, end, found.said) if 0 <= start < end else None
        return what + (f"; the offsets would fit as {other}, expected code points" if other else "")


def _range(value: Mapping[str, Any]) -> _Range:
    """Where a span's value puts it: `Text` has plain offsets; `HyperText` paths into the page, and global offsets."""
    shown = value.get("text")
    said = shown if isinstance(shown, str) else None
    if is_number(value.get("start")) and is_number(value.get("end")):
        return _Range(value["start"], value["end"], said, html=False)
    offsets = value.get("globalOffsets")
    if isinstance(offsets, Mapping):
        return _Range(offsets.get("start"), offsets.get("end"), said, html=True)
    return _Range(value.get("start"), value.get("end"), said, html="startOffset" in value)
