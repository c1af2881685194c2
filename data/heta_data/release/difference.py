"""What changed between two versions of a release, and which number the change asks for.

MAJOR: what was scored or labelled is another thing now, so that figures of both versions cannot stand side by side.
MINOR: items or attributions came in addition. PATCH: only what is said about the data changed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from heta_data.errors import RecordError
from heta_data.jsonl import parse_line
from heta_data.records import AttributionRecord, GoldLabels, Item, Record, TokenLabels
from heta_data.release.manifest import MANIFEST, VERSION, Manifest
from heta_data.release.tables import TABLES, Tables, read_bundle

Level = Literal["none", "patch", "minor", "major"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Change:
    """Rows of one table that differ."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    """Of the same item, rater or method, with other content."""
    major: int = 0
    """Those of them that make other figures of what was there before."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        parts = ((self.added, "added"), (self.removed, "removed"), (self.changed, "changed"))
        return ", ".join(f"{number} {what}" for number, what in parts if number)


@dataclass(frozen=True)
class Difference:
    """Two versions side by side."""

    old: str
    new: str
    tables: Mapping[str, Change]
    """Table -> what differs; tables without a difference are left out."""
    said: tuple[str, ...]
    """Fields of the manifest that say something else: title, licence, agreement, ..."""

    @property
    def needed(self) -> Level:
        """The least step that the change asks for."""
        if any(change.major for change in self.tables.values()):
            return "major"
        return "minor" if self.tables else "patch" if self.said else "none"

    @property
    def step(self) -> Level | None:
        """The step that the numbers take; None where the new one is not above the old one."""
        return step_between(self.old, self.new)

    @property
    def problem(self) -> str | None:
        """Why the new number is wrong, None where it is not."""
        step = self.step
        if step is not None and LEVELS.index(step) >= LEVELS.index(self.needed):
            return None
        return (
            f"version {self.new} after {self.old}: {'; '.join(self.lines()) or 'nothing changed'}: "
            f"the next version is {next_version(self.old, self.needed)} or above"
        )

    def lines(self) -> list[str]:
        """What changed, a phrase each."""
        found = [f"{name}: {change}" for name, change in self.tables.items()]
        return found + ([f"what is said of it: {', '.join(self.said)}"] if self.said else [])


def compare_releases(old: Path, new: Path) -> Difference:
    """What changed from the bundle `old` to the bundle `new`.

    Raises:
        RecordError: a bundle cannot be read; `heta release check` lists everything.
    """
    (before, rows_before), (after, rows_after) = read_release(old), read_release(new)
    return difference(before, rows_before, after, rows_after)


def read_release(path: Path) -> tuple[Manifest, Tables]:
    """Manifest and rows of a bundle.

    Raises:
        RecordError: it cannot be read.
    """
    try:
        manifest = parse_line((path / MANIFEST).read_text(encoding="utf-8"), Manifest, str(path / MANIFEST))
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path / MANIFEST}: cannot be read ({error}); name the folder of a release") from None
    tables, problems = read_bundle(path)
    if problems:
        raise RecordError(f"{path}: {problems[0]} ({len(problems)} problems; `heta release check` lists all)")
    return manifest, tables


def difference(before: Manifest, old: Tables, after: Manifest, new: Tables) -> Difference:
    """The same from what was read."""
    there = {item.id for item in old.items}
    found = {table.name: _change(old.rows(table), new.rows(table), there) for table in TABLES}
    said = ("name", "title", "licence", "creators", "date", "agreement")
    return Difference(
        old=before.version,
        new=after.version,
        tables={name: change for name, change in found.items() if change},
        said=tuple(name for name in said if getattr(before, name) != getattr(after, name)),
    )


def latest_below(folder: Path, name: str | None, version: str) -> Path | None:
    """The bundle of the highest version of that name below `version` in a folder of releases; None without one."""
    prefix = f"{re.escape(name)}-" if name else ""
    found = {
        numbers(match[1]): path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := re.fullmatch(f"{prefix}({VERSION.pattern})", path.name))
    }
    below = [one for one in found if one < numbers(version)]
    return found[max(below)] if below else None


def numbers(version: str) -> tuple[int, ...]:
    """The three numbers."""
    return tuple(int(part) for part in version.split("."))


def step_between(old: str, new: str) -> Level | None:
    """The first number that differs; None where `new` is not above `old`, `none` where they are the same."""
    if numbers(new) < numbers(old):
        return None
    steps: tuple[Level, ...] = ("major", "minor", "patch")
    pairs = zip(steps, numbers(old), numbers(new), strict=True)
    return next((step for step, before, after in pairs if before != after), "none")


def next_version(version: str, level: Level) -> str:
    """The version after `version` by that step."""
    major, minor, patch = numbers(version)
    return {
        "major": f"{major + 1}.0.0",
        "minor": f"{major}.{minor + 1}.0",
        "patch": f"{major}.{minor}.{patch + 1}",
        "none": version,
    }[level]


def _change(old: Sequence[Record], new: Sequence[Record], there: set[str]) -> Change:
    """Rows by what they are of; `there` are the items of the old version, whose rows must stay as they are."""
    before, after = ({_identity(row): row.fingerprint() for row in rows} for rows in (old, new))
    added = after.keys() - before.keys()
    removed = before.keys() - after.keys()
    changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    # More attributions of an old item are a method in addition; more labels or gold of it are another reference.
    moved = {key for key in added if key[0] in ("labels", "gold") and key[1] in there}
    return Change(len(added), len(removed), len(changed), len(removed | changed | moved))


def _identity(row: Record) -> tuple[object, ...]:
    match row:
        case Item():
            return ("items", row.id)
        case TokenLabels():
            return ("labels", row.item_id, row.campaign_hash, row.arm, row.round, row.rater)
        case GoldLabels():
            return ("gold", row.item_id, row.method, row.arms)
        case AttributionRecord():
            return ("attributions", row.item_id, row.key)
        case _:
            raise TypeError(f"no table of a release holds {type(row).__name__}")
