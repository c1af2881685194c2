"""What comes before labelling: a rater agrees, practises on known items, and sees how that went.

A rater's own queue is only made once the stages before it are behind them, so that pushing again after some time lets
in whoever is ready. A shared project has no stages: everybody would be in at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from heta_annotation.campaign.answers import Reader, plain_annotation
from heta_annotation.campaign.client import ProjectPage, marker
from heta_annotation.campaign.comparison import feedback_data, render_feedback
from heta_annotation.campaign.consensus import marked, mean_f1
from heta_annotation.campaign.consent import ConsentPage, Reach, Send
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, Rater
from heta_annotation.campaign.marking import Marking, units_of
from heta_annotation.campaign.page import page_data, render_page
from heta_annotation.campaign.plan import Plan
from heta_annotation.campaign.queues import Phase, Queue
from heta_annotation.campaign.tasks import Entry
from heta_data.jsonl import dump_line
from heta_data.records import Arm, Item, LabelTask, SpanPart, TokenLabels, content_hash


@dataclass(frozen=True)
class Stages:
    """The stages of one arm."""

    ledger: Ledger
    planned: Plan
    arm: Arm
    send: Send
    reach: Reach

    def waiting(self, rater: Rater) -> str:
        """Why the rater cannot label yet, in words; empty for one who can. Sends what the rater needs next.

        Raises:
            LabelStudioError: a call failed.
        """
        name = rater.pseudonym
        if self.ledger.standings.of(self.arm, name).withdrawn_at is not None:
            return "has withdrawn"
        if (text := self.planned.consent) is not None:
            consent = ConsentPage(
                self.ledger, text, self.planned.settings.name, self.planned.campaign_hash, self.send, self.reach
            )
            if reason := consent.waiting(rater):
                return reason
        if self.planned.practice and (reason := self._practice(rater)):
            return reason
        return ""

    def _practice(self, rater: Rater) -> str:
        standing = self.ledger.standings.of(self.arm, rater.pseudonym)
        if standing.passed is None:
            answers = self._practised(rater)
            missing = len(self.planned.practice) - len(answers)
            if missing:
                return f"practises: {len(answers)} of {len(self.planned.practice)} items done"
            score = fmean(self._score(item, answers[item.id]) for item in self.planned.practice)
            passed = score >= self.planned.settings.pass_mark
            self.ledger.standings.note_practice(self.arm, rater.pseudonym, round(score, 4), passed=passed)
            self._show_feedback(rater, answers)
            standing = self.ledger.standings.of(self.arm, rater.pseudonym)
        if standing.passed:
            return ""
        return (
            f"practice score {standing.practice_score:.2f}, pass mark {self.planned.settings.pass_mark:g}; "
            f"to let in: `heta campaign admit {rater.pseudonym}`"
        )

    def _practised(self, rater: Rater) -> dict[str, TokenLabels]:
        """The rater's answers to practice items, by item id."""
        items = {item.id: item for item in self.planned.practice}
        marking = self.planned.settings.marking
        tasks = [self._task(item) for item in self.planned.practice]
        entries = [
            Entry(
                task.uid,
                dump_line(task),
                {"data": {"uid": task.uid, **page_data(items[task.item_id], marking=marking)}},
            )
            for task in tasks
        ]
        self.ledger.add_tasks(self.arm, entries, "practice")
        queue = self._queue(rater, "practice", [task.uid for task in tasks])
        page = self._page(queue, "practice", render_page(None, marking), self.planned.guideline.html)
        project = self.send(queue, page).project
        reader = Reader(self.arm, "", project, tasks=self.ledger.tasks(queue.name), raters=[rater], items=items)
        found: dict[str, TokenLabels] = {}
        for task in self.reach(queue.name).export(project):
            for exported in sorted(task.get("annotations") or (), key=lambda exported: int(exported["id"])):
                answer = reader.read(task, plain_annotation(exported))
                if isinstance(answer, TokenLabels) and not answer.skipped:
                    found[answer.item_id] = answer
        return found

    def _score(self, item: Item, answer: TokenLabels) -> float:
        """F1 of the marks with the known labels, in [0, 1]; 0 for `cannot tell`, since the labels are known."""
        f1 = mean_f1([marked(answer), self._known(item)])
        return f1 if f1 is not None and answer.answered else 0.0

    def _known(self, item: Item) -> frozenset[int]:
        return frozenset(index for index, label in enumerate(self.planned.known[item.id].labels) if label)

    def _show_feedback(self, rater: Rater, answers: Mapping[str, TokenLabels]) -> None:
        uids = []
        for item in self.planned.practice:
            uid = self._uid("feedback", rater.pseudonym, item.id)
            data = feedback_data(item, marked(answers[item.id]), self._known(item), self._unit)
            content = {"data": {"uid": uid, **data}}
            self.ledger.add_page(self.arm, "feedback", uid, content)
            uids.append(uid)
        queue = self._queue(rater, "feedback", uids)
        self.send(queue, self._page(queue, "your practice", render_feedback(self._unit), self.planned.guideline.html))

    def _task(self, item: Item) -> LabelTask:
        task = self.planned.arms[0].tasks[0]
        return task.model_copy(
            update={
                "uid": self._uid("practice", item.id),
                "item_id": item.id,
                "arm": self.arm,
                "units": tuple(SpanPart(start=unit.start, end=unit.end) for unit in units_of(item, self._unit)),
                "gold": True,
                "overlap": 1,
                "inclusion_probability": 1.0,
                "suggestion": None,
            }
        )

    @property
    def _unit(self) -> Marking:
        """Words or sentences; the feedback shows marks, and no labels."""
        return Marking(self.planned.settings.marking.segmentation)

    def _queue(self, rater: Rater, phase: Phase, uids: list[str]) -> Queue:
        return Queue(f"{self.arm}/{rater.pseudonym}/{phase}", self.arm, (rater.pseudonym,), tuple(uids), 1, phase)

    def _page(self, queue: Queue, what: str, label_config: str, instruction: str) -> ProjectPage:
        return ProjectPage(
            title=f"{self.planned.settings.name[:34]}: {what}",
            marker=marker(self.planned.campaign_hash, queue.name),
            label_config=label_config,
            instruction=instruction,
            overlap=1,
            show_predictions=False,
        )

    def _uid(self, *parts: str) -> str:
        return content_hash({"campaign": self.planned.campaign_hash, "arm": self.arm, "page": list(parts)})


def admit(ledger: Ledger, pseudonym: str) -> None:
    """Let a rater label whose practice was not good enough.

    Raises:
        CampaignChanged: no such rater, or one whose practice is not finished.
    """
    for rater in ledger.raters():
        if rater.pseudonym == pseudonym:
            score = ledger.standings.of(rater.arm, pseudonym).practice_score
            if score is None:
                raise CampaignChanged(f"{pseudonym} has not finished the practice; `heta campaign push` looks again")
            ledger.standings.note_practice(rater.arm, pseudonym, score, passed=True)
            return
    raise CampaignChanged(f"no rater {pseudonym!r} in this campaign")
