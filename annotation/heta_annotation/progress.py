"""How far a campaign is: per arm, per rater, and which items raters disagree on."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from heta_annotation.connection import Connection
from heta_annotation.ledger import Rater, open_existing
from heta_annotation.pull import fetch_arm
from heta_data.jsonl import read_records
from heta_data.records import Arm, Item, TokenLabels
from heta_data.workspace import Workspace

CONTESTED_BELOW = 0.5


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
    """Items whose raters' marks agree in less than half (mean pairwise F1 below 0.5)."""
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
                fetched = fetch_arm(ledger, arm, connection, items)
                labels: Sequence[TokenLabels] = fetched.labels
                quarantined = len(fetched.quarantined)
            else:
                labels = _pulled(workspace, arm)
            tasks = ledger.tasks(arm)
            dealt = Counter(record.task_uid for record in labels if not record.skipped)
            overlaps = {uid: pushed.task.overlap for uid, pushed in tasks.items()}
            found.append(
                ArmStatus(
                    arm=arm,
                    server="up" if connection else "down",
                    url=connection.url if connection else "",
                    tasks=len(tasks),
                    complete=sum(dealt[uid] >= overlap for uid, overlap in overlaps.items()),
                    labels=sum(record.answered for record in labels),
                    expected=sum(overlaps.values()),
                    quarantined=quarantined,
                    contested=contested_items(labels),
                    raters=tuple(_rater_status(rater, labels) for rater in ledger.raters(arm)),
                )
            )
    return found


def _pulled(workspace: Workspace, arm: Arm) -> list[TokenLabels]:
    if not workspace.labels.exists():
        return []
    records = read_records(workspace.labels, TokenLabels)
    return [record for record in records if record.arm == arm and record.origin is not None]


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
    """Items on which at least two raters answered and the mean F1 over pairs of them is below 0.5, sorted."""
    by_item: dict[str, list[set[int]]] = defaultdict(list)
    for record in labels:
        if record.answered:
            by_item[record.item_id].append({index for index, label in enumerate(record.labels) if label})
    contested = []
    for item, marks in by_item.items():
        pairs = [_f1(first, second) for first, second in combinations(marks, 2)]
        if pairs and sum(pairs) / len(pairs) < CONTESTED_BELOW:
            contested.append(item)
    return tuple(sorted(contested))


def _f1(first: set[int], second: set[int]) -> float:
    """Agreement of two sets of marks in [0, 1]; two raters who marked nothing agree."""
    size = len(first) + len(second)
    return 2 * len(first & second) / size if size else 1.0
