"""Candidates of a working folder or of one file; lines that cannot be read are findings, not the end."""

from collections import defaultdict
from pathlib import Path

from heta.errors import InputError
from heta_data.checking.candidates import Candidate, item_candidate
from heta_data.checking.findings import Finding
from heta_data.checking.reference import read_reference
from heta_data.jsonl import collect_records
from heta_data.records import Item, TokenLabels
from heta_data.workspace import Workspace


def read_candidates(path: Path) -> tuple[list[Candidate], list[Finding]]:
    """Items to check, and a finding for the lines that are none.

    Args:
        path: a working folder (its items with its labels), a file of items, or a JSON document in the layout of the
            published HETA data.

    Raises:
        InputError: there is no such file or folder, or it holds no item at all.
    """
    if path.is_dir():
        workspace = Workspace(path)
        return _read_items(workspace.items, workspace.labels)
    if path.suffix == ".json":
        return read_reference(path), []
    return _read_items(path, None)


def _read_items(path: Path, labels: Path | None) -> tuple[list[Candidate], list[Finding]]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; build items with `heta data build`, or name a file of items")
    problems: list[str] = []
    by_item: dict[str, list[TokenLabels]] = defaultdict(list)
    if labels is not None and labels.exists():
        records, problems = collect_records(labels, TokenLabels)
        for entry in records:
            by_item[entry.item_id].append(entry)
    items, unreadable = collect_records(path, Item)
    problems += unreadable
    # Numbered as `heta data show` counts them.
    candidates = [
        item_candidate(item, f"{path.name} > item {number} ({item.id})", by_item[item.id])
        for number, item in enumerate(items, start=1)
    ]
    if not candidates and not problems:
        raise InputError(f"{path}: holds no items; build some with `heta data build`")
    what = "a line that cannot be read, or whose offsets or id do not fit its texts"
    return candidates, [Finding("records", "error", what, tuple(problems))] if problems else []
