"""One item's values are written or not, whatever byte a run dies at."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heta_data.errors import IntegrityError
from heta_data.jsonl import write_records
from heta_data.records import MetricResult
from heta_evaluation.faithfulness.files import Store, _Block, key_of


def value(item: str, metric: str, number: float) -> MetricResult:
    return MetricResult(metric=metric, subject="kl", item_id=item, value=number, n=1, config={"version": 1})


def block(number: int) -> dict[str, list[MetricResult]]:
    """Two files, two values each, as an item gives them."""
    return {
        file: [value(f"item-{number}", metric, number + len(file)) for metric in ("lds", "tau_loo")]
        for file in ("kl-1", "random-1")
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_values_come_back_by_key_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(3):
        store.append(block(number))
    store.append({"kl-1": []})
    found = store.read("kl-1")
    assert [key[3] for key in found] == ["item-0", "item-0", "item-1", "item-1", "item-2", "item-2"]
    assert found["lds", 1, "main", "item-1"].value == 5.0
    assert sorted(contents(tmp_path)) == ["kl-1.jsonl", "random-1.jsonl"]
    assert store.read("nothing") == {}


@settings(max_examples=25)
@given(data=st.data())
def test_a_run_that_died_at_any_byte_is_completed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    base = tmp_path_factory.getbasetemp()
    whole, cut = base / "whole", base / "cut"
    for folder in (whole, cut):
        shutil.rmtree(folder, ignore_errors=True)
    for number in range(2):
        Store(whole).append(block(number))
    Store(cut).append(block(0))
    before = contents(cut)
    # Died after the journal was there: each file has any number of the new bytes, the later ones none before the first
    # is done.
    blocks = [
        _Block(file=file, lines=tuple(one.model_dump_json() for one in values)) for file, values in block(1).items()
    ]
    write_records(cut / ".journal.jsonl", blocks)
    whole_now = contents(whole)
    names = sorted(whole_now)
    reached = data.draw(st.integers(0, len(names) - 1))
    for place, name in enumerate(names):
        old, new = before[name], whole_now[name]
        size = (
            len(new)
            if place < reached
            else data.draw(st.integers(len(old), len(new)))
            if place == reached
            else len(old)
        )
        (cut / name).write_bytes(new[:size])
    store = Store(cut)
    store.recover()
    assert contents(cut) == whole_now
    store.recover()
    assert contents(cut) == whole_now


def test_a_value_that_stands_twice_is_refused(tmp_path: Path) -> None:
    one = value("item-1", "lds", 0.5)
    write_records(tmp_path / "kl-1.jsonl", [one, one])
    with pytest.raises(IntegrityError, match="lds, main of item item-1 stands twice: delete one line"):
        Store(tmp_path).read("kl-1")
    assert key_of(one) == ("lds", 1, "main", "item-1")
