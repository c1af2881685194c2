"""One Label Studio annotation as labels, or the reasons why it cannot be."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from heta_annotation.campaign.independence import began_from
from heta_annotation.campaign.ledger import Pushed, Rater
from heta_annotation.campaign.marking import marking_of_task, units_of
from heta_annotation.campaign.page import UNITS, page_data
from heta_annotation.campaign.queues import Phase
from heta_annotation.campaign.results import read_result as read_result
from heta_annotation.studio.connection import EXTERNAL
from heta_data.records import Arm, Item, LabelOrigin, PlainJson, Record, TokenLabels, content_hash

# What an annotation is; the rest of Label Studio's export repeats the prediction ("3 minutes ago") or is bookkeeping.
_KEPT = (
    "id",
    "completed_by",
    "updated_by",
    "result",
    "was_cancelled",
    "lead_time",
    "created_at",
    "updated_at",
    "parent_prediction",
    "parent_annotation",
    "ground_truth",
)

LONGEST = 1e9
"""Seconds from which a working time is none."""


class QuarantinedAnnotation(Record):
    """An annotation that gave no labels, as it came, and why."""

    record: Literal["quarantined_annotation"] = "quarantined_annotation"
    arm: Arm
    task: int
    """Label Studio's task number."""
    task_uid: str | None
    annotation: int
    rater: str | None
    reasons: tuple[str, ...]
    raw: PlainJson
    imported: str | None = None
    """What it was imported as (see `heta_annotation.importing`); None where it was pulled."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"imported"})


def plain_annotation(exported: Mapping[str, Any]) -> dict[str, Any]:
    """The annotation without what changes from export to export."""
    kept = {key: exported.get(key) for key in _KEPT}
    kept["completed_by"] = _account(kept["completed_by"])
    kept["updated_by"] = _account(kept["updated_by"])
    return {key: _finite(value) for key, value in kept.items()}


def _finite(value: Any) -> Any:
    """The JSON value without what JSON cannot hold and Label Studio writes all the same: an endless number is None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list) else value


def working_time(seconds: object) -> float | None:
    """Label Studio's `lead_time`, in seconds; None where nobody can have worked so long or for less than nothing."""
    timed = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < LONGEST
    return float(seconds) if timed and isinstance(seconds, int | float) else None


def _account(value: object) -> object:
    return value.get("id") if isinstance(value, Mapping) else value


class Reader:
    """Turns one queue's annotations into labels.

    Args:
        arm: the queue's arm.
        server: name of its server; the address of a local one changes with its port and says nothing, that of another
            is nobody's business who reads a release.
        project: Label Studio's number of the project.
        tasks: what was pushed, by uid.
        raters: who labels there.
        items: the folder's items by id.
        phase: what the queue is for; adjudicators have another page.
        consent: pseudonym -> hash of the text that the rater has agreed to.
    """

    def __init__(
        self,
        arm: Arm,
        server: str,
        project: int,
        *,
        tasks: Mapping[str, Pushed],
        raters: Sequence[Rater],
        items: Mapping[str, Item],
        phase: Phase = "label",
        consent: Mapping[str, str] | None = None,
    ) -> None:
        self.arm = arm
        self.server = server
        self.project = project
        self.tasks = tasks
        self.raters = {rater.account: rater for rater in raters}
        self.items = items
        self.phase = phase
        self.consent = consent or {}

    def read(self, task: Mapping[str, Any], annotation: Mapping[str, Any]) -> TokenLabels | QuarantinedAnnotation:
        """Labels, or the annotation with every reason that speaks against it.

        Args:
            task: the exported task: `id`, `data`, `annotations`.
            annotation: from `plain_annotation`.
        """
        data = task.get("data")
        uid = data.get("uid") if isinstance(data, Mapping) else None
        pushed = self.tasks.get(uid) if isinstance(uid, str) else None
        rater = self.raters.get(annotation["completed_by"])
        reasons = [
            *self._task_reasons(task, pushed),
            *_author_reasons(annotation, rater),
            *began_from(task, annotation, self.arm, self.phase, self.raters),
        ]
        levels: Mapping[int, int] = {}
        cannot_tell = False
        if pushed is not None:
            found = read_result(annotation["result"], len(pushed.task.units), self.phase, pushed.task.scale)
            levels, cannot_tell, wrong = found.levels, found.verdict, found.problems
            reasons += wrong
        if annotation["was_cancelled"] and (levels or cannot_tell):
            # Label Studio keeps what was marked before Skip was pressed: it is no answer.
            levels, cannot_tell = {}, False
        if reasons or pushed is None or rater is None:
            return QuarantinedAnnotation(
                arm=self.arm,
                task=int(task["id"]),
                task_uid=uid if isinstance(uid, str) else None,
                annotation=int(annotation["id"]),
                rater=rater.pseudonym if rater else None,
                reasons=tuple(reasons),
                raw=dict(annotation),
            )
        return self._labels(task, annotation, pushed, rater, levels, cannot_tell)

    def _task_reasons(self, task: Mapping[str, Any], pushed: Pushed | None) -> list[str]:
        """What is wrong with the task that was labelled: what the rater saw must be what the item says today."""
        if pushed is None:
            return ["foreign task: no task of this campaign has that uid"]
        reasons = []
        if pushed.remote is not None and task["id"] != pushed.remote:
            reasons.append(f"copied task: uid {pushed.task.uid} is task {pushed.remote}")
        if task["data"] != pushed.content["data"]:
            reasons.append("changed data: the task no longer holds what was pushed")
        item = self.items.get(pushed.task.item_id)
        if item is None:
            reasons.append(f"item {pushed.task.item_id} is not in items.jsonl")
            return reasons
        marking = marking_of_task(pushed.task)
        units, now = tuple((unit.start, unit.end) for unit in pushed.task.units), units_of(item, marking)
        if now != units:
            reasons.append(f"units: items.jsonl gives {len(now)} {marking.unit}s, pushed were {len(units)}")
        elif self.phase != "adjudicate":  # there the raters' lines are on the page, and the units are proof enough
            reasons += _shown_otherwise(item, pushed)
        return reasons

    def _labels(
        self,
        task: Mapping[str, Any],
        annotation: Mapping[str, Any],
        pushed: Pushed,
        rater: Rater,
        levels: Mapping[int, int],
        cannot_tell: bool,
    ) -> TokenLabels:
        units = pushed.task.units
        every = tuple(levels.get(index, 0) for index in range(len(units)))
        return TokenLabels(
            item_id=pushed.task.item_id,
            task_uid=pushed.task.uid,
            rater=rater.pseudonym,
            kind=rater.kind,
            arm=self.arm,
            round=1 if self.phase == "reveal" else 0,
            segmentation=pushed.task.segmentation,
            starts=tuple(unit.start for unit in units),
            ends=tuple(unit.end for unit in units),
            labels=tuple(1 if level > 0 else 0 for level in every),
            levels=every if pushed.task.scale else None,
            scale=pushed.task.scale,
            cannot_tell=cannot_tell,
            skipped=bool(annotation["was_cancelled"]),
            seconds=working_time(annotation["lead_time"]),
            consent_version=self.consent.get(rater.pseudonym),
            campaign_hash=pushed.task.campaign_hash,
            isolation=pushed.task.isolation,
            origin=LabelOrigin(
                url=self.server if self.server == EXTERNAL else f"local:{self.server}",
                project=self.project,
                task=int(task["id"]),
                annotation=int(annotation["id"]),
                parent_prediction=annotation["parent_prediction"],
                content_hash=content_hash(annotation),
                created_at=str(annotation["created_at"]),
                updated_at=str(annotation["updated_at"]),
            ),
        )


def _author_reasons(annotation: Mapping[str, Any], rater: Rater | None) -> list[str]:
    reasons = []
    by = annotation["completed_by"]
    if rater is None:
        reasons.append(f"unknown rater: account {by} is no rater of this project")
    if annotation["updated_by"] not in (None, by):
        reasons.append(f"edited by another: account {annotation['updated_by']} changed what account {by} had submitted")
    return reasons


def _shown_otherwise(item: Item, pushed: Pushed) -> list[str]:
    """Proof of every span: each unit's words on the page must be the item's text at the unit's offsets."""
    suggestion = pushed.task.suggestion
    expected = page_data(item, suggestion.heat if suggestion else (), marking_of_task(pushed.task))
    shown = pushed.content["data"]
    if [(e["value"], e["html"]) for e in shown[UNITS]] != [(e["value"], e["html"]) for e in expected[UNITS]]:
        return ["units: the words on the page are not the item's words at their offsets"]
    if any(shown[name] != expected[name] for name in ("question", "answer", "text")):
        return ["question, answer or text on the page are not the item's"]
    return []
