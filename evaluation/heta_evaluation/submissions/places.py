"""Places on a leaderboard: the ranks that settled differences leave open, and no more than those say."""

from typing import NamedTuple

from heta_evaluation.report.material import Material
from heta_evaluation.report.paired import paired
from heta_evaluation.report.plots import signed_difference
from heta_evaluation.summary import MAIN, Line


class Place(NamedTuple):
    """First and last rank that a method may have, 1 the best."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}" if self.low == self.high else f"{self.low}–{self.high}"


def places(material: Material) -> dict[str, Place]:
    """Subject name -> place, of the methods that are ranked and have a value, in the order of the lines.

    low = 1 + number of methods that are settled ahead of it, high = M - number that it is settled ahead of. Settled is
    what the differences on the same page say: interval and test agree, both corrected for all pairs, and there are
    enough raters. So two methods that nothing tells apart never have places apart because of it.

    Source: Mogstad, Romano, Shaikh and Wilhelm 2024, Review of Economic Studies 91(1), equation 9, with fewer pairs
    settled than there, which makes places wider and keeps their coverage.
    """
    lines = [line for line in material.lines if not line.subject.baseline and line.ranked and _scored(line)]
    ahead = {line.subject.name: 0 for line in lines}
    behind = dict(ahead)
    for first in lines:
        for second in lines:
            if first is second:
                continue
            found = signed_difference(material, MAIN, first.subject.name, second.subject.name)
            if found is not None and found.value is not None and paired(found).decision == "ahead":
                behind[first.subject.name] += 1
                ahead[second.subject.name] += 1
    return {name: Place(1 + ahead[name], len(lines) - behind[name]) for name in ahead}


def first_place(material: Material) -> str:
    """Who is first, as far as the differences tell, in a sentence."""
    found = places(material)
    names = {line.subject.name: line.label for line in material.lines}
    if len(found) < 2:
        return "One method alone has no place."
    leaders = [name for name, place in found.items() if place.low == 1]
    if len(leaders) > 1:
        called = [names[name] for name in leaders]
        return f"First place is open between {', '.join(called[:-1])} and {called[-1]}."
    first = names[leaders[0]]
    if found[leaders[0]].high == 1:
        return (
            f"First is {first}: interval and test, corrected for all pairs, agree on that against every other method."
        )
    return f"No method is settled as first; {first} is the only one that none is settled ahead of."


def _scored(line: Line) -> bool:
    return MAIN in line.figures and line.figures[MAIN].value is not None
