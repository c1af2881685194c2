"""Words of a text, and model-token scores carried over to them.

Segmentation `word/1`: UAX #29 word segments that hold a letter, a digit or an emoji; every Han, Kana or Thai
grapheme cluster is a word of its own, because those scripts put no blanks between words.
"""

from collections.abc import Callable, Iterator, Sequence
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
    if within is None:
        return tuple(_words(text, 0))
    # A line feed ends every word (WB3a, WB3b), so nothing beyond the nearest ones has a say.
    start = max(0, text.rfind("\n", 0, within.start))
    end = text.find("\n", within.end)
    found = _words(text[start : len(text) if end < 0 else end], start)
    return tuple(word for word in found if within.start <= word.start and word.end <= within.end)


def _words(text: str, start: int) -> Iterator[Span]:
    """Words of `text`, which begins at `start` of something longer."""
    unspaced = _UNSPACED.search(text) is not None
    for piece in _BOUNDARY.split(text):
        end = start + len(piece)
        # Letters and numbers are the rule, and asking the string itself costs a tenth.
        if piece.isalnum() or _CONTENT.search(piece):
            if unspaced and _UNSPACED.search(piece):
                for cluster in _CLUSTER.finditer(piece):
                    if _CONTENT.search(cluster.group()):
                        yield Span(start + cluster.start(), start + cluster.end())
            else:
                yield Span(start, end)
        start = end


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
    bare = np.array([_strip(text, span) for span in spans], dtype=np.int64).reshape(-1, 2)[scored]
    starts, ends, values = bare[:, 0], bare[:, 1], scores[scored]
    result = np.full(len(units), min(0.0, float(values.min(initial=0.0))))
    for index, unit in enumerate(units):
        hits = values[(starts < unit.end) & (unit.start < ends)].tolist()
        if hits:
            result[index] = _RULES[rule](hits)
    return result


def _strip(text: str, span: Span) -> Span:
    piece = text[span.start : span.end]
    start = span.start + len(piece) - len(piece.lstrip())
    return Span(start, max(start, span.start + len(piece.rstrip())))
