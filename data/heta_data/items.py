"""The items of a working folder: writing them once, and finding one by what a person would type."""

from collections.abc import Sequence
from difflib import get_close_matches
from operator import attrgetter
from pathlib import Path
from typing import Literal

from heta.errors import InputError
from heta_data.errors import IntegrityError, RecordError
from heta_data.jsonl import dump_line, read_records, write_records
from heta_data.record_file import RecordFile
from heta_data.records import Item
from heta_data.workspace import Workspace


def write_items(workspace: Workspace, items: Sequence[Item], *, force: bool = False) -> Literal["written", "unchanged"]:
    """Write `items.jsonl`; nothing is touched where it already holds exactly these items.

    Raises:
        InputError: there are no items, or the file holds others and `force` is not set.
        IntegrityError: two items have the same id.
        FolderBusy: another process writes to the folder.
    """
    if not items:
        raise InputError("no items to write; nothing was changed")
    seen: dict[str, Item] = {}
    for item in items:
        if item.id in seen:
            raise IntegrityError(f"items {seen[item.id].source_id} and {item.source_id} have the same id {item.id}")
        seen[item.id] = item
    with workspace.lock():
        path = workspace.items
        if path.exists():
            if path.read_bytes() == "".join(dump_line(item) + "\n" for item in items).encode("utf-8"):
                return "unchanged"
            if not force:
                raise InputError(
                    f"{path} holds other items; build into another folder with -C, or replace them with --force "
                    "(attributions and labels of items that go are then of no use)"
                )
        write_records(path, items)
    return "written"


def read_items(path: Path) -> list[Item]:
    """The items of a file.

    Raises:
        InputError: there is no such file, or it is empty.
        RecordError: a line cannot be read.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; build items with `heta data build sample`, or name a folder with -C")
    items = list(read_records(path, Item))
    if not items:
        raise InputError(f"{path}: holds no items; build some with `heta data build sample`")
    return items


def open_items(path: Path) -> RecordFile[Item]:
    """The items of a file by id, each read when it is asked for; every line of it was read once.

    Raises:
        RecordError: a line cannot be read.
    """
    file = RecordFile(path, Item, attrgetter("id"))
    for _ in file.scan():
        pass
    if file.problems:
        raise RecordError(file.problems[0])
    return file


def find_items(items: Sequence[Item], which: str) -> list[Item]:
    """The items that `which` names: `all`, a number from 1, an id or its beginning, or a source's own row id.

    A row id gives every item of that row: both segment orders, where there are two. A number that is no position
    is taken for the beginning of an id.

    Raises:
        InputError: nothing fits, or the beginning of an id fits several items.
    """
    if which == "all":
        return list(items)
    if which.isascii() and which.isdigit() and 1 <= int(which) <= len(items):
        return [items[int(which) - 1]]
    if rows := [item for item in items if item.source_id == which]:
        return rows
    found = [item for item in items if which and item.id.startswith(which.lower())]
    if len(found) == 1:
        return found
    if found:
        ids = ", ".join(item.id for item in found[:5])
        raise InputError(f"{which!r} is the beginning of {len(found)} ids ({ids}{', ...' if len(found) > 5 else ''})")
    names = [*(item.id for item in items), *dict.fromkeys(item.source_id for item in items)]
    near = get_close_matches(which, names, n=1, cutoff=0.25)
    nearest = f", the nearest is {near[0]!r}" if near else ""
    raise InputError(
        f"no item {which!r}{nearest}; give an id or its beginning, a number from 1 to {len(items)}, or all"
    )
