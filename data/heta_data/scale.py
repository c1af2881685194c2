"""Graded labels: what a unit can be called besides marked or not."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from heta_data.record_base import Part

MISLEADING = "misleading"
LabelName = Annotated[str, Field(max_length=20, pattern=r"^\w(?:[\w -]*\w)?$")]
"""What a label is called on the page and in answers: letters, digits, blanks and hyphens, of any script."""


class ScalePart(Part):
    """The labels that a unit can have, one at most, where it is not just marked or not."""

    grades: Annotated[tuple[LabelName, ...], Field(min_length=1, max_length=4)]
    """The lowest first: level 1, 2, ..."""
    misleading: bool = False
    """Whether there is also `misleading`, level -1: what speaks for another answer."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if MISLEADING in self.grades:
            raise ValueError(f"{MISLEADING!r} is no grade: it stands below none")
        if len(set(self.grades)) < len(self.grades):
            raise ValueError("each grade once")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All labels, the grades first."""
        return (*self.grades, MISLEADING) if self.misleading else self.grades

    def level(self, name: str) -> int:
        """The level of one of `names`."""
        return -1 if name == MISLEADING else self.grades.index(name) + 1

    def name(self, level: int) -> str:
        """What a level other than 0 is called."""
        return MISLEADING if level == -1 else self.grades[level - 1]


def check_levels(levels: Sequence[int], labels: Sequence[int], scale: ScalePart) -> None:
    """Every level is one of the scale, and a label is 1 exactly where the level is above 0."""
    lowest, highest = (-1 if scale.misleading else 0), len(scale.grades)
    for index, (level, label) in enumerate(zip(levels, labels, strict=True)):
        if not lowest <= level <= highest:
            raise ValueError(f"level {level} at unit {index}: the scale has {lowest} to {highest}")
        if label != (level > 0):
            raise ValueError(f"label {label} at unit {index} with level {level}: 1 goes with levels above 0")
