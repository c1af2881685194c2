"""Candidates of a working folder or of one file; lines that cannot be read are findings, not the end."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from heta.errors import InputError
from heta.records import Span
from heta.words import segment_words
from heta_data.checking.candidates import Candidate, Marks, item_candidate, label_marks
from heta_data.checking.findings import Finding
from heta_data.checking.reference import read_reference
from heta_data.jsonl import collect_records, scan_records
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
    marks: dict[str, list[Marks]] = defaultdict(list)
    misfits: list[str] = []
    if labels is not None and labels.exists():
        unreadable += _read_labels(labels, {item.id: item for item in items}, marks, misfits)
    # Numbered as `heta data show` counts them.
    candidates = [
        item_candidate(item, f"{path.name} > item {number} ({item.id})", marks[item.id])
        for number, item in enumerate(items, start=1)
    ]
    findings = {
        "a line that cannot be read, or whose offsets or id do not fit its texts: build or import it again": unreadable,
        "labels that do not fit the items: import or pull them again": misfits,
    }
    return candidates, [Finding("records", "error", what, tuple(where)) for what, where in findings.items() if where]


def _read_labels(
    path: Path, items: Mapping[str, Item], marks: dict[str, list[Marks]], misfits: list[str]
) -> Iterator[str]:
    """Put what was marked into `marks` by item, and what fits no item into `misfits`; gives lines that cannot be read.

    One line is held at a time: labels take far more room than what was marked.
    """

    @lru_cache(maxsize=1000)
    def words(item_id: str) -> frozenset[Span]:
        return frozenset(segment_words(items[item_id].prompt))

    for _, entry in scan_records(path, TokenLabels):
        if isinstance(entry, str):
            yield entry
            continue
        where = f"labels > item {entry.item_id} > {entry.arm} > rater {entry.rater}"
        if entry.item_id not in items:
            misfits.append(f"{where} > there is no such item")
            continue
        fit = {entry.item_id: words(entry.item_id)}
        misfits += [f"{where} > {problem}" for problem in unit_problems(entry, items, fit)]
        if entry.answered:
            marks[entry.item_id].append(label_marks(entry))
