"""Spans of a text carried over to the words that can be marked, by their offsets alone."""

import unicodedata
from collections.abc import Sequence

import regex

from heta.records import Span

# What makes a word (see heta.words) is never trimmed, though "‼" is punctuation by its category.
_CONTENT = regex.compile(r"[\p{L}\p{N}\p{Extended_Pictographic}\p{Regional_Indicator}]")
_ENCODINGS = (("UTF-16 code units", "utf-16-le", 2), ("UTF-8 bytes", "utf-8", 1))


def trim(text: str, span: Span) -> Span:
    """The span without white space, punctuation, symbols and invisible characters at its ends; empty if it has no more.

    >>> trim("one, two", Span(3, 8))
    Span(start=5, end=8)
    """
    start, end = span
    while start < end and _is_edge(text[start]):
        start += 1
    while start < end and _is_edge(text[end - 1]):
        end -= 1
    return Span(start, end)


def _is_edge(character: str) -> bool:
    # Z: separators, P: punctuation, S: symbols, C: controls and format characters such as U+200B.
    return unicodedata.category(character)[0] in "ZPSC" and not _CONTENT.match(character)


def snap(text: str, span: Span, units: Sequence[Span]) -> tuple[int, ...]:
    """Indices of the units that a span marks: those that share a code point with what is left of it after `trim`.

    Args:
        text: what all offsets point into.
        span: inside the text.
        units: sorted, not overlapping.
    """
    bare = trim(text, span)
    return tuple(index for index, unit in enumerate(units) if bare.start < bare.end and bare.overlaps(unit))


def other_encoding(text: str, start: int, end: int, shown: str | None) -> str | None:
    """What the offsets would count instead of code points if they were right; None where nothing fits.

    Args:
        text: what the offsets should point into.
        start: as found.
        end: as found.
        shown: the text that the span is said to cover; None if nothing is said, and then `end` must fit.
    """
    for name, encoding, width in _ENCODINGS:
        content = text.encode(encoding)
        piece = content[start * width : end * width].decode(encoding, "replace")
        if end * width <= len(content) and (shown is None or piece == shown):
            return name
    return None
