"""SciQ (Welbl, Liu and Gardner 2017): crowd-written science questions with the textbook passage behind them.

The passages were taken from web pages: marks of lost links, figures and formulas stand in a third of those that
could be used otherwise. `FILTERS` drops such rows; `Row.evidence` only mends white space.
"""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from heta.errors import InputError, suggest

FIELDS = ("question", "correct_answer", "distractor1", "distractor2", "distractor3", "support")
SUPPORT_WORDS = range(20, 151)
QUESTION_WORDS = range(5, 36)
ANSWER_WORDS = range(1, 5)
MIDDLE = (0.1, 0.9)
"""Where an answer begins that the strict rule keeps, as shares of the evidence's length in code points."""
_SHINGLE = 8
_COMMON = 20

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Row:
    """One row of a SciQ file; runs of white space are one blank already."""

    file: str
    index: int
    """From 0, as in the file."""
    revision: str
    """`sha256:` and 12 digits of the file's hash."""
    question: str
    answer: str
    distractors: tuple[str, str, str]
    """Wrong answers."""
    support: str

    @property
    def id(self) -> str:
        """File and index: what tells rows apart."""
        return f"{self.file}:{self.index}"

    @cached_property
    def evidence(self) -> str:
        """`support` without the blanks that lost markup left in front of punctuation and inside brackets."""
        return tidy(self.support)

    @cached_property
    def asked(self) -> str:
        """`question` with the same blanks mended."""
        return tidy(self.question)

    @cached_property
    def answer_starts(self) -> list[int]:
        """Where in the evidence the answer stands."""
        return occurrences(self.answer, self.evidence)

    @property
    def stated(self) -> str:
        """The answer in the case in which the evidence states it ("DDT", where SciQ has "ddt").

        Only a capital that begins a sentence is not taken over.
        """
        start = self.answer_starts[0]
        found = self.evidence[start : start + len(self.answer)]
        begins = not start or self.evidence[:start].rstrip(" \"“‘'(")[-1:] in (*".?!:", "")
        return self.answer if begins and found[1:] == self.answer[1:] else found

    @property
    def answer_share(self) -> float:
        """Where in the evidence the answer first begins, in [0, 1), as a share of its code points."""
        return self.answer_starts[0] / len(self.evidence)


def tidy(text: str) -> str:
    """`text` without blanks in front of `.,;:?!)` and behind `(`; nothing else changes."""
    return re.sub(r"\(\s+", "(", re.sub(r"\s+([.,;:?!)])", r"\1", text))


def occurrences(phrase: str, text: str) -> list[int]:
    """Where `phrase` begins in `text` as whole words, whatever the case."""
    if not phrase or phrase.casefold() not in text.casefold():
        return []
    return [match.start() for match in re.finditer(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE)]


def read_sciq(path: Path) -> list[Row]:
    """The rows of a SciQ file: a JSON list of objects with exactly the keys `FIELDS`, all of them strings.

    Raises:
        InputError: the file cannot be read or is not of that form; names path, index (from 0) and field.
    """
    try:
        content = path.read_bytes()
        data = json.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); give SciQ's own JSON file") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply; give SciQ's own JSON file") from None
    if not isinstance(data, list) or not data:
        got = "an empty list" if data == [] else f"a JSON {type(data).__name__}"
        raise InputError(f"{path}: got {got}, expected a list of rows as in SciQ's train.json")
    revision = f"sha256:{hashlib.sha256(content).hexdigest()[:12]}"
    return [_row(path, index, value, revision) for index, value in enumerate(data)]


def _row(path: Path, index: int, value: Any, revision: str) -> Row:
    where = f"{path}:{index}"
    if not isinstance(value, dict):
        raise InputError(f"{where}: got a JSON {type(value).__name__}, expected an object with {', '.join(FIELDS)}")
    for key in value:
        if key not in FIELDS:
            raise InputError(f"{where}:{key}: unknown key{suggest(key, FIELDS)}; a row has {', '.join(FIELDS)}")
    for key in FIELDS:
        if not isinstance(value.get(key), str):
            got = f"got {value[key]!r:.40}, expected a string" if key in value else "missing"
            raise InputError(f"{where}:{key}: {got}; a row has {', '.join(FIELDS)}")
    text = {key: " ".join(value[key].split()) for key in FIELDS}
    wrong = (text["distractor1"], text["distractor2"], text["distractor3"])
    return Row(path.name, index, revision, text["question"], text["correct_answer"], wrong, text["support"])


_FUNCTION_WORDS = (
    "a|an|the|of|to|by|is|are|was|were|be|as|and|or|in|on|at|for|with|from|where|that|which|than|given|called|if|when"
    "|it|its|this|these|not|no|has|have"
)
_PICTURES = (
    "figure|diagram|picture|photo(?:graph)?|image|illustration|graph|map|micrograph|video|animation|drawing|link"
    "|chapter|lesson|section|unit|module|concept|activity|equation|reaction|formula|example|list|chart"
)
_OPENERS = (
    "The|A|An|In|This|These|As|When|Most|All|Many|Some|There|It|If|For|To|One|Unlike|Because|Although|Like|Each|While"
    "|On|At|By|Are|What|How|We|You"
)
ARTEFACTS: dict[str, tuple[str, re.Pattern[str]]] = {
    "address": (
        "a web address",
        re.compile(r"https?:|www\.|\.\s?(?:com|org|edu|gov|net|html?)\b|\b(?:com|org|edu|gov|net)/|\bURLs?\b"),
    ),
    "reference": (
        "points to a figure, table, chapter or text that is not there",
        re.compile(
            r"\bfig(?:ure)?s?\b|(?-i:\bTables?\b)"
            r"|\b(?:tables?|eq(?:uation|n)?s?|chapters?|sections?|examples?|exercises?|problems?|lessons?|units?"
            r"|modules?|steps?)\.?\s*\(?\d"
            r"|\b(?:shown|seen|see|pictured|illustrated|listed|described|discussed|given|depicted|mentioned|noted"
            r"|diagrammed|outlined|defined|drawn)\s+(?:here|above|below|at (?:the )?(?:right|left)"
            r"|on the (?:right|left)|in the (?:following|next|previous))"
            r"|\((?:above|below|left|right|top|bottom|see)\b"
            r"|\b(?:this|these|the|following|opening|each|above|below|accompanying|previous|next|animated)"
            rf" (?:{_PICTURES})s?\b",
            re.IGNORECASE,
        ),
    ),
    "credit": (
        "a picture's credit or a line of teaching matter",
        re.compile(
            r"\bcredit:|\((?:credit|photo|image|modified)|courtesy of|CK-12|\bopenstax|wikimedia|flickr|saylor"
            r"|copyright|creative commons|public domain|\bCC BY\b|\bclick\b|watch (?:this|the)"
            r"|learning objectives?|you will (?:be able|learn)|by the end of",
            re.IGNORECASE,
        ),
    ),
    "markup": (
        "signs of markup, arrows, bullets or control characters",
        re.compile(
            "[<>{}\\[\\]|\\\\^_~=#@*•♦©®™→⟶⎯⇌&]"
            r"|[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\ufeff\ufffd]"
        ),
    ),
    "heading": (
        "a heading or caption run into the text",
        re.compile(
            r"\b\d+\.\d+ [A-Z][a-z]|\b[A-Z]{4,} [A-Z]{4,}"
            rf"|^(?:[A-Z][\w’'-]*,? (?:(?:of|and|the|in|to|for|a|an) )*)+(?:{_OPENERS}) [a-z]"
            r"|^(?:An? |The )?[\w-]+(?: [\w-]+)?\. [A-Z]"
            rf"|^(?:An? |The )?(?i:{_PICTURES}) of\b"
        ),
    ),
    # A blank in front of punctuation is what lost markup leaves behind a term; behind anything else a formula is lost.
    "gap": (
        "a formula or link lost in front of punctuation",
        re.compile(
            rf"\b(?:{_FUNCTION_WORDS})\s+[.,;:]|[^a-z)’\"”]\s+[.,;:)]|\b\w{{1,2}}\s+[.,;:]|\(\s*\)|,,|\.\."
            r"|\.,|,\.|\. ’|[?!]\.|\s-\s*[.,]|\b[a-z]- [a-z]|[.,;:]\s+[.,;:]",
            re.IGNORECASE,
        ),
    ),
    "formula": ("a formula torn apart by blanks", re.compile(r"\b(?:[A-Z][a-z]?){1,3} \d\b|\w \+ |\s[+−-]\s")),
    "fragment": (
        "begins or ends in the middle of a sentence",
        re.compile(r"^(?![\"“(]?[A-Z\d])|[^.?!”\")’]$|:\.?$"),
    ),
    "glued": (
        "words without a blank between them",
        re.compile(r"[a-z]{2}[A-Z][a-z]|[a-z]{3}\d|\d[a-z]{4}|[a-z][.,;:?!][A-Za-z]{2}|[a-z]\)[a-z]|[a-z]\([a-z]{3}"),
    ),
}
"""Marks of lost links, figures, formulas and markup: kind -> (reason, what a passage or question must not match)."""


def find_glued_words(rows: Iterable[Row]) -> set[str]:
    """Lower-case words that look like two that lost the blank between them ("calciumrole").

    The rows are their own dictionary: such a word stands at most twice in them, while both halves are frequent
    (a function word, or four letters or more and `20` times there). Some rare compounds ("meltwater") go with them.
    """
    counts: Counter[str] = Counter()
    for row in rows:
        for text in (row.support, row.question, row.answer, *row.distractors):
            counts.update(_LETTERS.findall(text.lower()))
    known = {word for word, count in counts.items() if count >= _COMMON and len(word) >= 4}
    known.update(word for word in _FUNCTION_WORDS.split("|") if len(word) >= 2)
    return {
        word
        for word, count in counts.items()
        if count <= 2
        and len(word) >= 6
        and any(word[:cut] in known and word[cut:] in known for cut in range(2, len(word) - 1))
    }


def _words(text: str) -> int:
    return len(text.split())


def _is_short_phrase(answer: str) -> bool:
    words = answer.split()
    return len(words) in ANSWER_WORDS and all(_WORD.fullmatch(word) for word in words)


def relaxed_filters(rows: Sequence[Row]) -> list[tuple[str, str, Callable[[Row], bool]]]:
    """(name, reason, test to pass) of every filter, in order; `rows` are all rows, which some tests compare with.

    The tests for uniqueness remember what they saw: use a list once.
    """
    glued = find_glued_words(rows)
    questions: set[str] = set()
    supports: set[str] = set()

    def first_time(seen: set[str], text: str) -> bool:
        key = " ".join(_LETTERS.findall(text.casefold()))
        new = key not in seen
        seen.add(key)
        return new

    def has_glued(row: Row) -> bool:
        return not glued.isdisjoint(_LETTERS.findall(f"{row.support} {row.question}".lower()))

    return [
        ("support", "no supporting passage", lambda row: bool(row.support)),
        ("verbatim", "the answer does not stand in the passage", lambda row: bool(row.answer_starts)),
        ("once", "the answer stands more than once in the passage", lambda row: len(row.answer_starts) == 1),
        ("not asked", "the answer stands in the question", lambda row: not occurrences(row.answer, row.asked)),
        ("answer", "the answer is not 1-4 words of letters", lambda row: _is_short_phrase(row.answer)),
        ("length", "the passage is not 20-150 words", lambda row: _words(row.evidence) in SUPPORT_WORDS),
        ("question", "the question is not 5-35 words", lambda row: _words(row.asked) in QUESTION_WORDS),
        *((kind, why, partial(_is_free_of, pattern)) for kind, (why, pattern) in ARTEFACTS.items()),
        ("glued words", "a rare word that two frequent words make up", lambda row: not has_glued(row)),
        ("unique question", "the question stood in an earlier row", lambda row: first_time(questions, row.asked)),
        ("unique support", "the passage stood in an earlier row", lambda row: first_time(supports, row.evidence)),
    ]


def in_the_middle(row: Row) -> bool:
    """The strict rule: the answer begins neither in the first nor in the last tenth of the evidence."""
    return MIDDLE[0] <= row.answer_share <= MIDDLE[1]


def _is_free_of(pattern: re.Pattern[str], row: Row) -> bool:
    # Crowd workers' questions may begin in lower case and end without a mark: no fragments for that.
    question = row.question[:1].upper() + row.question[1:].rstrip("?!. ") + "?"
    return not pattern.search(row.support) and not pattern.search(question)


def cluster(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that come from one page together, in the order of their first rows.

    SciQ does not say which book a passage is from, so passages that share eight words in a row count as one page's,
    and so on through chains of such passages.
    """
    parents = list(range(len(rows)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    owners: dict[tuple[str, ...], int] = {}
    for index, row in enumerate(rows):
        words = _LETTERS.findall(row.evidence.casefold())
        for start in range(len(words) - _SHINGLE + 1):
            owner = owners.setdefault(tuple(words[start : start + _SHINGLE]), index)
            first, second = sorted((root(owner), root(index)))
            parents[second] = first
    groups: defaultdict[int, list[Row]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[root(index)].append(row)
    return list(groups.values())
