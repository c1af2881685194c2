"""What stands in one Label Studio annotation: marked units, the box below the text, and what nobody can have made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heta_annotation.campaign.page import (
    CANNOT_TELL,
    PASSAGE,
    PEN,
    REASON,
    UNDECIDED,
    UNITS,
    VERDICT,
    unit_value,
)
from heta_annotation.campaign.queues import Phase
from heta_data.records import ScalePart


@dataclass(frozen=True)
class Result:
    """One annotation, read."""

    levels: Mapping[int, int]
    """Index of each marked unit, in order -> its level on the scale; 1 where units are just marked."""
    verdict: bool
    """Whether the box below the text is ticked: `cannot tell`, or for adjudicators `cannot be decided`."""
    reason: str
    """Why it cannot be decided, in the adjudicator's words."""
    problems: tuple[str, ...]
    """Everything that nobody can have made on our page."""

    @property
    def marked(self) -> tuple[int, ...]:
        """Indices of the marked units, sorted."""
        return tuple(self.levels)


def read_result(result: object, units: int, phase: Phase = "label", scale: ScalePart | None = None) -> Result:
    """Read Label Studio's regions as answers of our page.

    Args:
        result: the annotation's regions.
        units: how many units the page shows.
        phase: adjudicators have another page.
        scale: the page's labels; None where units are marked or not.
    """
    if not isinstance(result, Sequence) or isinstance(result, str):
        return Result({}, False, "", ("result: no list of regions",))
    reading = _Reading(units, phase == "adjudicate", scale)
    for region in result:
        reading.add(region)
    return Result(
        dict(sorted(reading.levels.items())), reading.verdict, " ".join(reading.words), tuple(reading.problems)
    )


class _Reading:
    """Regions of one annotation, read one after the other."""

    def __init__(self, units: int, may_explain: bool, scale: ScalePart | None) -> None:
        self.units = units
        self.allowed = UNDECIDED if may_explain else CANNOT_TELL
        self.may_explain = may_explain
        self.scale = scale
        labels = {"": 1} if scale is None else {name: scale.level(name) for name in scale.names}
        # Exactly as we wrote them: "07", " 7" and the number 7 are not ours.
        self.known = {
            unit_value(index, name): (index, level) for index in range(units) for name, level in labels.items()
        }
        self.levels: dict[int, int] = {}
        self.verdict = False
        self.words: list[str] = []
        self.problems: list[str] = []

    def add(self, region: object) -> None:
        name = region.get("from_name") if isinstance(region, Mapping) else None
        value = region.get("value") if isinstance(region, Mapping) else None
        ours = isinstance(region, Mapping) and region.get("to_name") == PASSAGE and isinstance(value, Mapping)
        chosen = value.get("choices") if ours and isinstance(value, Mapping) else None
        text = value.get("text") if ours and isinstance(value, Mapping) else None
        if name == REASON and self.may_explain and isinstance(text, list):
            self.words += [str(line) for line in text]
        elif name not in (UNITS, VERDICT, *([PEN] if self.scale else [])) or not isinstance(chosen, list):
            self.problems.append(f"unknown region: {_quoted(name)}")
        elif name == VERDICT:
            self.verdict = self.verdict or self.allowed in chosen
            self._refuse(chosen, (self.allowed,))
        elif name == PEN:
            # The label chosen last says nothing of the units: each carries its own.
            self._refuse(chosen, self.scale.names if self.scale else ())
        else:
            for choice in chosen:
                self._mark(choice)

    def _refuse(self, chosen: Sequence[object], allowed: Sequence[str]) -> None:
        self.problems += [f"unknown choice: {_quoted(choice)}" for choice in chosen if choice not in allowed]

    def _mark(self, choice: object) -> None:
        index, level = self.known.get(choice, (None, 0)) if isinstance(choice, str) else (None, 0)
        if index is None:
            self.problems.append(self._unknown(choice))
        elif index not in self.levels:
            self.levels[index] = level
        elif self.levels[index] == level or self.scale is None:
            self.problems.append(f"index twice: {index}")
        else:
            names = f"{self.scale.name(self.levels[index])} and {self.scale.name(level)}"
            self.problems.append(f"two labels: unit {index} is {names}")

    def _unknown(self, choice: object) -> str:
        index, colon, label = choice.partition(":") if isinstance(choice, str) else ("", "", "")
        if self.scale is not None and colon and any(index == str(number) for number in range(self.units)):
            return f"unknown label: {_quoted(label)} at unit {index}, labels are {', '.join(self.scale.names)}"
        return f"unknown index: {_quoted(choice)}, units are 0 to {self.units - 1}"


def _quoted(value: object) -> str:
    """A value as it may stand in a reason; whole it is kept beside the reasons."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
