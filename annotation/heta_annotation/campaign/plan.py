"""What a campaign will be, worked out before anything is sent, with everything that is wrong with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from heta.errors import HetaError
from heta.words import segment_words
from heta_annotation.campaign.attributions import choose_attributions
from heta_annotation.campaign.controls import draw_gold, draw_practice, load_controls
from heta_annotation.campaign.guideline import Guideline, load_consent, load_guideline
from heta_annotation.campaign.marking import units_of
from heta_annotation.campaign.queues import Queue, make_queues
from heta_annotation.campaign.settings import CampaignSettings, load_settings
from heta_annotation.campaign.tasks import Frame, build_task, draw_items, payload
from heta_data.compose import label_units
from heta_data.jsonl import collect_records
from heta_data.records import Arm, AttributionRecord, GoldLabels, Isolation, Item, LabelTask, content_hash
from heta_data.workspace import Workspace

SECONDS_A_WORD = 0.27
"""Honest raters need 24 to 41 s to read 120 words; the middle of that."""
SECONDS_TO_DECIDE = 15.0
"""For choosing and clicking, an item: our assumption, to be replaced by measured times."""


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
    queues: tuple[Queue, ...]
    payloads: tuple[dict[str, Any], ...] = field(repr=False)
    """What Label Studio is sent, one per task."""
    revealed: Mapping[str, AttributionRecord] = field(default_factory=dict, repr=False)
    """What is shown after the first answer, by item id; empty where nothing is."""

    @property
    def labels(self) -> int:
        """Labels expected: items times raters per item, and every gold item by every rater."""
        return sum(queue.labels for queue in self.queues)


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
    gold: frozenset[str]
    """Ids of the items among them whose labels are known."""
    consent: Guideline | None
    """What raters agree to before anything else."""
    practice: tuple[Item, ...]
    """What every rater labels first, with feedback, in this order."""
    known: Mapping[str, GoldLabels]
    """Known labels, by item id: of gold items and of practice items."""
    units: int
    """What can be marked, over all items."""
    words: dict[str, int]
    """Words to read of each item (question, answer and text), by item id."""
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
        return sum(self.queue_hours(arm, queue) * queue.overlap for arm in self.arms for queue in arm.queues)

    def queue_hours(self, arm: ArmPlan, queue: Queue) -> float:
        """Working hours that a queue's tasks take one rater who does them all."""
        item_of = {task.uid: task.item_id for task in arm.tasks}
        words = sum(self.words[item_of[uid]] for uid in queue.uids)
        return (words * SECONDS_A_WORD + len(queue.uids) * SECONDS_TO_DECIDE) / 3600

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
    guideline, consent = load_guideline(workspace, settings), load_consent(workspace, settings)
    there, problems = _read_items(workspace)
    controls, wrong = load_controls(workspace, settings, there)
    practice, few = draw_practice(list(controls), settings, str(settings.controls))
    left = sorted(set(controls) - set(practice))
    gold, short = draw_gold(left, settings, len(there) - len(practice), str(settings.controls))
    items, probability = draw_items([item for item in there if item.id not in practice], settings, gold)
    problems += [f"item {item.id}: has no word to mark" for item in items if not label_units(item)]
    labelled = tuple(item for item in items if label_units(item))
    attributions: dict[str, AttributionRecord] = {}
    lacking: list[str] = []
    if {"assisted", "reveal"} & set(settings.arms) and labelled:
        attributions, lacking = choose_attributions(workspace, settings, labelled)
    frame = Frame(
        settings=settings,
        campaign_hash=_campaign_hash(settings, (guideline, consent), items, gold),
        guideline_hash=guideline.hash,
        isolation=settings.isolation,
        gold=gold,
        probability=probability,
    )
    return Plan(
        settings=settings,
        campaign_hash=frame.campaign_hash,
        guideline=guideline,
        items=items,
        items_there=len(there),
        gold=gold,
        units=sum(len(units_of(item, settings.marking)) for item in items),
        words={item.id: _words(item) for item in items},
        arms=tuple(_plan_arm(arm, frame, labelled, attributions) for arm in settings.arms),
        consent=consent,
        practice=tuple(item for id_ in practice for item in there if item.id == id_),
        known=controls,
        problems=(*problems, *wrong, *few, *short, *lacking),
        notes=tuple(_notes(settings, items, len(there), gold)),
    )


def _campaign_hash(
    settings: CampaignSettings,
    texts: tuple[Guideline, Guideline | None],
    items: Sequence[Item],
    gold: frozenset[str],
) -> str:
    guideline, consent = texts
    return content_hash(
        {
            "table": settings.model_dump(mode="json"),
            "guideline": guideline.hash,
            "consent": consent.hash if consent else None,
            "items": sorted(item.id for item in items),
            "gold": sorted(gold),
        }
    )


def _plan_arm(arm: Arm, frame: Frame, items: Sequence[Item], attributions: Mapping[str, AttributionRecord]) -> ArmPlan:
    """One arm's tasks, what is sent for them, and its queues."""
    settings = frame.settings
    tasks, payloads, twins = [], [], {}
    revealed: dict[str, AttributionRecord] = {}
    for item in items:
        attribution = attributions.get(item.id) if arm != "blind" else None
        if arm != "blind" and attribution is None:
            continue  # named among the problems
        if arm == "reveal" and attribution is not None:
            revealed[item.id] = attribution
            attribution = None  # the first answer is blind
        task = build_task(item, arm, frame, attribution)
        tasks.append(task)
        payloads.append(payload(item, task, attribution))
        twins[task.uid] = (item.source, item.source_id)
    return ArmPlan(
        arm=arm,
        raters=settings.raters_of(arm),
        overlap=settings.overlap_of(arm),
        isolation=frame.isolation,
        sees=_sees(arm, settings),
        tasks=tuple(tasks),
        queues=make_queues(arm, tasks, settings, twins),
        payloads=tuple(payloads),
        revealed=revealed,
    )


def _sees(arm: Arm, settings: CampaignSettings) -> str:
    if arm == "blind":
        return "nothing of any attribution"
    if arm == "reveal":
        return f"nothing at first; then the heat of {settings.method}, with the first answer to revise"
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


def _notes(settings: CampaignSettings, items: Sequence[Item], there: int, gold: frozenset[str]) -> list[str]:
    notes = []
    if settings.kind == "simulated":
        notes.append("raters are simulated: none of these labels is human")
    if settings.isolation == "trust":
        notes.append(
            "on your own server everybody can open everybody's projects, suggestions and answers: that the blind are "
            "blind rests on trust (every label and the release say so: isolation trust)"
        )
    rows = Counter((item.source, item.source_id) for item in items)
    if twins := sum(1 for count in rows.values() if count > 1):
        whom = "a rater" if all(settings.overlap_of(a) == len(settings.raters_of(a)) for a in settings.arms) else "some"
        notes.append(f"{twins} rows stand there in both segment orders: {whom} may read those texts twice")
    if settings.limit is not None and settings.limit > there:
        notes.append(f"limit is {settings.limit}, and there are {there} items")
    if any(settings.overlap_of(arm) < 2 for arm in settings.arms):
        notes.append("one rater per item: no agreement and no human reference can be computed")
    if not gold and settings.kind == "human":
        notes.append("no gold items: nothing but agreement will show who works with care (`controls`)")
    return notes


def _words(item: Item) -> int:
    return sum(len(segment_words(text)) for text in (item.question, item.answer)) + len(label_units(item))
