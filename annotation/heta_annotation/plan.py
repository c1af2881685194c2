"""What a campaign will be, worked out before anything is sent, with everything that is wrong with it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heta.errors import HetaError
from heta.words import segment_words
from heta_annotation.page import Guideline, load_guideline
from heta_annotation.settings import CampaignSettings, load_settings
from heta_annotation.tasks import build_task, draw_items, payload
from heta_data.attribution_files import attribution_files
from heta_data.compose import label_units
from heta_data.errors import RecordError
from heta_data.jsonl import collect_records
from heta_data.options import folder_flag
from heta_data.records import Arm, AttributionRecord, Isolation, Item, LabelTask, content_hash
from heta_data.workspace import Workspace

SECONDS_A_WORD = 0.27
"""Honest raters need 24 to 41 s to read 120 words; the middle of that."""
SECONDS_TO_DECIDE = 15.0
"""For choosing and clicking, an item: our assumption, to be replaced by measured times."""

NO_POLICY = "none"
"""Stands for the target policy of methods that use no model."""


class CampaignBlocked(HetaError):
    """A campaign cannot be pushed; carries every problem, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            super().__init__(f"the campaign cannot start: {self.problems[0]}")
        else:
            listed = "\n".join(f"  - {problem}" for problem in self.problems)
            super().__init__(f"the campaign cannot start, {len(self.problems)} problems:\n{listed}")


@dataclass(frozen=True)
class ArmPlan:
    """One arm: who labels what there."""

    arm: Arm
    raters: tuple[str, ...]
    overlap: int
    isolation: Isolation
    sees: str
    """What raters see of an attribution, in words."""
    tasks: tuple[LabelTask, ...]
    payloads: tuple[dict[str, Any], ...] = field(repr=False)
    """What Label Studio is sent, one per task."""

    @property
    def labels(self) -> int:
        """Labels expected: items times raters per item."""
        return len(self.tasks) * self.overlap


@dataclass(frozen=True)
class Plan:
    """A campaign before it starts."""

    settings: CampaignSettings
    campaign_hash: str
    """Over the table [campaign], the guideline and the item ids."""
    guideline: Guideline
    items: tuple[Item, ...]
    """In the order in which raters get them."""
    items_there: int
    """How many the folder holds; more than `items` under a limit."""
    units: int
    """What can be marked, over all items."""
    words: int
    """What one rater reads: question, answer and text of every item."""
    arms: tuple[ArmPlan, ...]
    problems: tuple[str, ...]
    """Everything that must be mended before a push, one line each."""
    notes: tuple[str, ...]
    """What is allowed and should be known."""

    @property
    def labels(self) -> int:
        """Labels expected in all arms."""
        return sum(arm.labels for arm in self.arms)

    @property
    def hours(self) -> float:
        """Working hours expected of all raters together."""
        seconds = self.words * SECONDS_A_WORD + len(self.items) * SECONDS_TO_DECIDE
        return sum(arm.overlap for arm in self.arms) * seconds / 3600

    def check(self) -> None:
        """Refuse a campaign that cannot start.

        Raises:
            CampaignBlocked: with every problem.
        """
        if self.problems:
            raise CampaignBlocked(self.problems)


def plan(workspace: Workspace) -> Plan:
    """Work out the campaign of this folder. Writes nothing and asks no server.

    Raises:
        ConfigError: heta.toml or the guideline cannot be read. Other problems are collected in the plan.
    """
    settings = load_settings(workspace)
    guideline = load_guideline(workspace, settings)
    there, problems = _read_items(workspace)
    items = draw_items(there, settings)
    problems += [f"item {item.id}: has no word to mark" for item in items if not label_units(item)]
    labelled = tuple(item for item in items if label_units(item))
    campaign_hash = content_hash(
        {
            "table": settings.model_dump(mode="json"),
            "guideline": guideline.hash,
            "items": sorted(item.id for item in items),
        }
    )
    attributions: dict[str, AttributionRecord] = {}
    if "assisted" in settings.arms and labelled:
        attributions, wrong = _choose_attributions(workspace, settings, labelled)
        problems += wrong
    arms = [
        _plan_arm(
            arm, settings, labelled, (campaign_hash, guideline.hash, len(items) / max(1, len(there))), attributions
        )
        for arm in settings.arms
    ]
    return Plan(
        settings=settings,
        campaign_hash=campaign_hash,
        guideline=guideline,
        items=items,
        items_there=len(there),
        units=sum(len(label_units(item)) for item in items),
        words=sum(_words(item) for item in items),
        arms=tuple(arms),
        problems=tuple(problems),
        notes=tuple(_notes(settings, items, len(there))),
    )


def _plan_arm(
    arm: Arm,
    settings: CampaignSettings,
    items: Sequence[Item],
    frame: tuple[str, str, float],
    attributions: dict[str, AttributionRecord],
) -> ArmPlan:
    campaign_hash, guideline_hash, probability = frame
    tasks, payloads = [], []
    for item in items:
        attribution = attributions.get(item.id) if arm == "assisted" else None
        if arm == "assisted" and attribution is None:
            continue  # named among the problems
        task = build_task(
            item,
            arm,
            settings,
            campaign_hash=campaign_hash,
            guideline_hash=guideline_hash,
            isolation="server",
            probability=probability,
            attribution=attribution,
        )
        tasks.append(task)
        payloads.append(payload(item, task, attribution))
    return ArmPlan(
        arm=arm,
        raters=settings.raters_of(arm),
        overlap=settings.overlap_of(arm),
        isolation="server",
        sees=_sees(arm, settings),
        tasks=tuple(tasks),
        payloads=tuple(payloads),
    )


def _sees(arm: Arm, settings: CampaignSettings) -> str:
    if arm == "blind":
        return "nothing of any attribution"
    if settings.show == "heat":
        return f"the heat of {settings.method} below every unit, nothing marked"
    return f"the top {settings.share:.0%} of the units by {settings.method} (at least one) already marked"


def _read_items(workspace: Workspace) -> tuple[list[Item], list[str]]:
    if not workspace.items.exists():
        return [], [f"{workspace.items}: no such file; `heta data build` makes it"]
    items, problems = collect_records(workspace.items, Item)
    if not items and not problems:
        problems = [f"{workspace.items}: holds no item"]
    twice = [item for item, count in Counter(item.id for item in items).items() if count > 1]
    return items, problems + [f"{workspace.items}: item {item} stands there twice" for item in twice]


def _choose_attributions(
    workspace: Workspace, settings: CampaignSettings, items: Sequence[Item]
) -> tuple[dict[str, AttributionRecord], list[str]]:
    """One attribution for each item, of one method, model, revision, target policy and configuration."""
    command = _attribute_command(workspace, settings)
    # Longer method names begin alike (`heta-...`, `heta_fast-...`): the file name's last 9 characters are the hash.
    try:
        paths = [path for path in attribution_files(workspace) if path.stem[:-9] == settings.method]
    except RecordError as error:
        return {}, [str(error)]
    matching, problems = _read_matching(paths, settings)
    if problems:
        return {}, problems
    found = [record for record in matching if _policy(record) in (settings.policy, NO_POLICY)]
    if not found:
        revision = f" ({settings.revision})" if settings.revision else ""
        wanted = (f" on {settings.model}{revision}" if settings.model else revision) + f" for policy {settings.policy}"
        others = ", ".join(sorted({_policy(record) for record in matching}))
        there = f" (there are for policy {others}, see `policy` under [campaign])" if others else ""
        return {}, [
            f"the assisted arm shows {settings.method}{wanted}, and there are no such attributions{there}: "
            f"run {command}"
        ]
    if several := _told_apart(found, workspace):
        return {}, [f"{settings.method} is there more than once {several}"]
    wanted_ids = {item.id for item in items}
    by_item = {record.item_id: record for record in found if record.item_id in wanted_ids}
    if missing := len(wanted_ids) - len(by_item):
        problems = [f"{missing} of {len(items)} items have no attribution by {settings.method}: run {command}"]
    for item in items:
        record = by_item.get(item.id)
        if record is not None and not any(score is not None for score in record.scores):
            problems.append(f"item {item.id}: {settings.method} scored no token")
        elif record is not None and max(record.ends, default=0) > len(item.prompt):
            problems.append(f"item {item.id}: the attribution by {settings.method} is of another text: run {command}")
    return by_item, problems


def _policy(record: AttributionRecord) -> str:
    return record.target.policy if record.target else NO_POLICY


def _attribute_command(workspace: Workspace, settings: CampaignSettings) -> str:
    policy = "" if settings.policy == "answer" else f" --policy {settings.policy}"
    return f"`heta data attribute{folder_flag(workspace.root)} --method {settings.method}{policy}`"


def _told_apart(records: Sequence[AttributionRecord], workspace: Workspace) -> str:
    """In what the records of one method differ, and which setting chooses; nothing where they are of one kind."""
    lines = {record.key[2:] for record in records}
    columns = dict(zip(("model", "revision", "tokenizer", "policy", "config"), zip(*lines, strict=True), strict=True))
    differing = [name for name, values in columns.items() if len(set(values)) > 1]
    if not differing:
        return ""
    there = sorted(
        ", ".join(f"{name} {value}" for name, value in zip(columns, line, strict=True) if name in differing)
        for line in lines
    )
    settings = [name for name in differing if name != "tokenizer"]
    if settings:
        return f"({'; '.join(there)}): name one by {' and '.join(settings)} under [campaign] of {workspace.config}"
    return f"({'; '.join(there)}): remove the records of all but one from {workspace.attributions}"


def _read_matching(paths: Sequence[Path], settings: CampaignSettings) -> tuple[list[AttributionRecord], list[str]]:
    found: list[AttributionRecord] = []
    problems: list[str] = []
    for path in paths:
        records, wrong = collect_records(path, AttributionRecord)
        problems += wrong
        found += [
            record
            for record in records
            if settings.model in (None, record.model)
            and settings.revision in (None, record.model_revision)
            and settings.config in (None, record.config_hash)
        ]
    return found, problems


def _notes(settings: CampaignSettings, items: Sequence[Item], there: int) -> list[str]:
    notes = []
    if settings.kind == "simulated":
        notes.append("raters are simulated: none of these labels is human")
    rows = Counter((item.source, item.source_id) for item in items)
    if twins := sum(1 for count in rows.values() if count > 1):
        notes.append(f"{twins} rows stand there in both segment orders: a rater reads those texts twice")
    if settings.limit is not None and settings.limit > there:
        notes.append(f"limit is {settings.limit}, and there are {there} items")
    if any(settings.overlap_of(arm) < 2 for arm in settings.arms):
        notes.append("one rater per item: no agreement and no human reference can be computed")
    return notes


def _words(item: Item) -> int:
    return sum(len(segment_words(text)) for text in (item.question, item.answer)) + len(label_units(item))
