"""More answers for some items, while the campaign runs: by raters who are there, or by new ones.

Nothing is taken away from anybody; what is added stands in the ledger, and the next push sends it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from heta.errors import ConfigError
from heta_annotation.campaign.consensus import find_consensus
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, Rater, check_open, open_existing
from heta_annotation.campaign.logins import make_accounts
from heta_annotation.campaign.pull import fetch_arm, unfinished
from heta_annotation.campaign.queues import Queue
from heta_annotation.campaign.settings import email_of
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records
from heta_data.raters import name_problems
from heta_data.records import Arm, Item
from heta_data.workspace import Workspace

Which = Literal["contested", "short"]
"""`contested`: raters do not settle it. `short`: nobody is left who will give the answers that were planned."""


@dataclass(frozen=True)
class Extension:
    """Who gets what in addition."""

    arm: Arm
    items: tuple[str, ...]
    """Ids of the items that get more answers."""
    given: Mapping[str, int]
    """Pseudonym -> items added."""
    nobody: int
    """Answers that nobody is left to give: every rater has the item already."""


def extend(
    workspace: Workspace,
    connection: Connection,
    arm: Arm,
    which: Which,
    *,
    by: int = 1,
    new: Sequence[str] = (),
    dry_run: bool = False,
) -> Extension:
    """Give some items to further raters of the arm: those with least to do who have not got them.

    Args:
        workspace: the campaign's folder.
        connection: the arm's server.
        arm: the arm.
        which: the items.
        by: answers more for each contested item; for short ones it is as many as are missing.
        new: pseudonyms of further raters, who then are raters of the arm.
        dry_run: only say what would be added.

    Raises:
        CampaignChanged: the arm was not pushed, or its raters share a project. ConfigError: a pseudonym cannot be used.
        LabelStudioError: a call failed.
    """
    with workspace.lock(), open_existing(workspace.ledger) as ledger:
        check_open(ledger)
        campaign = ledger.campaign()
        if campaign is None or arm not in ledger.arms():
            raise CampaignChanged(f"{ledger.path}: {unfinished(ledger, [arm])}")
        if campaign.settings["assignment"] != "own":
            raise CampaignChanged(
                f"{ledger.path}: raters of arm {arm} share a project, and Label Studio hands its tasks out; raise its "
                "number of annotations per task there"
            )
        _check_names(ledger, new, campaign.settings["kind"])
        wanted = _wanted(workspace, ledger, arm, connection, which, by)
        queues = {row.rater: set(ledger.places(row.queue)) for row in ledger.projects(arm) if row.rater is not None}
        queues |= {name: set() for name in new}
        added, nobody = _deal(wanted, queues)
        if not dry_run:
            _note(workspace, ledger, connection, arm, campaign.settings["kind"], added, new)
        tasks = ledger.planned(arm)
    return Extension(
        arm=arm,
        items=tuple(sorted(tasks[uid].item_id for uid in wanted)),
        given={rater: len(uids) for rater, uids in added.items() if uids},
        nobody=nobody,
    )


def _check_names(ledger: Ledger, new: Sequence[str], kind: str) -> None:
    there = {rater.pseudonym for role in ("rater", "adjudicator") for rater in ledger.raters(role=role)}
    for name in new:
        if problems := name_problems(name, "simulated" if kind == "simulated" else "human"):
            raise ConfigError(f"rater {name!r} {'; '.join(problems)}")
        if name in there:
            raise CampaignChanged(f"{name} takes part in this campaign already: take another pseudonym")


def _wanted(
    workspace: Workspace, ledger: Ledger, arm: Arm, connection: Connection, which: Which, by: int
) -> dict[str, int]:
    """uid -> answers to add."""
    tasks = ledger.planned(arm)
    if which == "short":
        standing = Counter(uid for row in ledger.projects(arm) for uid in ledger.places(row.queue))
        return {uid: task.overlap - standing[uid] for uid, task in tasks.items() if standing[uid] < task.overlap}
    items = {item.id: item for item in read_records(workspace.items, Item)}
    # What raters settle among themselves is told by what they answered before they saw anything.
    labels = [r for r in fetch_arm(workspace, ledger, arm, connection, items).labels if r.round == 0]
    contested = {item for item, found in find_consensus(labels).items() if found.outcome == "contested"}
    return {uid: by for uid, task in tasks.items() if task.item_id in contested}


def _deal(wanted: Mapping[str, int], queues: Mapping[str, set[str]]) -> tuple[dict[str, list[str]], int]:
    """Who gets which uid: the least loaded first, nobody the same twice; and what nobody can take."""
    added: dict[str, list[str]] = {rater: [] for rater in queues}
    nobody = 0
    for uid, count in wanted.items():
        free = sorted(
            (rater for rater, there in queues.items() if uid not in there),
            key=lambda rater: (len(queues[rater]) + len(added[rater]), rater),
        )
        for rater in free[:count]:
            added[rater].append(uid)
        nobody += max(0, count - len(free))
    return added, nobody


def _note(
    workspace: Workspace,
    ledger: Ledger,
    connection: Connection,
    arm: Arm,
    kind: Literal["human", "simulated"],
    added: Mapping[str, list[str]],
    new: Sequence[str],
) -> None:
    if new:
        accounts = make_accounts(workspace, connection, new, own=True)
        for name in new:
            ledger.add_rater(Rater(arm, name, kind, accounts[email_of(name)].id))
    for rater, uids in added.items():
        if uids:
            ledger.add_queue(Queue(f"{arm}/{rater}", arm, (rater,), tuple(uids), 1), connection.name)
