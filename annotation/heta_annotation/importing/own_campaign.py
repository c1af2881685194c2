"""What the folder's own campaign knows of the tasks and raters that an export may show again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from heta_annotation.campaign.ledger import Ledger, Rater
from heta_annotation.campaign.queues import Phase
from heta_data.records import Arm
from heta_data.workspace import Workspace

_PHASES: tuple[Phase, ...] = ("label", "adjudicate")
_ARMS: tuple[Arm, ...] = ("blind", "assisted")


@dataclass(frozen=True)
class OwnTask:
    """A task that was planned from this folder."""

    item_id: str
    arm: Arm
    phase: Phase


@dataclass(frozen=True)
class OwnCampaign:
    """The folder's campaign; empty where nothing was pushed."""

    tasks: Mapping[str, OwnTask] = field(default_factory=dict)
    """By uid."""
    raters: Mapping[tuple[Arm, int], Rater] = field(default_factory=dict)
    """By arm and account."""


def own_campaign(workspace: Workspace) -> OwnCampaign:
    """What `campaign.sqlite` says; nothing is written.

    Raises:
        IntegrityError: the file is no ledger. CampaignChanged: it is of another version of the toolkit.
    """
    if not workspace.ledger.exists():
        return OwnCampaign()
    with Ledger(workspace.ledger) as ledger:
        tasks = {
            uid: OwnTask(task.item_id, arm, phase)
            for arm in _ARMS
            for phase in _PHASES
            for uid, task in ledger.planned(arm, phase).items()
        }
        raters = {(arm, rater.account): rater for arm in _ARMS for rater in ledger.raters(arm)}
        return OwnCampaign(tasks, raters)
