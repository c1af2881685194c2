"""Scripted raters, for the demo and for tests: they label through the real server, each with an account's own token.

They mark the answer where it stands in the evidence and words around it, with noise; they never read an attribution.
The one exception names itself: a rater of the assisted arm whose pseudonym begins with `anchored` follows the
suggestion. Every label they give is of the kind `simulated`, which the ledger holds from the moment the account is
made, and none of it says anything about people.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from heta.errors import HetaError
from heta.records import Span
from heta.words import segment_words
from heta_annotation.campaign.client import CampaignClient, queue_connection, require_servers
from heta_annotation.campaign.ledger import Ledger, Project, Pushed, Rater, open_existing
from heta_annotation.campaign.marking import WORDS, Marking, marking_of_task, units_of
from heta_annotation.campaign.page import AGREE, CONSENT, PASSAGE
from heta_annotation.campaign.queues import Phase
from heta_annotation.campaign.settings import ANCHORED
from heta_annotation.campaign.tasks import regions
from heta_annotation.studio.accounts import Account, known_accounts
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records
from heta_data.records import Arm, Item, LabelTask
from heta_data.workspace import Workspace

PHASES: tuple[Phase, ...] = ("consent", "practice", "label", "reveal")
Progress = Callable[[Arm, int, int], None]
"""Told (arm, labels given, labels to give) after every label."""


class NotSimulated(HetaError):
    """Scripted raters were asked to label a campaign that has human raters."""


@dataclass(frozen=True)
class Style:
    """How a scripted rater marks."""

    reach: int
    """How many words before and after the answer may be marked."""
    keep: float
    """Probability of marking a word of the answer."""
    near: float
    """Probability of marking a word right beside the answer; halved with every step away."""
    stray: float
    """Probability of marking any other word of the evidence; a tenth of that in the distractor."""
    pace: float
    """Seconds per word read."""


@dataclass(frozen=True)
class ArmSimulated:
    """What scripted raters did in one arm."""

    arm: Arm
    given: int
    """Labels given by this run."""
    present: int
    """Labels that were there already."""


def simulate(
    workspace: Workspace,
    connections: Mapping[Arm, Connection],
    *,
    seed: int = 0,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> list[ArmSimulated]:
    """Let the campaign's scripted raters label what they have not labelled yet. The same seed gives the same marks.

    With `dry_run` nothing is labelled, and `given` says how many labels there are to give.

    Raises:
        NotSimulated: the campaign has raters who are people. CampaignChanged: nothing was pushed.
        LabelStudioError: a call failed; what was labelled stays, and another run goes on from there.
    """
    with workspace.lock(), open_existing(workspace.ledger) as ledger:
        people = [rater.pseudonym for rater in ledger.raters() if rater.kind != "simulated"]
        if people or not ledger.raters():
            raise NotSimulated(
                f"{workspace.root}: raters of this campaign are people ({', '.join(people) or 'none registered yet'}); "
                'scripted raters label only what was pushed with kind = "simulated" under [campaign]'
            )
        require_servers(ledger.arms(), connections)
        items = {item.id: item for item in read_records(workspace.items, Item)}
        return [
            _Arm(workspace, ledger, arm, connections[arm]).label(items, seed, None if dry_run else progress, dry_run)
            for arm in ledger.arms()
        ]


@dataclass(frozen=True)
class _Arm:
    """Where an arm is labelled."""

    workspace: Workspace
    ledger: Ledger
    arm: Arm
    connection: Connection

    def label(self, items: Mapping[str, Item], seed: int, progress: Progress | None, dry_run: bool) -> ArmSimulated:
        """Give every label that is missing."""
        gone = self.ledger.standings.withdrawn(self.arm)
        raters = {rater.pseudonym: rater for rater in self.ledger.raters(self.arm) if rater.pseudonym not in gone}
        accounts = known_accounts(self.workspace, self.connection.name)
        todo: list[_Label] = []
        present = 0
        rows = [row for phase in PHASES for row in self.ledger.projects(self.arm, phase) if row.number is not None]
        for row in rows:
            mine = [rater for name, rater in raters.items() if row.rater in (None, name)]
            missing, done = self._missing(row, mine, accounts)
            todo += missing
            present += done
        for given, label in enumerate([] if dry_run else todo, start=1):
            result, seconds = _result(label, items, seed)
            client = CampaignClient(replace(self.connection, token=accounts[label.rater.email].token))
            client.annotate(label.pushed.remote or 0, result, seconds=seconds, parent_prediction=label.parent)
            if progress is not None:
                progress(self.arm, given, len(todo))
        return ArmSimulated(self.arm, len(todo), present)

    def _missing(
        self, row: Project, raters: list[Rater], accounts: Mapping[str, Account]
    ) -> tuple[list["_Label"], int]:
        """Labels that a queue lacks, and the number of those it has."""
        lead = CampaignClient(queue_connection(row.queue, self.connection, accounts))
        number = row.number or 0
        done = {
            (int(task["id"]), annotation["completed_by"])
            for task in lead.export(number)
            for annotation in task.get("annotations") or ()
        }
        predictions = lead.predictions(number) if _anchored(raters) else {}
        missing = []
        for rater, pushed in assign(raters, list(self.ledger.tasks(row.queue).values()), own=row.rater is not None):
            if (pushed.remote, rater.account) not in done:
                parent = predictions[pushed.remote or 0][0]["id"] if _anchored([rater]) else None
                missing.append(_Label(row.phase, rater, pushed, parent))
        return missing, len(done)


@dataclass(frozen=True)
class _Label:
    """A label to give."""

    phase: Phase
    rater: Rater
    pushed: Pushed
    parent: int | None
    """The prediction it begins from."""


def _result(label: _Label, items: Mapping[str, Item], seed: int) -> tuple[list[dict[str, Any]], float]:
    """Regions and seconds: scripts agree to everything, and stay with their first answer when they see more."""
    if label.phase == "consent":
        value = {"choices": [AGREE]}
        return [{"from_name": CONSENT, "to_name": PASSAGE, "type": "choices", "value": value}], 10.0
    item, task = items[label.pushed.task.item_id], label.pushed.task
    marks, seconds = answer(item, label.rater, task, seed)
    if label.phase == "reveal":
        return list(label.pushed.content["predictions"][0]["result"]), round(seconds / 2, 1)
    return regions(levels_of(item, marks, task), task.scale), seconds


def _anchored(raters: list[Rater]) -> bool:
    return any(rater.arm == "assisted" and rater.pseudonym.startswith(ANCHORED) for rater in raters)


def assign(raters: list[Rater], tasks: list[Pushed], *, own: bool = False) -> list[tuple[Rater, Pushed]]:
    """Who labels what: everything in a queue of one's `own`; else `overlap` raters per task, dealt round."""
    if own:
        return [(rater, pushed) for rater in raters for pushed in tasks]
    pairs = [
        (raters[(position + step) % len(raters)], pushed)
        for position, pushed in enumerate(tasks)
        for step in range(min(pushed.task.overlap, len(raters)))
    ]
    return sorted(pairs, key=lambda pair: pair[0].pseudonym)


def answer(item: Item, rater: Rater, task: LabelTask, seed: int) -> tuple[tuple[int, ...], float]:
    """A scripted rater's marks (unit indices, sorted) and seconds for one item.

    Reads the item only; the suggestion is read by a rater of the assisted arm named `anchored...` alone, who keeps
    each suggested unit with probability 0.8.
    """
    draw = random.Random(f"{seed}:{rater.pseudonym}:{item.id}")  # noqa: S311 - a reproducible script, no secret
    style = style_of(rater.pseudonym, seed)
    marking = marking_of_task(task)
    units = units_of(item, marking)
    answers, evidence = answer_units(item, marking)
    marks = set()
    for index in range(len(units)):
        if index in answers:
            chance = style.keep
        elif index in evidence:
            distance = min((abs(index - other) for other in answers), default=style.reach + 1)
            chance = style.near / 2 ** (distance - 1) if distance <= style.reach else style.stray
        else:
            chance = style.stray / 10
        if draw.random() < chance:
            marks.add(index)
    if _anchored([rater]) and task.suggestion is not None:
        marks |= {index for index in task.suggestion.selected if draw.random() < 0.8}
    words = len(units_of(item)) + len(segment_words(item.question))
    return tuple(sorted(marks)), round(words * style.pace + 1.5 * len(marks) + 2.0 * draw.random(), 1)


def levels_of(item: Item, marks: Iterable[int], task: LabelTask) -> dict[int, int]:
    """A level for each mark: the answer's units get the highest, others of the evidence the lowest, and what is marked
    in the distractor is misleading where the page has that label.
    """
    answers, evidence = answer_units(item, marking_of_task(task))
    highest, astray = (len(task.scale.grades), -1 if task.scale.misleading else 1) if task.scale else (1, 1)
    return {index: highest if index in answers else 1 if index in evidence else astray for index in marks}


def style_of(pseudonym: str, seed: int) -> Style:
    """A rater's own way of marking: the same for all items."""
    draw = random.Random(f"style:{seed}:{pseudonym}")  # noqa: S311 - a reproducible script, no secret
    return Style(
        reach=draw.randint(2, 4),
        keep=draw.uniform(0.9, 1.0),
        near=draw.uniform(0.35, 0.65),
        stray=draw.uniform(0.02, 0.08),
        pace=draw.uniform(0.2, 0.34),
    )


def answer_units(item: Item, marking: Marking = WORDS) -> tuple[set[int], set[int]]:
    """Indices of the units of the evidence that hold the answer, and of all units of the evidence.

    The answer is looked for as a run of words, without regard to case; where it does not stand there, every word of
    the evidence that the question also has is taken instead.
    """
    words, evidence = _answer_words(item), item.spans("evidence")
    units = list(enumerate(units_of(item, marking)))
    return (
        {index for index, unit in units if any(unit.overlaps(word) for word in words)},
        {index for index, unit in units if any(s.start < unit.end and unit.start < s.end for s in evidence)},
    )


def _answer_words(item: Item) -> list[Span]:
    units = units_of(item)
    segments = [Span(segment.start, segment.end) for segment in item.spans("evidence")]
    evidence = [index for index, unit in enumerate(units) if any(segment.overlaps(unit) for segment in segments)]
    words = [item.prompt[units[index].start : units[index].end].casefold() for index in evidence]
    wanted = _words(item.answer)
    found: set[int] = set()
    for position in range(len(words) - len(wanted) + 1):
        if wanted and words[position : position + len(wanted)] == wanted:
            found.update(evidence[position : position + len(wanted)])
    if not found:
        asked = set(_words(item.question))
        found = {index for index, word in zip(evidence, words, strict=True) if word in asked}
    return [units[index] for index in found]


def _words(text: str) -> list[str]:
    return [text[word.start : word.end].casefold() for word in segment_words(text)]
