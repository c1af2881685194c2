"""Pairs of items by name, and what is no pair."""

from pathlib import Path

import pytest

from helpers.sample_records import make_item
from heta.errors import InputError
from heta_data.errors import RecordError
from heta_evaluation.faithfulness.pairs import read_pairs

ITEMS = [make_item(number) for number in (1, 2, 3)]


def test_items_are_named_by_id_beginning_or_row(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(
        f'{{"first": "row-1", "second": "{ITEMS[1].id}"}}\n{{"first": "{ITEMS[1].id[:9]}", "second": "row-3"}}\n'
    )
    assert read_pairs(path, ITEMS) == [(ITEMS[0], ITEMS[1]), (ITEMS[1], ITEMS[2])]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", InputError, "holds no pairs"),
        ('{"first": "row-9", "second": "row-1"}\n', InputError, "no item 'row-9'"),
        ('{"first": "row-1", "second": "row-1"}\n', InputError, "pair 1: 'row-1' is paired with itself"),
        ('{"first": "all", "second": "row-1"}\n', InputError, "'all' names 3 items"),
        ('{"first": "row-1"}\n', RecordError, "pairs.jsonl:1:second: Field required"),
        (
            '{"first": "row-1", "second": "row-2"}\n{"first": "row-1", "second": "row-3"}\n',
            InputError,
            "stands first twice",
        ),
    ],
)
def test_bad_pairs_are_named(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(text)
    with pytest.raises(error, match=message.replace("(", r"\(")) as caught:
        read_pairs(path, ITEMS)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"nowhere\.jsonl: no such file"):
        read_pairs(tmp_path / "nowhere.jsonl", ITEMS)
