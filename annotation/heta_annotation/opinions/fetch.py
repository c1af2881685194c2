"""Fetching what people said about methods: `opinions.jsonl`, and a word on everything that could not be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heta_annotation.campaign.answers import plain_annotation
from heta_annotation.campaign.asks import Ask
from heta_annotation.campaign.client import CampaignClient, queue_connection, require_servers
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, Project, open_existing
from heta_annotation.campaign.queues import Asked
from heta_annotation.opinions.reading import OddAnnotation, Reader
from heta_annotation.studio.accounts import known_accounts
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records, write_records
from heta_data.opinions import Opinion
from heta_data.records import Item
from heta_data.workspace import Workspace


@dataclass(frozen=True)
class AskFetched:
    """The answers to one ask."""

    ask: Ask
    questions: int
    """Put to raters who have not withdrawn."""
    opinions: tuple[Opinion, ...]
    """One a question at most, by item, rater and what was shown."""
    skipped: int
    odd: tuple[OddAnnotation, ...]
    """Annotations that gave no opinion, with the reasons."""
    vanished: tuple[int, ...]
    """Annotations that were seen before and are gone from the server; the ledger keeps them."""
    changed: tuple[int, ...]
    """Annotations that were different before; the ledger keeps every state."""


def asked_servers(workspace: Workspace) -> dict[Asked, str]:
    """The name of the server on which each kind of question was asked.

    Raises:
        CampaignChanged: nothing was asked from this folder.
    """
    asks: list[Ask] = []
    if workspace.ledger.exists():
        with open_existing(workspace.ledger) as ledger:
            asks = ledger.asks.everything()
    if not asks:
        raise CampaignChanged(f"{workspace.root}: nobody was asked anything; `heta campaign ask prefer` does it")
    return {ask.asked: str(ask.settings["server"]) for ask in asks}


def fetch_opinions(workspace: Workspace, connections: Mapping[Asked, Connection]) -> list[AskFetched]:
    """Fetch every answer and write `opinions.jsonl`. Holds the folder; repeatable.

    Opinions that came from elsewhere stay in the file; fetching twice without new answers gives the same bytes.

    Args:
        workspace: the folder.
        connections: the running server of each kind of question that was asked.

    Raises:
        CampaignChanged: nothing was asked from this folder. ServerUnavailable: a server is missing.
        LabelStudioError: a call failed; then no file has changed.
    """
    require_servers(list(asked_servers(workspace)), connections)
    with workspace.lock(), open_existing(workspace.ledger) as ledger:
        asks = ledger.asks.everything()
        items = {item.id: item for item in read_records(workspace.items, Item)}
        there = list(read_records(workspace.opinions, Opinion)) if workspace.opinions.exists() else []
        fetched = [_fetch(workspace, ledger, ask, connections[ask.asked], items) for ask in asks]
        ours = {ask.hash for ask in asks}
        kept = [record for record in there if record.campaign_hash not in ours]
        ordered = sorted([*kept, *(opinion for one in fetched for opinion in one.opinions)], key=_place)
        write_records(workspace.opinions, ordered)
    return fetched


def _place(opinion: Opinion) -> tuple[str, ...]:
    return (opinion.task, opinion.item_id, opinion.rater, opinion.task_uid, opinion.campaign_hash)


def _fetch(
    workspace: Workspace, ledger: Ledger, ask: Ask, connection: Connection, items: Mapping[str, Item]
) -> AskFetched:
    accounts = known_accounts(workspace, connection.name)
    rows = ledger.projects(ask.asked, ask.asked)
    before = {number for row in rows for number in ledger.seen(row.queue)}
    found = [
        _fetch_queue(ledger, ask, row, CampaignClient(queue_connection(row.queue, connection, accounts)), items)
        for row in rows
    ]
    for row, queue in zip(rows, found, strict=True):
        ledger.snapshot(row.queue, queue.raws)
    now = {int(raw["id"]) for queue in found for raw in queue.raws}
    return AskFetched(
        ask=ask,
        questions=sum(len(ledger.places(row.queue)) for row in rows),
        opinions=tuple(sorted((opinion for queue in found for opinion in queue.opinions), key=_place)),
        skipped=sum(queue.skipped for queue in found),
        odd=tuple(odd for queue in found for odd in queue.odd),
        vanished=tuple(sorted(before - now)),
        changed=tuple(sorted(now & {number for row in rows for number in ledger.changed(row.queue)})),
    )


@dataclass(frozen=True)
class _Queue:
    """What one rater's queue gave."""

    opinions: Sequence[Opinion] = ()
    skipped: int = 0
    odd: Sequence[OddAnnotation] = ()
    raws: Sequence[dict[str, Any]] = ()


def _fetch_queue(ledger: Ledger, ask: Ask, row: Project, client: CampaignClient, items: Mapping[str, Item]) -> _Queue:
    """Of several answers to one question the last one counts; the others are odd."""
    rater = next((rater for rater in ledger.raters(ask.asked, "asked") if rater.pseudonym == row.rater), None)
    if row.number is None or rater is None:
        return _Queue()  # the ask died before the project was made
    reader = Reader(
        ask.asked,
        client.connection.name,
        row.number,
        tasks=ledger.tasks(row.queue),
        rater=rater,
        items=items,
        consent=ledger.standings.of(ask.asked, rater.pseudonym).consent_version,
    )
    odd: list[OddAnnotation] = []
    raws: list[dict[str, Any]] = []
    latest: dict[int, tuple[int, Opinion | None]] = {}
    for task in client.export(row.number):
        number = int(task["id"])
        for exported in sorted(task.get("annotations") or (), key=lambda exported: int(exported["id"])):
            annotation = plain_annotation(exported)
            raws.append({**annotation, "task": number})
            answer = reader.read(task, annotation)
            if isinstance(answer, OddAnnotation):
                odd.append(answer)
                continue
            if number in latest:
                again = f"superseded: the same rater answered again ({annotation['id']})"
                odd.append(OddAnnotation(ask.asked, rater.pseudonym, number, latest[number][0], (again,)))
            latest[number] = (int(annotation["id"]), answer)
    opinions = [opinion for _, opinion in latest.values() if opinion is not None]
    return _Queue(opinions, len(latest) - len(opinions), odd, raws)
