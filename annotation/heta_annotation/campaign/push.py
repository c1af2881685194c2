"""Sending a campaign to its servers, so that doing it again, at any time and after any accident, changes nothing."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from heta_annotation.campaign.client import CampaignClient, ProjectPage, marker, queue_connection, require_servers
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, Rater, check_open, open_existing
from heta_annotation.campaign.logins import make_accounts, write_logins
from heta_annotation.campaign.page import render_page
from heta_annotation.campaign.plan import ArmPlan, Plan, plan
from heta_annotation.campaign.queue_push import Note, PushOptions, QueuePush, QueuePushed
from heta_annotation.campaign.queues import Queue
from heta_annotation.campaign.reveal import Reveal
from heta_annotation.campaign.settings import email_of
from heta_annotation.campaign.stages import Stages
from heta_annotation.errors import LabelStudioError
from heta_annotation.studio.accounts import Account, known_accounts
from heta_annotation.studio.connection import Connection
from heta_data.records import Arm, content_hash
from heta_data.workspace import Workspace

Progress = Callable[[Arm, int, int], None]
"""Told (arm, tasks on the server, tasks in all) after every batch."""


@dataclass(frozen=True)
class ArmPushed:
    """One arm after a push."""

    arm: Arm
    url: str
    projects: tuple[int, ...]
    """Label Studio's numbers, one per queue."""
    sent: int
    """Tasks sent by this run."""
    present: int
    """Tasks that were there already. A task counts once for every queue that it is in."""
    predictions: int
    """Predictions on the server; 0 in the blind arm."""
    raters: int
    waiting: Mapping[str, str]
    """Raters who cannot label yet, with the reason."""
    logins: str
    """File with the raters' log-ins, readable by the user alone."""
    digest: str
    """Hash over every task of every queue as read back (uid, data, predictions): equal for equal content."""
    oddities: tuple[str, ...] = ()
    """What was found otherwise than we had left it, and what became of it: one sentence each."""


def push(
    workspace: Workspace,
    connections: Mapping[Arm, Connection],
    *,
    planned: Plan | None = None,
    options: PushOptions | None = None,
    progress: Progress | None = None,
) -> list[ArmPushed]:
    """Bring every arm's server to what the plan says. Holds the folder; repeatable.

    Args:
        workspace: the campaign's folder.
        connections: a running server for each arm, as `heta_annotation.studio.local.connect` gives them: local ones of
            their own or, where the settings say so, `external` for all.
        planned: the folder's plan, where it has been worked out already.
        options: batch size and patience.
        progress: called after every batch.

    Returns:
        One entry per arm, in the order of the settings.

    Raises:
        CampaignBlocked: the plan has problems. CampaignChanged: the folder describes another campaign than was pushed.
        CountMismatch: the server holds something else than was sent. LabelStudioError: a call failed.
    """
    chosen = options or PushOptions()
    planned = planned or plan(workspace)
    planned.check()
    _check_connections(planned, connections)
    with workspace.lock(), Ledger(workspace.ledger) as ledger:
        check_open(ledger)
        _check_unchanged(ledger, planned)
        arms = [_ArmPush(workspace, ledger, planned, arm, connections[arm.arm], chosen) for arm in planned.arms]
        for arm in arms:
            # Before anything is noted: where an account cannot be had, raters can still be renamed.
            arm.make_accounts()
        ledger.begin(planned.campaign_hash, planned.settings.model_dump(mode="json"), planned.guideline.text)
        return [arm.run(progress) for arm in arms]


def preview(workspace: Workspace, planned: Plan, connections: Mapping[Arm, Connection]) -> dict[Arm, int]:
    """How many tasks a push would send to each arm now. Asks the servers, writes nothing.

    Raises:
        CampaignBlocked, CampaignChanged, LabelStudioError: as `push`.
    """
    planned.check()
    _check_connections(planned, connections)
    waiting = {}
    before = open_existing(workspace.ledger) if workspace.ledger.exists() else None
    with before or nullcontext():
        if before is not None:
            _check_unchanged(before, planned)
        for arm in planned.arms:
            connection = connections[arm.arm]
            accounts = known_accounts(workspace, connection.name)
            queues = arm.queues if before is None else all_queues(before, arm)
            waiting[arm.arm] = sum(len(missing_uids(queue, planned, connection, accounts)) for queue in queues)
    return waiting


def all_queues(ledger: Ledger, arm: ArmPlan) -> list[Queue]:
    """The planned queues, those of raters who came later, and what was added to either."""
    queues = {queue.name: queue for queue in arm.queues}
    for row in ledger.projects(arm.arm):
        if row.rater is not None:
            queues[row.queue] = Queue(row.queue, row.arm, (row.rater,), tuple(ledger.places(row.queue)), 1)
    return list(queues.values())


def missing_uids(queue: Queue, planned: Plan, connection: Connection, accounts: Mapping[str, Account]) -> Sequence[str]:
    """Tasks of a queue that its server does not hold. Asks the server, writes nothing."""
    if queue.own and connection.local and email_of(queue.raters[0]) not in accounts:
        return queue.uids
    client = CampaignClient(queue_connection(queue.name, connection, accounts))
    project = client.find_project(marker(planned.campaign_hash, queue.name))
    there = {task.uid for task in client.each_task(project)} if project is not None else set()
    return [uid for uid in queue.uids if uid not in there]


def _check_connections(planned: Plan, connections: Mapping[Arm, Connection]) -> None:
    require_servers([arm.arm for arm in planned.arms], connections)
    used = [connections[arm.arm] for arm in planned.arms]
    if planned.settings.server == "external":
        if ours := [connection for connection in used if connection.local]:
            raise LabelStudioError(
                f'{ours[0].name} ({ours[0].url}): is a local server, and [campaign] says server = "external"'
            )
        return
    for connection in used:
        if connection.isolation != "server" or not connection.local:
            raise LabelStudioError(
                f"{connection.name} ({connection.url}): an arm needs a local server of its own: projects on one "
                'server hide nothing from each other; where trust is enough, say server = "external" under [campaign]'
            )
    if len({connection.url for connection in used}) < len(used):
        raise LabelStudioError(f"both arms on {used[0].url}: raters of one would see the other; start one server each")


def _check_unchanged(ledger: Ledger, planned: Plan) -> None:
    before = ledger.campaign()
    settings = planned.settings.model_dump(mode="json")
    if before is not None and before.hash != planned.campaign_hash:
        changed = [key for key, value in settings.items() if before.settings.get(key) != value]
        reasons = [f"[campaign] {', '.join(changed)}"] if changed else []
        if before.guideline != planned.guideline.text:
            reasons.append("the guideline")
        what = " and ".join(reasons) or "the items, the gold items or the consent text"
        raise CampaignChanged(
            f"campaign {before.hash} was pushed from here, and now {what} differ: change it back, or begin a new "
            "campaign in a new folder"
        )


class _ArmPush:
    """One arm's way to its server."""

    def __init__(
        self,
        workspace: Workspace,
        ledger: Ledger,
        planned: Plan,
        arm: ArmPlan,
        connection: Connection,
        options: PushOptions,
    ) -> None:
        self.workspace = workspace
        self.ledger = ledger
        self.planned = planned
        self.arm = arm
        self.connection = connection
        self.options = options
        self.accounts: dict[str, Account] = {}
        self.oddities: list[str] = []
        self.noted: set[str] = set()

    def make_accounts(self) -> None:
        later = [r.pseudonym for r in self.ledger.raters(self.arm.arm) if r.pseudonym not in self.arm.raters]
        own = self.planned.settings.assignment == "own"
        self.accounts = make_accounts(self.workspace, self.connection, [*self.arm.raters, *later], own=own)

    def run(self, progress: Progress | None) -> ArmPushed:
        name = self.arm.arm
        if any(row.number is not None for row in self.ledger.projects(name)):
            # Something may be there already: see first whether all of it is what would be sent now.
            self._note(tuple(self.arm.items))
        self._note_raters()
        raters = {rater.pseudonym: rater for rater in self.ledger.raters(name)}
        queues = all_queues(self.ledger, self.arm)
        reveal = Reveal(self.ledger, self.planned, self.arm, self._send, self._reach)
        stages = Stages(self.ledger, self.planned, name, self._send, self._reach)
        total = sum(len(queue.uids) for queue in queues)
        pushed: dict[str, QueuePushed] = {}
        waiting: dict[str, str] = {}
        done = 0
        for queue in queues:
            if queue.own and (reason := stages.waiting(raters[queue.raters[0]])):
                waiting[queue.raters[0]] = reason
            else:
                tell = None if progress is None else partial(_tell, progress, name, done, total)
                pushed[queue.name] = self._send(queue, self._page(queue), tell, self._note)
                if name == "reveal" and (more := reveal.open(raters[queue.raters[0]])) is not None:
                    pushed[f"{queue.name}/reveal"] = more
            done += len(queue.uids)
        self._note(tuple(self.arm.items))
        sheet = "raters.csv" if self.connection.local else f"raters-{name}.csv"
        logins = write_logins(self.workspace, self.connection, self._labelled_at(pushed), self.accounts, sheet)
        return ArmPushed(
            arm=name,
            url=self.connection.url,
            projects=tuple(one.project for one in pushed.values()),
            sent=sum(one.sent for one in pushed.values()),
            present=sum(one.present for one in pushed.values()),
            predictions=sum(one.predictions for one in pushed.values()),
            raters=len(raters),
            waiting=waiting,
            logins=str(logins),
            digest=content_hash({queue: one.digest for queue, one in pushed.items()}),
            oddities=tuple(self.oddities),
        )

    def _note(self, uids: Sequence[str]) -> None:
        """Put the tasks into the ledger that are not there yet; those that are must be what would be sent now."""
        fresh = [uid for uid in uids if uid not in self.noted]
        self.ledger.add_tasks(self.arm.arm, map(self.arm.write, fresh))
        self.noted.update(fresh)

    def _send(
        self,
        queue: Queue,
        page: ProjectPage,
        tell: Callable[[int], None] | None = None,
        note: Note | None = None,
    ) -> QueuePushed:
        self.ledger.add_queue(queue, self.connection.name)
        pushed = QueuePush(self.ledger, queue.name, self._reach(queue.name), self.options).run(page, tell, note)
        self.oddities += pushed.oddities
        return pushed

    def _reach(self, queue: str) -> CampaignClient:
        connection = queue_connection(queue, self.connection, self.accounts)
        return CampaignClient(connection, import_seconds=self.options.import_seconds)

    def _labelled_at(self, pushed: Mapping[str, QueuePushed]) -> dict[str, int | None]:
        """E-mail -> project in which that rater labels; None for one who has several, one after the other."""
        staged = self.planned.consent is not None or bool(self.planned.practice) or self.arm.arm == "reveal"
        gone = self.ledger.standings.withdrawn(self.arm.arm)
        return {
            email_of(rater): None if staged else pushed[queue.name].project
            for queue in all_queues(self.ledger, self.arm)
            for rater in queue.raters
            if rater not in gone and (staged or queue.name in pushed)
        }

    def _note_raters(self) -> None:
        for email, account in self.accounts.items():
            self.ledger.add_rater(Rater(self.arm.arm, email.partition("@")[0], self.planned.settings.kind, account.id))

    def _page(self, queue: Queue) -> ProjectPage:
        show = self.planned.settings.show if self.arm.arm == "assisted" else None
        return ProjectPage(
            # The same in both arms: raters read it.
            title=self.planned.settings.name,
            marker=marker(self.planned.campaign_hash, queue.name),
            label_config=render_page(show, self.planned.settings.marking),
            instruction=self.planned.guideline.html,
            overlap=queue.overlap,
            show_predictions=show == "preselected",
        )


def _tell(progress: Progress, arm: Arm, before: int, total: int, done: int) -> None:
    progress(arm, before + done, total)
