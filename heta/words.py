"""Words of a text, and model-token scores carried over to them.

Segmentation `word/1`: UAX #29 word segments that hold a letter, a digit or an emoji; every Han, Kana or Thai
grapheme cluster is a word of its own, because those scripts put no blanks between words.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import regex
from numpy.typing import NDArray

from heta.records import Span

SEGMENTATION = "word/1"
Rule = Literal["max", "sum", "mean", "first"]

# regex's \b with the WORD flag is the default word boundary of UAX #29.
_BOUNDARY = regex.compile(r"\b", flags=regex.WORD)
_CONTENT = regex.compile(r"[\p{L}\p{N}\p{Extended_Pictographic}\p{Regional_Indicator}]")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]")
_CLUSTER = regex.compile(r"\X")

_RULES: dict[Rule, Callable[[list[float]], float]] = {
    "max": max,
    "sum": sum,
    "mean": lambda values: sum(values) / len(values),
    "first": lambda values: values[0],
}


def segment_words(text: str, within: Span | None = None) -> tuple[Span, ...]:
    """Spans of the words of `text`, in order, without white space or bare punctuation.

    `within` keeps the words that lie wholly inside it; the text around still decides where words end.
    """
    cuts = sorted({0, len(text), *(match.start() for match in _BOUNDARY.finditer(text))})
    words: list[Span] = []
    for start, end in pairwise(cuts):
        piece = text[start:end]
        if not _CONTENT.search(piece):
            continue
        if _UNSPACED.search(piece):
            clusters = (Span(start + m.start(), start + m.end()) for m in _CLUSTER.finditer(piece))
            words.extend(span for span in clusters if _CONTENT.search(text[span.start : span.end]))
        else:
            words.append(Span(start, end))
    return tuple(word for word in words if within is None or (within.start <= word.start and word.end <= within.end))


def project(
    text: str,
    spans: Sequence[Span],
    scores: NDArray[np.float64],
    scored: NDArray[np.bool_],
    units: Sequence[Span],
    *,
    rule: Rule = "max",
) -> NDArray[np.float64]:
    """Scores of `units` from the scores of `spans` (model tokens or words), by overlap of characters.

    White space at the ends of a span is cut off first: the token " quick" belongs to "quick" alone.

    Args:
        text: what all spans point into.
        spans: where each score stands, `[pos]`.
        scores: `[pos]`.
        scored: `[pos]`, false where a score means nothing.
        units: the spans to carry scores to, sorted.
        rule: `max`, `sum`, `mean` over the overlapping spans, or the `first` of them.

    Returns:
        `[unit]`, NaN-free; a unit that no scored span overlaps gets the lowest score there is (0 if all are above).
    """
    bare = [_strip(text, span) for span in spans]
    floor = min(0.0, float(scores[scored].min())) if scored.any() else 0.0
    result = np.full(len(units), floor)
    for index, unit in enumerate(units):
        hits = [float(scores[i]) for i, span in enumerate(bare) if scored[i] and span.overlaps(unit)]
        if hits:
            result[index] = _RULES[rule](hits)
    return result


def _strip(text: str, span: Span) -> Span:
    piece = text[span.start : span.end]
    start = span.start + len(piece) - len(piece.lstrip())
    return Span(start, max(start, span.start + len(piece.rstrip())))
