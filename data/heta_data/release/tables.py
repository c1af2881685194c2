"""The tables of a release: which record type each holds, how rows are read, made fit to publish, and ordered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from heta_data.attribution_files import attribution_files
from heta_data.inputs import inputs_hash
from heta_data.records import AttributionRecord, GoldLabels, Item, Record, TokenLabels
from heta_data.release.facts import Facts, Part, gather
from heta_data.release.rows import index_rows
from heta_data.workspace import Workspace

R = TypeVar("R", bound=Record)


class Table(NamedTuple):
    """One table of a release."""

    name: str
    record_type: type[Record]
    order: Callable[[Any], tuple[object, ...]]
    """Sort key of its rows."""
    remedy: str
    """What makes it, for the message when it is missing."""

    @property
    def stem(self) -> str:
        """Path below the bundle without the ending: `.jsonl` and `.parquet` hold the same rows."""
        return f"data/{self.name}/{self.name}"


TABLES = (
    Table("items", Item, lambda row: (row.source, row.source_id, row.id), "build items with `heta data build`"),
    Table(
        "labels",
        TokenLabels,
        lambda row: (row.item_id, row.arm, row.round, row.rater, row.campaign_hash),
        "collect labels and `heta campaign pull` them",
    ),
    Table("gold", GoldLabels, lambda row: (row.item_id, row.method, row.arms), "make them with `heta evaluate run`"),
    Table("attributions", AttributionRecord, lambda row: row.key, "make them with `heta data attribute`"),
)


@dataclass
class Tables:
    """All rows of a release, sorted; all but the items are read from their files whenever they are gone through."""

    items: Sequence[Item] = ()
    labels: Sequence[TokenLabels] = ()
    gold: Sequence[GoldLabels] = ()
    attributions: Sequence[AttributionRecord] = ()

    def rows(self, table: Table) -> Sequence[Record]:
        """The rows of one table."""
        rows: Sequence[Record] = getattr(self, table.name)
        return rows

    @cached_property
    def facts(self) -> Facts:
        """What is said of the rows as a whole; gathered once."""
        return gather(Part(table.name, table.record_type, table.order, self.rows(table)) for table in TABLES)


def read_workspace(workspace: Workspace) -> tuple[Tables, list[str], str | None]:
    """The rows of a working folder as they will be published, and a problem for each line or table that is missing.

    The third is the hash over what an evaluation reads (`heta_data.inputs`), from the rows as they stand in the folder;
    None where a line cannot be read.

    Raises:
        RecordError: a folder of attributions cannot be read.
    """
    tables, problems = Tables(), []
    prints: dict[str, list[str]] = {table.name: [] for table in TABLES}
    unreadable = False
    sources = {
        "items": [workspace.items],
        "labels": [workspace.labels],
        "gold": [workspace.gold],
        "attributions": attribution_files(workspace),
    }
    for table in TABLES:
        rows, bad = index_rows(
            [path for path in sources[table.name] if path.exists()],
            table.record_type,
            order=table.order,
            change=publishable,
            prints=prints[table.name],
        )
        if not rows and not bad:
            problems.append(f"{table.name}: the table is missing or empty: {table.remedy}")
        problems += bad
        unreadable |= bool(bad) and table.name != "gold"
        setattr(tables, table.name, list(rows) if table.name == "items" else rows)
    inputs = None if unreadable else inputs_hash(prints["items"], prints["labels"], prints["attributions"])
    return tables, problems, inputs


def read_bundle(root: Path) -> tuple[Tables, list[str]]:
    """The rows of a bundle, and a problem for each line that cannot be read."""
    tables, problems = Tables(), []
    for table in TABLES:
        rows, bad = index_rows(
            [root / f"{table.stem}.jsonl"], table.record_type, remedy="fetch or build the release again"
        )
        problems += [problem.removeprefix(f"{root}/") for problem in bad]
        setattr(tables, table.name, list(rows) if table.name == "items" else rows)
    return tables, problems


def publishable(record: R) -> R:
    """The record without what could lead to a person.

    Of the origin of labels the server's address goes and times are cut to the day; the time a rater took is rounded
    to a second. Ids of project, task and annotation stay: they mean something only to who runs the server.
    """
    if not isinstance(record, TokenLabels):
        return record
    origin = record.origin
    if origin is not None:
        origin = origin.model_copy(
            update={"url": "", "created_at": origin.created_at[:10], "updated_at": origin.updated_at[:10]}
        )
    seconds = float(round(record.seconds)) if record.seconds is not None else None
    return record.model_copy(update={"origin": origin, "seconds": seconds})
