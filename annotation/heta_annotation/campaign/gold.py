"""Gold labels of a campaign: what raters agree on, what an adjudicator decided, and what stays open and why."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heta_annotation.campaign.adjudication import ARM, PHASE, blind_campaign
from heta_annotation.campaign.answers import QuarantinedAnnotation, Reader, plain_annotation, read_result
from heta_annotation.campaign.client import CampaignClient, queue_connection, require_servers
from heta_annotation.campaign.closing import arm_labels
from heta_annotation.campaign.consensus import Consensus, find_consensus
from heta_annotation.campaign.ledger import Ledger, Project, open_existing
from heta_annotation.studio.accounts import known_accounts
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records, write_records
from heta_data.records import GoldLabels, Item, TokenLabels
from heta_data.workspace import Workspace

ADJUDICATED = "adjudicated/1"
"""An adjudicator's marks; the probability of a unit stays the share of the raters who marked it."""


@dataclass(frozen=True)
class Decision:
    """What an adjudicator made of an item."""

    labels: TokenLabels
    """`cannot_tell` where it cannot be decided."""
    reason: str
    """In the adjudicator's words; may be empty."""


@dataclass(frozen=True)
class Decisions:
    """All answers of a campaign's adjudicators."""

    by_item: Mapping[str, tuple[Decision, ...]]
    set_aside: tuple[QuarantinedAnnotation, ...]
    """Answers that nobody can have given on the page, with the reasons."""
    raws: Mapping[str, tuple[dict[str, Any], ...]]
    """By queue: every annotation as it came."""


@dataclass(frozen=True)
class CampaignGold:
    """Gold labels as written."""

    path: Path
    sources: Mapping[str, int]
    """`unanimous`, `aggregated`, `adjudicated`, `unresolved` -> number of items."""
    waiting: int
    """Contested items that nobody has decided yet; they are `unresolved`."""
    without: tuple[str, ...]
    """Items with no answer at all, which have no gold labels."""
    set_aside: tuple[QuarantinedAnnotation, ...]


def write_gold(workspace: Workspace, connection: Connection, path: Path, *, below: float) -> CampaignGold:
    """Write the campaign's gold labels, one record an item, from blind labels and adjudicators' decisions.

    Of a closed campaign the labels are those that it was closed with, whatever became of them on the server since.

    Args:
        workspace: the campaign's folder.
        connection: the blind arm's server.
        path: file to write, JSON Lines of `GoldLabels`; another campaign takes it as `controls`.
        below: mean pairwise F1 under which an item is contested.

    Raises:
        CampaignChanged: nothing was pushed, or no blind arm. LabelStudioError: a call failed; nothing is written.
    """
    with workspace.lock(), open_existing(workspace.ledger) as ledger:
        blind_campaign(ledger)
        require_servers([ARM], {ARM: connection})
        items = {item.id: item for item in read_records(workspace.items, Item)}
        labels = arm_labels(workspace, ledger, ARM, connection, items)
        decisions = fetch_decisions(workspace, ledger, connection, items)
        for queue, raws in decisions.raws.items():
            ledger.snapshot(queue, raws)
        consensus = find_consensus(labels, below=below)
        settled = {item: settle(found, decisions.by_item.get(item, ())) for item, found in consensus.items()}
        records = [record for record in settled.values() if record is not None]
        write_records(path, records)
        planned = {task.item_id for task in ledger.planned(ARM).values()}
    open_ = [item for item, found in consensus.items() if found.outcome == "contested"]
    return CampaignGold(
        path=path,
        sources=dict(Counter(record.source for record in records)),
        waiting=sum(item not in decisions.by_item for item in open_),
        without=tuple(sorted(planned - {record.item_id for record in records})),
        set_aside=decisions.set_aside,
    )


def settle(found: Consensus, decisions: Sequence[Decision]) -> GoldLabels | None:
    """One item's gold labels; None without an answer that counts.

    Who was asked decides: marks of adjudicators count by majority, and where all of them say that it cannot be decided,
    or their vote on a word is tied, the item is `unresolved` with the reason.
    """
    majority = found.majority()
    if majority is None:
        return None
    if not decisions:
        if found.outcome != "contested":
            return majority
        return majority.model_copy(update={"source": "unresolved", "reason": f"{found.reason}; nobody has decided it"})
    decided = [decision.labels for decision in decisions if not decision.labels.cannot_tell]
    behind = {
        "n_raters": majority.n_raters + len(decisions),
        "kinds": tuple(sorted({*majority.kinds, *(decision.labels.kind for decision in decisions)})),
    }
    if not decided:
        words = "; ".join(decision.reason for decision in decisions if decision.reason)
        reason = f"{found.reason}; the adjudicator cannot decide it" + (f": {words}" if words else "")
        return majority.model_copy(update={**behind, "source": "unresolved", "reason": reason})
    votes = np.sum([record.labels for record in decided], axis=0)
    labels = tuple(1 if 2 * vote > len(decided) else 0 for vote in votes.tolist())
    tied = int((2 * votes == len(decided)).sum())
    outcome = {"source": "adjudicated", "method": ADJUDICATED, "labels": labels}
    if tied:
        outcome |= {"source": "unresolved", "reason": f"{found.reason}; adjudicators tie on {tied} words"}
    return GoldLabels.model_validate({**majority.model_dump(), **behind, **outcome})


def fetch_decisions(
    workspace: Workspace, ledger: Ledger, connection: Connection, items: Mapping[str, Item]
) -> Decisions:
    """Adjudicators' answers, in the order of their pseudonyms; a skipped one is none.

    Raises:
        LabelStudioError: a call failed.
    """
    accounts = known_accounts(workspace, connection.name)
    by_item: dict[str, list[Decision]] = defaultdict(list)
    set_aside: list[QuarantinedAnnotation] = []
    raws: dict[str, tuple[dict[str, Any], ...]] = {}
    for row in ledger.projects(ARM, PHASE):
        client = CampaignClient(queue_connection(row.queue, connection, accounts))
        decided, odd, raws[row.queue] = _fetch_queue(ledger, row, client, items)
        set_aside += odd
        for decision in decided:
            by_item[decision.labels.item_id].append(decision)
    return Decisions({item: tuple(found) for item, found in by_item.items()}, tuple(set_aside), raws)


def _fetch_queue(
    ledger: Ledger, row: Project, client: CampaignClient, items: Mapping[str, Item]
) -> tuple[list[Decision], list[QuarantinedAnnotation], tuple[dict[str, Any], ...]]:
    if row.number is None:
        return [], [], ()  # the push died before the project was made
    reader = Reader(
        ARM,
        client.connection.name,
        row.number,
        tasks=ledger.tasks(row.queue),
        raters=[rater for rater in ledger.raters(ARM, "adjudicator") if rater.pseudonym == row.rater],
        items=items,
        phase=PHASE,
    )
    latest: dict[str, Decision] = {}
    set_aside: list[QuarantinedAnnotation] = []
    raws = []
    for task in client.export(row.number):
        for exported in sorted(task.get("annotations") or (), key=lambda exported: int(exported["id"])):
            annotation = plain_annotation(exported)
            raws.append({**annotation, "task": task["id"]})
            answer = reader.read(task, annotation)
            if isinstance(answer, QuarantinedAnnotation):
                set_aside.append(answer)
            elif not answer.skipped:
                reason = read_result(annotation["result"], len(answer.labels), PHASE).reason
                latest[answer.item_id] = Decision(answer, reason)
    return list(latest.values()), set_aside, tuple(raws)
