"""Everything that was asked and everything that came back, in `judge.sqlite`. Rows are only ever added.

A request is noted before it is sent and its reply when it is there, so whatever kills a run loses at most the replies
in flight, and the money that they may have cost is still counted.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from heta.errors import HetaError
from heta_evaluation.judge.calls import Call, Form
from heta_evaluation.judge.wire import Reply

VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS form (endpoint TEXT, model TEXT, form TEXT NOT NULL, evidence TEXT NOT NULL,
    at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS call (key TEXT PRIMARY KEY, document TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sent (id INTEGER PRIMARY KEY, key TEXT NOT NULL REFERENCES call (key), bound REAL NOT NULL,
    at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS reply (sent INTEGER PRIMARY KEY REFERENCES sent (id), http INTEGER, body BLOB NOT NULL,
    failure TEXT NOT NULL, timed_out INTEGER NOT NULL, seconds REAL NOT NULL, cost REAL NOT NULL, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sent_key ON sent (key);
"""
_STAYS = (
    "CREATE TRIGGER IF NOT EXISTS {table}_{what} BEFORE {verb} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is only added to'); END"
)


class JudgeError(HetaError):
    """A judge cannot be asked: no ledger, another one's ledger, or an endpoint that gives nothing."""


@dataclass(frozen=True)
class Known:
    """What the ledger holds of a call."""

    requests: int
    reply: Reply | None
    """The last one that came; None where none did."""


class JudgeLedger:
    """The ledger of one working folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise JudgeError(f"{path}: written by another version ({version}; this one reads {VERSION})")
            self._db.executescript(_TABLES)
            for table in ("form", "call", "sent", "reply"):
                for verb in ("UPDATE", "DELETE"):
                    self._db.execute(_STAYS.format(table=table, what=verb.lower(), verb=verb))
            self._db.execute(f"PRAGMA user_version = {VERSION}")
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise JudgeError(f"{path}: is no judge's ledger ({error}); move it away to begin anew") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._db.close()

    def form(self, endpoint: str, model: str) -> Form | None:
        """How the endpoint wants to be asked, as last found out; None before."""
        row = self._db.execute(
            "SELECT form FROM form WHERE endpoint = ? AND model = ? ORDER BY rowid DESC", (endpoint, model)
        ).fetchone()
        return Form(**json.loads(row[0])) if row else None

    def note_form(self, endpoint: str, model: str, form: Form, evidence: list[str]) -> None:
        """What a probe has found, and what it saw."""
        document = json.dumps(asdict(form))
        self._db.execute(
            "INSERT INTO form VALUES (?, ?, ?, ?, ?)", (endpoint, model, document, json.dumps(evidence), _now())
        )

    def evidence(self, endpoint: str, model: str) -> list[str]:
        """What the last probe saw; empty before."""
        row = self._db.execute(
            "SELECT evidence FROM form WHERE endpoint = ? AND model = ? ORDER BY rowid DESC", (endpoint, model)
        ).fetchone()
        return list(json.loads(row[0])) if row else []

    def add_calls(self, calls: list[Call]) -> None:
        """Note what is going to be asked; what is there already stays."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO call VALUES (?, ?, ?)",
                ((call.key, json.dumps(_document(call), ensure_ascii=False), _now()) for call in calls),
            )

    def begin(self, key: str, bound: float) -> int:
        """Note that a request goes out that costs at most `bound`; its number."""
        cursor = self._db.execute("INSERT INTO sent (key, bound, at) VALUES (?, ?, ?)", (key, bound, _now()))
        return int(cursor.lastrowid or 0)

    def end(self, sent: int, reply: Reply, cost: float) -> None:
        """Note what came back, and what the budget counts for it."""
        self._db.execute(
            "INSERT INTO reply VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (sent, reply.http, reply.body, reply.failure, int(reply.timed_out), reply.seconds, cost, _now()),
        )

    def known(self) -> dict[str, Known]:
        """Every call that was sent, by key, with the last reply."""
        counts = dict(self._db.execute("SELECT key, COUNT(*) FROM sent GROUP BY key"))
        rows = self._db.execute(
            "SELECT key, http, body, failure, timed_out, seconds FROM reply JOIN sent ON sent.id = reply.sent "
            "WHERE sent.id IN (SELECT MAX(sent) FROM reply JOIN sent ON sent.id = reply.sent GROUP BY key)"
        )
        replies = {
            key: Reply(http, bytes(body), failure, bool(timed_out), None, seconds)
            for key, http, body, failure, timed_out, seconds in rows
        }
        return {key: Known(number, replies.get(key)) for key, number in counts.items()}

    def spent(self) -> tuple[float, int, int]:
        """Money, requests, and how many of those never got a reply (they count with the most they can have cost)."""
        row = self._db.execute(
            "SELECT COALESCE(SUM(COALESCE(reply.cost, sent.bound)), 0), COUNT(*), COUNT(*) - COUNT(reply.sent) "
            "FROM sent LEFT JOIN reply ON reply.sent = sent.id"
        ).fetchone()
        return float(row[0]), int(row[1]), int(row[2])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise


def _document(call: Call) -> dict[str, Any]:
    fields_ = {field.name: getattr(call, field.name) for field in fields(call)}
    return fields_ | {"shown": [one.model_dump(mode="json") for one in call.shown]}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
