"""Words of a text, and model-token scores carried over to them.

Segmentation `word/1`: UAX #29 word segments that hold a letter, a digit or an emoji; every Han, Kana or Thai
grapheme cluster is a word of its own, because those scripts put no blanks between words.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
# A zero-width joiner makes a blank part of the emoji behind it (WB3c, WB4); half a flag takes in what follows.
_ACROSS_BLANKS = regex.compile(r"[\u200d\p{Regional_Indicator}]")
_CLOSING = frozenset(".,;:!?)\"'")
"""Marks that end a word unless a letter or digit follows."""

_Values = NDArray[np.float64]
_RULES: dict[Rule, Callable[[_Values, NDArray[np.int64]], _Values]] = {
    "max": np.maximum.reduceat,
    "sum": np.add.reduceat,
    "mean": lambda values, starts: np.add.reduceat(values, starts) / np.diff(np.append(starts, len(values))),
    "first": lambda values, starts: values[starts],
}
"""Values one word after the other, and where each word's begin, to a value a word."""


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
    return tuple([word for word in found if within.start <= word.start and word.end <= within.end])


def _words(text: str, start: int) -> list[Span]:
    """Words of `text`, which begins at `start` of something longer.

    A blank always stands between two words, and most of what stands between two blanks is a word as it is, or with one
    mark behind it: asking the string itself costs a tenth of asking UAX #29. Flags and joined emoji are the exception.
    """
    if _ACROSS_BLANKS.search(text):
        return list(_pieces(text, start))
    words: list[Span] = []
    before = ""
    for chunk in text.split(" "):
        bare = chunk[:-1] if chunk[-1:] in _CLOSING else chunk
        if bare.isascii() and bare.isalnum():
            words.append(Span(start, start + len(bare)))
        elif chunk:
            words += _pieces(before + chunk, start - len(before))
        start += len(chunk) + 1
        before = " "
    return words


def _pieces(text: str, start: int) -> Iterator[Span]:
    """The same by UAX #29."""
    for piece in _BOUNDARY.split(text):
        end = start + len(piece)
        if _UNSPACED.search(piece):
            clusters = (Span(start + m.start(), start + m.end()) for m in _CLUSTER.finditer(piece))
            yield from (span for span in clusters if _CONTENT.search(piece[span.start - start : span.end - start]))
        elif piece.isalnum() or _CONTENT.search(piece):
            yield Span(start, end)
        start = end


@dataclass(frozen=True)
class Overlap:
    """Which scored spans (model tokens or words) share characters with which units."""

    spans: NDArray[np.int64]
    """`[hit]`, numbers of spans, one unit's after the other's, each unit's in order."""
    counts: NDArray[np.int64]
    """`[unit]`, spans of each unit."""
    scored: NDArray[np.bool_]
    """`[pos]`"""

    def carry(self, scores: NDArray[np.float64], rule: Rule = "max") -> NDArray[np.float64]:
        """Scores of the units `[unit]` from those of the spans `[pos]`; see `project`."""
        result = np.full(len(self.counts), min(0.0, float(scores[self.scored].min(initial=0.0))))
        some = self.counts > 0
        if some.any():
            starts = (np.cumsum(self.counts) - self.counts)[some]
            result[some] = _RULES[rule](scores[self.spans], starts)
        return result


def overlap(text: str, spans: Sequence[Span], scored: NDArray[np.bool_], units: Sequence[Span]) -> Overlap:
    """Which `spans` with a score share characters with each of `units`, white space at a span's ends cut off first."""
    bare = np.array([_strip(text, span) for span in spans], dtype=np.int64).reshape(-1, 2)[scored]
    starts, ends = bare[:, 0], bare[:, 1]
    if (starts[1:] < starts[:-1]).any() or (ends[1:] < ends[:-1]).any():
        hits = [np.flatnonzero((starts < unit.end) & (unit.start < ends)) for unit in units]
        counts = np.asarray([len(found) for found in hits], dtype=np.int64)
        taken = np.concatenate([np.zeros(0, dtype=np.int64), *hits])
    else:
        first = np.searchsorted(ends, [unit.start for unit in units], side="right")
        last = np.searchsorted(starts, [unit.end for unit in units], side="left")
        counts = np.maximum(last - first, 0)
        taken = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
    return Overlap(np.flatnonzero(scored)[taken], counts, scored)


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
    return overlap(text, spans, scored, units).carry(scores, rule)


def _strip(text: str, span: Span) -> Span:
    piece = text[span.start : span.end]
    start = span.start + len(piece) - len(piece.lstrip())
    return Span(start, max(start, span.start + len(piece.rstrip())))
