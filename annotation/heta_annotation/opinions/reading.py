"""One annotation of a page of ours as an opinion, or the reasons why it cannot be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from heta_annotation.campaign.answers import working_time
from heta_annotation.campaign.ledger import Pushed, Rater
from heta_annotation.campaign.queues import Asked
from heta_annotation.opinions.pages import ANSWER, CANNOT_TELL, CHOICES, PREFERENCE, UNSURE
from heta_annotation.opinions.questions import Question
from heta_annotation.opinions.scoring import is_match, token_f1
from heta_data.jsonl import parse_line
from heta_data.opinions import Opinion
from heta_data.records import Item, LabelOrigin, content_hash

Choice = Literal["left", "right", "same"]
_CHOICES: dict[str, Choice] = {"left": "left", "right": "right", "same": "same"}


@dataclass(frozen=True)
class OddAnnotation:
    """An annotation that gave no opinion, and why. The ledger keeps it as it came."""

    asked: Asked
    rater: str | None
    """Whose queue it stands in."""
    task: int
    """Label Studio's task number."""
    annotation: int
    reasons: tuple[str, ...]


@dataclass
class Given:
    """What stands in one annotation."""

    choices: list[Choice] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    unsure: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What was typed, without blanks around it."""
        return " ".join(line.strip() for line in self.lines if line.strip())


class Reader:
    """Turns the annotations of one rater's queue into opinions.

    Args:
        asked: what the queue asks.
        server: name of its server.
        project: Label Studio's number of the project.
        tasks: what was sent, by uid.
        rater: whose queue it is.
        items: the folder's items by id.
        consent: hash of the text that the rater has agreed to.
    """

    def __init__(
        self,
        asked: Asked,
        server: str,
        project: int,
        *,
        tasks: Mapping[str, Pushed],
        rater: Rater,
        items: Mapping[str, Item],
        consent: str | None = None,
    ) -> None:
        self.asked = asked
        self.server = server
        self.project = project
        self.tasks = tasks
        self.rater = rater
        self.items = items
        self.consent = consent

    def read(self, task: Mapping[str, Any], annotation: Mapping[str, Any]) -> Opinion | OddAnnotation | None:
        """An opinion; None for a question that was skipped; or every reason why it is neither.

        Args:
            task: the exported task: `id`, `data`.
            annotation: from `plain_annotation`.
        """
        data = task.get("data")
        uid = data.get("uid") if isinstance(data, Mapping) else None
        pushed = self.tasks.get(uid) if isinstance(uid, str) else None
        reasons = [*_task_reasons(task, pushed), *self._author_reasons(annotation)]
        given = Given()
        item = None
        if pushed is not None:
            question = parse_line(pushed.record, Question, f"question {pushed.uid}")
            item = self.items.get(question.item_id)
            if item is None:
                reasons.append(f"item {question.item_id} is not in items.jsonl")
            # What was chosen before Skip was pressed is no answer.
            if not annotation["was_cancelled"]:
                given = read_result(annotation["result"], self.asked)
                reasons += given.problems or _unclear(given, self.asked)
        if reasons or pushed is None or item is None:
            return OddAnnotation(
                self.asked, self.rater.pseudonym, int(task["id"]), int(annotation["id"]), tuple(reasons)
            )
        return None if annotation["was_cancelled"] else self._opinion(task, annotation, question, given, item)

    def _author_reasons(self, annotation: Mapping[str, Any]) -> list[str]:
        by, changed = annotation["completed_by"], annotation["updated_by"]
        reasons = []
        if by != self.rater.account:
            reasons.append(f"unknown rater: account {by} is not that of {self.rater.pseudonym}")
        if changed not in (None, by):
            reasons.append(f"edited by another: account {changed} changed what account {by} had submitted")
        return reasons

    def _opinion(
        self, task: Mapping[str, Any], annotation: Mapping[str, Any], question: Question, given: Given, item: Item
    ) -> Opinion:
        answered: dict[str, Any] = {"choice": given.choices[0]} if self.asked == "prefer" else _scored(given, item)
        return Opinion(
            item_id=question.item_id,
            task_uid=question.uid,
            rater=self.rater.pseudonym,
            kind="simulated" if self.rater.kind == "simulated" else "human",
            task=self.asked,
            shown=question.shown,
            k=question.k,
            **answered,
            seconds=working_time(annotation["lead_time"]),
            campaign_hash=question.ask_hash,
            consent_version=self.consent,
            isolation=question.isolation,
            origin=LabelOrigin(
                url=f"local:{self.server}",
                project=self.project,
                task=int(task["id"]),
                annotation=int(annotation["id"]),
                parent_prediction=None,
                content_hash=content_hash(annotation),
                created_at=str(annotation["created_at"]),
                updated_at=str(annotation["updated_at"]),
            ),
        )


def _scored(given: Given, item: Item) -> dict[str, Any]:
    """An answer's fields. Who could not tell scores 0: a method whose words do not tell has failed."""
    if given.unsure:
        return {"correct": False, "token_f1": 0.0, "gave_up": True}
    text = given.text
    return {
        "answer": text,
        "correct": is_match(text, item.answer),
        "token_f1": round(token_f1(text, item.answer), 6),
        "gave_up": False,
    }


def _task_reasons(task: Mapping[str, Any], pushed: Pushed | None) -> list[str]:
    """What is wrong with the task that was answered: the rater must have seen what was sent."""
    if pushed is None:
        return ["foreign task: nobody was asked this"]
    reasons = []
    if pushed.remote is not None and task["id"] != pushed.remote:
        reasons.append(f"copied task: uid {pushed.uid} is task {pushed.remote}")
    if task["data"] != pushed.content["data"]:
        reasons.append("changed data: the task no longer holds what was sent")
    return reasons


def _unclear(given: Given, asked: Asked) -> list[str]:
    """Why an annotation made of our regions only is no answer all the same."""
    if asked == "prefer":
        return [] if len(given.choices) == 1 else [f"{len(given.choices)} choices, expected one"]
    if given.unsure and given.text:
        return ["an answer, and the box for not being able to tell"]
    return [] if given.unsure or given.text else ["neither an answer nor the box for not being able to tell"]


def read_result(result: object, asked: Asked) -> Given:
    """Read Label Studio's regions as answers of the page of that question."""
    given = Given()
    if not isinstance(result, Sequence) or isinstance(result, str):
        given.problems.append("result: no list of regions")
        return given
    for region in result:
        name = region.get("from_name") if isinstance(region, Mapping) else None
        value = region.get("value") if isinstance(region, Mapping) else None
        inside = value if isinstance(value, Mapping) else {}
        chosen, typed = inside.get("choices"), inside.get("text")
        if asked == "prefer" and name == PREFERENCE and isinstance(chosen, list):
            given.choices += [_CHOICES[choice] for choice in chosen if choice in CHOICES]
            given.problems += [f"unknown choice: {choice!r}" for choice in chosen if choice not in CHOICES]
        elif asked == "answer" and name == ANSWER and isinstance(typed, list | str):
            given.lines += [str(line) for line in ([typed] if isinstance(typed, str) else typed)]
        elif asked == "answer" and name == UNSURE and isinstance(chosen, list):
            given.unsure = given.unsure or CANNOT_TELL in chosen
            given.problems += [f"unknown choice: {choice!r}" for choice in chosen if choice != CANNOT_TELL]
        else:
            given.problems.append(f"unknown region: {name!r}")
    return given
