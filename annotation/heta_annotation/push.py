"""Sending a campaign to its servers, so that doing it again, at any time and after any accident, changes nothing.

Label Studio has no notion of a repeated import: the same task sent twice is two tasks, and a request whose client has
gone is completed all the same. So: what is there is listed before anything is sent; a batch is written down before it
goes out; where no answer came we look until the batch has arrived, and never send it again in the same run; copies
that came about in spite of this are removed as long as nobody has labelled them.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from heta_annotation.accounts import Account, create_accounts
from heta_annotation.client import IMPORT_SECONDS, CampaignClient, ProjectPage, RemoteTask, marker, require_servers
from heta_annotation.connection import Connection
from heta_annotation.errors import LabelStudioError, NotFound, ServerUnavailable
from heta_annotation.ledger import CampaignChanged, Ledger, Pushed, Rater, open_existing
from heta_annotation.logins import write_logins
from heta_annotation.page import render_page
from heta_annotation.plan import ArmPlan, Plan, plan
from heta_annotation.settings import email_of
from heta_annotation.tasks import fingerprint
from heta_data.records import Arm, content_hash
from heta_data.workspace import Workspace

log = logging.getLogger(__name__)

BATCH = 100
SETTLE_SECONDS = 60.0
"""How long a batch that nobody answers for may still be on its way: a local server takes one to five seconds."""
_POLL_SECONDS = 0.5
Progress = Callable[[Arm, int, int], None]
"""Told (arm, tasks on the server, tasks in all) after every batch."""


@dataclass(frozen=True)
class PushOptions:
    """How to send; the defaults suit a local server."""

    batch: int = BATCH
    import_seconds: float = IMPORT_SECONDS
    settle_seconds: float = SETTLE_SECONDS


@dataclass(frozen=True)
class ArmPushed:
    """One arm after a push."""

    arm: Arm
    url: str
    project: int
    sent: int
    """Tasks sent by this run."""
    present: int
    """Tasks that were there already."""
    predictions: int
    """Predictions on the server; 0 in the blind arm."""
    raters: int
    logins: str
    """File with the raters' log-ins, readable by the user alone."""
    digest: str
    """Hash over every task as read back (uid, data, predictions): equal for equal content."""


class CountMismatch(LabelStudioError):
    """What is on the server is not what was sent."""


def push(
    workspace: Workspace,
    connections: Mapping[Arm, Connection],
    *,
    options: PushOptions | None = None,
    progress: Progress | None = None,
) -> list[ArmPushed]:
    """Bring every arm's server to what the plan says. Holds the folder; repeatable.

    Args:
        workspace: the campaign's folder.
        connections: one running server for each arm, as `heta_annotation.studio.connect` gives them.
        options: batch size and patience.
        progress: called after every batch.

    Returns:
        One entry per arm, in the order of the settings.

    Raises:
        CampaignBlocked: the plan has problems. CampaignChanged: the folder describes another campaign than was pushed.
        CountMismatch: the server holds something else than was sent. LabelStudioError: a call failed.
    """
    chosen = options or PushOptions()
    planned = plan(workspace)
    planned.check()
    _check_connections(planned, connections)
    with workspace.lock(), Ledger(workspace.ledger) as ledger:
        _check_unchanged(ledger, planned)
        ledger.begin(planned.campaign_hash, planned.settings.model_dump(mode="json"), planned.guideline.text)
        return [
            _ArmPush(workspace, ledger, planned, arm, connections[arm.arm], chosen).run(progress)
            for arm in planned.arms
        ]


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
            client = CampaignClient(connections[arm.arm])
            project = client.find_project(marker(planned.campaign_hash, arm.arm))
            there = {task.uid for task in client.tasks(project)} if project is not None else set()
            waiting[arm.arm] = sum(task.uid not in there for task in arm.tasks)
    return waiting


def _check_connections(planned: Plan, connections: Mapping[Arm, Connection]) -> None:
    require_servers([arm.arm for arm in planned.arms], connections)
    used = [connections[arm.arm] for arm in planned.arms]
    for connection in used:
        if connection.isolation != "server" or not connection.local:
            raise LabelStudioError(
                f"{connection.name} ({connection.url}): an arm needs a local server of its own: projects on one "
                "server hide nothing from each other, and raters' accounts are made on our own servers only"
            )
    if len({connection.url for connection in used}) < len(used):
        raise LabelStudioError(f"both arms on {used[0].url}: raters of one would see the other; start one server each")


def _check_unchanged(ledger: Ledger, planned: Plan) -> None:
    before = ledger.campaign()
    settings = planned.settings.model_dump(mode="json")
    if before is not None and before[0] != planned.campaign_hash:
        changed = [key for key, value in settings.items() if before[1].get(key) != value]
        reasons = [f"[campaign] {', '.join(changed)}"] if changed else []
        if before[2] != planned.guideline.text:
            reasons.append("the guideline")
        raise CampaignChanged(
            f"campaign {before[0]} was pushed from here, and now {' and '.join(reasons) or 'the items'} differ: "
            "change it back, or begin a new campaign in a new folder"
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
        self.options = options
        self.client = CampaignClient(connection, import_seconds=options.import_seconds)

    def run(self, progress: Progress | None) -> ArmPushed:
        name = self.arm.arm
        self.ledger.add_tasks(
            name,
            [(task, sent, fingerprint(sent)) for task, sent in zip(self.arm.tasks, self.arm.payloads, strict=True)],
        )
        accounts = self._accounts()
        project = self._project()
        logins = write_logins(self.workspace, self.client.connection, project, accounts)
        tasks = self.ledger.tasks(name)
        self._settle(project)
        there = self._listed(project, tasks)
        missing = [uid for uid in tasks if uid not in there]
        for start in range(0, len(missing), self.options.batch):
            self._send(project, tasks, missing[start : start + self.options.batch])
            if progress is not None:
                progress(name, len(there) + min(start + self.options.batch, len(missing)), len(tasks))
        predictions, digest = self._verify(project, tasks)
        return ArmPushed(
            arm=name,
            url=self.client.connection.url,
            project=project,
            sent=len(missing),
            present=len(there),
            predictions=predictions,
            raters=len(self.arm.raters),
            logins=str(logins),
            digest=digest,
        )

    def _accounts(self) -> dict[str, Account]:
        name = self.arm.arm
        emails = [email_of(pseudonym) for pseudonym in self.arm.raters]
        accounts = create_accounts(self.workspace, self.client.connection.name, emails)
        for pseudonym in self.arm.raters:
            account = accounts[email_of(pseudonym)]
            self.ledger.add_rater(Rater(name, pseudonym, self.planned.settings.kind, account.id))
        return accounts

    def _project(self) -> int:
        """The arm's project: from the ledger, from the server where a run died in between, or a new one."""
        name, sign = self.arm.arm, marker(self.planned.campaign_hash, self.arm.arm)
        known = self.ledger.project(name)
        if known is not None:
            try:
                found = self.client.project_marker(known)
            except NotFound:
                found = ""
            if sign not in found:
                raise CampaignChanged(
                    f"project {known} of arm {name} is gone from {self.client.connection.url}, or no longer this "
                    "campaign's: restore the server's folder, or begin a new campaign in a new folder"
                )
            return known
        show = self.planned.settings.show if name == "assisted" else None
        page = ProjectPage(
            # The same in both arms: raters read it.
            title=self.planned.settings.name,
            marker=sign,
            label_config=render_page(show),
            instruction=self.planned.guideline.html,
            overlap=self.arm.overlap,
            show_predictions=show == "preselected",
        )
        project = self.client.find_project(sign)
        if project is None:
            project = self.client.create_project(page)
        self.ledger.set_project(name, self.client.connection.name, project, content_hash(page.label_config))
        return project

    def _settle(self, project: int) -> None:
        """Wait for batches that an earlier run sent and did not see arrive."""
        for number, uids, sent_at in self.ledger.open_batches(self.arm.arm):
            log.info("looking for a batch of %d tasks that an interrupted push sent", len(uids))
            landed = self._arrived(project, uids, sent_at + self.options.settle_seconds)
            self.ledger.close_batch(number, landed=landed)
            log.info("it had %sarrived", "" if landed else "not ")

    def _arrived(self, project: int, uids: Sequence[str], deadline: float) -> bool:
        """Whether all `uids` are on the server; False only once they cannot be on their way any more."""
        while True:
            there = {task.uid for task in self.client.tasks(project)}
            if there.issuperset(uids):
                return True
            # An import is one transaction: part of a batch never arrives.
            if time.time() > deadline:
                return False
            time.sleep(_POLL_SECONDS)

    def _send(self, project: int, tasks: Mapping[str, Pushed], uids: Sequence[str]) -> None:
        payloads = [tasks[uid].content for uid in uids]
        number = self.ledger.open_batch(self.arm.arm, uids, time.time())
        try:
            made, _ = self.client.import_tasks(project, payloads)
        except ServerUnavailable as error:
            # No answer: it may arrive all the same. Look, and do not send it again.
            if not self._arrived(project, uids, time.time() + self.options.settle_seconds):
                raise ServerUnavailable(
                    f"{error}; none of its {len(uids)} tasks arrived within {self.options.settle_seconds:g} s: nothing "
                    "is lost, run the same command again"
                ) from None
            log.warning("%s; the server completed it all the same", error)
            made = len(uids)
        except LabelStudioError:
            self.ledger.close_batch(number, landed=False)
            raise
        self.ledger.close_batch(number, landed=True)
        if made != len(uids):
            raise CountMismatch(f"sent {len(uids)} tasks to arm {self.arm.arm}, the server says it made {made}")

    def _listed(self, project: int, tasks: Mapping[str, Pushed]) -> dict[str, RemoteTask]:
        """What is on the server, by uid, once copies are gone and nothing else is there."""
        listed = self.client.tasks(project)
        foreign = [task for task in listed if task.uid not in tasks]
        if foreign:
            raise CountMismatch(
                f"{len(foreign)} tasks of project {project} are not of this campaign (first: task {foreign[0].id}): "
                "remove them in Label Studio"
            )
        by_uid: dict[str, RemoteTask] = {}
        for task in sorted(listed, key=lambda task: (-task.annotations, task.id)):
            uid = task.uid or ""
            if task.data != tasks[uid].content["data"]:
                raise CountMismatch(
                    f"task {task.id} (uid {uid}) of arm {self.arm.arm} holds other data than was sent: somebody "
                    "changed it; remove it in Label Studio and push again, or begin a new campaign"
                )
            if uid not in by_uid:
                by_uid[uid] = task
            elif task.annotations:
                raise CountMismatch(
                    f"uid {uid} is there twice, and both tasks are labelled: {by_uid[uid].id}, {task.id}"
                )
            else:
                log.warning("task %d is a copy of %d (uid %s) and has no label: removed", task.id, by_uid[uid].id, uid)
                self.client.delete_task(task.id)
        return by_uid

    def _verify(self, project: int, tasks: Mapping[str, Pushed]) -> tuple[int, str]:
        """Read everything back and compare it with what was meant; number of predictions, and the digest."""
        there = self._listed(project, tasks)
        if absent := [uid for uid in tasks if uid not in there]:
            raise CountMismatch(f"{_some(absent)} of arm {self.arm.arm} did not arrive: push again")
        predictions = self.client.predictions(project)
        wrong = []
        for uid, task in there.items():
            held: dict[str, Any] = {"data": task.data, "predictions": predictions.get(task.id, [])}
            if fingerprint(held) != tasks[uid].hash:
                wrong.append(uid)
        if wrong:
            raise CountMismatch(
                f"{_some(wrong)} of arm {self.arm.arm} have other predictions than were sent: remove these tasks in "
                "Label Studio and push again"
            )
        self.ledger.confirm({uid: task.id for uid, task in there.items()})
        count = sum(Counter({task.id: len(predictions.get(task.id, ())) for task in there.values()}).values())
        return count, content_hash(sorted((uid, tasks[uid].hash) for uid in there))


def _some(uids: Sequence[str]) -> str:
    shown = ", ".join(uids[:5]) + (" ..." if len(uids) > 5 else "")
    return f"{len(uids)} tasks (uid {shown})"
