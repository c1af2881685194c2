"""Which items say the same in other words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from heta.errors import InputError
from heta_data.items import find_items
from heta_data.jsonl import read_records
from heta_data.records import Item, Record

Name = Annotated[str, Field(min_length=1)]


class ItemPair(Record):
    """Two items, each by its id, the beginning of it, or its source's row id."""

    record: Literal["item_pair"] = "item_pair"
    first: Name
    second: Name


def read_pairs(path: Path, items: Sequence[Item]) -> list[tuple[Item, Item]]:
    """The pairs of a JSON Lines file: `{"first": "...", "second": "..."}` a line.

    Raises:
        InputError: no pairs, a name that fits no item or several, an item paired with itself or first in two pairs.
        RecordError: the file is missing, or a line cannot be read.
    """
    pairs: list[tuple[Item, Item]] = []
    for number, record in enumerate(read_records(path, ItemPair), start=1):
        sides = []
        for name in (record.first, record.second):
            found = find_items(items, name)
            if len(found) != 1:
                raise InputError(f"{path}: pair {number}: {name!r} names {len(found)} items; give one item's id")
            sides.append(found[0])
        first, second = sides
        if first.id == second.id:
            raise InputError(f"{path}: pair {number}: {record.first!r} is paired with itself; name another item")
        if any(first.id == other.id for other, _ in pairs):
            raise InputError(
                f"{path}: pair {number}: item {first.id} stands first twice; put it second, or leave it out"
            )
        pairs.append((first, second))
    if not pairs:
        raise InputError(f'{path}: holds no pairs; write one a line, as {{"first": "ID", "second": "ID"}}')
    return pairs
