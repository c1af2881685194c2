"""Sending an ask: a queue a rater, each in an organisation of its own, repeatable after any accident."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from heta_annotation.campaign.asks import Ask
from heta_annotation.campaign.client import CampaignClient, ProjectPage, marker, queue_connection
from heta_annotation.campaign.consent import ConsentPage
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, Rater, open_existing
from heta_annotation.campaign.logins import write_logins
from heta_annotation.campaign.queue_push import PushOptions, QueuePush, QueuePushed
from heta_annotation.campaign.queues import Asked, Queue
from heta_annotation.campaign.settings import email_of
from heta_annotation.campaign.tasks import Entry
from heta_annotation.errors import LabelStudioError
from heta_annotation.opinions.pages import render_ask
from heta_annotation.opinions.plan import AskPlan
from heta_annotation.studio.accounts import Account, create_accounts
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import dump_line
from heta_data.workspace import Workspace

TITLES: dict[Asked, str] = {"prefer": "compare", "answer": "answer"}
"""What a project is called, after the campaign's name."""
Progress = Callable[[Asked, int, int], None]
"""Told (kind of question, questions on the server, questions in all) after every batch."""


@dataclass(frozen=True)
class AskSent:
    """An ask after it was sent."""

    asked: Asked
    hash: str
    url: str
    sent: int
    """Questions sent by this run."""
    present: int
    """Questions that were there already."""
    raters: int
    """Who can answer now."""
    waiting: Mapping[str, str]
    """Pseudonym -> what the rater has to do first; ask again to let them in."""
    logins: str
    """File with the raters' log-ins, readable by the user alone."""


def send_ask(
    workspace: Workspace,
    planned: AskPlan,
    connection: Connection,
    *,
    options: PushOptions | None = None,
    progress: Progress | None = None,
) -> AskSent:
    """Bring the server to what the plan says. Holds the folder; doing it again sends nothing.

    Args:
        workspace: the folder.
        planned: from `plan_ask`.
        connection: the running local server that the settings name.
        options: batch size and patience.
        progress: called after every batch.

    Raises:
        AskBlocked: the plan has problems. CampaignChanged: another ask of this kind was sent from here.
        CountMismatch: the server holds something else than was sent. LabelStudioError: a call failed.
    """
    planned.check()
    if connection.name != planned.settings.server or not connection.local:
        raise LabelStudioError(
            f"{connection.name} ({connection.url}): expected the local server {planned.settings.server!r}: raters' "
            "accounts are made on our own servers only"
        )
    with workspace.lock(), Ledger(workspace.ledger) as ledger:
        _check_unchanged(ledger, planned)
        return _Sending(workspace, ledger, planned, connection, options or PushOptions()).run(progress)


def to_send(workspace: Workspace, planned: AskPlan) -> int:
    """How many questions would be sent now, as far as the folder knows. Asks no server, writes nothing.

    Raises:
        AskBlocked, CampaignChanged: as `send_ask`.
    """
    planned.check()
    before = open_existing(workspace.ledger) if workspace.ledger.exists() else None
    with before or nullcontext():
        if before is None:
            return planned.total
        _check_unchanged(before, planned)
        confirmed = [
            pushed.uid
            for rater in planned.questions
            for pushed in before.tasks(queue_name(planned.settings.asked, rater)).values()
            if pushed.remote is not None
        ]
        return planned.total - len(confirmed)


def queue_name(asked: Asked, rater: str) -> str:
    """The queue of one rater, such as `prefer/a95`."""
    return f"{asked}/{rater}"


def _check_unchanged(ledger: Ledger, planned: AskPlan) -> None:
    settings = planned.settings
    before = ledger.asks.of(settings.asked)
    if before is None or before.hash == planned.hash:
        return
    now = settings.document()
    changed = [
        f"{key} was {before.settings.get(key)}, now {now[key]}" for key in now if now[key] != before.settings.get(key)
    ]
    what = "; ".join(changed) or (
        "the options are the same; the items, the attributions, the guideline or the consent text differ"
    )
    raise CampaignChanged(
        f"`{settings.asked}` was asked from this folder before ({what}): ask as before, or in a new folder"
    )


@dataclass(frozen=True)
class _Sending:
    workspace: Workspace
    ledger: Ledger
    planned: AskPlan
    connection: Connection
    options: PushOptions

    def run(self, progress: Progress | None) -> AskSent:
        planned, asked = self.planned, self.planned.settings.asked
        self.ledger.asks.begin(Ask(asked, planned.hash, planned.settings.document(), planned.details()))
        self._note()
        accounts = self._accounts()
        pushed: dict[str, QueuePushed] = {}
        waiting: dict[str, str] = {}
        done = 0
        gone = self.ledger.standings.withdrawn(asked)
        for rater in self.ledger.raters(asked, "asked"):
            questions = planned.questions.get(rater.pseudonym, ())
            if rater.pseudonym in gone or not questions:
                continue
            done += len(questions)
            if reason := self._waiting(rater, accounts):
                waiting[rater.pseudonym] = reason
                continue
            name = queue_name(asked, rater.pseudonym)
            tell = None if progress is None else partial(_tell, progress, asked, done - len(questions), planned.total)
            client = self._reach(accounts, name)
            pushed[rater.pseudonym] = QueuePush(self.ledger, name, client, self.options).run(self._page(name), tell)
        # Who reads the consent text first has two projects, and so gets the list of them.
        projects: dict[str, int | None] = {
            email_of(rater): None if planned.consent else pushed[rater].project for rater in (*pushed, *waiting)
        }
        logins = write_logins(self.workspace, self.connection, projects, accounts, f"{asked}.csv")
        return AskSent(
            asked=asked,
            hash=planned.hash,
            url=self.connection.url,
            sent=sum(one.sent for one in pushed.values()),
            present=sum(one.present for one in pushed.values()),
            raters=len(pushed),
            waiting=waiting,
            logins=str(logins),
        )

    def _accounts(self) -> dict[str, Account]:
        """The raters' accounts, made where they are missing, and noted as people who are asked."""
        settings = self.planned.settings
        emails = [email_of(rater) for rater in settings.raters]
        accounts = create_accounts(self.workspace, self.connection.name, emails, own=True)
        for rater in settings.raters:
            account = accounts[email_of(rater)].id
            self.ledger.add_rater(Rater(settings.asked, rater, settings.kind, account, "asked"))
        return accounts

    def _waiting(self, rater: Rater, accounts: Mapping[str, Account]) -> str:
        """Why the rater cannot be asked yet; empty for one who can."""
        if self.planned.consent is None:
            return ""

        def send(queue: Queue, page: ProjectPage) -> QueuePushed:
            self.ledger.add_queue(queue, self.connection.name)
            return QueuePush(self.ledger, queue.name, reach(queue.name), self.options).run(page, None)

        reach = partial(self._reach, accounts)
        return ConsentPage(
            self.ledger, self.planned.consent, self.planned.name, self.planned.hash, send, reach
        ).waiting(rater)

    def _reach(self, accounts: Mapping[str, Account], queue: str) -> CampaignClient:
        connection = queue_connection(queue, self.connection, accounts)
        return CampaignClient(connection, import_seconds=self.options.import_seconds)

    def _note(self) -> None:
        """Write down what will be sent: the questions, and in which order each rater gets them."""
        asked = self.planned.settings.asked
        questions = [question for mine in self.planned.questions.values() for question in mine]
        self.ledger.add_questions(
            asked,
            [Entry(question.uid, dump_line(question), self.planned.payloads[question.uid]) for question in questions],
        )
        for rater, mine in self.planned.questions.items():
            uids = tuple(question.uid for question in mine)
            queue = Queue(queue_name(asked, rater), asked, (rater,), uids, 1, asked)
            self.ledger.add_queue(queue, self.connection.name)

    def _page(self, queue: str) -> ProjectPage:
        asked = self.planned.settings.asked
        return ProjectPage(
            title=f"{self.planned.name}: {TITLES[asked]}"[:50],
            marker=marker(self.planned.hash, queue),
            label_config=render_ask(asked),
            instruction=self.planned.guideline.html,
            overlap=1,
            show_predictions=False,
        )


def _tell(progress: Progress, asked: Asked, before: int, total: int, done: int) -> None:
    progress(asked, before + done, total)
