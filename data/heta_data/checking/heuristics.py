"""Whether labels said to be a person's could have been written by a rule.

A rule puts the words of the evidence into an order. Where a rater's marks are the first k of that order, with k the
number of marks, in almost every item, the rule has marked and not the rater. Function words are left out on both
sides: rules differ in their lists of them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

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

Order = Callable[[Sequence[str], frozenset[str], frozenset[str]], list[str]]
"""(words of the evidence in order, each once; words of the answer; words of the question) -> words, likeliest first."""


def _answer_first(words: Sequence[str], answer: frozenset[str], asked: frozenset[str]) -> list[str]:
    return sorted(words, key=lambda word: word not in answer)


def _question_first(words: Sequence[str], answer: frozenset[str], asked: frozenset[str]) -> list[str]:
    return sorted(words, key=lambda word: (word not in answer, word not in asked))


def _longest(words: Sequence[str], answer: frozenset[str], asked: frozenset[str]) -> list[str]:
    return sorted(words, key=lambda word: -len(word))


def _in_order(words: Sequence[str], answer: frozenset[str], asked: frozenset[str]) -> list[str]:
    return list(words)


RULES: dict[str, Order] = {
    "the answer's words, then those of the question, then the first others": _question_first,
    "the answer's words, then the first content words": _answer_first,
    "the first content words": _in_order,
    "the longest words": _longest,
}


def check_labels(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Labels of people, or of nobody in particular, that a rule explains; labels that say of no kind what made them."""
    by_rater: dict[tuple[str, str | None], list[tuple[Candidate, Marks]]] = defaultdict(list)
    for candidate in candidates:
        for marks in candidate.marks:
            # Scripts and models say what they are: nobody takes their labels for a person's.
            if marks.kind in ("human", None):
                by_rater[marks.by, marks.kind].append((candidate, marks))
    for (rater, kind), entries in sorted(by_rater.items(), key=str):
        where = tuple(f"{candidate.where} > {rater}" for candidate, _ in entries)
        if kind is None:
            problem = f"labels {rater!r} do not say who made them: no person, no number of raters, no guidelines"
            yield Finding("labels", "error", problem, where)
        yield from _explained(rater, entries)
        yield from _same_number(rater, entries)


def _explained(rater: str, entries: Sequence[tuple[Candidate, Marks]]) -> Iterator[Finding]:
    fits: Counter[str] = Counter()
    telling: list[str] = []
    for candidate, marks in entries:
        words, marked = _content(candidate, marks)
        # Who marks every content word follows every rule: that says nothing about which.
        if MARKS <= len(marked) < len(words):
            telling.append(f"{candidate.where} > {rater}")
            fits.update(_fitting(candidate, words, marked))
    if len(telling) < FEWEST or not fits:
        return
    rule, count = max(fits.items(), key=lambda entry: entry[1])
    if count >= SHARE * len(telling):
        problem = f"labels {rater!r} are what a rule gives in {count} of {len(telling)} items ({rule}): no person chose"
        yield Finding("labels", "error", problem, tuple(telling))


def _fitting(candidate: Candidate, words: Sequence[str], marked: frozenset[str]) -> Iterator[str]:
    answer, asked = _words(candidate.answer), _words(candidate.question_text)
    for name, order in RULES.items():
        ranked = order(words, answer, asked)
        first = ranked[: len(marked)]
        # Words of one length are as good as each other to the rule of the longest.
        tied = order is _longest and sorted(map(len, first)) == sorted(map(len, marked))
        if tied or marked == frozenset(first):
            yield name


def _same_number(rater: str, entries: Sequence[tuple[Candidate, Marks]]) -> Iterator[Finding]:
    """People mark as many words as matter; a rule marks k."""
    types = Counter(
        len({candidate.text(span).casefold() for span in marks.spans}) for candidate, marks in entries if marks.spans
    )
    if sum(types.values()) < FEWEST:
        return
    number, count = types.most_common(1)[0]
    if number >= MARKS and count >= SHARE * sum(types.values()):
        problem = f"labels {rater!r} mark {number} different words in {count} of {sum(types.values())} items"
        where = tuple(f"{candidate.where} > {rater}" for candidate, marks in entries if marks.spans)
        yield Finding("labels", "warning", problem, where)


def _content(candidate: Candidate, marks: Marks) -> tuple[list[str], frozenset[str]]:
    """The content words of the evidence, each once, in order; and those of them that are marked."""
    words = {candidate.text(span).casefold(): None for span in candidate.evidence_words}
    content = [word for word in words if word not in FUNCTION_WORDS]
    marked = {candidate.text(span).casefold() for span in marks.spans}
    return content, frozenset(marked.intersection(content))


def _words(text: str) -> frozenset[str]:
    return frozenset(text[span.start : span.end].casefold() for span in segment_words(text))
