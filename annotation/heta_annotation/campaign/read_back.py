"""What a project holds, read back and compared with what was sent, task by task: nothing but hashes stays in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heta_annotation.campaign.client import CampaignClient, RemoteTask
from heta_annotation.campaign.placed import QueueTasks
from heta_annotation.campaign.tasks import fingerprint
from heta_annotation.errors import LabelStudioError

Predictions = Mapping[int, Sequence[Mapping[str, Any]]]


class CountMismatch(LabelStudioError):
    """What is on the server is not what was sent."""


@dataclass(frozen=True, slots=True)
class Found:
    """A task on the server that holds what was sent."""

    id: int
    hash: str
    annotations: int
    predictions: int


class ReadBack:
    """Reads one project.

    Args:
        client: opens the project.
        project: its number.
        queue: the queue's name, for messages.
        tasks: what should be there.
        odd: told what was put right, a sentence each.
    """

    def __init__(
        self, client: CampaignClient, project: int, queue: str, tasks: QueueTasks, odd: Callable[[str], None]
    ) -> None:
        self.client = client
        self.project = project
        self.queue = queue
        self.tasks = tasks
        self.odd = odd

    def read(self, *, repair: bool) -> dict[str, Found]:
        """Every task of the queue that is there, by uid: once each, with the data and predictions that were sent.

        Copies that nobody has labelled are removed. With `repair` predictions that are not ours are replaced.

        Raises:
            CountMismatch: foreign tasks, other data than was sent, a task that is there twice with answers to both, or
                other predictions than were sent, where they are not to be replaced.
        """
        wanted = self.tasks.hashes()
        predictions: Predictions = self.client.predictions(self.project)
        found: dict[str, list[Found]] = {}
        foreign: list[int] = []
        for task in self.client.each_task(self.project):
            if task.uid is None or task.uid not in wanted:
                foreign.append(task.id)
            else:
                there = self._compared(task, wanted[task.uid], predictions.get(task.id, ()), repair=repair)
                found.setdefault(task.uid, []).append(there)
        if foreign:
            raise CountMismatch(
                f"{len(foreign)} tasks of project {self.project} are not of this campaign (first: task "
                f"{min(foreign)}): remove them in Label Studio"
            )
        return {uid: self._only_one(uid, copies) for uid, copies in found.items()}

    def _compared(
        self, task: RemoteTask, wanted: str, predictions: Sequence[Mapping[str, Any]], *, repair: bool
    ) -> Found:
        if fingerprint({"data": task.data, "predictions": predictions}) == wanted:
            return Found(task.id, wanted, task.annotations, len(predictions))
        which = f"task {task.id} (uid {task.uid})"
        content = self.tasks[task.uid or ""].content
        if task.data != content["data"]:
            raise CountMismatch(
                f"{which} of queue {self.queue} holds other data than was sent: somebody changed it; remove it in "
                "Label Studio and push again, or begin a new campaign"
            )
        should = content.get("predictions", [])
        if not repair:
            raise CountMismatch(
                f"{which} of queue {self.queue} has {len(predictions)} predictions, and they are not the {len(should)} "
                "that were sent: push again"
            )
        self.client.replace_predictions(task.id, [int(one["id"]) for one in predictions], should)
        beside = f", and {task.annotations} answers were given beside them" if task.annotations else ""
        self.odd(f"{which} had other predictions than were sent{beside}; replaced {len(predictions)} by {len(should)}")
        return Found(task.id, wanted, task.annotations, len(should))

    def _only_one(self, uid: str, copies: Sequence[Found]) -> Found:
        """The one with answers, else the oldest; the others are removed."""
        first, *others = sorted(copies, key=lambda copy: (-copy.annotations, copy.id))
        for other in others:
            if other.annotations:
                raise CountMismatch(f"uid {uid} is there twice, and both tasks are labelled: {first.id}, {other.id}")
            self.client.delete_task(other.id)
            self.odd(f"task {other.id} was a copy of {first.id} (uid {uid}) without an answer; removed")
        return first
