"""What a campaign will be, worked out before anything is sent, with everything that is wrong with it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from heta.errors import HetaError
from heta_annotation.campaign.attributions import choose_attributions
from heta_annotation.campaign.controls import draw_gold, draw_practice, load_controls
from heta_annotation.campaign.guideline import Guideline, load_consent, load_guideline
from heta_annotation.campaign.marking import Marking
from heta_annotation.campaign.outlines import Built, Outline, outline
from heta_annotation.campaign.queues import Place, Queue, make_queues
from heta_annotation.campaign.settings import CampaignSettings, load_settings
from heta_annotation.campaign.tasks import Entry, Frame, draw_items, task_uid, write_entry
from heta_data.jsonl import parse_line
from heta_data.record_file import RecordFile
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
    items: Mapping[str, str] = field(repr=False)
    """Uid of each task -> id of its item, in the order in which raters get them."""
    write: Callable[[str], Entry] = field(repr=False)
    """The task of that uid as it is noted and sent: made anew each time, from the folder's files."""
    queues: tuple[Queue, ...]
    revealed: Mapping[str, AttributionRecord] = field(default_factory=dict, repr=False)
    """What is shown after the first answer, by item id; empty where nothing is."""

    @property
    def tasks(self) -> Sequence[LabelTask]:
        """Every task, in that order, made when it is asked for."""
        return Built(tuple(self.items), lambda uid: parse_line(self.write(uid).record, LabelTask, f"task {uid}"))

    @property
    def payloads(self) -> Sequence[dict[str, Any]]:
        """What Label Studio is sent, one per task, made when it is asked for."""
        return Built(tuple(self.items), lambda uid: self.write(uid).payload)

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
    items: tuple[Outline, ...]
    """In the order in which raters get them."""
    texts: Mapping[str, Item] = field(repr=False)
    """Every item of the folder by id, read from its file when it is asked for."""
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
        words = sum(self.words[arm.items[uid]] for uid in queue.uids)
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
    file = RecordFile(workspace.items, Item, attrgetter("id"))
    there, problems = _read_items(file, settings.marking)
    controls, wrong = load_controls(workspace, settings, file)
    practice, few = draw_practice(list(controls), settings, str(settings.controls))
    left = sorted(set(controls) - set(practice))
    gold, short = draw_gold(left, settings, len(there) - len(practice), str(settings.controls))
    items, probability = draw_items([item for item in there if item.id not in practice], settings, gold)
    problems += [f"item {item.id}: has no word to mark" for item in items if not item.units]
    labelled = tuple(item for item in items if item.units)
    attributions: Mapping[str, AttributionRecord] = {}
    lacking: list[str] = []
    if {"assisted", "reveal"} & set(settings.arms) and labelled:
        attributions, lacking = choose_attributions(workspace, settings, {item.id: item.length for item in labelled})
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
        texts=file,
        items_there=len(there),
        gold=gold,
        units=sum(item.units for item in items),
        words={item.id: item.words for item in items},
        arms=tuple(_plan_arm(arm, frame, labelled, file, attributions) for arm in settings.arms),
        consent=consent,
        practice=tuple(file[id_] for id_ in practice),
        known=controls,
        problems=(*problems, *wrong, *few, *short, *lacking),
        notes=(*_notes(settings, items, len(there), gold), *_notes_on_controls(settings, controls.values())),
    )


def _campaign_hash(
    settings: CampaignSettings,
    texts: tuple[Guideline, Guideline | None],
    items: Sequence[Outline],
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


def _plan_arm(
    arm: Arm,
    frame: Frame,
    outlines: Sequence[Outline],
    items: Mapping[str, Item],
    attributions: Mapping[str, AttributionRecord],
) -> ArmPlan:
    """One arm's tasks, what is sent for them, and its queues."""
    settings = frame.settings
    # An item without an attribution is named among the problems.
    shown = [item for item in outlines if arm == "blind" or item.id in attributions]
    uids = {item.id: task_uid(frame.campaign_hash, arm, item.id) for item in shown}
    item_of = {uid: item_id for item_id, uid in uids.items()}

    def write(uid: str) -> Entry:
        item_id = item_of[uid]
        # In the arm `reveal` the first answer is blind.
        return write_entry(items[item_id], arm, frame, attributions[item_id] if arm == "assisted" else None)

    return ArmPlan(
        arm=arm,
        raters=settings.raters_of(arm),
        overlap=settings.overlap_of(arm),
        isolation=frame.isolation,
        sees=_sees(arm, settings),
        items=item_of,
        write=write,
        queues=make_queues(
            arm,
            [Place(uid, item_id in frame.gold) for item_id, uid in uids.items()],
            settings,
            {uids[item.id]: item.row for item in shown},
        ),
        revealed=attributions if arm == "reveal" else {},
    )


def _sees(arm: Arm, settings: CampaignSettings) -> str:
    if arm == "blind":
        return "nothing of any attribution"
    if arm == "reveal":
        return f"nothing at first; then the heat of {settings.method}, with the first answer to revise"
    if settings.show == "heat":
        return f"the heat of {settings.method} below every unit, nothing marked"
    return f"the top {settings.share:.0%} of the units by {settings.method} (at least one) already marked"


def _read_items(file: RecordFile[Item], marking: Marking) -> tuple[list[Outline], list[str]]:
    if not file.path.exists():
        return [], [f"{file.path}: no such file; `heta data build` makes it"]
    items = [outline(item, marking) for item in file.scan()]
    problems = list(file.problems)
    if not items and not problems:
        problems = [f"{file.path}: holds no item"]
    return items, problems + [f"{file.path}: item {item} stands there twice" for item in dict.fromkeys(file.twice)]


def _notes(settings: CampaignSettings, items: Sequence[Outline], there: int, gold: frozenset[str]) -> list[str]:
    notes = []
    if settings.kind == "simulated":
        notes.append("raters are simulated: none of these labels is human")
    if settings.isolation == "trust":
        notes.append(
            "on your own server everybody can open everybody's projects, suggestions and answers: that the blind are "
            "blind rests on trust (every label and the release say so: isolation trust)"
        )
    rows = Counter(item.row for item in items)
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


def _notes_on_controls(settings: CampaignSettings, controls: Iterable[GoldLabels]) -> list[str]:
    """People are held against known labels: whose they are should be known before the first is let in or flagged."""
    scripted = sum("simulated" in record.kinds for record in controls)
    if settings.kind != "human" or not scripted:
        return []
    return [
        f"{scripted} of the known labels in {settings.controls} come from simulated raters: people would be let in and "
        "flagged by what scripts marked"
    ]
