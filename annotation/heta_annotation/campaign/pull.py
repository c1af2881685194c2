"""Fetching what raters answered: `labels.jsonl`, and `quarantine.jsonl` for what cannot be labels.

Any rater can change or delete anybody's annotation, and Label Studio keeps no history. So every state that was ever
seen stays in the ledger, an annotation changed by another account is no label, and one that is gone is reported.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heta_annotation.campaign.answers import QuarantinedAnnotation, Reader, plain_annotation
from heta_annotation.campaign.client import CampaignClient, marker, page_hash, queue_connection, require_servers
from heta_annotation.campaign.independence import changed_since_reveal
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, Project, open_existing
from heta_annotation.studio.accounts import known_accounts
from heta_annotation.studio.connection import Connection
from heta_data.errors import IntegrityError
from heta_data.items import open_items
from heta_data.jsonl import read_records, write_records
from heta_data.records import Arm, Item, TokenLabels, content_hash
from heta_data.workspace import Workspace


@dataclass(frozen=True)
class ArmPulled:
    """What one arm's server gave."""

    arm: Arm
    annotations: int
    labels: int
    """Answers that count: neither skipped nor `cannot tell`."""
    skipped: int
    cannot_tell: int
    quarantined: int
    vanished: tuple[int, ...]
    """Annotations that an earlier pull saw and that are gone from the server; the ledger keeps them."""
    changed: tuple[int, ...]
    """Annotations that were different at an earlier pull; the ledger keeps every state."""
    pages: tuple[int, ...] = ()
    """Projects whose labelling page was changed in Label Studio: what raters answered there was asked otherwise."""
    taken_back: tuple[int, ...] = ()
    """Annotations of raters who have withdrawn, which are not taken: they came after the withdrawal."""


@dataclass(frozen=True)
class Pulled:
    """A pull of all arms."""

    arms: tuple[ArmPulled, ...]
    records: int
    """Lines of labels.jsonl, those that came from elsewhere and of other campaigns included."""


def pull(workspace: Workspace, connections: Mapping[Arm, Connection]) -> Pulled:
    """Fetch every annotation and write `labels.jsonl` and `quarantine.jsonl`. Holds the folder; repeatable.

    Pulling twice without new answers gives the same bytes. Labels that did not come from Label Studio, and those of
    other campaigns, stay.

    Args:
        workspace: the campaign's folder.
        connections: the running server of each arm that was pushed.

    Raises:
        CampaignChanged: nothing was pushed from this folder, or not every arm. ServerUnavailable: an arm has no server.
        LabelStudioError: a call failed; then no file has changed.
    """
    with workspace.lock(), open_existing(workspace.ledger) as ledger:
        campaign_hash, arms = _pushed_arms(ledger)
        require_servers(arms, connections)
        before = {arm: seen_before(ledger, arm) for arm in arms}
        items = open_items(workspace.items)
        kept = [r for r in _labels_there(workspace) if r.origin is None or r.campaign_hash != campaign_hash]
        fetched = []
        for arm in arms:
            one = fetch_arm(workspace, ledger, arm, connections[arm], items)
            for queue, raws in one.raws.items():
                ledger.snapshot(queue, raws)
            fetched.append(one)
        pulled = tuple(_count(ledger, one, before[one.arm]) for one in fetched)
        everything = sorted(
            [*kept, *(record for one in fetched for record in one.labels)],
            key=lambda record: (record.arm, record.item_id, record.rater, record.round, record.campaign_hash),
        )
        refused = sorted((r for one in fetched for r in one.quarantined), key=lambda r: (r.arm, r.annotation))
        check_unchanged(ledger, [record for one in fetched for record in one.labels])
        imported = imported_quarantine(workspace)
        write_records(workspace.labels, everything)
        write_records(workspace.quarantine, [*refused, *imported])
    return Pulled(pulled, len(everything))


def seen_before(ledger: Ledger, arm: Arm) -> set[int]:
    """Numbers of all of an arm's annotations that were ever pulled."""
    rows = [*ledger.projects(arm), *ledger.projects(arm, "reveal")]
    return {number for row in rows for number in ledger.seen(row.queue)}


def check_unchanged(ledger: Ledger, labels: Sequence[TokenLabels]) -> None:
    """Hold a closed campaign to the labels that it was closed with.

    Raises:
        CampaignChanged: the servers now give others.
    """
    closing = ledger.closing()
    if closing is not None and labels_digest(labels) != closing[1]:
        raise CampaignChanged(
            f"{ledger.path}: the campaign was closed at {closing[0]}, and its servers now hold other answers: "
            "labels.jsonl stays as it was, campaign.sqlite holds what was seen"
        )


def labels_digest(labels: Iterable[TokenLabels]) -> str:
    """Hash over what was answered, whatever the order."""
    return content_hash(sorted(record.fingerprint() for record in labels))


def _pushed_arms(ledger: Ledger) -> tuple[str, list[Arm]]:
    """The campaign's hash and its arms, every one with a project: half a campaign would look like vanished answers."""
    begun, arms = ledger.campaign(), ledger.arms()
    wanted = begun.settings["arms"] if begun else ()
    missing = [arm for arm in wanted if arm not in arms]
    if begun is None or missing:
        raise CampaignChanged(f"{ledger.path}: {unfinished(ledger, missing)}")
    return begun.hash, arms


def unfinished(ledger: Ledger, arms: Sequence[str]) -> str:
    """Why these arms cannot be looked at, and what to do: a push was cut short, or raters came to them since."""
    waiting = [row.queue for row in ledger.unsent() if row.arm in arms]
    if waiting:
        named = ", ".join(waiting[:5]) + (" and more" if len(waiting) > 5 else "")
        where = f"no project on the server yet for {len(waiting)} of the queues, {named}"
    else:
        where = f"arm {', '.join(arms)} was not pushed" if arms else "it holds no campaign"
    return f"{where}: run `heta campaign push`"


def _labels_there(workspace: Workspace) -> list[TokenLabels]:
    return list(read_records(workspace.labels, TokenLabels)) if workspace.labels.exists() else []


def imported_quarantine(workspace: Workspace) -> list[QuarantinedAnnotation]:
    """What imports have set aside: a pull writes its own part of `quarantine.jsonl` anew, and theirs stays."""
    if not workspace.quarantine.exists():
        return []
    return [r for r in read_records(workspace.quarantine, QuarantinedAnnotation) if r.imported is not None]


@dataclass(frozen=True)
class Fetched:
    """One arm's annotations, read but not written anywhere."""

    arm: Arm
    labels: tuple[TokenLabels, ...]
    quarantined: tuple[QuarantinedAnnotation, ...]
    raws: Mapping[str, tuple[dict[str, Any], ...]]
    """By queue: every annotation as it came, without what changes from export to export."""
    pages: tuple[int, ...]
    """Projects whose labelling page is not the one that we gave them."""
    taken_back: tuple[int, ...]
    """Annotations of raters who have withdrawn: neither read nor kept."""


def fetch_arm(
    workspace: Workspace, ledger: Ledger, arm: Arm, connection: Connection, items: Mapping[str, Item]
) -> Fetched:
    """Read every queue of an arm; one answer per rater and task comes back, everything else with its reasons.

    Raises:
        CampaignChanged: a project is another campaign's. LabelStudioError: a call failed.
    """
    accounts = known_accounts(workspace, connection.name)
    queues: list[_Answered] = []
    pages: list[int] = []
    for row in [*ledger.projects(arm), *ledger.projects(arm, "reveal")]:
        if row.number is None:  # somebody who came later, and has yet to agree or to pass the practice
            continue
        client = CampaignClient(queue_connection(row.queue, connection, accounts))
        if not _page_is_ours(ledger, row.queue, row.number, client):
            pages.append(row.number)
        queues.append(_fetch_queue(ledger, arm, row, row.number, client, items))
    return Fetched(
        arm=arm,
        labels=tuple(label for queue in queues for label in queue.labels),
        quarantined=tuple(odd for queue in queues for odd in queue.quarantined),
        raws={queue.name: queue.raws for queue in queues},
        pages=tuple(pages),
        taken_back=tuple(number for queue in queues for number in queue.taken_back),
    )


def _page_is_ours(ledger: Ledger, queue: str, number: int, client: CampaignClient) -> bool:
    """Whether the project shows the labelling page that we gave it.

    Raises:
        CampaignChanged: it is no project of this campaign.
    """
    campaign = ledger.campaign()
    state = client.project(number)
    if campaign is None or marker(campaign.hash, queue) not in state.description:
        raise CampaignChanged(
            f"project {number} on {client.connection.url} is not this campaign's queue {queue}: nothing was changed; "
            "restore campaign.sqlite or the server's folder"
        )
    return page_hash(state.label_config) == ledger.page(queue)


@dataclass(frozen=True)
class _Answered:
    """One queue's annotations."""

    name: str
    labels: tuple[TokenLabels, ...]
    quarantined: tuple[QuarantinedAnnotation, ...]
    raws: tuple[dict[str, Any], ...]
    taken_back: tuple[int, ...]


def _fetch_queue(
    ledger: Ledger, arm: Arm, row: Project, number: int, client: CampaignClient, items: Mapping[str, Item]
) -> _Answered:
    gone = ledger.standings.withdrawn(arm)
    raters = [rater for rater in ledger.raters(arm) if row.rater in (None, rater.pseudonym)]
    agreed = {rater.pseudonym: ledger.standings.of(arm, rater.pseudonym).consent_version for rater in raters}
    reader = Reader(
        arm,
        client.connection.name,
        number,
        tasks=ledger.queue(row.queue),
        raters=raters,
        items=items,
        phase=row.phase,
        consent={rater: version for rater, version in agreed.items() if version is not None},
    )
    withdrawn = {rater.account for rater in raters if rater.pseudonym in gone}
    revealed = ledger.queue(f"{row.queue}/reveal") if (arm, row.phase) == ("reveal", "label") else {}
    answers: list[TokenLabels] = []
    refused: list[QuarantinedAnnotation] = []
    raws: dict[int, dict[str, Any]] = {}
    taken_back: list[int] = []
    for task in client.each_answered(number):
        for exported in task.get("annotations") or ():
            annotation = plain_annotation(exported)
            if annotation["completed_by"] in withdrawn:
                taken_back.append(int(annotation["id"]))
                continue
            raws[int(annotation["id"])] = {**annotation, "task": task["id"]}
            answer = reader.read(task, annotation)
            if isinstance(answer, QuarantinedAnnotation):
                refused.append(answer)
            elif late := changed_since_reveal(answer, revealed):
                refused.append(_set_aside(answer, late, raws))
            else:
                answers.append(answer)
    labels, superseded = _latest(answers, raws)
    return _Answered(row.queue, tuple(labels), (*refused, *superseded), tuple(raws.values()), tuple(taken_back))


def _count(ledger: Ledger, fetched: Fetched, before: set[int]) -> ArmPulled:
    now = {int(raw["id"]) for raws in fetched.raws.values() for raw in raws}
    changed = {number for queue in fetched.raws for number in ledger.changed(queue)}
    return ArmPulled(
        arm=fetched.arm,
        annotations=len(now),
        labels=sum(record.answered for record in fetched.labels),
        skipped=sum(record.skipped for record in fetched.labels),
        cannot_tell=sum(record.cannot_tell for record in fetched.labels),
        quarantined=len(fetched.quarantined),
        vanished=tuple(sorted(before - now)),
        changed=tuple(sorted(now & changed)),
        pages=fetched.pages,
        taken_back=fetched.taken_back,
    )


def _latest(
    answers: Sequence[TokenLabels], raws: Mapping[int, dict[str, Any]]
) -> tuple[list[TokenLabels], list[QuarantinedAnnotation]]:
    """Of several answers by one rater for one task the last one counts; the others are set aside."""
    latest: dict[tuple[str, str], TokenLabels] = {}
    for answer in sorted(answers, key=_number):
        latest[answer.task_uid, answer.rater] = answer
    chosen = list(latest.values())
    numbers = {_number(answer) for answer in chosen}
    superseded = [
        _set_aside(
            answer,
            [f"superseded: the same rater answered again ({_number(latest[answer.task_uid, answer.rater])})"],
            raws,
        )
        for answer in answers
        if _number(answer) not in numbers
    ]
    return chosen, superseded


def _set_aside(
    answer: TokenLabels, reasons: Sequence[str], raws: Mapping[int, dict[str, Any]]
) -> QuarantinedAnnotation:
    """An answer that could be read and does not count."""
    if answer.origin is None:  # pragma: no cover - every answer read here has one
        raise IntegrityError(f"task {answer.task_uid}: a label that came from nowhere")
    return QuarantinedAnnotation(
        arm=answer.arm,
        task=answer.origin.task,
        task_uid=answer.task_uid,
        annotation=answer.origin.annotation,
        rater=answer.rater,
        reasons=tuple(reasons),
        raw=raws[answer.origin.annotation],
    )


def _number(answer: TokenLabels) -> int:
    return answer.origin.annotation if answer.origin else -1
