"""How far a campaign is: per arm, per rater, and which items raters disagree on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from heta_annotation.campaign.consensus import find_consensus
from heta_annotation.campaign.ledger import Ledger, Rater, open_existing
from heta_annotation.campaign.pull import fetch_arm
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records
from heta_data.records import Arm, Item, TokenLabels
from heta_data.workspace import Workspace


@dataclass(frozen=True)
class RaterStatus:
    """One rater's work."""

    rater: str
    kind: str
    answered: int
    cannot_tell: int
    skipped: int
    seconds: float
    """Working time over all answers that have one."""


@dataclass(frozen=True)
class ArmStatus:
    """How far one arm is."""

    arm: Arm
    server: str
    """`up` or `down`; with a server that is down the figures are those of the last pull."""
    url: str
    tasks: int
    complete: int
    """Tasks that as many raters have dealt with as the overlap asks."""
    labels: int
    """Answers that count."""
    expected: int
    quarantined: int | None
    """None with a server that is down."""
    contested: tuple[str, ...]
    """Items whose raters do not settle it among themselves."""
    raters: tuple[RaterStatus, ...]


def campaign_status(workspace: Workspace, connections: Mapping[Arm, Connection]) -> list[ArmStatus]:
    """One entry per pushed arm; arms without a connection are told from the last pull. Writes nothing.

    Raises:
        CampaignChanged: nothing was pushed from this folder. LabelStudioError: a call failed.
    """
    with open_existing(workspace.ledger) as ledger:
        items = {item.id: item for item in read_records(workspace.items, Item)}
        found = []
        for arm in ledger.arms():
            connection = connections.get(arm)
            quarantined: int | None = None
            if connection is not None:
                fetched = fetch_arm(workspace, ledger, arm, connection, items)
                labels: Sequence[TokenLabels] = fetched.labels
                quarantined = len(fetched.quarantined)
            else:
                labels = _pulled(workspace, ledger, arm)
            overlaps = ledger.overlap(arm)
            dealt = Counter(record.task_uid for record in labels if not record.skipped)
            found.append(
                ArmStatus(
                    arm=arm,
                    server="up" if connection else "down",
                    url=connection.url if connection else "",
                    tasks=len(overlaps),
                    complete=sum(dealt[uid] >= overlap for uid, overlap in overlaps.items()),
                    labels=sum(record.answered for record in labels),
                    expected=sum(overlaps.values()),
                    quarantined=quarantined,
                    contested=contested_items(labels),
                    raters=tuple(_rater_status(rater, labels) for rater in ledger.raters(arm)),
                )
            )
    return found


def _pulled(workspace: Workspace, ledger: Ledger, arm: Arm) -> list[TokenLabels]:
    """The campaign's own labels in the file: what was imported, or is of another campaign, is no progress of it."""
    begun = ledger.campaign()
    if begun is None or not workspace.labels.exists():
        return []
    records = read_records(workspace.labels, TokenLabels)
    return [r for r in records if r.arm == arm and r.origin is not None and r.campaign_hash == begun.hash]


def _rater_status(rater: Rater, labels: Iterable[TokenLabels]) -> RaterStatus:
    ours = [record for record in labels if record.rater == rater.pseudonym]
    return RaterStatus(
        rater=rater.pseudonym,
        kind=rater.kind,
        answered=sum(record.answered for record in ours),
        cannot_tell=sum(record.cannot_tell for record in ours),
        skipped=sum(record.skipped for record in ours),
        seconds=round(sum(record.seconds or 0.0 for record in ours), 1),
    )


def contested_items(labels: Iterable[TokenLabels]) -> tuple[str, ...]:
    """Items whose raters do not settle it among themselves, sorted: see `heta_annotation.campaign.consensus`."""
    return tuple(item for item, found in find_consensus(labels).items() if found.outcome == "contested")
