"""The campaign's local memory, `campaign.sqlite`: what was meant to be sent, what was sent, who labels, what was seen.

It is what makes a push repeatable: a task is identified by its uid and its content's hash, and a batch on its way is
written down before it is sent. Snapshots of pulled annotations are only ever added. No password and no token is in it.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from heta_annotation.campaign.asks import Asks
from heta_annotation.campaign.entries import Campaign as Campaign
from heta_annotation.campaign.entries import CampaignChanged as CampaignChanged
from heta_annotation.campaign.entries import Project as Project
from heta_annotation.campaign.entries import Pushed as Pushed
from heta_annotation.campaign.entries import Rater as Rater
from heta_annotation.campaign.entries import Role as Role
from heta_annotation.campaign.placed import LedgerConnection, QueueTasks
from heta_annotation.campaign.queues import Asked, Group, Phase, Queue
from heta_annotation.campaign.standing import WITHDRAWN, Standings, now
from heta_annotation.campaign.tasks import Entry, write_content
from heta_data.errors import IntegrityError
from heta_data.jsonl import parse_line
from heta_data.records import Arm, LabelTask, canonical_json, content_hash

VERSION = 2
_SCHEMA = """
CREATE TABLE campaign (hash TEXT PRIMARY KEY, settings TEXT NOT NULL, guideline TEXT NOT NULL, begun_at TEXT NOT NULL);
CREATE TABLE queue (name TEXT PRIMARY KEY, arm TEXT NOT NULL, phase TEXT NOT NULL, server TEXT NOT NULL,
                    project INTEGER, page TEXT);
CREATE TABLE task (uid TEXT PRIMARY KEY, arm TEXT NOT NULL, phase TEXT NOT NULL, position INTEGER NOT NULL,
                   record TEXT NOT NULL, content TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE place (queue TEXT NOT NULL, uid TEXT NOT NULL, position INTEGER NOT NULL, remote INTEGER,
                    PRIMARY KEY (queue, uid));
CREATE TABLE batch (id INTEGER PRIMARY KEY, queue TEXT NOT NULL, uids TEXT NOT NULL, sent_at REAL NOT NULL,
                    landed INTEGER);
CREATE TABLE rater (arm TEXT NOT NULL, pseudonym TEXT NOT NULL, kind TEXT NOT NULL, account INTEGER NOT NULL,
                    role TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (arm, pseudonym), UNIQUE (arm, account));
CREATE TABLE consent (arm TEXT NOT NULL, pseudonym TEXT NOT NULL, version TEXT NOT NULL, agreed INTEGER NOT NULL,
                      seen_at TEXT NOT NULL, PRIMARY KEY (arm, pseudonym));
CREATE TABLE practice (arm TEXT NOT NULL, pseudonym TEXT NOT NULL, score REAL NOT NULL, passed INTEGER NOT NULL,
                       seen_at TEXT NOT NULL, PRIMARY KEY (arm, pseudonym));
CREATE TABLE withdrawal (arm TEXT NOT NULL, pseudonym TEXT NOT NULL, withdrawn_at TEXT NOT NULL,
                         PRIMARY KEY (arm, pseudonym));
CREATE TABLE closing (id INTEGER PRIMARY KEY CHECK (id = 1), closed_at TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TABLE snapshot (queue TEXT NOT NULL, annotation INTEGER NOT NULL, hash TEXT NOT NULL, raw TEXT NOT NULL,
                       seen_at TEXT NOT NULL, PRIMARY KEY (queue, annotation, hash));
CREATE TRIGGER snapshot_stays BEFORE UPDATE ON snapshot BEGIN SELECT RAISE(ABORT, 'snapshots are only added'); END;
CREATE TRIGGER snapshot_kept BEFORE DELETE ON snapshot BEGIN SELECT RAISE(ABORT, 'snapshots are only added'); END;
"""


GROUPS: tuple[Group, ...] = (*get_args(Arm), *get_args(Asked))
_Row = tuple[str, Group, Phase, str, str, str]
"""Of the table `task`, without its position."""


class Ledger:
    """An open `campaign.sqlite`, made with its first use for writing; use as a context manager.

    Raises:
        IntegrityError: the file is no ledger. CampaignChanged: it is of a newer toolkit.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None, factory=LedgerConnection)
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise IntegrityError(f"{path}: is no campaign ledger ({error}); restore it from a backup") from None

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise CampaignChanged(f"{self.path}: written by a newer heta-bench (ledger {version}): update heta-bench")
        if version not in (0, VERSION):
            raise CampaignChanged(
                f"{self.path}: written by an older heta-bench (ledger {version}), in which raters of an arm always "
                "shared a project: finish that campaign with the version that began it"
            )
        if version == 0:
            # One transaction: a process killed here leaves an empty file, not half a ledger.
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    @property
    def standings(self) -> Standings:
        """Where raters stand: who has agreed, practised, withdrawn."""
        return Standings(self._db)

    @property
    def asks(self) -> Asks:
        """What people were asked about methods."""
        return Asks(self._db)

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # -- the campaign ---------------------------------------------------------------------------------------------

    def campaign(self) -> Campaign | None:
        """What was pushed, None before the first push."""
        row = self._db.execute("SELECT hash, settings, guideline FROM campaign").fetchone()
        return Campaign(row[0], json.loads(row[1]), row[2]) if row else None

    def begin(self, campaign_hash: str, settings: Mapping[str, Any], guideline: str) -> None:
        """Write the campaign down; nothing if it is there already."""
        self._db.execute(
            "INSERT OR IGNORE INTO campaign VALUES (?, ?, ?, ?)",
            (campaign_hash, canonical_json(settings), guideline, now()),
        )

    def close(self, digest: str) -> None:
        """Note that the campaign ends with labels of that digest; nothing if it has ended already."""
        self._db.execute("INSERT OR IGNORE INTO closing VALUES (1, ?, ?)", (now(), digest))

    def closing(self) -> tuple[str, str] | None:
        """When the campaign was closed, and the digest of its labels; None while it is open."""
        row = self._db.execute("SELECT closed_at, digest FROM closing").fetchone()
        return (row[0], row[1]) if row else None

    def amend_closing(self, digest: str) -> None:
        """Labels of a closed campaign were taken back by their rater: what is left has another digest."""
        self._db.execute("UPDATE closing SET digest = ?", (digest,))

    # -- queues and raters ----------------------------------------------------------------------------------------

    def add_queue(self, queue: Queue, server: str) -> None:
        """Note a queue and what is in it, all or nothing: what is there stays as it is, new tasks come last."""
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO queue VALUES (?, ?, ?, ?, NULL, NULL)",
                (queue.name, queue.arm, queue.phase, server),
            )
            (there,) = self._db.execute("SELECT COUNT(*) FROM place WHERE queue = ?", (queue.name,)).fetchone()
            self._db.executemany(
                "INSERT OR IGNORE INTO place VALUES (?, ?, ?, NULL)",
                [(queue.name, uid, position) for position, uid in enumerate(queue.uids, start=there)],
            )

    def set_project(self, queue: str, project: int, page: str) -> None:
        """Note a queue's project, and the hash of its page."""
        self._db.execute("UPDATE queue SET project = ?, page = ? WHERE name = ?", (project, page, queue))

    def projects(self, arm: Group | None = None, phase: Phase = "label") -> list[Project]:
        """Every queue of one phase, of one arm or all, by name; those of raters who have withdrawn are none."""
        rows = self._db.execute(
            "SELECT name, arm, phase, server, project FROM queue WHERE ? IN (arm, '') AND phase = ? ORDER BY name",
            (arm or "", phase),
        )
        return self._standing([Project(*row) for row in rows])

    def _standing(self, found: Sequence[Project]) -> list[Project]:
        """Those of them whose rater has not withdrawn."""
        gone = {(name, rater) for name in GROUPS for rater in self.standings.withdrawn(name)}
        return [project for project in found if (project.arm, project.rater) not in gone]

    def project(self, queue: str) -> int | None:
        """Label Studio's number of a queue's project; None before it is made."""
        row = self._db.execute("SELECT project FROM queue WHERE name = ?", (queue,)).fetchone()
        return row[0] if row else None

    def page(self, queue: str) -> str:
        """Hash of the page that the queue's project was made with."""
        return str(self._db.execute("SELECT page FROM queue WHERE name = ?", (queue,)).fetchone()[0])

    def arms(self) -> list[Arm]:
        """Arms that were pushed, sorted: every queue of theirs that their raters work in has a project."""
        whole = {row.arm for row in self._working()} - {row.arm for row in self.unsent()}
        return sorted(arm for arm in get_args(Arm) if arm in whole)

    def unsent(self) -> list[Project]:
        """Queues of raters that have no project yet, by name: a push was cut short, or has yet to come.

        Not those of raters who have yet to agree or to pass the practice: no push makes these.
        """
        return [row for row in self._standing(self._working()) if row.number is None and not self._held_back(row)]

    def _held_back(self, row: Project) -> bool:
        """Whether the campaign has stages that the queue's rater is not through."""
        begun = self.campaign()
        if begun is None or row.rater is None:
            return False
        standing = self.standings.of(row.arm, row.rater)
        return bool(
            (begun.settings.get("consent") and not standing.agreed)
            or (begun.settings.get("practice") and not standing.passed)
        )

    def _working(self) -> list[Project]:
        """Every queue that raters of the arms work in, by name, those of raters who have withdrawn too."""
        rows = self._db.execute(
            "SELECT name, arm, phase, server, project FROM queue "
            "WHERE phase NOT IN ('adjudicate', 'prefer', 'answer') ORDER BY name"
        )
        return [Project(*row) for row in rows]

    def raters(self, arm: Group | None = None, role: Role = "rater") -> list[Rater]:
        """Who has that role in one arm or in all, by arm and pseudonym."""
        rows = self._db.execute(
            "SELECT arm, pseudonym, kind, account, role FROM rater WHERE ? IN (arm, '') AND role = ? "
            "ORDER BY arm, pseudonym",
            (arm or "", role),
        )
        return [Rater(*row) for row in rows]

    def everybody(self) -> list[Rater]:
        """Everybody of every role in every arm, and everybody who is asked about methods."""
        return [rater for role in get_args(Role) for rater in self.raters(role=role)]

    def add_rater(self, rater: Rater) -> None:
        """Note a rater once; kind and account never change afterwards, and nobody does two things.

        Raises:
            CampaignChanged: the rater is there with another kind or account, or does something else already.
        """
        for other in self.everybody():
            if other.pseudonym == rater.pseudonym and other.arm != rater.arm:
                raise CampaignChanged(f"{rater.pseudonym} {other.does} already: take another pseudonym")
        row = self._db.execute(
            "SELECT kind, account, role FROM rater WHERE arm = ? AND pseudonym = ?", (rater.arm, rater.pseudonym)
        ).fetchone()
        if row is None:
            self._db.execute(
                "INSERT INTO rater VALUES (?, ?, ?, ?, ?, ?)",
                (rater.arm, rater.pseudonym, rater.kind, rater.account, rater.role, now()),
            )
        elif tuple(row) != (rater.kind, rater.account, rater.role):
            raise CampaignChanged(
                f"{rater.pseudonym} of arm {rater.arm} was registered as {row[0]} {row[2]} with account {row[1]}, "
                f"and is now a {rater.kind} {rater.role} with account {rater.account}: take another pseudonym"
            )

    # -- tasks ----------------------------------------------------------------------------------------------------

    def queue(self, name: str) -> QueueTasks:
        """The queue's tasks and batches; each task is read when it is asked for."""
        return QueueTasks(self._db, name)

    def tasks(self, queue: str) -> dict[str, Pushed]:
        """The queue's tasks by uid, in the order in which they are shown, all in memory."""
        return dict(self.queue(queue))

    def places(self, queue: str) -> list[str]:
        """Uids of the queue's tasks, in the order in which they are shown."""
        rows = self._db.execute("SELECT uid FROM place WHERE queue = ? ORDER BY position", (queue,))
        return [row[0] for row in rows]

    def planned(self, arm: Arm, phase: Phase = "label") -> dict[str, LabelTask]:
        """The arm's tasks by uid, in the order in which they were noted."""
        rows = self._db.execute(
            "SELECT uid, record FROM task WHERE arm = ? AND phase = ? ORDER BY position", (arm, phase)
        )
        return {uid: parse_line(record, LabelTask, f"{self.path}:task {uid}") for uid, record in rows}

    def overlap(self, arm: Arm) -> dict[str, int]:
        """Answers expected of each of the arm's tasks: as planned, or more where it was put into more queues.

        Queues of raters who have withdrawn do not count.
        """
        queues = Counter(uid for row in self.projects(arm) for uid in self.places(row.queue))
        planned = self._db.execute(
            "SELECT uid, json_extract(record, '$.overlap') FROM task WHERE arm = ? AND phase = 'label' "
            "ORDER BY position",
            (arm,),
        )
        return {uid: max(overlap, queues[uid]) for uid, overlap in planned}

    def add_tasks(self, arm: Arm, entries: Iterable[Entry], phase: Phase = "label") -> None:
        """Note what will be sent, all or nothing.

        Raises:
            CampaignChanged: a uid is there with other content.
        """
        changed: list[str] = []
        with self._transaction():
            self._note_tasks(self._new_rows(arm, phase, entries, changed))
            if changed:
                raise CampaignChanged(
                    f"{len(changed)} tasks of arm {arm} would now be sent with other content than at the first push "
                    f"(first: uid {changed[0]}): restore the attributions and the toolkit version of that push, "
                    "or begin a new campaign in a new folder"
                )

    def add_page(self, arm: Group, phase: Phase, uid: str, content: Mapping[str, Any]) -> None:
        """Note something to send that shows no item."""
        with self._transaction():
            self._note_tasks([(uid, arm, phase, "", *write_content(content))])

    def add_questions(self, asked: Asked, questions: Iterable[Entry]) -> None:
        """Note questions about methods, with the records to read answers with, all or nothing."""
        with self._transaction():
            self._note_tasks((uid, asked, asked, record, *write_content(content)) for uid, record, content in questions)

    def _new_rows(self, arm: Arm, phase: Phase, entries: Iterable[Entry], changed: list[str]) -> Iterator[_Row]:
        """Rows for tasks that are not there yet; uids of those that are there with other content go to `changed`."""
        for uid, record, content in entries:
            text, digest = write_content(content)
            known = self._db.execute("SELECT hash FROM task WHERE uid = ?", (uid,)).fetchone()
            if known is None:
                yield uid, arm, phase, record, text, digest
            elif known[0] != digest:
                changed.append(uid)

    def _note_tasks(self, rows: Iterable[_Row]) -> None:
        (there,) = self._db.execute("SELECT COUNT(*) FROM task").fetchone()
        self._db.executemany(
            "INSERT OR IGNORE INTO task (uid, arm, phase, record, content, hash, position) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((*row, position) for position, row in enumerate(rows, start=there)),
        )

    # -- annotations ----------------------------------------------------------------------------------------------

    def snapshot(self, queue: str, annotations: Iterable[Mapping[str, Any]]) -> None:
        """Add every annotation in every state it was seen in."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO snapshot VALUES (?, ?, ?, ?, ?)",
                [(queue, raw["id"], content_hash(raw), canonical_json(raw), now()) for raw in annotations],
            )

    def seen(self, queue: str) -> set[int]:
        """Numbers of all annotations ever pulled from a queue."""
        rows = self._db.execute(
            "SELECT DISTINCT annotation FROM snapshot WHERE queue = ? AND hash <> ?", (queue, WITHDRAWN)
        )
        return {row[0] for row in rows}

    def changed(self, queue: str) -> set[int]:
        """Numbers of annotations that were pulled in more than one state."""
        rows = self._db.execute(
            "SELECT annotation FROM snapshot WHERE queue = ? GROUP BY annotation HAVING COUNT(*) > 1", (queue,)
        )
        return {row[0] for row in rows}

    def snapshots(self, queue: str) -> list[dict[str, Any]]:
        """Every state of every annotation ever pulled from a queue, oldest first."""
        rows = self._db.execute("SELECT raw FROM snapshot WHERE queue = ? ORDER BY rowid", (queue,))
        return [json.loads(row[0]) for row in rows]

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    """All or nothing, on disk when it ends."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:  # with a full disk SQLite has rolled back already
            self._db.execute("ROLLBACK")


def open_existing(path: Path) -> Ledger:
    """The ledger of a campaign that was pushed.

    Raises:
        CampaignChanged: there is none.
    """
    if not path.exists():
        raise CampaignChanged(f"{path}: no campaign was pushed from this folder; `heta campaign push` does it")
    return Ledger(path)


def check_open(ledger: Ledger) -> None:
    """Refuse to change a campaign that is closed.

    Raises:
        CampaignChanged: it is.
    """
    if (closing := ledger.closing()) is not None:
        raise CampaignChanged(
            f"{ledger.path}: the campaign was closed at {closing[0]}, and its labels stay as they are; begin a new "
            "campaign in a new folder"
        )
