"""A file of records that is read one record at a time."""

from operator import attrgetter
from pathlib import Path

import pytest

from helpers.sample_records import make_item
from heta_data.errors import IntegrityError, RecordError
from heta_data.items import open_items
from heta_data.jsonl import dump_line, write_records
from heta_data.record_file import RecordFile
from heta_data.records import Item

ITEMS = [make_item(number) for number in (1, 2, 3)]


def test_every_record_is_had_by_its_key(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text("\n".join([*map(dump_line, ITEMS), "{", dump_line(ITEMS[0])]) + "\n", encoding="utf-8")
    file = RecordFile(path, Item, attrgetter("id"))
    assert len(file) == 0
    assert list(file.scan()) == ITEMS
    assert list(file) == [item.id for item in ITEMS]
    assert [file[item.id] for item in ITEMS] == ITEMS
    assert file.twice == [ITEMS[0].id]
    (problem,) = file.problems
    assert problem.startswith(f"{path}:4: not JSON")
    with pytest.raises(KeyError):
        file["other"]


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    write_records(path, ITEMS)
    file = open_items(path)
    write_records(path, [ITEMS[1], ITEMS[0], ITEMS[2]])
    with pytest.raises(IntegrityError, match="was changed while it was being read"):
        file[ITEMS[0].id]
    path.write_text("{\n", encoding="utf-8")
    with pytest.raises(RecordError, match="not JSON"):
        open_items(path)
