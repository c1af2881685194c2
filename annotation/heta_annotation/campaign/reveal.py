"""The arm `reveal`: once a rater has answered everything blind, the same items come again with heat, to be revised.

Both answers are kept: the first as round 0, the revised one as round 1. Nothing of the attribution is in the rater's
organisation before the last first answer is given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from heta_annotation.campaign.answers import Reader, plain_annotation
from heta_annotation.campaign.client import CampaignClient, ProjectPage, marker
from heta_annotation.campaign.independence import reveal_uid
from heta_annotation.campaign.ledger import Ledger, Rater
from heta_annotation.campaign.marking import levels_given, marking_of_task
from heta_annotation.campaign.page import page_data, render_reveal
from heta_annotation.campaign.plan import ArmPlan, Plan
from heta_annotation.campaign.queue_push import QueuePushed
from heta_annotation.campaign.queues import Queue
from heta_annotation.campaign.tasks import Entry, regions, suggest_units
from heta_data.jsonl import dump_line
from heta_data.records import LabelTask, TokenLabels

FIRST_ANSWER = "your first answer"
"""What Label Studio calls the marks that a rater begins from."""


@dataclass(frozen=True)
class Reveal:
    """The second half of the arm."""

    ledger: Ledger
    planned: Plan
    arm: ArmPlan
    send: Callable[[Queue, ProjectPage], QueuePushed]
    reach: Callable[[str], CampaignClient]

    def open(self, rater: Rater) -> QueuePushed | None:
        """Send the items to revise, once the rater has dealt with all of them; None before that.

        Raises:
            LabelStudioError: a call failed.
        """
        queue = f"{self.arm.arm}/{rater.pseudonym}"
        first = self._first_answers(rater, queue)
        if first is None:
            return None
        tasks = [(self._task(label), label) for label in first]
        # What was revealed stays what it was, although the rater may have gone back to a first answer since.
        there = self.ledger.planned(self.arm.arm, "reveal")
        entries = (
            Entry(task.uid, dump_line(task), self._content(task, label))
            for task, label in tasks
            if task.uid not in there
        )
        self.ledger.add_tasks(self.arm.arm, entries, "reveal")
        uids = tuple(task.uid for task, _ in tasks)
        reveal = Queue(f"{queue}/reveal", self.arm.arm, (rater.pseudonym,), uids, 1, "reveal")
        page = ProjectPage(
            title=f"{self.planned.settings.name[:34]}: look again",
            marker=marker(self.planned.campaign_hash, reveal.name),
            label_config=render_reveal(self.planned.settings.marking),
            instruction=self.planned.guideline.html,
            overlap=1,
            show_predictions=True,
        )
        return self.send(reveal, page)

    def _first_answers(self, rater: Rater, queue: str) -> list[TokenLabels] | None:
        """The rater's answers that can be revised, in the order of the queue; None while some are missing."""
        project = self.ledger.project(queue)
        if project is None:
            return None
        tasks = self.ledger.tasks(queue)
        reader = Reader(self.arm.arm, "", project, tasks=tasks, raters=[rater], items=self.planned.texts)
        found: dict[str, TokenLabels] = {}
        for task in self.reach(queue).export(project):
            for exported in sorted(task.get("annotations") or (), key=lambda exported: int(exported["id"])):
                answer = reader.read(task, plain_annotation(exported))
                if isinstance(answer, TokenLabels):
                    found[answer.task_uid] = answer
        if len(found) < len(tasks):
            return None
        return [found[uid] for uid in tasks if not found[uid].skipped]

    def _task(self, label: TokenLabels) -> LabelTask:
        task = self.ledger.planned(self.arm.arm)[label.task_uid]
        uid = reveal_uid(label.task_uid, label.rater)
        item = self.planned.texts[label.item_id]
        heat = self.planned.settings.model_copy(update={"show": "heat"})
        suggestion = suggest_units(item, self.arm.revealed[item.id], heat)
        return task.model_copy(update={"uid": uid, "overlap": 1, "suggestion": suggestion})

    def _content(self, task: LabelTask, label: TokenLabels) -> dict[str, Any]:
        item = self.planned.texts[label.item_id]
        heat = task.suggestion.heat if task.suggestion else ()
        first = regions(levels_given(label), task.scale)
        return {
            "data": {"uid": task.uid, **page_data(item, heat, marking_of_task(task))},
            "predictions": [{"model_version": FIRST_ANSWER, "score": 1.0, "result": first}],
        }
