"""How long the programme's steps will take, told before the first of them begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import heta
from heta.errors import HetaError
from heta.work import Pace, Work, length, measure_pace, planned
from heta_data.compose import unscored_spans
from heta_data.records import Item

if TYPE_CHECKING:
    from heta import LoadedModel, Method, Prepared

DECODED = 17
"""Answers that `decoding_stability` has explained at most: greedy, and one for each setting of its grid."""


@dataclass(frozen=True)
class PlannedStep:
    """One step as told before anything runs."""

    model: str
    name: str
    title: str
    seconds: float
    """At most, searches counted with the most they may take; 0 for what is there already or takes next to nothing."""
    done: bool


@dataclass(frozen=True)
class Clock:
    """One model's pace on this machine, and the prompts that were prepared to find it."""

    pace: Pace
    prepared: Mapping[str, "Prepared"]
    """Item id -> the item prepared; without those that cannot be, which their step names."""

    def attribution(self, work: Sequence[tuple[Item, Sequence["Method"]]]) -> float:
        """Seconds for methods over items, passes that methods share counted once; searches count with the most."""
        total = 0.0
        for item, methods in work:
            if (one := self.prepared.get(item.id)) is not None and methods:
                total += self._shared(one, methods) + self.pace.forward * length(one)
        return total

    def faithfulness(self, items: Sequence[Item], rows: int, own: int, shared: int) -> float:
        """Seconds for changed inputs: `own` a row and `shared` an item, each over the part behind the first change."""
        positions = [self._rest(self.prepared[item.id]) for item in items if item.id in self.prepared]
        return self.pace.forward * sum(positions) * (rows * own + shared)

    def reruns(self, items: Sequence[Item], methods: Sequence["Method"], times: int, *, shared: bool) -> float:
        """Seconds for running methods `times` more on each item."""
        total = 0.0
        for item in items:
            if (one := self.prepared.get(item.id)) is None:
                continue
            if shared:
                once = self._shared(one, methods)
            else:
                once = sum(self.pace.seconds(part) for method in methods for part in planned(method, one) or ())
            total += times * (once + self.pace.forward * length(one))
        return total

    def answers(self, items: Sequence[Item], passes: int) -> float:
        """Seconds for so many full passes of each item."""
        return (
            passes * self.pace.forward * sum(length(self.prepared[one.id]) for one in items if one.id in self.prepared)
        )

    def unknown(self, methods: Sequence["Method"]) -> list[str]:
        """Methods whose work is not known, and not part of any estimate."""
        one = next(iter(self.prepared.values()), None)
        return [] if one is None else [method.name for method in methods if planned(method, one) is None]

    def _shared(self, one: "Prepared", methods: Sequence["Method"]) -> float:
        parts: dict[object, Work] = {}
        for method in methods:
            parts |= {part.key: part for part in planned(method, one) or ()}
        return sum(self.pace.seconds(part) for part in parts.values())

    def _rest(self, one: "Prepared") -> int:
        return length(one) - one.positions[0]


def start_clock(model: "LoadedModel", items: Sequence[Item]) -> Clock | None:
    """Time the model on the longest of the items; None where none of them can be read or the longest cannot be run."""
    prepared = {}
    for item in items:
        try:
            one = heta.prepare(model, item.prompt, item.target, unscored=unscored_spans(item))
            length(one)
        except HetaError:
            # Its step names it, with the reason.
            continue
        prepared[item.id] = one
    if not prepared:
        return None
    try:
        pace = measure_pace(max(prepared.values(), key=length))
    except HetaError:
        return None
    return Clock(pace, prepared)
