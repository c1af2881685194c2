"""Which comparisons are primary: those declared in `[evaluate] contrasts`, or all pairs where none is declared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from heta.errors import ConfigError, suggest
from heta_evaluation.alignment.subjects import Subject
from heta_evaluation.statistics.comparisons import LEVEL
from heta_evaluation.statistics.tests import smallest_p

FamilyName = Literal["all pairs", "primary", "exploratory"]


@dataclass(frozen=True)
class Family:
    """Pairs that are corrected together."""

    name: FamilyName
    pairs: tuple[int, ...]
    """Numbers of the pairs."""


def families(
    contrasts: Sequence[str], subjects: Sequence[Subject], pairs: Sequence[tuple[int, int]]
) -> tuple[Family, ...]:
    """Declared contrasts are primary and corrected among themselves alone; the rest is exploratory, and a family too.

    Raises:
        ConfigError: a side is no subject or several, or the two are not compared (one with itself, two baselines).
    """
    if not contrasts:
        return (Family("all pairs", tuple(range(len(pairs)))),)
    primary: list[int] = []
    for contrast in contrasts:
        first, _, second = contrast.partition(" vs ")
        sides = sorted(_subject(contrast, name.strip(), subjects) for name in (first, second))
        pair = (sides[0], sides[1])
        if pair not in pairs:
            raise ConfigError(
                f"contrasts: {contrast!r} compares a subject with itself, or two baselines; "
                "name a method and another method or baseline"
            )
        if pairs.index(pair) not in primary:
            primary.append(pairs.index(pair))
    rest = tuple(number for number in range(len(pairs)) if number not in primary)
    found = (Family("primary", tuple(primary)), Family("exploratory", rest))
    return found if rest else found[:1]


def settling_notes(found: Sequence[Family], groups: int, draws: int) -> Iterator[str]:
    """A note on each family in which the test can settle nothing, whatever the data: its smallest p is too large."""
    least = smallest_p(groups, draws)
    for family in found if groups > 1 else ():
        pairs = len(family.pairs)
        if least * pairs < LEVEL:
            continue
        enough = ceil(pairs / LEVEL)
        drawn = draws < enough and smallest_p(groups, enough) * pairs < LEVEL
        more = f"take --draws {enough} at least" if drawn else "label items of more groups (documents)"
        declare = ", or declare fewer contrasts beforehand" if pairs > 1 else ""
        yield (
            f"No difference can be settled ({family.name}): with {draws} draws and {groups} groups of items the test's "
            f"p is {least:.2g} at least, and {min(1.0, least * pairs):.2g} over {pairs} pair(s); {more}{declare}."
        )


def _subject(contrast: str, name: str, subjects: Sequence[Subject]) -> int:
    matching = [
        number
        for number, subject in enumerate(subjects)
        if name in (subject.name, subject.method, f"{subject.method} on {subject.model}")
    ]
    if len(matching) == 1:
        return matching[0]
    if matching:
        listed = ", ".join(subjects[number].name for number in matching)
        raise ConfigError(f"contrasts: {name!r} in {contrast!r} is several: {listed}; write one of these names in full")
    known = list(dict.fromkeys(subject.method for subject in subjects))
    raise ConfigError(
        f"contrasts: {name!r} in {contrast!r} is not evaluated{suggest(name, known)}; there are {', '.join(known)}"
    )
