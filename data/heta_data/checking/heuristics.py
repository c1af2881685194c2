"""Whether labels said to be a person's could have been written by a rule.

A rule puts the content words of the evidence into an order. Where a rater's marks are the first k of that order, with k
the number of marks, in almost every item, the rule has marked and not the rater. Function words of English are left out
on both sides: rules differ in their lists of them. Development data of real raters follow the best of these rules in
a fifth of their items (CoS-E 23 %, fair-rationales 19 %).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from heta.words import segment_words
from heta_data.checking.candidates import Candidate, Marks
from heta_data.checking.findings import Finding
from heta_data.content_words import FUNCTION_WORDS

SHARE = 0.9
"""Share of a rater's items that a rule must explain."""
FEWEST = 10
"""Items below which nothing is said."""
MARKS = 3
"""Marked words below which an item tells rules and people not apart."""


class Evidence(NamedTuple):
    """What a rule goes by. Words are case-folded; content words only, each once."""

    words: tuple[str, ...]
    """Of the evidence, in order."""
    answer: frozenset[str]
    asked: frozenset[str]
    """Of the question."""

    @property
    def common(self) -> frozenset[str]:
        """The words that the evidence shares with answer or question."""
        return frozenset(self.words) & (self.answer | self.asked)


class Entry(NamedTuple):
    """What one rater marked in one item."""

    candidate: Candidate
    marks: Marks
    evidence: Evidence
    marked: frozenset[str]
    """Content words of the evidence."""


def _answer_first(evidence: Evidence) -> list[str]:
    return sorted(evidence.words, key=lambda word: word not in evidence.answer)


def _question_first(evidence: Evidence) -> list[str]:
    return sorted(evidence.words, key=lambda word: (word not in evidence.answer, word not in evidence.asked))


def _longest(evidence: Evidence) -> list[str]:
    return sorted(evidence.words, key=lambda word: -len(word))


def _in_order(evidence: Evidence) -> list[str]:
    return list(evidence.words)


RULES: dict[str, Callable[[Evidence], list[str]]] = {
    "the answer's words, then those of the question, then the first others": _question_first,
    "the answer's words, then the first content words": _answer_first,
    "the first content words": _in_order,
    "the longest words": _longest,
}
"""What a rule marks, in words -> the content words of the evidence, likeliest first."""


def check_labels(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Labels of people, or of nobody in particular, that a rule explains; labels that do not say who made them."""
    by_rater: dict[tuple[str, str | None], list[Entry]] = defaultdict(list)
    for candidate in candidates:
        for entry in _entries(candidate):
            by_rater[entry.marks.by, entry.marks.kind].append(entry)
    few: list[Entry] = []
    for (rater, kind), entries in sorted(by_rater.items(), key=lambda rated: str(rated[0])):
        if kind is None:
            problem = f"labels {rater!r} do not say who made them: no rater, no number of raters, no guidelines"
            yield Finding("labels", "error", problem, _places(entries))
        if len(entries) < FEWEST:
            few += entries
            continue
        yield from _explained(f"labels {rater!r}", entries)
        yield from _same_number(f"labels {rater!r}", entries)
    yield from _explained(f"labels of the raters with fewer than {FEWEST} items, taken together,", few)


def _explained(who: str, entries: Sequence[Entry]) -> Iterator[Finding]:
    fits: Counter[str] = Counter()
    telling: list[Entry] = []
    common: list[Entry] = []
    for entry in entries:
        # Who marks every content word follows every rule: that says nothing about which.
        if not MARKS <= len(entry.marked) < len(entry.evidence.words):
            continue
        if entry.marked == entry.evidence.common:
            common.append(entry)
            continue
        telling.append(entry)
        fits.update(_fitting(entry.evidence, entry.marked))
    rule, count = max(fits.items(), key=lambda counted: counted[1], default=("", 0))
    if len(telling) >= FEWEST and count >= SHARE * len(telling):
        problem = (
            f"{who} are what a rule gives in {count} of the {len(telling)} items that can tell ({rule}): "
            "no person chose; leave them out, or call them simulated"
        )
        yield Finding("labels", "error", problem, _places(telling))
    elif len(common) >= max(FEWEST, SHARE * (len(common) + len(telling))):
        problem = (
            f"{who} are just the words that the evidence shares with question and answer in {len(common)} of "
            f"{len(common) + len(telling)} items: a rule would mark the same; find out how they were made"
        )
        yield Finding("labels", "warning", problem, _places(common))


def _fitting(evidence: Evidence, marked: frozenset[str]) -> Iterator[str]:
    for name, order in RULES.items():
        first = order(evidence)[: len(marked)]
        # Words of one length are as good as each other to the rule of the longest.
        tied = order is _longest and sorted(map(len, first)) == sorted(map(len, marked))
        if tied or marked == frozenset(first):
            yield name


def _same_number(who: str, entries: Sequence[Entry]) -> Iterator[Finding]:
    """People mark as many words as matter; a rule marks k."""
    marking = [entry for entry in entries if entry.marks.spans]
    if len(marking) < FEWEST:
        return
    types = Counter(len(_marked(entry.candidate, entry.marks)) for entry in marking)
    number, count = types.most_common(1)[0]
    if number >= MARKS and count >= SHARE * len(marking):
        problem = (
            f"{who} mark {number} different words in {count} of {len(marking)} items: people mark as many as matter; "
            "find out whether the guidelines asked for a number, or a script marked"
        )
        yield Finding("labels", "warning", problem, _places(marking))


def _entries(candidate: Candidate) -> list[Entry]:
    """What people marked in an item. Scripts and models say what they are: nobody takes their labels for a person's."""
    people = [marks for marks in candidate.marks if marks.kind in ("human", None)]
    if not people:
        return []
    words = dict.fromkeys(candidate.text(span).casefold() for span in candidate.evidence_words)
    content = tuple(word for word in words if word not in FUNCTION_WORDS)
    evidence = Evidence(content, _words(candidate.answer), _words(candidate.asked))
    return [Entry(candidate, marks, evidence, _marked(candidate, marks).intersection(content)) for marks in people]


def _marked(candidate: Candidate, marks: Marks) -> frozenset[str]:
    return frozenset(candidate.text(span).casefold() for span in marks.spans)


def _words(text: str) -> frozenset[str]:
    return frozenset(text[span.start : span.end].casefold() for span in segment_words(text))


def _places(entries: Sequence[Entry]) -> tuple[str, ...]:
    return tuple(f"{entry.candidate.where} > {entry.marks.by}" for entry in entries)
