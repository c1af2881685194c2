"""Texts that stand there more than once: whole items, questions, near-copies, and the same text in two splits."""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence

from datasketch import MinHash, MinHashLSH

from heta_data.checking.candidates import Candidate
from heta_data.checking.findings import Finding

NEAR = 0.8
"""Jaccard similarity of word shingles from which two items count as near-copies."""
SHINGLE = 3
"""Words of a shingle."""
_LISTED = 0.6
"""MinHash lists pairs from here, and they are then counted exactly: with 128 permutations it misses a pair of 0.8 in
fewer than 1 of 1,000 cases."""
_PERMUTATIONS = 128


def check_duplicates(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """The same prompt twice; the same question about the same evidence in items that are no two orders of one row."""
    for members in _shared(candidates, lambda candidate: (_plain(candidate.prompt),)):
        problem = f"the same prompt stands in {len(members)} items: keep one"
        yield Finding("duplicates", "error", problem, _places(members))
    about = _shared(candidates, lambda candidate: (_plain(candidate.evidence_text), _plain(candidate.question_text)))
    again = [_one_of_each_row(members) for members in about]
    again = [members for members in again if len(members) > 1]
    if again:
        copies = sum(len(members) - 1 for members in again)
        problem = (
            f"{copies} of {len(candidates)} items ask what another item asks of the same evidence "
            f"({len(again)} questions stand in several): intervals would count one answer several times; keep one"
        )
        yield Finding("duplicates", "error", problem, tuple(place for members in again for place in _places(members)))
    for role in ("distractor", "evidence"):
        yield from _repeated_over_groups(candidates, role)


def check_near_duplicates(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Pairs whose evidence and question share 80 % of their three-word runs, without being the same."""
    for first, second, similarity in near_pairs(candidates):
        problem = f"nearly the same evidence and question ({similarity:.0%} of the three-word runs): keep one"
        yield Finding("near-duplicates", "warning", problem, (first.where, second.where))


def check_leakage(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """A group, a text or a near-copy that stands in two splits."""
    keys: dict[str, Callable[[Candidate], Hashable]] = {
        "group": lambda candidate: candidate.group,
        "evidence": lambda candidate: _plain(candidate.evidence_text),
        "distractor": lambda candidate: _plain(candidate.distractor_text) or None,
        "question": lambda candidate: _plain(candidate.question_text) or None,
    }
    for what, key in keys.items():
        for members in _shared(candidates, key):
            splits = sorted({candidate.split for candidate in members})
            if len(splits) > 1:
                name = f"group {members[0].group!r}" if what == "group" else f"the same {what}"
                problem = f"{name} stands in {' and '.join(splits)}: what is tuned on one split is known in the other"
                yield Finding("leakage", "error", problem, _places(members))
    for first, second, similarity in near_pairs(candidates):
        if first.split != second.split:
            problem = f"nearly the same evidence and question ({similarity:.0%}) in {first.split} and {second.split}"
            yield Finding("leakage", "error", problem, (first.where, second.where))


def near_pairs(candidates: Sequence[Candidate]) -> list[tuple[Candidate, Candidate, float]]:
    """Pairs of different rows whose Jaccard similarity is at least `NEAR` and below 1, in the order of the candidates.

    MinHash with banding (Broder 1997; `datasketch`) lists pairs, exact counting decides: time grows with the items and
    the pairs alike, not with the square of the items.
    """
    shingles = [_shingles(f"{candidate.evidence_text} {candidate.question_text}") for candidate in candidates]
    buckets: MinHashLSH = MinHashLSH(threshold=_LISTED, num_perm=_PERMUTATIONS)
    pairs: list[tuple[int, int]] = []
    for number, parts in enumerate(shingles):
        digest = MinHash(num_perm=_PERMUTATIONS, seed=1)
        digest.update_batch([part.encode("utf-8") for part in sorted(parts)])
        pairs += [(other, number) for other in buckets.query(digest)]
        buckets.insert(number, digest)
    found = []
    for first, second in sorted(pairs):
        one, other = candidates[first], candidates[second]
        similarity = len(shingles[first] & shingles[second]) / len(shingles[first] | shingles[second])
        if one.row != other.row and NEAR <= similarity < 1:
            found.append((one, other, similarity))
    return found


def _repeated_over_groups(candidates: Sequence[Candidate], role: str) -> Iterator[Finding]:
    """A text in items of several groups: intervals resample groups as if they had nothing in common."""
    texts = _shared(candidates, lambda candidate: _plain(getattr(candidate, f"{role}_text")) or None)
    for members in texts:
        groups = {candidate.group for candidate in members}
        if len(groups) > 1:
            problem = f"one {role} stands in items of {len(groups)} groups: put them into one group, or keep one"
            yield Finding("duplicates", "warning", problem, _places(members))


def _shared(candidates: Sequence[Candidate], key: Callable[[Candidate], Hashable]) -> list[list[Candidate]]:
    """Candidates that have one key, where there are several; the key None counts for none."""
    found: dict[Hashable, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        found[key(candidate)].append(candidate)
    found.pop(None, None)
    return [members for members in found.values() if len(members) > 1]


def _one_of_each_row(members: Sequence[Candidate]) -> list[Candidate]:
    return list({candidate.row: candidate for candidate in reversed(members)}.values())[::-1]


def _places(members: Sequence[Candidate]) -> tuple[str, ...]:
    return tuple(candidate.where for candidate in members)


def _plain(text: str) -> str:
    """`text` without capitals and with single blanks: copies that differ in these are copies."""
    return " ".join(text.casefold().split())


def _shingles(text: str) -> frozenset[str]:
    words = re.findall(r"\w+", text.casefold())
    return frozenset(" ".join(words[start : start + SHINGLE]) for start in range(max(1, len(words) - SHINGLE + 1)))
