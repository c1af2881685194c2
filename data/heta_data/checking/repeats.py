"""Texts that stand there more than once: whole items, questions, near-copies, and what two splits have in common.

A finding names the later item and, behind it, the earlier one that it repeats.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

from datasketch import MinHash, MinHashLSH

from heta.words import segment_words
from heta_data.checking.candidates import Candidate
from heta_data.checking.findings import Finding, Severity

NEAR = 0.8
"""Jaccard similarity of word shingles from which two items count as near-copies."""
SHINGLE = 3
"""Words of a shingle."""
LISTED = 0.6
"""MinHash lists pairs from about here, and they are then counted exactly."""
PERMUTATIONS = 128

Key = Callable[[Candidate], Hashable]


class Copy(NamedTuple):
    """A candidate and an earlier one that has the same text, or nearly."""

    later: Candidate
    earlier: Candidate
    similarity: float = 1.0

    @property
    def place(self) -> str:
        """The later one, and which earlier one it repeats."""
        return f"{self.later.where} > as {self.earlier.name}"


def check_duplicates(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """The same prompt again; the same question about the same evidence; a text in items of several groups."""
    total = len(candidates)
    prompts = _copies(candidates, lambda candidate: _plain(candidate.prompt))
    if prompts:
        problem = f"{len(prompts)} of {total} items have the prompt of an earlier item: drop them"
        yield Finding("duplicates", "error", problem, _places(prompts))
    seen = {id(copy.later) for copy in prompts}
    again = [copy for copy in _copies(candidates, _asked_of_evidence, _other_row) if id(copy.later) not in seen]
    if again:
        problem = (
            f"{len(again)} of {total} items ask of the same evidence what an earlier item asks: intervals would count "
            "one answer several times; drop them, and keep the earlier item named behind each"
        )
        yield Finding("duplicates", "error", problem, _places(again))
    texts: tuple[tuple[str, Severity, Key], ...] = (
        ("evidence", "error", lambda candidate: _plain(candidate.evidence_text)),
        ("distractor", "warning", lambda candidate: _plain(candidate.distractor_text) or None),
    )
    for role, severity, key in texts:
        if shared := _copies(candidates, key, lambda later, earlier: later.group != earlier.group):
            problem = (
                f"{len(shared)} of {total} items have the {role} of an earlier item of another group: intervals take "
                f"groups for independent; give items with one {role} the same group"
            )
            yield Finding("duplicates", severity, problem, _places(shared))


def check_near_duplicates(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Items whose evidence and question share 80 % of their three-word runs with those of an earlier item."""
    copies = near_copies(candidates)
    within = [copy for copy in copies if copy.later.split == copy.earlier.split]
    across = [copy for copy in copies if copy.later.split != copy.earlier.split]
    what = f"evidence and question of an earlier item, with at least {NEAR:.0%} of their three-word runs the same"
    if across:
        problem = f"{len(across)} items have nearly the {what}, in another split: move or drop them"
        yield Finding("near-duplicates", "error", problem, tuple(map(_near_place, across)))
    if within:
        problem = f"{len(within)} items have nearly the {what}: keep one of each two, unless the difference matters"
        yield Finding("near-duplicates", "warning", problem, tuple(map(_near_place, within)))


def check_leakage(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Groups, texts, and questions with their answers, that stand in two splits."""
    keys: tuple[tuple[str, Severity, Key], ...] = (
        ("group", "error", lambda candidate: candidate.group),
        ("evidence", "error", lambda candidate: _plain(candidate.evidence_text)),
        ("distractor", "error", lambda candidate: _plain(candidate.distractor_text) or None),
        # A question such as `Where did they go?` may be asked of many texts, and be answered alike by chance.
        ("question and answer", "warning", lambda candidate: (_plain(candidate.asked), _plain(candidate.answer))),
    )
    for what, severity, key in keys:
        if copies := _copies(candidates, key, lambda later, earlier: later.split != earlier.split):
            problem = (
                f"{len(copies)} items have the {what} of an earlier item in another split: what is tuned on one split "
                "is known in the other; move them into one"
            )
            places = tuple(f"{copy.place} ({copy.later.split}, {copy.earlier.split})" for copy in copies)
            yield Finding("leakage", severity, problem, places)


def near_copies(candidates: Sequence[Candidate]) -> list[Copy]:
    """For each item the first earlier one of its own split, and of the other splits, that is its near-copy.

    Near-copies are items of different rows whose Jaccard similarity is at least `NEAR` and below 1. MinHash with
    banding (Broder 1997; `datasketch`) lists pairs, exact counting decides: time grows with items and listed pairs, not
    with the square of the items. Of items with the same runs of words in one split, the first stands for all.
    """
    buckets = MinHashLSH(threshold=LISTED, num_perm=PERMUTATIONS)
    # The same hash functions for all, drawn once.
    empty = MinHash(num_perm=PERMUTATIONS, seed=1)
    shingles: list[frozenset[str]] = []
    firsts: list[Candidate] = []
    seen: set[tuple[str, frozenset[str]]] = set()
    found: list[Copy] = []
    for candidate in candidates:
        parts = _shingles(candidate)
        if (candidate.split, parts) in seen:
            continue
        seen.add((candidate.split, parts))
        digest = empty.copy()
        digest.update_batch([part.encode("utf-8", "surrogatepass") for part in parts])
        nearest: dict[bool, Copy] = {}
        for number in sorted(buckets.query(digest)):
            other = firsts[number]
            within = other.split == candidate.split
            if within not in nearest and other.row != candidate.row:
                similarity = len(shingles[number] & parts) / len(shingles[number] | parts)
                if NEAR <= similarity < 1:
                    nearest[within] = Copy(candidate, other, similarity)
            if len(nearest) == 2:
                break
        found += nearest.values()
        buckets.insert(len(firsts), digest)
        shingles.append(parts)
        firsts.append(candidate)
    return found


def _copies(
    candidates: Sequence[Candidate], key: Key, differ: Callable[[Candidate, Candidate], bool] = lambda *_: True
) -> list[Copy]:
    """Each candidate whose key an earlier one had, with the first that had it; the key None counts for none."""
    members: dict[Hashable, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        members[key(candidate)].append(candidate)
    members.pop(None, None)
    return [Copy(later, first) for first, *others in members.values() for later in others if differ(later, first)]


def _asked_of_evidence(candidate: Candidate) -> Hashable:
    return tuple(map(_plain, (candidate.evidence_text, candidate.asked, candidate.question_text)))


def _other_row(later: Candidate, earlier: Candidate) -> bool:
    """Items of one row are its two segment orders."""
    return later.row != earlier.row


def _places(copies: Sequence[Copy]) -> tuple[str, ...]:
    return tuple(copy.place for copy in copies)


def _near_place(copy: Copy) -> str:
    return f"{copy.place} ({copy.similarity:.0%})"


def _plain(text: str) -> str:
    """`text` without capitals and with single blanks: copies that differ in these are copies."""
    return " ".join(text.casefold().split())


def _shingles(candidate: Candidate) -> frozenset[str]:
    words = [candidate.text(word).casefold() for word in candidate.evidence_words]
    words += [candidate.asked[word.start : word.end].casefold() for word in segment_words(candidate.asked)]
    return frozenset(" ".join(words[start : start + SHINGLE]) for start in range(max(1, len(words) - SHINGLE + 1)))
