"""A queue's tasks in the ledger, and its batches: what is to be sent, what is on its way, what has arrived."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from heta_annotation.campaign.entries import LedgerError, Pushed


class LedgerConnection(sqlite3.Connection):
    """A connection whose failures are one line: a full disk, a file that another process holds or that is read-only."""

    def execute(self, *given: Any) -> sqlite3.Cursor:
        """As SQLite does it.

        Raises:
            LedgerError: it could not.
        """
        with self._foreseen():
            return super().execute(*given)

    def executemany(self, *given: Any) -> sqlite3.Cursor:
        """As SQLite does it.

        Raises:
            LedgerError: it could not.
        """
        with self._foreseen():
            return super().executemany(*given)

    @contextmanager
    def _foreseen(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise LedgerError(
                f"the campaign's ledger (campaign.sqlite) cannot be used: {error}; see to that, then run the same "
                "command again"
            ) from None


class QueueTasks(Mapping[str, Pushed]):
    """A queue's tasks by uid, in the order in which they are shown; each is read when it is asked for."""

    def __init__(self, db: sqlite3.Connection, queue: str) -> None:
        self._db = db
        self._queue = queue

    def __getitem__(self, uid: str) -> Pushed:
        row = self._db.execute(
            "SELECT uid, content, hash, remote, record FROM place JOIN task USING (uid) WHERE queue = ? AND uid = ?",
            (self._queue, uid),
        ).fetchone()
        if row is None:
            raise KeyError(uid)
        return Pushed(row[0], json.loads(row[1]), *row[2:])

    def __iter__(self) -> Iterator[str]:
        rows = self._db.execute(
            "SELECT uid FROM place JOIN task USING (uid) WHERE queue = ? ORDER BY place.position", (self._queue,)
        )
        return iter([row[0] for row in rows.fetchall()])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def hashes(self) -> dict[str, str]:
        """Fingerprint of every task, by uid, in order."""
        rows = self._db.execute(
            "SELECT uid, hash FROM place JOIN task USING (uid) WHERE queue = ? ORDER BY place.position", (self._queue,)
        )
        return dict(rows.fetchall())

    def remotes(self) -> dict[str, int]:
        """Label Studio's numbers of those tasks whose arrival was confirmed, by uid."""
        rows = self._db.execute("SELECT uid, remote FROM place WHERE queue = ? AND remote IS NOT NULL", (self._queue,))
        return dict(rows.fetchall())

    def texts(self, uids: Sequence[str]) -> Iterator[str]:
        """What is sent for some of the tasks, as JSON, one after the other."""
        for uid in uids:
            yield self._db.execute("SELECT content FROM task WHERE uid = ?", (uid,)).fetchone()[0]

    def confirm(self, remote: Mapping[str, int]) -> None:
        """Note Label Studio's task numbers (uid -> number) after they were read back from the server."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "UPDATE place SET remote = ? WHERE queue = ? AND uid = ? AND remote IS NOT ?",
                [(number, self._queue, uid, number) for uid, number in remote.items()],
            )

    def open_batch(self, uids: Sequence[str], sent_at: float) -> int:
        """Note a batch before it is sent; its number comes back."""
        cursor = self._db.execute(
            "INSERT INTO batch VALUES (NULL, ?, ?, ?, NULL)", (self._queue, json.dumps(uids), sent_at)
        )
        return int(cursor.lastrowid or 0)

    def close_batch(self, batch: int, *, landed: bool) -> None:
        """Note what became of a batch."""
        self._db.execute("UPDATE batch SET landed = ? WHERE id = ?", (int(landed), batch))

    def open_batches(self) -> list[tuple[int, tuple[str, ...], float]]:
        """Batches (number, uids, time sent) of which nobody knows whether they arrived."""
        rows = self._db.execute(
            "SELECT id, uids, sent_at FROM batch WHERE queue = ? AND landed IS NULL", (self._queue,)
        )
        return [(number, tuple(json.loads(uids)), sent_at) for number, uids, sent_at in rows]
