"""Whether the place of a text gives the answer away: orders, and where in the prompt the answer stands."""

from collections.abc import Iterator, Sequence

from scipy.stats import binomtest

from heta_data.checking.candidates import Candidate
from heta_data.checking.findings import Finding

SHARE = (0.4, 0.6)
"""Shares of items with the evidence first within which a set counts as balanced."""
ALPHA = 0.001
"""Chance at which a balanced set would be told off; sets too small to tell pass."""


def check_orders(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Sets in which the evidence comes first, or last, more often than a coin would put it there."""
    orders = [candidate.evidence_first for candidate in candidates if candidate.evidence_first is not None]
    if not orders:
        return
    first, total = sum(orders), len(orders)
    outside = not SHARE[0] <= first / total <= SHARE[1]
    if outside and binomtest(first, total, 0.5).pvalue < ALPHA:
        where = tuple(candidate.where for candidate in candidates if candidate.evidence_first is not None)
        problem = (
            f"the evidence comes first in {first} of {total} items: a method scores by position alone; "
            "draw the order, or build both"
        )
        yield Finding("orders", "error", problem, where)
