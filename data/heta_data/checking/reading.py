"""Candidates of a working folder or of one file; lines that cannot be read are findings, not the end."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from heta.errors import InputError
from heta.words import segment_words
from heta_data.checking.candidates import Candidate, item_candidate
from heta_data.checking.findings import Finding
from heta_data.checking.reference import read_reference
from heta_data.jsonl import collect_records
from heta_data.records import Item, TokenLabels
from heta_data.release.problems import unit_problems
from heta_data.workspace import Workspace


def read_candidates(path: Path) -> tuple[list[Candidate], list[Finding]]:
    """Items to check, and findings for lines that are none and for labels that fit no item.

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
    items, unreadable = collect_records(path, Item)
    if not items and not unreadable:
        raise InputError(f"{path}: holds no items; build some with `heta data build`")
    marked: list[TokenLabels] = []
    if labels is not None and labels.exists():
        marked, bad = collect_records(labels, TokenLabels)
        unreadable += bad
    by_item: dict[str, list[TokenLabels]] = defaultdict(list)
    for entry in marked:
        by_item[entry.item_id].append(entry)
    # Numbered as `heta data show` counts them.
    candidates = [
        item_candidate(item, f"{path.name} > item {number} ({item.id})", by_item[item.id])
        for number, item in enumerate(items, start=1)
    ]
    findings = {
        "a line that cannot be read, or whose offsets or id do not fit its texts: build or import it again": unreadable,
        "labels that do not fit the items: import or pull them again": list(_misfits(items, marked)),
    }
    return candidates, [Finding("records", "error", what, tuple(where)) for what, where in findings.items() if where]


def _misfits(items: Sequence[Item], labels: Sequence[TokenLabels]) -> Iterator[str]:
    """Labels of no item, and labels whose units are not those of their item's prompt."""
    by_id = {item.id: item for item in items}
    words = {
        key: frozenset(segment_words(by_id[key].prompt)) for key in {entry.item_id for entry in labels} & set(by_id)
    }
    for entry in labels:
        where = f"labels > item {entry.item_id} > {entry.arm} > rater {entry.rater}"
        if entry.item_id not in by_id:
            yield f"{where} > there is no such item"
        else:
            yield from (f"{where} > {problem}" for problem in unit_problems(entry, by_id, words))
