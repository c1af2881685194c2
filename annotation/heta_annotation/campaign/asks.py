"""What people are asked about methods, as it was first sent. Kept in the ledger."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from heta_annotation.campaign.queues import Asked
from heta_annotation.campaign.standing import now
from heta_data.records import canonical_json


@dataclass(frozen=True)
class Ask:
    """One kind of question as it was first sent."""

    asked: Asked
    hash: str
    """Over the settings, the guideline, and who is shown what."""
    settings: Mapping[str, Any]
    details: Mapping[str, Any]
    """Which attributions are behind each method, and what is not asked."""


class Asks:
    """At most one ask of each kind, in the ledger's database; made there with the first use."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS ask (asked TEXT PRIMARY KEY, hash TEXT NOT NULL, settings TEXT NOT NULL, "
            "details TEXT NOT NULL, begun_at TEXT NOT NULL)"
        )

    def of(self, asked: Asked) -> Ask | None:
        """The ask of that kind, None before it was sent."""
        row = self._db.execute("SELECT hash, settings, details FROM ask WHERE asked = ?", (asked,)).fetchone()
        return Ask(asked, row[0], json.loads(row[1]), json.loads(row[2])) if row else None

    def everything(self) -> list[Ask]:
        """Every ask that was sent, by kind."""
        kinds: tuple[Asked, ...] = get_args(Asked)
        return [ask for kind in sorted(kinds) if (ask := self.of(kind)) is not None]

    def begin(self, ask: Ask) -> None:
        """Write an ask down; nothing if one of its kind is there already."""
        self._db.execute(
            "INSERT OR IGNORE INTO ask VALUES (?, ?, ?, ?, ?)",
            (ask.asked, ask.hash, canonical_json(ask.settings), canonical_json(ask.details), now()),
        )
