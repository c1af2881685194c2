"""Whether the place of a text gives the answer away: orders, and where in the texts the answer stands."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from scipy.stats import binomtest

from heta.records import Span
from heta_data.checking.candidates import Candidate
from heta_data.checking.findings import Finding

SHARE = (0.4, 0.6)
"""Shares of items with the evidence first within which a set counts as balanced."""
PARTS = 5
"""Stretches of equal length into which the texts of an item are cut."""
CROWDED = 0.4
"""Share of the answers, twice what an even spread gives, from which one of the stretches holds too many."""
ALPHA = 0.001
"""Chance at which a set within these bounds would be told off; sets too small to tell pass."""


def check_orders(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Sets in which the evidence comes first, or last, more often than a coin would put it there."""
    ordered = [candidate for candidate in candidates if candidate.evidence_first is not None]
    if not ordered:
        return
    first, total = sum(bool(candidate.evidence_first) for candidate in ordered), len(ordered)
    outside = not SHARE[0] <= first / total <= SHARE[1]
    if outside and binomtest(first, total, 0.5).pvalue < ALPHA:
        problem = (
            f"the evidence comes first in {first} of {total} items: a method scores by position alone; "
            "draw the order, or build both"
        )
        yield Finding("orders", "error", problem, tuple(candidate.where for candidate in ordered))


def check_positions(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Sets in which one fifth of the texts holds far more answers than the others.

    Counted over items whose answer stands in the evidence just once.
    """
    placed = [(candidate, fifth) for candidate in candidates if (fifth := answer_fifth(candidate)) is not None]
    if not placed:
        return
    counts = Counter(fifth for _, fifth in placed)
    fifth, count = max(sorted(counts.items()), key=lambda entry: entry[1])
    if binomtest(count, len(placed), CROWDED, alternative="greater").pvalue < ALPHA:
        shares = ", ".join(f"{counts[part] / len(placed):.0%}" for part in range(PARTS))
        problem = (
            f"{count} of {len(placed)} answers stand in one fifth of the texts (shares of the fifths: {shares}): a "
            "method that scores by place looks good; draw the order of the texts, or drop some of these"
        )
        yield Finding("positions", "warning", problem, tuple(one.where for one, part in placed if part == fifth))


def answer_fifth(candidate: Candidate) -> int | None:
    """In which fifth of evidence and distractor, taken as one stretch, the middle of the answer stands: 0 to 4.

    None where the answer does not stand in the evidence, or stands there several times.
    """
    found = [
        Span(part.start + match.start(), part.start + match.end())
        for part in candidate.evidence
        for match in re.finditer(re.escape(candidate.answer.strip()), candidate.text(part), re.IGNORECASE)
    ]
    if len(found) != 1 or not candidate.answer.strip():
        return None
    parts = sorted((*candidate.evidence, *candidate.distractor))
    # Texts without what stands between them: a separator is no place for an answer.
    before = sum(part.end - part.start for part in parts if part.end <= found[0].start)
    inside = next(part for part in parts if part.start <= found[0].start < part.end)
    middle = before + (found[0].start + found[0].end) / 2 - inside.start
    return int(PARTS * middle / sum(part.end - part.start for part in parts))
