"""The end of a campaign: everything is fetched once more, counted against the plan, and from then on stays as it is."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from heta.errors import HetaError
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, open_existing
from heta_annotation.campaign.pull import fetch_arm, labels_digest, pull
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records
from heta_data.records import Arm, Item, TokenLabels
from heta_data.workspace import Workspace


class CampaignOpen(HetaError):
    """A campaign cannot be closed yet."""


@dataclass(frozen=True)
class Closed:
    """A campaign that is closed."""

    closed_at: str
    digest: str
    """Over every label of the campaign: what a later look must give again."""
    labels: int
    missing: Mapping[Arm, int]
    """Answers that were planned and are not there, by arm."""
    quarantined: int


def close(workspace: Workspace, connections: Mapping[Arm, Connection], *, incomplete: bool = False) -> Closed:
    """Fetch everything once more and freeze it. Closing again verifies that nothing has changed since.

    Args:
        workspace: the campaign's folder.
        connections: the running server of each arm.
        incomplete: close although answers are missing.

    Raises:
        CampaignOpen: answers are missing. CampaignChanged: closed before, and the servers now hold other answers.
        LabelStudioError: a call failed.
    """
    pulled = pull(workspace, connections)
    with workspace.lock(), open_existing(workspace.ledger) as ledger:
        labels = campaign_labels(workspace, ledger)
        missing = {arm: count for arm in ledger.arms() if (count := _missing(ledger, arm, labels))}
        before = ledger.closing()
        if before is None:
            if missing and not incomplete:
                listed = ", ".join(f"{count} in arm {arm}" for arm, count in missing.items())
                raise CampaignOpen(
                    f"{workspace.root}: answers are missing, {listed}: wait for them, give the items to others with "
                    "`heta campaign extend`, or close it as it is with --incomplete"
                )
            ledger.close(labels_digest(labels))
            before = ledger.closing()
        if before is None:  # pragma: no cover - it was written just now
            raise CampaignOpen(f"{ledger.path}: could not be closed")
    return Closed(
        closed_at=before[0],
        digest=before[1],
        labels=len(labels),
        missing=missing,
        quarantined=sum(arm.quarantined for arm in pulled.arms),
    )


def campaign_labels(workspace: Workspace, ledger: Ledger) -> list[TokenLabels]:
    """The labels of labels.jsonl that came from this campaign."""
    campaign = ledger.campaign()
    if campaign is None or not workspace.labels.exists():
        return []
    return [
        record
        for record in read_records(workspace.labels, TokenLabels)
        if record.campaign_hash == campaign.hash and record.origin is not None
    ]


def arm_labels(
    workspace: Workspace, ledger: Ledger, arm: Arm, connection: Connection, items: Mapping[str, Item]
) -> Sequence[TokenLabels]:
    """An arm's labels to decide on: what the server holds, and once the campaign is closed what it was closed with.

    Raises:
        CampaignChanged: labels.jsonl no longer holds what the campaign was closed with.
        LabelStudioError: a call failed.
    """
    closing = ledger.closing()
    if closing is None:
        return fetch_arm(workspace, ledger, arm, connection, items).labels
    labels = campaign_labels(workspace, ledger)
    if labels_digest(labels) != closing[1]:
        raise CampaignChanged(
            f"{workspace.labels}: holds other labels than the campaign was closed with at {closing[0]}: restore the "
            "file, or write it anew with `heta campaign pull`"
        )
    return [record for record in labels if record.arm == arm]


def _missing(ledger: Ledger, arm: Arm, labels: Iterable[TokenLabels]) -> int:
    first = [record for record in labels if record.arm == arm and record.round == 0]
    dealt = Counter(record.task_uid for record in first if not record.skipped)
    return sum(max(0, overlap - dealt[uid]) for uid, overlap in ledger.overlap(arm).items())
