"""The import of attributions: from what a reader found to files below `attributions/`, whole or not at all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from heta.errors import InputError
from heta_data.attribution_files import attribution_files
from heta_data.errors import IntegrityError, Misaligned, RecordError
from heta_data.importing.attributions import UNSCORED, to_record
from heta_data.importing.scored import Items, Misalignment, Origin, Scored
from heta_data.importing.writing import replace_files
from heta_data.items import read_items
from heta_data.jsonl import dump_line, read_records
from heta_data.records import AttributionRecord, Item
from heta_data.workspace import Workspace


@dataclass(frozen=True)
class ImportedFile:
    """One method's records."""

    path: Path
    method: str
    model: str
    records: int
    outcome: str
    """`written`, `unchanged`, or `to write` in a dry run."""


@dataclass(frozen=True)
class ImportedAttributions:
    """What an import did, or would do."""

    source: str
    sha256: str
    items: int
    """In the folder."""
    files: tuple[ImportedFile, ...]
    removed: tuple[Path, ...]
    """Files of an earlier version of the source."""
    left_out: tuple[Misalignment, ...]
    """Empty unless misaligned records were to be left out."""
    left_out_records: int


def import_attributions(
    workspace: Workspace,
    found: Sequence[Scored],
    origin: Origin,
    *,
    skip_misaligned: bool = False,
    replace: bool = False,
    dry_run: bool = False,
) -> ImportedAttributions:
    """Put scores that were made elsewhere below `attributions/`. The same file again changes nothing.

    Args:
        workspace: a folder with items.
        found: from a reader.
        origin: where they come from.
        skip_misaligned: leave out records of which a token does not stand where it should, instead of refusing all.
        replace: let this version of the source take the place of an earlier one.
        dry_run: write nothing.

    Raises:
        Misaligned: file and items disagree; lists every place. Nothing is written.
        InputError: there are no items, or nothing is left to import.
        IntegrityError: another version of the source is there already.
        RecordError, ConfigError: the file cannot be used.
    """
    items = read_items(workspace.items)
    records, problems, odd = _align(found, origin, items)
    if problems and not skip_misaligned:
        advice = "nothing was imported; --skip-misaligned imports the other records"
        if origin.format != "inseq" and any(problem.found.startswith(UNSCORED) for problem in problems):
            advice += ", --sparse gives words without a row the score 0"
        raise Misaligned(advice, list(map(str, problems)))
    if not records:
        raise InputError(
            f"{found[0].where if found else origin.source}: no record is left to import; nothing was written"
        )
    if dry_run:
        return _import(workspace, records, origin, items, problems, odd, replace=replace, write=False)
    with workspace.lock():
        return _import(workspace, records, origin, items, problems, odd, replace=replace, write=True)


def _align(
    found: Sequence[Scored], origin: Origin, items: Sequence[Item]
) -> tuple[list[AttributionRecord], list[Misalignment], int]:
    """Records, problems, and how many of the scored have one."""
    known = Items(items)
    methods = [origin.method(scored) for scored in found]
    signed = {
        method
        for scored, method in zip(found, methods, strict=True)
        if any(score is not None and score < 0 for score in scored.scores)
    }
    records: dict[tuple[str, ...], tuple[AttributionRecord, str]] = {}
    problems: list[Misalignment] = []
    odd = 0
    for scored, method in zip(found, methods, strict=True):
        item = known.find(scored, method)
        made = [item] if isinstance(item, Misalignment) else to_record(scored, item, origin, signed=method in signed)
        if isinstance(made, list):
            problems += made
            odd += 1
        elif made.key in records:
            raise RecordError(
                f"{scored.where}: item {made.item_id} by {method} stands in {records[made.key][1]} already"
            )
        else:
            records[made.key] = (made, scored.where)
    return [record for record, _ in records.values()], problems, odd


def _import(
    workspace: Workspace,
    records: Sequence[AttributionRecord],
    origin: Origin,
    items: Sequence[Item],
    problems: Sequence[Misalignment],
    odd: int,
    *,
    replace: bool,
    write: bool,
) -> ImportedAttributions:
    order = {item.id: number for number, item in enumerate(items)}
    wanted: dict[Path, list[AttributionRecord]] = {}
    for record in sorted(records, key=lambda record: order[record.item_id]):
        path = workspace.attribution_file(record.model, record.method, record.config_hash)
        wanted.setdefault(path, []).append(record)
    earlier = [path for path in attribution_files(workspace) if path not in wanted and _is_of(path, origin)]
    changed = {path: made for path, made in wanted.items() if not _holds(path, made)}
    before = [*earlier, *(path for path in changed if path.exists())]
    if before and not replace:
        raise IntegrityError(
            f"{before[0]}: holds another version of the source {origin.source!r}; "
            "--replace puts this one in its place, --source gives it a name of its own"
        )
    if write:
        replace_files(changed)
        for path in earlier:
            path.unlink()
    outcome = "written" if write else "to write"
    return ImportedAttributions(
        source=origin.source,
        sha256=origin.sha256,
        items=len(items),
        files=tuple(
            ImportedFile(path, made[0].method, made[0].model, len(made), outcome if path in changed else "unchanged")
            for path, made in wanted.items()
        ),
        removed=tuple(earlier),
        left_out=tuple(problems),
        left_out_records=odd,
    )


def _is_of(path: Path, origin: Origin) -> bool:
    """Whether the file was imported from the same source; its first record tells."""
    first = next(iter(read_records(path, AttributionRecord)), None)
    imported = first.config.get("imported") if first is not None else None
    return (
        isinstance(imported, dict)
        and imported.get("source") == origin.source
        and imported.get("format") == origin.format
    )


def _holds(path: Path, records: Iterable[AttributionRecord]) -> bool:
    """Whether the file holds exactly these records."""
    return path.exists() and path.read_bytes() == "".join(dump_line(record) + "\n" for record in records).encode(
        "utf-8"
    )


def count_methods(done: ImportedAttributions) -> Counter[str]:
    """Records by method."""
    counts: Counter[str] = Counter()
    for file in done.files:
        counts[file.method] += file.records
    return counts
