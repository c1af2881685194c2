"""Before anything else a rater reads what taking part means, and agrees or does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from heta_annotation.campaign.answers import plain_annotation
from heta_annotation.campaign.client import CampaignClient, ProjectPage, marker
from heta_annotation.campaign.guideline import Guideline
from heta_annotation.campaign.ledger import Ledger, Rater
from heta_annotation.campaign.page import AGREE, CONSENT, render_consent
from heta_annotation.campaign.queue_push import QueuePushed
from heta_annotation.campaign.queues import Queue
from heta_data.records import content_hash

DECLINED = "does not agree to take part"
"""What somebody who declines waits for: nothing."""
Send = Callable[[Queue, ProjectPage], QueuePushed]
"""Brings a queue and its page to the server."""
Reach = Callable[[str], CampaignClient]
"""The client that opens a queue, by its name."""


@dataclass(frozen=True)
class ConsentPage:
    """The page on which the raters of a campaign, or those who are asked about methods, agree to take part."""

    ledger: Ledger
    text: Guideline
    name: str
    """Of the campaign; stands in the projects' titles."""
    hash: str
    """Of the campaign or of the ask."""
    send: Send
    reach: Reach

    def waiting(self, rater: Rater) -> str:
        """Why the rater cannot go on yet, in words; empty for one who has agreed. Sends the page where it is missing.

        Raises:
            LabelStudioError: a call failed.
        """
        if self.ledger.standings.of(rater.arm, rater.pseudonym).agreed:
            return ""
        uid = content_hash({"campaign": self.hash, "arm": rater.arm, "page": ["consent"]})
        self.ledger.add_page(rater.arm, "consent", uid, {"data": {"uid": uid, "text": self.text.html}})
        name = f"{rater.arm}/{rater.pseudonym}/consent"
        pushed = self.send(Queue(name, rater.arm, (rater.pseudonym,), (uid,), 1, "consent"), self._page(name))
        agreed = _agreement(self.reach(name).export(pushed.project), rater.account)
        if agreed is None:
            return "has not answered the consent page yet"
        self.ledger.standings.note_consent(rater.arm, rater.pseudonym, self.text.hash, agreed=agreed)
        return "" if agreed else DECLINED

    def _page(self, queue: str) -> ProjectPage:
        return ProjectPage(
            title=f"{self.name[:34]}: please read",
            marker=marker(self.hash, queue),
            label_config=render_consent(),
            instruction="",
            overlap=1,
            show_predictions=False,
        )


def _agreement(tasks: list[dict[str, Any]], account: int) -> bool | None:
    """The account's latest answer to the consent page; None before there is one."""
    answers = sorted(
        (
            plain_annotation(exported)
            for task in tasks
            for exported in task.get("annotations") or ()
            if not exported.get("was_cancelled")
        ),
        key=lambda annotation: int(annotation["id"]),
    )
    chosen = [
        choices
        for annotation in answers
        if annotation["completed_by"] == account and annotation["updated_by"] in (None, account)
        for choices in _choices(annotation["result"])
    ]
    return chosen[-1] == [AGREE] if chosen else None


def _choices(result: object) -> list[object]:
    """What is chosen on the consent page, region by region; what the page cannot have made is no answer."""
    regions = [region for region in result if isinstance(region, Mapping)] if isinstance(result, list) else []
    values = [region.get("value") for region in regions if region.get("from_name") == CONSENT]
    return [value["choices"] for value in values if isinstance(value, Mapping) and "choices" in value]
