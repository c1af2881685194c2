"""Who labels what, and in which order: dealt beforehand, so that nobody waits and all pairs of raters can be compared.

A queue is one Label Studio project. With `own` queues each rater has one and gets exactly the tasks in it; with a
`shared` queue an arm's raters draw from one project, and Label Studio serves whoever comes first.
"""

import random
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

from heta_annotation.campaign.settings import CampaignSettings
from heta_data.records import Arm, LabelTask

Phase = Literal["consent", "practice", "feedback", "label", "reveal", "adjudicate", "prefer", "answer"]
"""What a queue is for: agreeing to take part, practising on known items, seeing how that went, labelling, revising what
was labelled once an attribution is shown, deciding what others labelled differently; or a question about methods
themselves, put to people who label nothing."""
Asked = Literal["prefer", "answer"]
"""A question about methods: which of two highlightings is better, and what the answer is by a method's top words."""
Group = Arm | Asked
"""Raters who do the same thing: those of an arm, or people who are asked one kind of question."""


@dataclass(frozen=True)
class Queue:
    """One Label Studio project: who labels there, and what."""

    name: str
    """`blind/a01`, `blind/a01/practice`, `prefer/a95` or, shared, `blind`; unique within the campaign."""
    arm: Group
    raters: tuple[str, ...]
    """Pseudonyms; one of them in a queue of a rater's own."""
    uids: tuple[str, ...]
    """Tasks in the order in which they are shown."""
    overlap: int
    """Answers that each task gets in this queue."""
    phase: Phase = "label"

    @property
    def own(self) -> bool:
        """Whether it belongs to one rater, in an organisation of its own."""
        return rater_of(self.name) is not None

    @property
    def labels(self) -> int:
        """Answers expected."""
        return len(self.uids) * self.overlap


class Place(NamedTuple):
    """What dealing asks of a task."""

    uid: str
    gold: bool


def rater_of(queue: str) -> str | None:
    """Whose queue it is, by its name; None for a shared one."""
    parts = queue.split("/")
    return parts[1] if len(parts) > 1 else None


def make_queues(
    arm: Arm, tasks: Sequence[LabelTask | Place], settings: CampaignSettings, twins: Mapping[str, Hashable]
) -> tuple[Queue, ...]:
    """An arm's queues.

    Args:
        arm: the arm.
        tasks: what is labelled there; gold items among them go to every rater.
        settings: raters, overlap, assignment and seed.
        twins: uid -> what the task's text comes from; one rater should not read the same text twice.
    """
    raters = settings.raters_of(arm)
    gold = [task.uid for task in tasks if task.gold]
    others = [task.uid for task in tasks if not task.gold]
    if settings.assignment == "shared":
        order = hide(others, gold, random.Random(f"order:{settings.seed}"))  # noqa: S311 - no secret
        return (Queue(arm, arm, raters, tuple(order), settings.overlap_of(arm)),)
    dealt = deal(others, raters, settings.overlap_of(arm), seed=f"{settings.seed}:{arm}", twins=twins)
    queues = []
    for rater in raters:
        draw = random.Random(f"order:{settings.seed}:{rater}")  # noqa: S311 - a reproducible draw, no secret
        mine = list(dealt[rater])
        draw.shuffle(mine)
        queues.append(Queue(f"{arm}/{rater}", arm, (rater,), tuple(hide(mine, gold, draw)), 1))
    return tuple(queues)


def deal(
    uids: Sequence[str], raters: Sequence[str], overlap: int, *, seed: str, twins: Mapping[str, Hashable]
) -> dict[str, list[str]]:
    """Each task to `overlap` raters: loads differ by at most one, and pairs of raters meet about equally often.

    The least loaded raters come first. Among equally loaded ones comes first who has not read the same text, then who
    has met the task's other raters least, then the draw: near a balanced incomplete block design, for any numbers.
    """
    draw = random.Random(f"deal:{seed}")  # noqa: S311 - a reproducible draw, no secret
    dealt: dict[str, list[str]] = {rater: [] for rater in raters}
    met: Counter[frozenset[str]] = Counter()
    read: set[tuple[str, Hashable]] = set()
    order = list(uids)
    draw.shuffle(order)
    for uid in order:
        chosen: list[str] = []
        while len(chosen) < overlap:
            chosen.append(
                min(
                    (rater for rater in raters if rater not in chosen),
                    key=lambda rater: (
                        len(dealt[rater]),
                        (rater, twins.get(uid, uid)) in read,
                        sum(met[frozenset((rater, other))] for other in chosen),
                        draw.random(),
                    ),
                )
            )
        for rater in chosen:
            dealt[rater].append(uid)
            read.add((rater, twins.get(uid, uid)))
        met.update(frozenset(pair) for pair in combinations(chosen, 2))
    return dealt


def hide(others: Sequence[str], gold: Sequence[str], draw: random.Random) -> list[str]:
    """The gold items among the others: one in each of as many equal stretches, somewhere in it, in a drawn order."""
    if not gold:
        return list(others)
    hidden = list(gold)
    draw.shuffle(hidden)
    order: list[str] = []
    for number, uid in enumerate(hidden):
        stretch = others[number * len(others) // len(hidden) : (number + 1) * len(others) // len(hidden)]
        place = draw.randint(0, len(stretch))
        order += [*stretch[:place], uid, *stretch[place:]]
    return order
