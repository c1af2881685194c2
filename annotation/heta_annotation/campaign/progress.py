"""How far a campaign is: per arm and rater, when it will be done, how raters agree, and who should be looked at."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from heta_annotation.campaign.consensus import find_consensus
from heta_annotation.campaign.controls import load_controls
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, Rater, open_existing
from heta_annotation.campaign.pull import fetch_arm, unfinished
from heta_annotation.campaign.settings import CampaignSettings
from heta_annotation.campaign.standing import Standing
from heta_annotation.quality.flags import Flag, flag_raters, proposes_pause
from heta_annotation.quality.interval import Agreement, agreement
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records
from heta_data.records import Arm, GoldLabels, Item, TokenLabels
from heta_data.workspace import Workspace

log = logging.getLogger(__name__)

RATE_DAYS = 7
"""The pace of so many last days says when it will be done."""
LEAST_HOURS = 1.0
"""After less than this from the first answer on, there is no pace yet."""


@dataclass(frozen=True)
class RaterStatus:
    """One rater's work."""

    rater: str
    kind: str
    stage: str
    """`labels`, `consent`, `practice`, `declined`, `failed practice` or `withdrawn`."""
    planned: int
    """Items in the rater's own queue; in a shared one all items."""
    answered: int
    cannot_tell: int
    skipped: int
    seconds: float
    """Working time over all answers that have one."""
    practice_score: float | None
    flags: tuple[Flag, ...]
    pause: bool
    """Whether somebody should look before the rater goes on."""


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
    revised: int
    """Second answers, given after an attribution was shown; only in the arm `reveal`."""
    quarantined: int | None
    """None with a server that is down."""
    contested: tuple[str, ...]
    """Items whose raters do not settle it among themselves."""
    agreement: Agreement
    seconds: float
    """Working time so far."""
    seconds_left: float | None
    """Expected for the answers that are missing, at the mean of those given; None before the first."""
    a_day: float | None
    """Answers a day over the last `RATE_DAYS`, or since the first one; None before there is a pace."""
    done_at: str | None
    """When that pace ends the arm, ISO 8601 in UTC; None where there is no pace or nothing left."""
    raters: tuple[RaterStatus, ...]


def campaign_status(
    workspace: Workspace, connections: Mapping[Arm, Connection], *, now: datetime | None = None
) -> list[ArmStatus]:
    """One entry per pushed arm; arms without a connection are told from the last pull. Writes nothing.

    Raises:
        CampaignChanged: nothing was pushed from this folder. LabelStudioError: a call failed.
    """
    with open_existing(workspace.ledger) as ledger:
        items = {item.id: item for item in read_records(workspace.items, Item)}
        campaign = ledger.campaign()
        if campaign is None:
            return []  # only questions about methods were sent from here
        # As it was pushed: heta.toml may since have become another campaign's.
        settings = CampaignSettings.model_validate(campaign.settings)
        if not ledger.arms():
            raise CampaignChanged(f"{ledger.path}: {unfinished(ledger, settings.arms)}")
        known: dict[str, GoldLabels] = {}
        if settings.controls is not None:
            known, problems = load_controls(workspace, settings, items)
            for problem in problems:
                log.warning("%s: nobody is held against it", problem)
        at = now or datetime.now(UTC)
        return [_arm_status(workspace, ledger, arm, connections.get(arm), items, known, at) for arm in ledger.arms()]


def _arm_status(
    workspace: Workspace,
    ledger: Ledger,
    arm: Arm,
    connection: Connection | None,
    items: Mapping[str, Item],
    known: Mapping[str, GoldLabels],
    now: datetime,
) -> ArmStatus:
    quarantined: int | None = None
    edits: dict[str, int] = {}
    if connection is not None:
        fetched = fetch_arm(workspace, ledger, arm, connection, items)
        labels: Sequence[TokenLabels] = fetched.labels
        quarantined = len(fetched.quarantined)
        edits = edits_by_others(ledger.raters(arm), [raw for raws in fetched.raws.values() for raw in raws])
    else:
        labels = _pulled(workspace, ledger, arm)
    revised = [record for record in labels if record.round > 0]
    labels = [record for record in labels if record.round == 0]
    overlaps = ledger.overlap(arm)
    dealt = Counter(record.task_uid for record in labels if not record.skipped)
    missing = sum(max(0, overlap - dealt[uid]) for uid, overlap in overlaps.items())
    seconds = [record.seconds for record in labels if record.seconds is not None]
    pace = answers_a_day(labels, now)
    flags = flag_raters(labels, ledger.planned(arm), known, edits)
    return ArmStatus(
        arm=arm,
        server="up" if connection else "down",
        url=connection.url if connection else "",
        tasks=len(overlaps),
        complete=sum(dealt[uid] >= overlap for uid, overlap in overlaps.items()),
        labels=sum(record.answered for record in labels),
        expected=sum(overlaps.values()),
        revised=sum(record.answered for record in revised),
        quarantined=quarantined,
        contested=tuple(item for item, found in find_consensus(labels).items() if found.outcome == "contested"),
        agreement=agreement(labels),
        seconds=round(sum(seconds), 1),
        seconds_left=round(missing * sum(seconds) / len(seconds), 1) if seconds else None,
        a_day=pace,
        done_at=(now + timedelta(days=missing / pace)).isoformat(timespec="minutes") if pace and missing else None,
        raters=tuple(
            _rater_status(ledger, rater, labels, flags.get(rater.pseudonym, ())) for rater in ledger.raters(arm)
        ),
    )


def _pulled(workspace: Workspace, ledger: Ledger, arm: Arm) -> list[TokenLabels]:
    if not workspace.labels.exists():
        return []
    campaign = ledger.campaign()
    records = read_records(workspace.labels, TokenLabels)
    return [
        record
        for record in records
        if record.arm == arm and record.origin is not None and campaign and record.campaign_hash == campaign.hash
    ]


def edits_by_others(raters: Sequence[Rater], raws: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Pseudonym -> answers of other accounts that the rater's account was the last to change."""
    names = {rater.account: rater.pseudonym for rater in raters}
    by = Counter(
        names[raw["updated_by"]]
        for raw in raws
        if raw["updated_by"] in names and raw["updated_by"] != raw["completed_by"]
    )
    return dict(by)


def answers_a_day(labels: Sequence[TokenLabels], now: datetime) -> float | None:
    """Answers a day over the last `RATE_DAYS`, or since the first one; None before there are two, and `LEAST_HOURS`."""
    moments = sorted(_moment(record.origin.created_at) for record in labels if record.origin is not None)
    since = now - timedelta(days=RATE_DAYS)
    recent = [moment for moment in moments if moment >= since]
    begin = recent[0] if recent and recent[0] == moments[0] else since
    days = (now - begin).total_seconds() / 86400
    return round(len(recent) / days, 1) if len(recent) > 1 and days * 24 >= LEAST_HOURS else None


def _moment(written: str) -> datetime:
    moment = datetime.fromisoformat(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _rater_status(ledger: Ledger, rater: Rater, labels: Sequence[TokenLabels], flags: tuple[Flag, ...]) -> RaterStatus:
    ours = [record for record in labels if record.rater == rater.pseudonym]
    standing = ledger.standings.of(rater.arm, rater.pseudonym)
    queues = [row for row in ledger.projects(rater.arm) if row.rater in (None, rater.pseudonym)]
    return RaterStatus(
        rater=rater.pseudonym,
        kind=rater.kind,
        stage=_stage(standing, bool(queues)),
        planned=sum(len(ledger.places(row.queue)) for row in queues),
        answered=sum(record.answered for record in ours),
        cannot_tell=sum(record.cannot_tell for record in ours),
        skipped=sum(record.skipped for record in ours),
        seconds=round(sum(record.seconds or 0.0 for record in ours), 1),
        practice_score=standing.practice_score,
        flags=flags,
        pause=proposes_pause(flags),
    )


def _stage(standing: Standing, has_queue: bool) -> str:
    if standing.withdrawn_at is not None:
        return "withdrawn"
    if has_queue:
        return "labels"
    if standing.agreed is False:
        return "declined"
    if standing.passed is False:
        return "failed practice"
    return "practice" if standing.agreed else "consent"
