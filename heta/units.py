"""Units of a text that are changed together, and the tokens that belong to each.

Sentences `sentence/1`: a sentence ends at a full stop, question or exclamation mark or ellipsis, with the closing
quotes and brackets behind it, where white space follows and then no lower-case letter; at the wide marks of Chinese and
Japanese whatever follows; and at a blank line. A full stop ends none behind a single capital (initials) or an English
title or `vs`, `e.g`, `i.e`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
import regex
from numpy.typing import NDArray

from heta.records import Span

SENTENCES = "sentence/1"

_CLOSING = r"[\p{Pe}\p{Pf}\"'’”]*"
_END = regex.compile(
    rf"(?<!(?:\b\p{{Lu}}|\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|e\.g|i\.e))(?=\.))[.!?…]+{_CLOSING}(?=\s++(?!\p{{Ll}})|\s*$)"
    rf"|[。！？]+{_CLOSING}"
    r"|(?=\n[^\S\n]*\n)"
)


def segment_sentences(text: str) -> tuple[Span, ...]:
    """Spans of the sentences of `text`, in order, without the white space around them; all else belongs to one."""
    ends = [match.end() for match in _END.finditer(text)]
    spans = (bare(text, Span(start, end)) for start, end in zip([0, *ends], [*ends, len(text)], strict=True))
    return tuple(span for span in spans if text[span.start : span.end].strip())


def unit_positions(
    text: str, spans: Sequence[Span], scored: NDArray[np.bool_], units: Sequence[Span]
) -> tuple[tuple[int, ...], ...]:
    """The tokens of each unit: scored ones that share a character with it, white space at a token's ends cut off.

    A token that reaches into two units belongs to both; one in no unit to none; a unit may have none. A token that is
    all white space belongs to the unit whose span covers it.

    Args:
        text: what all spans point into.
        spans: where each token stands, `[pos]`, empty for special tokens.
        scored: `[pos]`; tokens that are not are left alone whatever unit they stand in.
        units: words, sentences or any other spans.

    Returns:
        `[unit]` tuples of increasing positions.
    """
    positions = [int(index) for index in np.flatnonzero(scored)]
    tokens = [bare(text, spans[index]) for index in positions]
    # Tokens come in the order of the text, so those that overlap a unit stand next to each other.
    starts, ends = [token.start for token in tokens], [token.end for token in tokens]
    return tuple(tuple(positions[bisect_right(ends, u.start) : bisect_left(starts, u.end)]) for u in units)


def bare(text: str, span: Span) -> Span:
    """`span` without the white space at its ends; one that holds nothing else stays as it is."""
    piece = text[span.start : span.end]
    if not piece.strip():
        return span
    return Span(span.start + len(piece) - len(piece.lstrip()), span.start + len(piece.rstrip()))
