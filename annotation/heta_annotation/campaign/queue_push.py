"""One queue's way to its server, repeatable after any accident.

Label Studio has no notion of a repeated import: the same task sent twice is two tasks, and a request whose client has
gone is completed all the same. So: what is there is listed before anything is sent; a batch is written down before it
goes out; where no answer came we look until the batch has arrived, and never send it again in the same run; copies
that came about in spite of this are removed as long as nobody has labelled them. What people changed in Label Studio
is put right where nothing is lost by that, and reported in any case.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from heta_annotation.campaign.client import IMPORT_SECONDS, CampaignClient, ProjectPage, ProjectState, page_hash
from heta_annotation.campaign.ledger import CampaignChanged, Ledger
from heta_annotation.campaign.queues import rater_of
from heta_annotation.campaign.read_back import CountMismatch as CountMismatch
from heta_annotation.campaign.read_back import Found, ReadBack
from heta_annotation.campaign.transport import in_background
from heta_annotation.errors import LabelStudioError, NotFound, ServerUnavailable
from heta_data.records import content_hash

log = logging.getLogger(__name__)

BATCH = 250
"""Tasks a request."""
BATCH_BYTES = 6_000_000
BATCH_REGIONS = 5_000
"""The server takes about 1 ms for a region of a prediction."""
SETTLE_SECONDS = 60.0
"""How long a batch that nobody answers for may still be on its way: a local server takes one to five seconds."""
_POLL_SECONDS = 0.5
_NOTED_AT_ONCE = 250
Note = Callable[[Sequence[str]], None]
"""Puts tasks, by uid, into the ledger."""


@dataclass(frozen=True)
class PushOptions:
    """How to send; the defaults suit a local server."""

    batch: int = BATCH
    """Tasks a request at most; large ones go in smaller batches."""
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
    oddities: tuple[str, ...] = ()
    """What was found otherwise than we had left it, and what became of it: one sentence each."""


@dataclass(frozen=True)
class _Batch:
    """Tasks on their way."""

    number: int
    uids: Sequence[str]
    answer: Future[tuple[int, int]]


class QueuePush:
    """Brings one project to what the ledger says of its queue."""

    def __init__(self, ledger: Ledger, queue: str, client: CampaignClient, options: PushOptions) -> None:
        self.ledger = ledger
        self.queue = queue
        self.client = client
        self.options = options
        self.tasks = ledger.queue(queue)
        self.oddities: list[str] = []

    def run(self, page: ProjectPage, progress: Callable[[int], None] | None, note: Note | None = None) -> QueuePushed:
        """Make the project, send what is missing, read everything back.

        Args:
            page: what the project is made from.
            progress: told the number of tasks that are there, after every batch.
            note: puts tasks into the ledger that are not there yet; None where all of them are. Into a new project
                each batch is noted while the one before it is on its way.
        """
        project, new = self._project(page)
        uids = self.ledger.places(self.queue)
        if note is not None and not new:
            note(uids)
        reader = ReadBack(self.client, project, self.queue, self.tasks, self._odd)
        if not new:
            self._settle(project)
        there = {} if new else reader.read(repair=True)
        repaired, present = bool(self.oddities), len(there)
        missing = [uid for uid in uids if uid not in there]
        self._report_removed(project, missing)
        self._send_all(project, missing, note if new else None, lambda sent: progress and progress(present + sent))
        if missing or repaired:
            there = reader.read(repair=False)
        self._confirm(there)
        return QueuePushed(
            project=project,
            sent=len(missing),
            present=present,
            predictions=sum(found.predictions for found in there.values()),
            digest=content_hash(sorted((uid, found.hash) for uid, found in there.items())),
            oddities=tuple(self.oddities),
        )

    def _odd(self, what: str) -> None:
        log.warning("queue %s: %s", self.queue, what)
        self.oddities.append(f"queue {self.queue}: {what}")

    def _project(self, page: ProjectPage) -> tuple[int, bool]:
        """The queue's project: from the ledger, from the server where a run died in between, or a new one (true)."""
        project, shown = self.ledger.project(self.queue), page_hash(page.label_config)
        if project is not None:
            shown = self.ledger.page(self.queue)
        else:
            project = self.client.find_project(page.marker)
            if project is None:
                project = self.client.create_project(self._named(page))
                self.ledger.set_project(self.queue, project, page_hash(self._state(project, page).label_config))
                return project, True
            self.ledger.set_project(self.queue, project, shown)
        if page_hash(self._state(project, page).label_config) != shown:
            self.client.put_page(project, page.label_config)
            self.ledger.set_project(self.queue, project, page_hash(self._state(project, page).label_config))
            self._odd(
                f"the labelling page of project {project} had been changed in Label Studio; put back, look at the "
                "answers that were given meanwhile"
            )
        return project, False

    def _state(self, project: int, page: ProjectPage) -> ProjectState:
        try:
            state = self.client.project(project)
        except NotFound:
            state = None
        if state is None or page.marker not in state.description:
            raise CampaignChanged(
                f"project {project} of queue {self.queue} is gone from {self.client.connection.url}, or no longer "
                "this campaign's: restore the server's folder, or begin a new campaign in a new folder"
            )
        return state

    def _report_removed(self, project: int, missing: Sequence[str]) -> None:
        """Say which of the tasks to send had arrived before: somebody removed them."""
        remotes = self.tasks.remotes()
        if removed := [uid for uid in missing if uid in remotes]:
            self._odd(
                f"{len(removed)} tasks had been removed from project {project} in Label Studio (first: task "
                f"{remotes[removed[0]]}, uid {removed[0]}); sent again, answers to them are gone from the server"
            )

    def _named(self, page: ProjectPage) -> ProjectPage:
        """Where everybody sees everybody's projects, the title says whose this one is."""
        rater = None if self.client.connection.local else rater_of(self.queue)
        return page if rater is None else replace(page, title=f"{rater}: {page.title}"[:50])

    def _settle(self, project: int) -> None:
        """Wait for batches that an earlier run sent and did not see arrive."""
        for number, uids, sent_at in self.tasks.open_batches():
            deadline = sent_at + self.options.settle_seconds
            landed = self._arrived(project, uids, 0)
            if not landed and (left := deadline - time.time()) > 0:
                log.warning(
                    "%d tasks that an interrupted push sent may still be on their way: waiting for up to %.0f s",
                    len(uids),
                    left,
                )
                landed = self._arrived(project, uids, deadline)
            self.tasks.close_batch(number, landed=landed)

    def _arrived(self, project: int, uids: Sequence[str], deadline: float) -> bool:
        """Whether all `uids` are on the server; False only once they cannot be on their way any more."""
        while True:
            there = {task.uid for task in self.client.each_task(project)}
            if there.issuperset(uids):
                return True
            # An import is one transaction: part of a batch never arrives.
            if time.time() > deadline:
                return False
            time.sleep(_POLL_SECONDS)

    def _send_all(self, project: int, uids: Sequence[str], note: Note | None, progress: Callable[[int], None]) -> None:
        """Send tasks in batches; the next one is made ready while one is on its way."""
        sent = 0
        last: _Batch | None = None
        for texts, names in batches(self._texts(uids, note), uids, self.options.batch):
            if last is not None:
                self._landed(project, last)
                progress(sent := sent + len(last.uids))
            number = self.tasks.open_batch(names, time.time())
            answer = in_background(partial(self.client.import_tasks, project, texts))
            last = _Batch(number, names, answer)
        if last is not None:
            self._landed(project, last)
            progress(sent + len(last.uids))

    def _texts(self, uids: Sequence[str], note: Note | None) -> Iterator[str]:
        """What is sent for each of the tasks, from the ledger, after it was noted there."""
        for start in range(0, len(uids), _NOTED_AT_ONCE):
            some = uids[start : start + _NOTED_AT_ONCE]
            if note is not None:
                note(some)
            yield from self.tasks.texts(some)

    def _landed(self, project: int, batch: "_Batch") -> None:
        """Wait for the answer to a batch, and find out what became of it where none comes."""
        count = len(batch.uids)
        try:
            made, _ = batch.answer.result()
        except ServerUnavailable as error:
            # No answer: it may arrive all the same. Look, and do not send it again.
            if not self._arrived(project, batch.uids, time.time() + self.options.settle_seconds):
                raise ServerUnavailable(
                    f"{error}; none of its {count} tasks arrived within {self.options.settle_seconds:g} s: nothing "
                    "is lost, run the same command again"
                ) from None
            log.warning("%s; the server completed it all the same", error)
            made = count
        except LabelStudioError:
            self.tasks.close_batch(batch.number, landed=False)
            raise
        self.tasks.close_batch(batch.number, landed=True)
        if made != count:
            raise CountMismatch(f"sent {count} tasks to queue {self.queue}, the server says it made {made}")

    def _confirm(self, there: Mapping[str, Found]) -> None:
        """Note what was read back, which must be everything."""
        if absent := [uid for uid in self.ledger.places(self.queue) if uid not in there]:
            shown = ", ".join(absent[:5]) + (" ..." if len(absent) > 5 else "")
            raise CountMismatch(f"{len(absent)} tasks (uid {shown}) of queue {self.queue} did not arrive: push again")
        self.tasks.confirm({uid: found.id for uid, found in there.items()})


def batches(texts: Iterator[str], uids: Sequence[str], most: int) -> Iterator[tuple[list[str], list[str]]]:
    """Tasks as requests: at most so many, and no more bytes and regions than a server takes well; one at least."""
    batch: list[str] = []
    names: list[str] = []
    size = regions = 0
    for text, uid in zip(texts, uids, strict=True):
        marks = text.count('"from_name":')  # in a text the quotation marks would be escaped
        if batch and (size + len(text) > BATCH_BYTES or regions + marks > BATCH_REGIONS):
            yield batch, names
            batch, names, size, regions = [], [], 0, 0
        batch.append(text)
        names.append(uid)
        size, regions = size + len(text), regions + marks
        if len(batch) == most:
            yield batch, names
            batch, names, size, regions = [], [], 0, 0
    if batch:
        yield batch, names
