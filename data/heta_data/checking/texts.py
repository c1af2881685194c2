"""Texts that a model, a rater or a reader would stumble over, and personal data."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from heta_data.checking.candidates import Candidate
from heta_data.checking.findings import Finding, Severity
from heta_data.checking.grouping import Problem, gather
from heta_data.release.problems import EMAIL

LONG = 8000
"""Code points of a prompt beyond which small models cannot read it whole (2,048 tokens of about four)."""
SHORT = 3
"""Evidence of fewer words leaves raters nothing to choose from."""

_SPECIAL = re.compile(r"</?s>|<\|[^|>\n]{1,40}\|>|\[/?INST\]|<(?:bos|eos|pad|unk|mask)>|\[(?:CLS|SEP|MASK|PAD)\]")
_MARKUP = re.compile(
    r"&(?:[a-z]{2,8}|#\d{1,6});|</?(?:a|b|br|div|em|font|i|img|li|p|ref|span|sub|sup|td|tr|ul)\b[^>]*>"
)
# Zero width space, byte order mark, and what turns the direction of text; joiners belong to Persian and to emoji.
_INVISIBLE = re.compile("[\u200b\ufeff\u2060\u202a-\u202e\u2066-\u2069]")
_PHONE = re.compile(r"(?<![\w+])\+\d{1,3}[ ()/.-]{0,2}\d(?:[ ()/.-]{0,2}\d){6,12}(?!\w)")
_SECURITY = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
_PERSONAL: tuple[tuple[Severity, re.Pattern[str], str], ...] = (
    ("error", EMAIL, "an e-mail address: replace it by an invented one at .invalid"),
    ("warning", _PHONE, "what looks like a telephone number: make sure that it is nobody's"),
    ("warning", _SECURITY, "what looks like a US social security number: make sure that it is nobody's"),
)


def check_texts(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Control and invisible characters, lost characters, markup, special tokens, sizes."""
    yield from gather("texts", candidates, _problems)


def check_personal_data(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """E-mail addresses, telephone numbers, numbers of the form of a US social security number."""
    yield from gather("personal-data", candidates, _personal)


def _problems(candidate: Candidate) -> Iterator[Problem]:
    prompt = candidate.prompt
    if len(prompt) > LONG:
        yield Problem("warning", f"the prompt has more than {LONG:,} code points: small models cannot read it whole")
    if len(candidate.evidence_words) < SHORT:
        yield Problem("error", f"the evidence has fewer than {SHORT} words: there is nothing to choose from")
    if place := _unwanted(prompt + candidate.target):
        yield Problem("error", "a control or private character: leave it out", place)
    if "\ufffd" in prompt:
        place = f"at {prompt.index(chr(0xFFFD))}"
        yield Problem("error", "U+FFFD: a character was lost in reading; read the source again", place)
    if found := _INVISIBLE.search(prompt):
        place = f"U+{ord(found.group()):04X} at {found.start()}"
        yield Problem("error", "an invisible character: raters cannot see what the model reads", place)
    if found := _MARKUP.search(prompt):
        yield Problem("warning", "markup in the text: clean the source", f"{found.group()!r} at {found.start()}")
    if found := _SPECIAL.search(prompt):
        place = f"{found.group()!r} at {found.start()}"
        what = "some tokenizers read a part of the text as a special token: put line feeds in its place"
        yield Problem("warning", what, place)


def _unwanted(text: str) -> str:
    for position, character in enumerate(text):
        # Cc: control characters; Cs: halves of surrogate pairs; Co: private use, which no font shows.
        if character != "\n" and unicodedata.category(character) in ("Cc", "Cs", "Co"):
            return f"U+{ord(character):04X} at {position}"
    return ""


def _personal(candidate: Candidate) -> Iterator[Problem]:
    for severity, pattern, what in _PERSONAL:
        if found := pattern.search(candidate.prompt):
            yield Problem(severity, what, f"at {found.start()}")
