"""The campaign's local memory, `campaign.sqlite`: what was meant to be sent, what was sent, who labels, what was seen.

It is what makes a push repeatable: a task is identified by its uid and its content's hash, and a batch on its way is
written down before it is sent. Snapshots of pulled annotations are only ever added. No password and no token is in it.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from heta.errors import HetaError
from heta_annotation.settings import email_of
from heta_data.errors import IntegrityError
from heta_data.jsonl import dump_line, parse_line
from heta_data.records import Arm, LabelTask, RaterKind, canonical_json, content_hash

VERSION = 1
_SCHEMA = """
CREATE TABLE campaign (hash TEXT PRIMARY KEY, settings TEXT NOT NULL, guideline TEXT NOT NULL, begun_at TEXT NOT NULL);
CREATE TABLE project (arm TEXT PRIMARY KEY, server TEXT NOT NULL, project INTEGER NOT NULL, page TEXT NOT NULL);
CREATE TABLE task (uid TEXT PRIMARY KEY, arm TEXT NOT NULL, position INTEGER NOT NULL, record TEXT NOT NULL,
                   content TEXT NOT NULL, hash TEXT NOT NULL, remote INTEGER);
CREATE TABLE batch (id INTEGER PRIMARY KEY, arm TEXT NOT NULL, uids TEXT NOT NULL, sent_at REAL NOT NULL,
                    landed INTEGER);
CREATE TABLE rater (arm TEXT NOT NULL, pseudonym TEXT NOT NULL, kind TEXT NOT NULL, account INTEGER NOT NULL,
                    created_at TEXT NOT NULL, PRIMARY KEY (arm, pseudonym), UNIQUE (arm, account));
CREATE TABLE snapshot (arm TEXT NOT NULL, annotation INTEGER NOT NULL, hash TEXT NOT NULL, raw TEXT NOT NULL,
                       seen_at TEXT NOT NULL, PRIMARY KEY (arm, annotation, hash));
CREATE TRIGGER snapshot_stays BEFORE UPDATE ON snapshot BEGIN SELECT RAISE(ABORT, 'snapshots are only added'); END;
CREATE TRIGGER snapshot_kept BEFORE DELETE ON snapshot BEGIN SELECT RAISE(ABORT, 'snapshots are only added'); END;
"""


class CampaignChanged(HetaError):
    """The folder no longer describes the campaign that was pushed."""


@dataclass(frozen=True)
class Pushed:
    """A task as it was sent, or is about to be."""

    task: LabelTask
    content: Mapping[str, Any]
    """Data and predictions as sent."""
    hash: str
    remote: int | None
    """Label Studio's task number, once its arrival is confirmed."""


@dataclass(frozen=True)
class Rater:
    """Who labels in an arm."""

    arm: Arm
    pseudonym: str
    kind: RaterKind
    account: int
    """Label Studio's user number on that arm's server."""

    @property
    def email(self) -> str:
        """The log-in."""
        return email_of(self.pseudonym)


class Ledger:
    """An open `campaign.sqlite`, made with its first use for writing; use as a context manager.

    Raises:
        IntegrityError: the file is no ledger. CampaignChanged: it is of a newer toolkit.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise IntegrityError(f"{path}: is no campaign ledger ({error}); restore it from a backup") from None

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise CampaignChanged(f"{self.path}: written by a newer heta-bench (ledger {version}): update heta-bench")
        if version == 0:
            # One transaction: a process killed here leaves an empty file, not half a ledger.
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # -- the campaign ---------------------------------------------------------------------------------------------

    def campaign(self) -> tuple[str, dict[str, Any], str] | None:
        """Hash, settings and guideline text of the campaign, None before the first push."""
        row = self._db.execute("SELECT hash, settings, guideline FROM campaign").fetchone()
        return (row[0], json.loads(row[1]), row[2]) if row else None

    def begin(self, campaign_hash: str, settings: Mapping[str, Any], guideline: str) -> None:
        """Write the campaign down; nothing if it is there already."""
        self._db.execute(
            "INSERT OR IGNORE INTO campaign VALUES (?, ?, ?, ?)",
            (campaign_hash, canonical_json(settings), guideline, _now()),
        )

    # -- projects and raters --------------------------------------------------------------------------------------

    def project(self, arm: Arm) -> int | None:
        """Label Studio's project of an arm."""
        row = self._db.execute("SELECT project FROM project WHERE arm = ?", (arm,)).fetchone()
        return int(row[0]) if row else None

    def set_project(self, arm: Arm, server: str, project: int, page: str) -> None:
        """Note an arm's project."""
        self._db.execute("INSERT OR REPLACE INTO project VALUES (?, ?, ?, ?)", (arm, server, project, page))

    def arms(self) -> list[Arm]:
        """Arms that have a project, sorted."""
        return [row[0] for row in self._db.execute("SELECT arm FROM project ORDER BY arm")]

    def raters(self, arm: Arm | None = None) -> list[Rater]:
        """Raters of one arm or all, by arm and pseudonym."""
        rows = self._db.execute(
            "SELECT arm, pseudonym, kind, account FROM rater WHERE ? IN (arm, '') ORDER BY arm, pseudonym", (arm or "",)
        )
        return [Rater(*row) for row in rows]

    def add_rater(self, rater: Rater) -> None:
        """Note a rater once; kind and account never change afterwards.

        Raises:
            CampaignChanged: the rater is there with another kind or account.
        """
        row = self._db.execute(
            "SELECT kind, account FROM rater WHERE arm = ? AND pseudonym = ?", (rater.arm, rater.pseudonym)
        ).fetchone()
        if row is None:
            self._db.execute(
                "INSERT INTO rater VALUES (?, ?, ?, ?, ?)",
                (rater.arm, rater.pseudonym, rater.kind, rater.account, _now()),
            )
        elif tuple(row) != (rater.kind, rater.account):
            raise CampaignChanged(
                f"rater {rater.pseudonym} of arm {rater.arm} was registered as {row[0]} with account {row[1]}, "
                f"and is now {rater.kind} with account {rater.account}: take another pseudonym"
            )

    # -- tasks ----------------------------------------------------------------------------------------------------

    def tasks(self, arm: Arm) -> dict[str, Pushed]:
        """The arm's tasks by uid, in the order in which they are shown."""
        rows = self._db.execute(
            "SELECT uid, record, content, hash, remote FROM task WHERE arm = ? ORDER BY position", (arm,)
        )
        return {
            uid: Pushed(parse_line(record, LabelTask, f"{self.path}:task {uid}"), json.loads(content), digest, remote)
            for uid, record, content, digest, remote in rows
        }

    def add_tasks(self, arm: Arm, tasks: Sequence[tuple[LabelTask, Mapping[str, Any], str]]) -> None:
        """Note what will be sent (task, content, hash), all or nothing.

        Raises:
            CampaignChanged: a uid is there with other content.
        """
        known = dict(self._db.execute("SELECT uid, hash FROM task WHERE arm = ?", (arm,)).fetchall())
        changed = [task.uid for task, _, digest in tasks if known.get(task.uid, digest) != digest]
        if changed:
            raise CampaignChanged(
                f"{len(changed)} tasks of arm {arm} would now be sent with other content than at the first push "
                f"(first: uid {changed[0]}): restore the attributions and the toolkit version of that push, "
                "or begin a new campaign in a new folder"
            )
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO task VALUES (?, ?, ?, ?, ?, ?, NULL)",
                [
                    (task.uid, arm, position, dump_line(task), canonical_json(content), digest)
                    for position, (task, content, digest) in enumerate(tasks)
                ],
            )

    def confirm(self, remote: Mapping[str, int]) -> None:
        """Note Label Studio's task numbers (uid -> number) after they were read back from the server."""
        with self._transaction():
            self._db.executemany("UPDATE task SET remote = ? WHERE uid = ?", [(n, uid) for uid, n in remote.items()])

    def open_batch(self, arm: Arm, uids: Sequence[str], sent_at: float) -> int:
        """Note a batch before it is sent; its number comes back."""
        cursor = self._db.execute("INSERT INTO batch VALUES (NULL, ?, ?, ?, NULL)", (arm, json.dumps(uids), sent_at))
        return int(cursor.lastrowid or 0)

    def close_batch(self, batch: int, *, landed: bool) -> None:
        """Note what became of a batch."""
        self._db.execute("UPDATE batch SET landed = ? WHERE id = ?", (int(landed), batch))

    def open_batches(self, arm: Arm) -> list[tuple[int, tuple[str, ...], float]]:
        """Batches (number, uids, time sent) of which nobody knows whether they arrived."""
        rows = self._db.execute("SELECT id, uids, sent_at FROM batch WHERE arm = ? AND landed IS NULL", (arm,))
        return [(number, tuple(json.loads(uids)), sent_at) for number, uids, sent_at in rows]

    # -- annotations ----------------------------------------------------------------------------------------------

    def snapshot(self, arm: Arm, annotations: Iterable[Mapping[str, Any]]) -> None:
        """Add every annotation in every state it was seen in."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO snapshot VALUES (?, ?, ?, ?, ?)",
                [(arm, raw["id"], content_hash(raw), canonical_json(raw), _now()) for raw in annotations],
            )

    def seen(self, arm: Arm) -> set[int]:
        """Numbers of all annotations ever pulled from an arm."""
        return {row[0] for row in self._db.execute("SELECT DISTINCT annotation FROM snapshot WHERE arm = ?", (arm,))}

    def changed(self, arm: Arm) -> set[int]:
        """Numbers of annotations that were pulled in more than one state."""
        rows = self._db.execute(
            "SELECT annotation FROM snapshot WHERE arm = ? GROUP BY annotation HAVING COUNT(*) > 1", (arm,)
        )
        return {row[0] for row in rows}

    def snapshots(self, arm: Arm) -> list[dict[str, Any]]:
        """Every state of every annotation ever pulled from an arm, oldest first."""
        rows = self._db.execute("SELECT raw FROM snapshot WHERE arm = ? ORDER BY rowid", (arm,))
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
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def open_existing(path: Path) -> Ledger:
    """The ledger of a campaign that was pushed.

    Raises:
        CampaignChanged: there is none.
    """
    if not path.exists():
        raise CampaignChanged(f"{path}: no campaign was pushed from this folder; `heta campaign push` does it")
    return Ledger(path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
