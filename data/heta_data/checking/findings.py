"""What a check found, and the registry of checks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from heta_data.checking.candidates import Candidate

Severity = Literal["error", "warning"]
"""`error`: figures computed on the items would be wrong or could not be published. `warning`: a person should look."""


@dataclass(frozen=True)
class Finding:
    """One kind of problem and every place where it stands."""

    check: str
    severity: Severity
    problem: str
    """What is wrong and what to do, in one line."""
    where: tuple[str, ...]
    """Breadcrumbs, at least one."""


@dataclass(frozen=True)
class Check:
    """One check over all candidates of a file or folder."""

    name: str
    summary: str
    """What it finds, in a few words."""
    run: Callable[[Sequence[Candidate]], Iterable[Finding]]
