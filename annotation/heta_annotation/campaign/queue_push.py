"""One queue's way to its server, repeatable after any accident.

Label Studio has no notion of a repeated import: the same task sent twice is two tasks, and a request whose client has
gone is completed all the same. So: what is there is listed before anything is sent; a batch is written down before it
goes out; where no answer came we look until the batch has arrived, and never send it again in the same run; copies
that came about in spite of this are removed as long as nobody has labelled them.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from heta_annotation.campaign.client import IMPORT_SECONDS, CampaignClient, ProjectPage, RemoteTask
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, Pushed
from heta_annotation.campaign.queues import rater_of
from heta_annotation.campaign.tasks import fingerprint
from heta_annotation.errors import LabelStudioError, NotFound, ServerUnavailable
from heta_data.records import content_hash

log = logging.getLogger(__name__)

BATCH = 100
SETTLE_SECONDS = 60.0
"""How long a batch that nobody answers for may still be on its way: a local server takes one to five seconds."""
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class PushOptions:
    """How to send; the defaults suit a local server."""

    batch: int = BATCH
    import_seconds: float = IMPORT_SECONDS
    settle_seconds: float = SETTLE_SECONDS


@dataclass(frozen=True)
class QueuePushed:
    """One queue after a push."""

    project: int
    sent: int
    """Tasks sent by this run."""
    present: int
    """Tasks that were there already."""
    predictions: int
    digest: str
    """Hash over every task as read back."""


class CountMismatch(LabelStudioError):
    """What is on the server is not what was sent."""


class QueuePush:
    """Brings one project to what the ledger says of its queue."""

    def __init__(self, ledger: Ledger, queue: str, client: CampaignClient, options: PushOptions) -> None:
        self.ledger = ledger
        self.queue = queue
        self.client = client
        self.options = options

    def run(self, page: ProjectPage, progress: Callable[[int], None] | None) -> QueuePushed:
        """Make the project, send what is missing, read everything back; `progress` is told the tasks that are there."""
        project = self._project(page)
        tasks = self.ledger.tasks(self.queue)
        self._settle(project)
        there = self._listed(project, tasks)
        missing = [uid for uid in tasks if uid not in there]
        for start in range(0, len(missing), self.options.batch):
            self._send(project, tasks, missing[start : start + self.options.batch])
            if progress is not None:
                progress(len(there) + min(start + self.options.batch, len(missing)))
        predictions, digest = self._verify(project, tasks)
        return QueuePushed(project, len(missing), len(there), predictions, digest)

    def _project(self, page: ProjectPage) -> int:
        """The queue's project: from the ledger, from the server where a run died in between, or a new one."""
        known = self.ledger.project(self.queue)
        if known is not None:
            try:
                found = self.client.project_marker(known)
            except NotFound:
                found = ""
            if page.marker not in found:
                raise CampaignChanged(
                    f"project {known} of queue {self.queue} is gone from {self.client.connection.url}, or no longer "
                    "this campaign's: restore the server's folder, or begin a new campaign in a new folder"
                )
            return known
        project = self.client.find_project(page.marker)
        if project is None:
            project = self.client.create_project(self._named(page))
        self.ledger.set_project(self.queue, project, content_hash(page.label_config))
        return project

    def _named(self, page: ProjectPage) -> ProjectPage:
        """Where everybody sees everybody's projects, the title says whose this one is."""
        rater = None if self.client.connection.local else rater_of(self.queue)
        return page if rater is None else replace(page, title=f"{rater}: {page.title}"[:50])

    def _settle(self, project: int) -> None:
        """Wait for batches that an earlier run sent and did not see arrive."""
        for number, uids, sent_at in self.ledger.open_batches(self.queue):
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
        number = self.ledger.open_batch(self.queue, uids, time.time())
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
            raise CountMismatch(f"sent {len(uids)} tasks to queue {self.queue}, the server says it made {made}")

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
                    f"task {task.id} (uid {uid}) of queue {self.queue} holds other data than was sent: somebody "
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
            raise CountMismatch(f"{_some(absent)} of queue {self.queue} did not arrive: push again")
        predictions = self.client.predictions(project)
        wrong = []
        for uid, task in there.items():
            held: dict[str, Any] = {"data": task.data, "predictions": predictions.get(task.id, [])}
            if fingerprint(held) != tasks[uid].hash:
                wrong.append(uid)
        if wrong:
            raise CountMismatch(
                f"{_some(wrong)} of queue {self.queue} have other predictions than were sent: remove these tasks in "
                "Label Studio and push again"
            )
        self.ledger.confirm(self.queue, {uid: task.id for uid, task in there.items()})
        count = sum(Counter({task.id: len(predictions.get(task.id, ())) for task in there.values()}).values())
        return count, content_hash(sorted((uid, tasks[uid].hash) for uid in there))


def _some(uids: Sequence[str]) -> str:
    shown = ", ".join(uids[:5]) + (" ..." if len(uids) > 5 else "")
    return f"{len(uids)} tasks (uid {shown})"
