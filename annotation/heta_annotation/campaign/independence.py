"""What a rater had before them besides the text: a prediction, or another rater's answer."""

from collections.abc import Collection, Mapping
from typing import Any

from heta_annotation.campaign.entries import Pushed
from heta_annotation.campaign.marking import levels_given
from heta_annotation.campaign.queues import Phase
from heta_annotation.campaign.tasks import regions
from heta_data.records import Arm, TokenLabels, content_hash


def began_from(
    task: Mapping[str, Any], annotation: Mapping[str, Any], arm: Arm, phase: Phase, raters: Collection[int]
) -> list[str]:
    """Why an answer is not what its arm says: it began from a prediction nobody was to see, or from another's answer.

    Whoever may change a project can import predictions into it, also into a blind one, and whoever shares a project can
    copy what others answered there.

    Args:
        task: the exported task with its annotations.
        annotation: from `plain_annotation`.
        arm: the queue's arm.
        phase: what the queue is for; first answers of the arm `reveal` are blind.
        raters: accounts of those who label in the project.
    """
    reasons = []
    whole = _by_number(task)
    if phase != "reveal" and (arm != "assisted" or phase != "label"):
        if annotation["parent_prediction"] is not None:
            reasons.append("pre-annotated: it began from a prediction, and this page was to show none")
        elif whole.get(annotation["id"], {}).get("prediction"):
            reasons.append("pre-annotated: a prediction stood beside it, and this page was to show none")
    parent = annotation["parent_annotation"]
    if parent is not None:
        author = _account(whole[parent].get("completed_by")) if parent in whole else None
        # One that is gone can only have been the rater's own where nobody else labels in the project.
        if author != annotation["completed_by"] and (author is not None or len(raters) > 1):
            reasons.append("copied: it began from an annotation that is not known to be the same rater's")
    return reasons


def reveal_uid(task_uid: str, rater: str) -> str:
    """The uid of the task in which a rater sees an attribution beside the first answer to `task_uid`."""
    return content_hash({"task": task_uid, "rater": rater, "phase": "reveal"})


def changed_since_reveal(answer: TokenLabels, revealed: Mapping[str, Pushed]) -> list[str]:
    """Why a first answer of the arm `reveal` is blind no more: it is not the one that the attribution was shown beside.

    Args:
        answer: the first answer as it is now.
        revealed: what the rater has been shown since, by uid.
    """
    shown = revealed.get(reveal_uid(answer.task_uid, answer.rater))
    if shown is None or regions(levels_given(answer), answer.scale) == shown.content["predictions"][0]["result"]:
        return []
    return ["changed after the reveal: the first answer is not the one that the attribution was shown beside"]


def _by_number(task: Mapping[str, Any]) -> dict[Any, Mapping[str, Any]]:
    return {entry.get("id"): entry for entry in task.get("annotations") or () if isinstance(entry, Mapping)}


def _account(value: object) -> object:
    return value.get("id") if isinstance(value, Mapping) else value
