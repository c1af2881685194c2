"""What the ledger holds: the campaign, its queues' projects, its raters, and tasks as they were sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from heta.errors import HetaError
from heta_annotation.campaign.queues import Group, Phase, rater_of
from heta_annotation.campaign.settings import email_of
from heta_data.jsonl import parse_line
from heta_data.records import LabelTask, RaterKind

Role = Literal["rater", "adjudicator", "asked"]
"""Who labels, who decides, and who is asked about methods."""


class CampaignChanged(HetaError):
    """The folder no longer describes the campaign that was pushed."""


class LedgerError(HetaError):
    """The ledger cannot be read or written at the moment."""


@dataclass(frozen=True)
class Campaign:
    """A campaign as it was first pushed."""

    hash: str
    settings: Mapping[str, Any]
    """The table [campaign] with its defaults."""
    guideline: str
    """Its text, Markdown."""


@dataclass(frozen=True)
class Pushed:
    """A task as it was sent, or is about to be."""

    uid: str
    content: Mapping[str, Any]
    """Data and predictions as sent."""
    hash: str
    remote: int | None
    """Label Studio's task number in the queue asked for, once its arrival is confirmed."""
    record: str = field(repr=False)
    """The `LabelTask` as a line of JSON; for another page what its answers are read with, which may be nothing."""

    @cached_property
    def task(self) -> LabelTask:
        """What was meant."""
        return parse_line(self.record, LabelTask, f"task {self.uid}")


@dataclass(frozen=True)
class Project:
    """A queue's project, as far as it exists."""

    queue: str
    arm: Group
    phase: Phase
    server: str
    number: int | None
    """Label Studio's number; None before the project is made."""

    @property
    def rater(self) -> str | None:
        """Whose queue it is; None for a shared one."""
        return rater_of(self.queue)


@dataclass(frozen=True)
class Rater:
    """Who labels in an arm, decides what it leaves open, or is asked about methods."""

    arm: Group
    pseudonym: str
    kind: RaterKind
    account: int
    """Label Studio's user number on the server of that arm, or of those who are asked."""
    role: Role = "rater"

    @property
    def does(self) -> str:
        """What this rater does, in words that follow the name."""
        if self.role == "asked":
            return f"is asked ({self.arm})"
        return f"labels in arm {self.arm}" if self.role == "rater" else "decides what raters do not agree on"

    @property
    def email(self) -> str:
        """The log-in."""
        return email_of(self.pseudonym)
