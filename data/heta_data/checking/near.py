"""Near-copies: texts that differ in a few words, and questions that ask nearly the same of them.

MinHash with banding (Broder 1997; `datasketch`) lists pairs, and exact counting decides: time grows with the texts and
the listed pairs, not with the square of the texts. Of texts that are all alike only so many are compared with.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

from heta.words import segment_words
from heta_data.checking.candidates import Candidate
from heta_data.checking.copies import Copy, places, plain
from heta_data.checking.findings import Finding

NEAR = 0.8
"""Share of the three-word runs of two texts that both have (Jaccard), from which they count as near-copies."""
NEAR_QUESTION = 0.7
"""Share of the words of two questions that both have: a question is too short for runs of words."""
RUN = 3
"""Words of a run."""
BANDS, ROWS = 32, 4
"""A pair of similarity s is listed unless all bands differ, with probability (1 - s^4)^32 (Leskovec, Rajaraman, Ullman,
Mining of Massive Datasets, 3.4.2): two texts of 0.8 are missed in 1 of 21 million cases, two questions of 0.7 in 1 of
6,500."""
SLACK = 0.15
"""A listed pair is counted if the estimate of its similarity is no further below what counts; the standard error is
sqrt(s (1 - s) / 128), 0.035 for two texts of 0.8 and 0.041 for two questions of 0.7."""
COUNTED = 200
"""So many of the pairs in which a text is listed are counted, those of the highest estimates: texts made from a
template are alike without being near."""
COPIES = 50
"""So many near-copies of one text are kept to compare later ones with; further ones are named as its copies."""

# Drawn once: the same hash functions for every text.
_EMPTY = MinHash(num_perm=BANDS * ROWS, seed=1)


class Link(NamedTuple):
    """An evidence text and an earlier one that is nearly the same, both as `plain` gives them."""

    later: str
    earlier: str


class Sketch(NamedTuple):
    """A set of strings and its MinHash."""

    parts: frozenset[str]
    digest: MinHash


class Index:
    """Sets, each under a number of its own, of which those near to another set can be had."""

    def __init__(self, near: float) -> None:
        """`near`: the Jaccard similarity from which a set counts."""
        self._near = near
        self._buckets: MinHashLSH = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
        self._sets: list[tuple[int, frozenset[str]]] = []
        self._hashes: NDArray[np.uint64] = np.empty((64, BANDS * ROWS), dtype=np.uint64)
        self._copies: Counter[int] = Counter()

    def near(self, sketch: Sketch) -> Iterator[int]:
        """Numbers of the sets that are near to that of `sketch`, in the order in which they were added."""
        rows = np.array(sorted(self._buckets.query(sketch.digest)), dtype=np.intp)
        # The share of equal hashes estimates the similarity, for all listed sets at once.
        alike = (self._hashes[rows] == sketch.digest.hashvalues).mean(axis=1)
        likeliest = np.argsort(-alike, kind="stable")[:COUNTED]
        for row in np.sort(rows[likeliest[alike[likeliest] >= self._near - SLACK]]):
            number, other = self._sets[row]
            if len(sketch.parts & other) >= self._near * len(sketch.parts | other):
                yield number

    def add(self, number: int, sketch: Sketch, like: int | None) -> None:
        """Keep a set under a number of its own; `like` is the first set that is near to it, if any."""
        if like is not None:
            self._copies[like] += 1
            if self._copies[like] > COPIES:
                return
        row = len(self._sets)
        if row == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
        self._hashes[row] = sketch.digest.hashvalues
        self._buckets.insert(row, sketch.digest)
        self._sets.append((number, sketch.parts))


def check_near_duplicates(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Evidence that nearly stands in another split or group; questions that ask nearly the same of one evidence."""
    members: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        members[plain(candidate.evidence_text)].append(candidate)
    links = near_texts(members)
    what = f"with at least {NEAR:.0%} of the three-word runs the same"
    if splits := _across(links, members, "split"):
        problem = f"{len(splits)} items have nearly the evidence of an item of another split, {what}: move or drop them"
        yield Finding("near-duplicates", "error", problem, places(splits))
    if groups := _across(links, members, "group"):
        problem = (
            f"{len(groups)} items have nearly the evidence of an item of another group, {what}: give items from one "
            "document one group"
        )
        yield Finding("near-duplicates", "warning", problem, places(groups))
    if questions := near_questions(candidates, links):
        problem = (
            f"{len(questions)} items ask of the same or nearly the same evidence what an earlier item asks, in nearly "
            "the same words: keep one of each two, unless the difference matters"
        )
        yield Finding("near-duplicates", "warning", problem, places(questions))


def near_texts(members: Mapping[str, Sequence[Candidate]]) -> list[Link]:
    """For each text, and each split, the first earlier text that stands in that split and is nearly the same.

    Args:
        members: a text as `plain` gives it -> the candidates that have it.
    """
    texts = list(members)
    by_split: dict[str, Index] = defaultdict(lambda: Index(NEAR))
    links = []
    for number, text in enumerate(texts):
        runs = _sketch(_runs(text))
        firsts = {split: next(index.near(runs), None) for split, index in by_split.items()}
        links += [
            Link(text, texts[first]) for first in sorted({first for first in firsts.values() if first is not None})
        ]
        for split in {candidate.split for candidate in members[text]}:
            by_split[split].add(number, runs, firsts.get(split))
    return links


def near_questions(candidates: Sequence[Candidate], links: Sequence[Link]) -> list[Copy]:
    """Candidates that ask nearly what an earlier one of another row asks, of evidence that is the same or linked.

    The same question about the same evidence is no near-copy but a copy, and is left out.
    """
    found = []
    for about_one in _by_evidence(candidates, links):
        if len({candidate.row for candidate in about_one}) == 1:
            continue
        index = Index(NEAR_QUESTION)
        for number, candidate in enumerate(about_one):
            words = _sketch(_words(candidate.asked))
            first = None
            for other in index.near(words):
                first = other if first is None else first
                if _nearly(candidate, about_one[other]):
                    found.append(Copy(candidate, about_one[other]))
                    break
            index.add(number, words, first)
    return found


def _by_evidence(candidates: Sequence[Candidate], links: Sequence[Link]) -> Iterable[list[Candidate]]:
    """Candidates whose evidence is the same or linked, by links of links too; each candidate once."""
    first: dict[str, str] = {}
    for link in links:
        first.setdefault(link.later, first.get(link.earlier, link.earlier))
    found: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        text = plain(candidate.evidence_text)
        found[first.get(text, text)].append(candidate)
    return found.values()


def _nearly(later: Candidate, earlier: Candidate) -> bool:
    """Whether two that are near are neither one row's orders nor the same question about the same evidence."""
    asked = [(plain(one.evidence_text), plain(one.asked)) for one in (later, earlier)]
    return later.row != earlier.row and asked[0] != asked[1]


def _across(links: Sequence[Link], members: Mapping[str, Sequence[Candidate]], name: str) -> list[Copy]:
    """Each candidate of a linked text with the first of the earlier text whose split, or group, is another."""
    found: dict[int, Copy] = {}
    for link in links:
        for later in members[link.later]:
            others = (one for one in members[link.earlier] if getattr(one, name) != getattr(later, name))
            if first := next(others, None):
                found.setdefault(id(later), Copy(later, first))
    return list(found.values())


def _sketch(parts: Iterable[str]) -> Sketch:
    digest, found = _EMPTY.copy(), frozenset(parts)
    digest.update_batch([part.encode("utf-8", "surrogatepass") for part in found])
    return Sketch(found, digest)


def _runs(text: str) -> Iterator[str]:
    words = _words(text)
    return (" ".join(words[start : start + RUN]) for start in range(max(1, len(words) - RUN + 1)))


def _words(text: str) -> list[str]:
    return [text[word.start : word.end].casefold() for word in segment_words(text)]
