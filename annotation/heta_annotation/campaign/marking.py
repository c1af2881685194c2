"""What raters mark: words or sentences, just marked or with one of several labels.

Page, tasks, answers, gold items and scripted raters all take their units from here.
"""

from dataclasses import dataclass
from typing import Literal

from heta.records import Span
from heta.units import SENTENCES
from heta.words import SEGMENTATION
from heta_data.compose import label_units
from heta_data.records import Item, LabelTask, ScalePart, TokenLabels

Unit = Literal["word", "sentence"]
_SEGMENTATIONS: dict[Unit, str] = {"word": SEGMENTATION, "sentence": SENTENCES}


@dataclass(frozen=True)
class Marking:
    """What can be marked on a page, and with which labels."""

    segmentation: str = SEGMENTATION
    scale: ScalePart | None = None
    """None where a unit is marked or not."""

    @property
    def unit(self) -> Unit:
        """What one unit is called."""
        return next(unit for unit, version in _SEGMENTATIONS.items() if version == self.segmentation)


WORDS = Marking()
"""Words, marked or not: what a campaign is that says nothing else."""


def marking_of(unit: Unit, scale: ScalePart | None) -> Marking:
    """The marking that settings ask for."""
    return Marking(_SEGMENTATIONS[unit], scale)


def marking_of_task(task: LabelTask) -> Marking:
    """The marking that a task was made with."""
    return Marking(task.segmentation, task.scale)


def levels_given(labels: TokenLabels) -> dict[int, int]:
    """Index of each unit that has a label -> its level; 1 where units are just marked."""
    return {index: level for index, level in enumerate(labels.levels or labels.labels) if level}


def units_of(item: Item, marking: Marking = WORDS) -> tuple[Span, ...]:
    """The item's units, in order."""
    return label_units(item, marking.segmentation)
