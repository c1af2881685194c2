"""Texts that a model, a rater or a reader would stumble over, and personal data."""

import re
from collections.abc import Iterator, Sequence

from heta_data.checking.candidates import Candidate
from heta_data.checking.findings import Finding, Severity
from heta_data.checking.grouping import Problem, gather
from heta_data.raters import name_problems
from heta_data.release.problems import EMAIL

LONG = 8000
"""Code points of a prompt beyond which small models cannot read it whole (2,048 tokens of about four)."""
SHORT = 3
"""Evidence of fewer words leaves raters nothing to choose from."""

_SPECIAL = re.compile(
    r"</?s>|<\|[^|<>\n]{1,40}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
    r"|<(?:bos|eos|pad|unk|mask)>|\[(?:CLS|SEP|MASK|PAD)\]"
)
_MARKUP = re.compile(
    r"&(?:[a-z]{2,8}|#\d{1,6});|</?(?:a|b|br|div|em|font|i|img|li|p|ref|span|sub|sup|td|tr|ul)\b[^<>]*>"
    r"|\[\[|\{\{|\\(?:begin|frac|mathrm|text)\{|\\rightarrow\b|https?://\S|\bwww\.\w"
)
# Control characters but tab and line feed, halves of surrogate pairs, and private use, which no font shows.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff]")
# Zero width space, byte order mark, and what turns the direction of text; joiners belong to Persian and to emoji.
_INVISIBLE = re.compile("[\u200b\ufeff\u2060\u202a-\u202e\u2066-\u2069]")
# With the code of a country, or as written in North America; `+1.25` and longer decimals are numbers.
_PHONE = re.compile(
    r"(?<![\w+])\+(?!\d+\.\d+(?!\d|\.\d))\d{1,3}[ ()/.-]{0,2}\d(?:[ ()/.-]{0,2}\d){6,12}(?!\w)"
    r"|(?<!\w)\(\d{3}\) ?\d{3}[-.]\d{4}(?!\w)|(?<![\w.-])\d{3}([-.])\d{3}\1\d{4}(?![\w-])"
)
# Numbers that begin with 000, 666 or 9 are not given out; ISBNs, which begin with 978 or 979, have further parts.
_SECURITY = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-\d{2}-\d{4}(?![\w-])")
_PERSONAL: tuple[tuple[Severity, re.Pattern[str], str], ...] = (
    ("error", EMAIL, "an e-mail address: replace it by an invented one at .invalid"),
    ("warning", _PHONE, "what looks like a telephone number: make sure that it is nobody's"),
    ("warning", _SECURITY, "what looks like a US social security number: make sure that it is nobody's"),
)


def check_texts(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Control and invisible characters, lost characters, markup, special tokens, sizes."""
    yield from gather("texts", candidates, _problems)


def check_personal_data(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """E-mail addresses, telephone and social security numbers in the texts, and raters whose name is no pseudonym."""
    yield from gather("personal-data", candidates, _personal)


def _problems(candidate: Candidate) -> Iterator[Problem]:
    if len(candidate.prompt) > LONG:
        yield Problem("warning", f"the prompt has more than {LONG:,} code points: small models cannot read it whole")
    if not candidate.evidence_words:
        yield Problem("error", "the evidence holds no word: there is nothing to mark")
    elif len(candidate.evidence_words) < SHORT:
        yield Problem("warning", f"the evidence has fewer than {SHORT} words: there is nothing to choose from")
    for part, text in (("prompt", candidate.prompt), ("target", candidate.target)):
        for severity, what, place in _unwanted(text):
            yield Problem(severity, what, f"{part} > {place}")


def _unwanted(text: str) -> Iterator[Problem]:
    if match := _CONTROL.search(text):
        what = "a control or private character: leave it out"
        yield Problem("error", what, f"U+{ord(match.group()):04X} at {match.start()}")
    if "\t" in text:
        what = "a tab, which raters see as a blank: put a blank in its place"
        yield Problem("warning", what, f"at {text.index(chr(9))}")
    if "\ufffd" in text:
        what = "U+FFFD: a character was lost in reading; read the source again"
        yield Problem("error", what, f"at {text.index(chr(0xFFFD))}")
    if match := _INVISIBLE.search(text):
        what = "an invisible character: raters cannot see what the model reads; leave it out"
        yield Problem("error", what, f"U+{ord(match.group()):04X} at {match.start()}")
    if match := _MARKUP.search(text):
        yield Problem("warning", "markup or a web address: clean the text", f"{match.group()!r} at {match.start()}")
    if match := _SPECIAL.search(text):
        what = (
            "what some tokenizers read as a special token: leave it out, or put line feeds in its place where it "
            "separates texts"
        )
        yield Problem("warning", what, f"{match.group()!r} at {match.start()}")


def _personal(candidate: Candidate) -> Iterator[Problem]:
    for severity, pattern, what in _PERSONAL:
        for part, text in (("prompt", candidate.prompt), ("target", candidate.target)):
            # The pattern of addresses looks at every word; a text without the sign needs no look.
            if (pattern is not EMAIL or "@" in text) and (found := pattern.search(text)):
                yield Problem(severity, what, f"{part} > at {found.start()}")
    for marks in candidate.marks:
        if marks.kind is not None:
            for problem in name_problems(marks.by, marks.kind):
                yield Problem("error", f"a rater {problem}", marks.by)
