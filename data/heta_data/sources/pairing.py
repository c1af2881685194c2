"""A passage of a book for every science question: as long as its evidence, and about none of the same things.

Every choice is made by a hash of the seed and the names of what is chosen between, never by the order of files or
by a generator's state: the same rows, books and seed give the same pairs everywhere.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from heta.records import Span
from heta_data.content_words import LETTERS, content_stems, stem
from heta_data.sources.gutenberg import Book, Paragraph, clean, prose_paragraphs
from heta_data.sources.sciq import Row

RATIO = (0.5, 2.0)
"""Bounds of a passage's words over its evidence's words, both inside."""
SPREAD = 1.7
"""How much longer or shorter than the evidence a passage should be at most; apart from what fits."""
_CANDIDATES = 8
"""Of so many passages that fit, the one nearest to the wanted length is taken."""


@dataclass(frozen=True)
class Passage:
    """Whole sentences of one paragraph of a book."""

    book: Book
    span: Span
    """Code points of the book's text."""
    words: int

    @property
    def text(self) -> str:
        """What an item shows of it."""
        return clean(self.book.text[self.span.start : self.span.end])


@dataclass(frozen=True)
class Pair:
    """A question with its evidence, and the passage that stands beside it."""

    row: Row
    passage: Passage


def rank(seed: int, *names: object) -> int:
    """A number that sorts what `names` names into an order that `seed` shuffles."""
    text = "\x1f".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8])


def pair_rows(
    clusters: Sequence[Sequence[Row]],
    books: Sequence[Book],
    *,
    seed: int,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Pair], int]:
    """A passage for as many rows as possible, in an order that goes round the books.

    All rows of a cluster get passages of one book, so that items which share either document share the book: the
    book is the one group that keeps both together. Books take turns, the one with the fewest pairs first, for as
    long as they have passages that fit. A paragraph is used once.

    Args:
        clusters: rows that share a page.
        books: where passages come from.
        seed: shuffles clusters, books and paragraphs.
        limit: stop at so many pairs.
        progress: called with (pairs so far, how many are wanted).

    Returns:
        the pairs, and how many rows were tried in vain.
    """
    shelves = {book.id: _Shelf(book, seed) for book in books}
    total = sum(map(len, clusters))
    target = total if limit is None else min(limit, total)
    pairs: list[Pair] = []
    missed = 0
    if progress:
        progress(0, target)
    for members in sorted(clusters, key=lambda members: rank(seed, "cluster", members[0].id)):
        best: list[Pair] = []
        # A book that serves the whole cluster is taken at once; else the one that serves most of it.
        for shelf in sorted(shelves.values(), key=lambda shelf: (shelf.used, rank(seed, "book", shelf.book.id))):
            found = shelf.serve(members)
            if len(found) > len(best):
                best = found
            if len(best) == len(members):
                break
        missed += len(members) - len(best)
        best = best[: target - len(pairs)]
        for pair in best:
            shelves[pair.passage.book.id].take(pair.passage)
        pairs += best
        if progress:
            progress(len(pairs), target)
        if len(pairs) == target:
            break
    return pairs, missed


def wanted_share(row: Row, seed: int) -> float:
    """How long the passage for `row` should be, over its evidence: from 0.6 to 1.7, as often longer as shorter.

    With passages as long as the evidence the border would always be in the middle, and so would the answers that
    stand at the beginning of an evidence that comes second.
    """
    return float(SPREAD ** (2 * rank(seed, "share", row.id) / 2**64 - 1))


class _Shelf:
    """The paragraphs of one book that no pair has used."""

    def __init__(self, book: Book, seed: int) -> None:
        self.book = book
        self.used = 0
        self._seed = seed
        paragraphs = sorted(prose_paragraphs(book), key=lambda part: rank(seed, "paragraph", book.id, part.span.start))
        self._free: dict[int, Paragraph] = {part.span.start: part for part in paragraphs}

    def serve(self, rows: Sequence[Row]) -> list[Pair]:
        """Pairs for as many of `rows` as the book has passages for, each of another paragraph; takes none yet."""
        pairs: list[Pair] = []
        for row in rows:
            taken = {pair.passage.span.start for pair in pairs}
            free = (part for start, part in self._free.items() if start not in taken)
            if passage := find_passage(row, free, share=wanted_share(row, self._seed)):
                pairs.append(Pair(row, passage))
        return pairs

    def take(self, passage: Passage) -> None:
        """Note that a passage is used."""
        del self._free[passage.span.start]
        self.used += 1


def find_passage(row: Row, paragraphs: Iterator[Paragraph], *, share: float = 1.0) -> Passage | None:
    """The beginning of one of `paragraphs` that can stand beside `row`, or None where none can.

    Of the first 8 that can, the one whose words over the evidence's words come nearest to `share`.
    """
    words = len(row.evidence.split())
    # A passage may not hold what the question is about, nor its right or wrong answers.
    forbidden = content_stems(" ".join((row.asked, row.answer, *row.distractors)))
    found: list[Passage] = []
    for paragraph in paragraphs:
        passage = _fit(paragraph, words, share)
        if passage and forbidden.isdisjoint(map(stem, LETTERS.findall(passage.text))):
            found.append(passage)
            if len(found) == _CANDIDATES:
                break
    return min(found, key=partial(_distance, words * share)) if found else None


def _fit(paragraph: Paragraph, words: int, share: float) -> Passage | None:
    fitting = [
        Passage(paragraph.book, Span(paragraph.span.start, end), count)
        for end, count in paragraph.cuts
        if RATIO[0] * words <= count <= RATIO[1] * words
    ]
    return min(fitting, key=partial(_distance, words * share)) if fitting else None


def _distance(wanted: float, passage: Passage) -> float:
    """How far the lengths are apart, as the larger over the smaller."""
    return max(wanted / passage.words, passage.words / wanted)
