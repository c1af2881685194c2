"""What is unsound about a set of items, before anybody labels it: every problem at once, each with its places.

Another package adds a check through the entry-point group `heta.item_checks`; its target is a `Check`.
"""

from collections.abc import Callable

from heta.registry import Registry
from heta_data.checking.candidates import Candidate, Marks
from heta_data.checking.findings import Check, Finding, Severity
from heta_data.checking.reading import read_candidates

__all__ = ["CHECKS", "Candidate", "Check", "Finding", "Marks", "Severity", "check_items", "read_candidates"]

CHECKS: Registry[Check] = Registry(
    "check",
    "heta.item_checks",
    {
        name: f"heta_data.checking.catalogue:{name.upper().replace('-', '_')}"
        for name in (
            "duplicates",
            "near-duplicates",
            "leakage",
            "orders",
            "positions",
            "targets",
            "labels",
            "rights",
            "texts",
            "personal-data",
        )
    },
)


def check_items(
    candidates: list[Candidate], *, progress: Callable[[int, int], None] = lambda *_: None
) -> list[Finding]:
    """What every registered check finds, errors first, else in the order of the registry.

    `progress` is called with the number of checks that are done, and of all.
    """
    found: list[Finding] = []
    names = CHECKS.names()
    progress(0, len(names))
    for done, name in enumerate(names, start=1):
        found += CHECKS.get(name).run(candidates)
        progress(done, len(names))
    return sorted(found, key=lambda finding: finding.severity != "error")
