"""Candidates that have a text of an earlier one."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from heta_data.checking.candidates import Candidate

Key = Callable[[Candidate], Hashable]


class Copy(NamedTuple):
    """A candidate and an earlier one that has the same text, or nearly."""

    later: Candidate
    earlier: Candidate

    @property
    def place(self) -> str:
        """The later one, and which earlier one it repeats."""
        return f"{self.later.where} > as {self.earlier.name}"


def plain(text: str) -> str:
    """`text` without capitals and with single blanks: texts that differ in these alone are the same."""
    return " ".join(text.casefold().split())


def find_copies(
    candidates: Sequence[Candidate], key: Key, differ: Callable[[Candidate, Candidate], bool] = lambda *_: True
) -> list[Copy]:
    """Each candidate whose key an earlier one had, with the first that had it; the key None counts for none.

    Where `differ(later, first)` is false the two are no copies.
    """
    members: dict[Hashable, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        members[key(candidate)].append(candidate)
    members.pop(None, None)
    return [Copy(later, first) for first, *others in members.values() for later in others if differ(later, first)]


def places(copies: Sequence[Copy]) -> tuple[str, ...]:
    """Breadcrumbs of a finding about copies."""
    return tuple(copy.place for copy in copies)
