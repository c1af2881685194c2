"""A rater takes part no more and takes all answers back: they are erased wherever we keep them.

What was already published in a release cannot be taken back by us; releases made afterwards do not hold it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from heta_annotation.campaign.answers import QuarantinedAnnotation
from heta_annotation.campaign.client import CampaignClient, queue_connection, require_servers
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, Rater, open_existing
from heta_annotation.campaign.pull import labels_digest
from heta_annotation.campaign.queues import Asked, Group, Phase
from heta_annotation.errors import NotFound
from heta_annotation.studio.accounts import known_accounts
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records, write_records
from heta_data.opinions import Opinion
from heta_data.records import TokenLabels
from heta_data.workspace import Workspace

PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True)
class Withdrawal:
    """What was erased."""

    rater: str
    arm: Group
    """Or the kind of question that the rater was asked."""
    labels: int
    """Lines of labels.jsonl."""
    quarantined: int
    """Lines of quarantine.jsonl."""
    opinions: int
    """Lines of opinions.jsonl."""
    annotations: int
    """Annotations on the server."""

    @property
    def was_asked(self) -> bool:
        """Whether the rater was asked about methods, and labelled nothing."""
        return self.arm in get_args(Asked)


def withdraw(workspace: Workspace, connections: Mapping[Group, Connection], pseudonym: str) -> Withdrawal:
    """Erase everything that a rater answered, and keep that somebody of that pseudonym has withdrawn. Repeatable.

    Args:
        workspace: the campaign's folder.
        connections: the server of the rater's arm at least, or of the questions that the rater was asked.
        pseudonym: who withdraws.

    Raises:
        CampaignChanged: no such rater. LabelStudioError: a call failed; run it again.
    """
    with workspace.lock(), open_existing(workspace.ledger) as ledger:
        rater = _find(ledger, pseudonym)
        require_servers([rater.arm], connections)
        campaign = ledger.campaign()
        projects = [
            (row.queue, row.number)
            for phase in PHASES
            for row in ledger.projects(rater.arm, phase)
            if row.rater in (None, pseudonym) and row.number is not None
        ]
        annotations = _erase_on_server(workspace, connections[rater.arm], rater, projects)
        # Last, so that a run that was interrupted before finds the projects again.
        ledger.standings.withdraw(rater.arm, pseudonym, rater.account)
        campaign_hash = campaign.hash if campaign else ""
        labels = quarantined = 0
        if workspace.labels.exists():
            kept = list(read_records(workspace.labels, TokenLabels))
            left = [r for r in kept if (r.rater, r.campaign_hash) != (pseudonym, campaign_hash) or r.origin is None]
            labels = len(kept) - len(left)
            write_records(workspace.labels, left)
            if ledger.closing() is not None:
                ledger.amend_closing(labels_digest(r for r in left if r.campaign_hash == campaign_hash and r.origin))
        if workspace.quarantine.exists():
            refused = list(read_records(workspace.quarantine, QuarantinedAnnotation))
            mine = (rater.arm, pseudonym, None)
            others = [record for record in refused if (record.arm, record.rater, record.imported) != mine]
            quarantined = len(refused) - len(others)
            write_records(workspace.quarantine, others)
        opinions = _erase_opinions(workspace, ledger, rater)
    return Withdrawal(pseudonym, rater.arm, labels, quarantined, opinions, annotations)


def _erase_opinions(workspace: Workspace, ledger: Ledger, rater: Rater) -> int:
    """Remove the rater's lines of opinions.jsonl; how many there were."""
    if not workspace.opinions.exists():
        return 0
    ours = {ask.hash for ask in ledger.asks.everything()}
    there = list(read_records(workspace.opinions, Opinion))
    left = [record for record in there if record.rater != rater.pseudonym or record.campaign_hash not in ours]
    write_records(workspace.opinions, left)
    return len(there) - len(left)


def _find(ledger: Ledger, pseudonym: str) -> Rater:
    raters = [*ledger.raters(), *ledger.raters(role="asked")]
    for rater in raters:
        if rater.pseudonym == pseudonym:
            return rater
    known = ", ".join(rater.pseudonym for rater in raters) or "none"
    raise CampaignChanged(f"no rater {pseudonym!r} in this campaign; there are: {known}")


def _erase_on_server(
    workspace: Workspace, connection: Connection, rater: Rater, projects: list[tuple[str, int]]
) -> int:
    """Remove the rater's own projects, or the rater's answers from a shared one; how many answers that were."""
    accounts = known_accounts(workspace, connection.name)
    erased = 0
    for queue, number in projects:
        client = CampaignClient(queue_connection(queue, connection, accounts))
        try:
            mine = [
                int(annotation["id"])
                for task in client.export(number)
                for annotation in task.get("annotations") or ()
                if annotation["completed_by"] == rater.account
            ]
        except NotFound:
            continue  # a run that was interrupted has removed that project
        erased += len(mine)
        if queue.count("/"):
            client.delete_project(number)
        else:
            for annotation in mine:
                client.delete_annotation(annotation)
    return erased
