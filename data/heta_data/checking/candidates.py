"""What the checks look at: items of this toolkit and items of others in one form, as complete as their source is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from heta.records import Span
from heta.words import segment_words
from heta_data.records import Item, RaterKind, Rights, TokenLabels


@dataclass(frozen=True)
class Marks:
    """What one rater, or an unnamed hand, marked in one item."""

    by: str
    kind: RaterKind | None
    """None where the source does not say who or what marked."""
    spans: tuple[Span, ...]
    """Code points of the prompt, in order."""


@dataclass(frozen=True)
class Candidate:
    """An item that may be unsound; nothing about it has been proved but that its spans lie in its prompt."""

    where: str
    """`items.jsonl > item 3 (1f0c...)`: how every finding about it begins."""
    row: str
    """Source and row. Candidates of one row are its two segment orders."""
    group: str
    split: str
    language: str
    prompt: str
    target: str
    answer: str
    asked: str
    """The question by itself."""
    question: Span
    """Where the question stands, with the words around it; empty where nothing is asked."""
    evidence: tuple[Span, ...]
    distractor: tuple[Span, ...]
    roles: tuple[str, ...]
    """Roles of the stretches of the prompt that need a licence and a source: all but separators."""
    rights: tuple[Rights, ...]
    marks: tuple[Marks, ...] = field(default=())

    @property
    def name(self) -> str:
        """The end of `where`, by which another finding can name this candidate."""
        return self.where.rpartition(" > ")[2]

    @cached_property
    def evidence_text(self) -> str:
        """Every evidence segment, a blank between two."""
        return self._join(self.evidence)

    @cached_property
    def distractor_text(self) -> str:
        """Every distractor segment, a blank between two; empty where there is none."""
        return self._join(self.distractor)

    @cached_property
    def question_text(self) -> str:
        """The question as it stands in the prompt, with the words around it."""
        return self.prompt[self.question.start : self.question.end]

    @property
    def evidence_words(self) -> tuple[Span, ...]:
        """The words of the evidence, in order; found anew each time, since they take more room than their text."""
        return tuple(word for part in self.evidence for word in segment_words(self.prompt, within=part))

    @property
    def evidence_first(self) -> bool | None:
        """Whether evidence begins before the first distractor; None where one of the two is missing."""
        if not self.evidence or not self.distractor:
            return None
        return self.evidence[0].start < self.distractor[0].start

    def text(self, span: Span) -> str:
        """A stretch of the prompt."""
        return self.prompt[span.start : span.end]

    def _join(self, spans: Sequence[Span]) -> str:
        return " ".join(self.text(span) for span in spans)


def item_candidate(item: Item, where: str, marks: Sequence[Marks] = ()) -> Candidate:
    """An item of this toolkit with what its raters marked; `where` is the way to it."""
    asked = item.spans("question")
    question = Span(asked[-1].start, asked[-1].end) if asked else Span(len(item.prompt), len(item.prompt))
    return Candidate(
        where=where,
        row=f"{item.source}:{item.source_id}",
        group=item.group,
        split=item.split,
        language=item.language,
        prompt=item.prompt,
        target=item.target,
        answer=item.answer,
        asked=item.question,
        question=question,
        evidence=tuple(Span(segment.start, segment.end) for segment in item.spans("evidence")),
        distractor=tuple(Span(segment.start, segment.end) for segment in item.spans("distractor")),
        roles=tuple(dict.fromkeys(segment.role for segment in item.segments if segment.role != "separator")),
        rights=item.rights,
        marks=tuple(marks),
    )


def label_marks(labels: TokenLabels) -> Marks:
    """What one rater marked, of one answer."""
    units = zip(labels.starts, labels.ends, labels.labels, strict=True)
    return Marks(labels.rater, labels.kind, tuple(Span(start, end) for start, end, mark in units if mark))
