"""A second round for what raters do not agree on: somebody sees everybody's marks, anonymously, and decides.

Adjudicators label on the blind arm's server, each in an organisation and a project of their own; a contested item goes
to one of them. Their answers are no labels: they stand in the gold labels alone.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heta.errors import ConfigError, HetaError
from heta_annotation.campaign.client import CampaignClient, ProjectPage, marker, queue_connection, require_servers
from heta_annotation.campaign.closing import arm_labels
from heta_annotation.campaign.comparison import adjudication_data, render_adjudication
from heta_annotation.campaign.consensus import Consensus, find_consensus
from heta_annotation.campaign.guideline import render_guideline
from heta_annotation.campaign.ledger import Campaign, CampaignChanged, Ledger, Rater, open_existing
from heta_annotation.campaign.logins import make_accounts, write_logins
from heta_annotation.campaign.marking import Marking, levels_given
from heta_annotation.campaign.queue_push import PushOptions, QueuePush
from heta_annotation.campaign.queues import Phase, Queue, deal
from heta_annotation.campaign.settings import CampaignSettings, email_of
from heta_annotation.campaign.tasks import Entry
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import dump_line, read_records
from heta_data.raters import name_problems
from heta_data.records import Arm, Item, LabelTask, RaterKind, content_hash
from heta_data.workspace import Workspace

ARM: Arm = "blind"
"""Gold comes from labels that were given blind, so these are the ones that are decided."""
PHASE: Phase = "adjudicate"


class NothingToDecide(HetaError):
    """No item is contested."""


@dataclass(frozen=True)
class Adjudication:
    """A round of adjudication after it was sent."""

    contested: tuple[str, ...]
    """Ids of the items to decide."""
    reasons: Mapping[str, str]
    """By item id: why."""
    sent: int
    present: int
    logins: str
    """File with the adjudicators' log-ins."""


def adjudicate(
    workspace: Workspace,
    connection: Connection,
    adjudicators: Sequence[str],
    *,
    below: float,
    options: PushOptions | None = None,
    dry_run: bool = False,
) -> Adjudication:
    """Send the contested items to adjudicators; again after more answers came, it adds what is newly contested.

    Args:
        workspace: the campaign's folder.
        connection: the blind arm's server.
        adjudicators: pseudonyms of people who have labelled nothing in the campaign.
        below: mean pairwise F1 under which an item is contested.
        options: batch size and patience.
        dry_run: only say what would be sent.

    Raises:
        CampaignChanged: nothing was pushed, or an adjudicator is a rater. NothingToDecide: no item is contested.
        ConfigError: a pseudonym cannot be used. LabelStudioError: a call failed.
    """
    with workspace.lock(), open_existing(workspace.ledger) as ledger:
        campaign = blind_campaign(ledger)
        require_servers([ARM], {ARM: connection})
        _check_names(ledger, adjudicators, campaign.settings["kind"])
        items = {item.id: item for item in read_records(workspace.items, Item)}
        labels = arm_labels(workspace, ledger, ARM, connection, items)
        contested = {
            item: found for item, found in find_consensus(labels, below=below).items() if found.outcome == "contested"
        }
        before = ledger.planned(ARM, PHASE)
        if not contested and not before:
            raise NothingToDecide(f"{workspace.root}: nothing is contested (F1 of pairs below {below:g}, or a tie)")
        reasons = {item: found.reason for item, found in contested.items()}
        known = {task.item_id for task in before.values()}
        fresh = [found for item, found in contested.items() if item not in known]
        if dry_run:
            return Adjudication(tuple(contested), reasons, len(fresh), len(known), "")
        round_ = _Round(workspace, ledger, connection, campaign)
        sent, present, logins = round_.send(adjudicators, fresh, items, options or PushOptions())
        return Adjudication((*known, *(found.item_id for found in fresh)), reasons, sent, present, logins)


def blind_campaign(ledger: Ledger) -> Campaign:
    """The campaign, whose blind arm was pushed.

    Raises:
        CampaignChanged: it was not.
    """
    campaign = ledger.campaign()
    if campaign is None or ARM not in ledger.arms():
        raise CampaignChanged(f"{ledger.path}: no blind arm was pushed; gold labels come from blind labels only")
    return campaign


def _check_names(ledger: Ledger, adjudicators: Sequence[str], kind: RaterKind) -> None:
    raters = {rater.pseudonym for rater in ledger.raters()}
    for name in adjudicators:
        if problems := name_problems(name, kind):
            raise ConfigError(f"adjudicator {name!r} {'; '.join(problems)}")
        if name in raters:
            raise CampaignChanged(f"{name} has labelled in this campaign, so somebody else must decide: take another")
    if len(set(adjudicators)) < len(adjudicators) or not adjudicators:
        raise ConfigError("adjudicators: give at least one pseudonym, each once")


@dataclass(frozen=True)
class _Round:
    workspace: Workspace
    ledger: Ledger
    connection: Connection
    campaign: Campaign

    def send(
        self, adjudicators: Sequence[str], fresh: Sequence[Consensus], items: Mapping[str, Item], options: PushOptions
    ) -> tuple[int, int, str]:
        """Note, deal and push the items that are new; what was sent, what was there, the log-ins' file."""
        accounts = make_accounts(self.workspace, self.connection, adjudicators, own=True)
        for name in adjudicators:
            account = accounts[email_of(name)]
            self.ledger.add_rater(Rater(ARM, name, self.campaign.settings["kind"], account.id, "adjudicator"))
        tasks = {found.item_id: self._task(found) for found in fresh}
        contents = {
            task.uid: {"data": {"uid": task.uid, **self._data(items[item], found)}}
            for (item, task), found in zip(tasks.items(), fresh, strict=True)
        }
        entries = [Entry(task.uid, dump_line(task), contents[task.uid]) for task in tasks.values()]
        self.ledger.add_tasks(ARM, entries, PHASE)
        dealt = deal(sorted(contents), adjudicators, 1, seed=self.campaign.hash, twins={})
        sent = present = 0
        projects: dict[str, int] = {}
        for name in adjudicators:
            queue = Queue(f"{ARM}/{name}/{PHASE}", ARM, (name,), tuple(dealt[name]), 1, PHASE)
            self.ledger.add_queue(queue, self.connection.name)
            client = CampaignClient(
                queue_connection(queue.name, self.connection, accounts), import_seconds=options.import_seconds
            )
            one = QueuePush(self.ledger, queue.name, client, options).run(self._page(queue.name), None)
            projects[email_of(name)] = one.project
            sent, present = sent + one.sent, present + one.present
        logins = write_logins(self.workspace, self.connection, projects, accounts, "adjudicators.csv")
        return sent, present, str(logins)

    def _task(self, found: Consensus) -> LabelTask:
        task = next(task for task in self.ledger.planned(ARM).values() if task.item_id == found.item_id)
        uid = content_hash({"campaign": self.campaign.hash, "phase": PHASE, "item": found.item_id})
        return task.model_copy(update={"uid": uid, "overlap": 1, "gold": False, "scale": None})

    def _data(self, item: Item, found: Consensus) -> dict[str, object]:
        marks = [levels_given(record) for record in found.answers]
        # The same rater has another colour in every text, so that nobody comes to trust a colour.
        draw = random.Random(f"colours:{self.campaign.hash}:{item.id}")  # noqa: S311 - a reproducible draw, no secret
        draw.shuffle(marks)
        first = found.answers[0]
        return adjudication_data(item, marks, found.cannot_tell, Marking(first.segmentation), first.scale)

    def _page(self, queue: str) -> ProjectPage:
        marking = CampaignSettings.model_validate(self.campaign.settings).marking
        return ProjectPage(
            title=f"{self.campaign.settings['name']}: decide"[:50],
            marker=marker(self.campaign.hash, queue),
            label_config=render_adjudication(Marking(marking.segmentation)),
            instruction=render_guideline(self.campaign.guideline, marking.scale),
            overlap=1,
            show_predictions=False,
        )
