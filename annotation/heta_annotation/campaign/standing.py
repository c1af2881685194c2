"""Where each rater stands: has agreed, has practised, has withdrawn. Kept in the ledger."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from heta_annotation.campaign.queues import Group

WITHDRAWN = "withdrawn"
"""Stands in place of the hash of an answer that was taken back."""


@dataclass(frozen=True)
class Standing:
    """What is known of a rater besides the answers."""

    consent_version: str | None = None
    """Hash of the text that the rater was asked to agree to; None before an answer."""
    agreed: bool | None = None
    practice_score: float | None = None
    """Mean F1 with the known labels, in [0, 1]; None before the practice is finished."""
    passed: bool | None = None
    withdrawn_at: str | None = None


class Standings:
    """Every rater's standing, in the ledger's database."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def of(self, arm: Group, rater: str) -> Standing:
        """One rater's standing; all None for one of whom nothing is known."""
        consent = self._row("SELECT version, agreed FROM consent", arm, rater) or (None, None)
        practice = self._row("SELECT score, passed FROM practice", arm, rater) or (None, None)
        withdrawal = self._row("SELECT withdrawn_at FROM withdrawal", arm, rater) or (None,)
        return Standing(
            consent_version=consent[0],
            agreed=None if consent[1] is None else bool(consent[1]),
            practice_score=practice[0],
            passed=None if practice[1] is None else bool(practice[1]),
            withdrawn_at=withdrawal[0],
        )

    def note_consent(self, arm: Group, rater: str, version: str, *, agreed: bool) -> None:
        """The rater's answer to the consent page; a later answer replaces an earlier one."""
        self._db.execute(
            "INSERT OR REPLACE INTO consent VALUES (?, ?, ?, ?, ?)", (arm, rater, version, int(agreed), now())
        )

    def note_practice(self, arm: Group, rater: str, score: float, *, passed: bool) -> None:
        """How the practice went; `passed` may also be the lead's decision."""
        self._db.execute(
            "INSERT OR REPLACE INTO practice VALUES (?, ?, ?, ?, ?)", (arm, rater, score, int(passed), now())
        )

    def withdrawn(self, arm: Group) -> frozenset[str]:
        """Who has withdrawn from an arm."""
        rows = self._db.execute("SELECT pseudonym FROM withdrawal WHERE arm = ?", (arm,))
        return frozenset(row[0] for row in rows)

    def withdraw(self, arm: Group, rater: str, account: int) -> None:
        """The rater takes all answers back: what they answered is erased from the snapshots, that they did is kept."""
        queue = f"{arm}/{rater}"
        self._db.execute("BEGIN IMMEDIATE")
        try:
            # The one exception to the rule that snapshots are only ever added.
            self._db.execute("DROP TRIGGER snapshot_stays")
            self._db.execute(
                "UPDATE OR REPLACE snapshot SET raw = json_object('id', annotation, 'withdrawn', json('true')), "
                "hash = ? WHERE queue = ? OR queue LIKE ? || '/%' "
                "OR (queue = ? AND json_extract(raw, '$.completed_by') = ?)",
                (WITHDRAWN, queue, queue, arm, account),
            )
            self._db.execute(
                "CREATE TRIGGER snapshot_stays BEFORE UPDATE ON snapshot "
                "BEGIN SELECT RAISE(ABORT, 'snapshots are only added'); END"
            )
            self._db.execute("INSERT OR IGNORE INTO withdrawal VALUES (?, ?, ?)", (arm, rater, now()))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def _row(self, query: str, arm: Group, rater: str) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._db.execute(
            f"{query} WHERE arm = ? AND pseudonym = ?", (arm, rater)
        ).fetchone()
        return row


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
