"""Problems of single candidates put together: one finding for each kind, with every place where it stands."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from heta_data.checking.candidates import Candidate
from heta_data.checking.findings import Finding, Severity


class Problem(NamedTuple):
    """What is wrong with one candidate."""

    severity: Severity
    text: str
    """The same for every candidate that has it."""
    place: str = ""
    """Where in the candidate, or what exactly."""


def gather(
    check: str, candidates: Sequence[Candidate], look: Callable[[Candidate], Iterator[Problem]]
) -> Iterator[Finding]:
    """One finding for each kind of problem, in the order in which the kinds are first met."""
    found: dict[tuple[Severity, str], list[str]] = defaultdict(list)
    for candidate in candidates:
        for problem in look(candidate):
            place = f" > {problem.place}" if problem.place else ""
            found[problem.severity, problem.text].append(candidate.where + place)
    for (severity, text), where in found.items():
        yield Finding(check, severity, text, tuple(where))
