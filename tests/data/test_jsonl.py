"""JSON Lines files: round trip, messages with path, line and field, and survival of a cut at any byte."""

import errno
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.sample_records import make_attribution, make_gold, make_item, make_labels
from heta_data.errors import RecordError
from heta_data.items import write_items
from heta_data.jsonl import (
    Appender,
    collect_records,
    dump_line,
    parse_line,
    read_records,
    record_at,
    scan_records,
    write_records,
)
from heta_data.records import AttributionRecord, Item, MetricResult, Record, TokenLabels
from heta_data.workspace import Workspace

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBER | TEXT,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXT, children, max_size=3),
    max_leaves=8,
)


@st.composite
def results(draw: st.DrawFn) -> MetricResult:
    value = draw(st.none() | NUMBER)
    return MetricResult(
        metric=draw(TEXT),
        subject=draw(TEXT),
        item_id=draw(st.none() | TEXT),
        value=value,
        reason=None if value is not None else draw(TEXT),
        n=draw(st.integers(0, 10**9)),
        config=draw(st.dictionaries(TEXT, JSON, max_size=3)),
    )


def result(number: int, text: str = "é🙂") -> MetricResult:
    return MetricResult(metric=f"m{number}", subject=text, value=number / 3, n=number)


@given(st.lists(results(), max_size=5))
@settings(max_examples=60, deadline=None)
def test_records_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, records: list[MetricResult]) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "results.jsonl"
    assert write_records(path, records) == len(records)
    back = list(read_records(path, MetricResult))
    assert back == records
    assert [record.fingerprint() for record in back] == [record.fingerprint() for record in records]
    # One record a line whatever the texts hold: line feed, U+2028 and U+0085 are no line ends of the file.
    assert path.read_bytes().count(b"\n") == len(records)


@pytest.mark.parametrize("record", [make_item(), make_attribution(make_item()), make_labels(make_item(), origin=True)])
def test_every_kind_comes_back(record: Item | AttributionRecord | TokenLabels) -> None:
    assert parse_line(dump_line(record), type(record), "x:1") == record


def test_a_cut_at_every_byte_loses_only_the_unfinished_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "results.jsonl"
    write_records(path, [result(1), result(2)])
    whole = path.read_bytes()
    first_line = whole.index(b"\n") + 1
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        caplog.clear()
        with caplog.at_level(logging.WARNING), Appender(path) as appender:
            appender.append(result(3))
        complete = 2 if cut == len(whole) else 1 if cut >= first_line else 0
        assert list(read_records(path, MetricResult)) == [*[result(1), result(2)][:complete], result(3)]
        unfinished = cut not in (0, first_line, len(whole))
        assert ("dropped an unfinished last line" in caplog.text) == unfinished


REMEDIES: list[tuple[Record, str]] = [
    (make_item(), "build the items again with `heta data build` and --force"),
    (make_attribution(make_item()), "run `heta data attribute` again, it drops this line and computes it anew"),
    (make_labels(make_item()), "delete this line, then `heta campaign pull` fetches it again"),
    (make_gold(make_item()), "run `heta evaluate run` again, it writes the file anew"),
    (result(1), "run `heta evaluate run` again, it writes the file anew"),
]


@pytest.mark.parametrize(("record", "remedy"), REMEDIES, ids=[type(record).__name__ for record, _ in REMEDIES])
def test_a_reader_names_the_unfinished_line_and_the_remedy(tmp_path: Path, record: Record, remedy: str) -> None:
    path = tmp_path / "records.jsonl"
    write_records(path, [record, record])
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(RecordError, match=rf"records.jsonl:2: not JSON: .*; the file ends inside this line: {remedy}"):
        list(read_records(path, type(record)))
    _, (problem,) = collect_records(path, type(record), remedy="fetch it again")
    assert problem.endswith("; the file ends inside this line: fetch it again")


def test_a_line_that_ends_inside_a_character(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    write_records(path, [result(1), result(2)])
    whole = path.read_bytes()
    # Cut inside the two bytes of é of the second line.
    path.write_bytes(whole[: whole.rindex("é".encode()) + 1])
    with pytest.raises(
        RecordError,
        match=r"results.jsonl:2: not UTF-8 text \(byte \d+ of the line\); the file ends inside this line: run",
    ):
        list(read_records(path, MetricResult))


def test_items_whose_file_was_cut_are_built_again(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_items(workspace, [make_item()])
    whole = workspace.items.read_bytes()
    workspace.items.write_bytes(whole[:-5])
    assert write_items(workspace, [make_item()], force=True) == "written"
    assert workspace.items.read_bytes() == whole


def test_appending_makes_folders_and_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.jsonl"
    for number in (1, 2):
        with Appender(path) as appender:
            appender.append(result(number))
    assert list(read_records(path, MetricResult)) == [result(1), result(2)]


def changed(**fields: Any) -> str:
    return json.dumps({**json.loads(dump_line(result(1))), **fields})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "f:7: not JSON: Expecting property name"),
        ("[1]", "f:7: got a JSON list, expected an object"),
        ("null", "f:7: got a JSON NoneType, expected an object"),
        ('{"record":"item"}', "f:7:record: got 'item', this file must hold 'metric_result' records"),
        (changed(schema_version=2), "f:7:schema_version: got 2, this toolkit reads up to 1: update heta-bench"),
        (changed(schema_version=True), "f:7:schema_version: got 'True', expected a whole number"),
        ("\ufeff{}", "f:7: begins with a byte order mark; save the file as UTF-8 without one"),
        (changed(schema_version=0), "f:7:schema_version: Input should be 1 (got 0)"),
        (changed(n=-1), "f:7:n: Input should be greater than or equal to 0 (got -1)"),
        (changed(n="3"), "f:7:n: Input should be a valid integer (got '3')"),
        (changed(valeu=1), "f:7:valeu: Extra inputs are not permitted (got 1)"),
        (changed(reason="both"), "f:7: a reason if and only if there is no value"),
        ('{"metric":"a","metric":"b"}', "f:7: not JSON that a record can hold: key 'metric' stands twice"),
        ('{"value":NaN}', "f:7: not JSON that a record can hold: NaN is no JSON number; a missing value is null"),
        ('{"metric":' + "[" * 100_000, "f:7: not JSON that a record can hold"),
        ('{"metric":"\\ud800"}', "f:7: Invalid JSON: "),
    ],
)
def test_a_bad_line_gives_place_and_reason(line: str, message: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse_line(line, MetricResult, "f:7")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("odd", [True, 1.0])
def test_what_equals_a_mark_is_none(odd: Any) -> None:
    record = json.loads(dump_line(make_labels(make_item())))
    record["labels"][0] = odd
    with pytest.raises(RecordError, match=r"f:7:labels.0: Input should be a valid integer"):
        parse_line(json.dumps(record), TokenLabels, "f:7")


def test_a_broken_number_deep_inside_is_named(tmp_path: Path) -> None:
    record = json.loads(dump_line(make_attribution(make_item())))
    record["scores"][2] = "high"
    path = tmp_path / "a.jsonl"
    path.write_text("\n" + json.dumps(record) + "\n")
    with pytest.raises(RecordError, match=r"a.jsonl:2:scores.2: Input should be a valid number \(got 'high'\)"):
        list(read_records(path, AttributionRecord))


def test_all_problems_of_a_file_are_collected(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"\n".join([dump_line(result(1)).encode(), b"{", b"\xff{}", dump_line(result(2)).encode(), b""]))
    records, problems = collect_records(path, MetricResult)
    assert records == [result(1), result(2)]
    assert [problem.removeprefix(f"{path}:").split(":")[0] for problem in problems] == ["2", "3"]
    assert collect_records(tmp_path / "none.jsonl", MetricResult) == ([], [f"{tmp_path / 'none.jsonl'}: no such file"])


def test_a_file_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no such file"):
        list(read_records(tmp_path / "missing.jsonl", Item))
    with pytest.raises(RecordError, match="is a folder"):
        list(read_records(tmp_path, Item))
    with pytest.raises(RecordError, match="cannot be read: Not a directory"):
        (tmp_path / "file").touch()
        list(read_records(tmp_path / "file" / "x.jsonl", Item))


def test_a_failing_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    write_records(path, [result(1)])

    def broken() -> Any:
        yield result(2)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_records(path, broken())
    assert list(read_records(path, MetricResult)) == [result(1)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.jsonl"]


def test_a_full_disk_leaves_the_old_file_and_is_told_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.jsonl"
    write_records(path, [result(1)])

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as raised:
        write_records(path, [result(2)])
    assert raised.value.filename == str(path)
    assert list(read_records(path, MetricResult)) == [result(1)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.jsonl"]


def test_records_are_found_again_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    lines = [dump_line(result(1)), "", "{", dump_line(result(2))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (first, one), (_, wrong), (second, other) = scan_records(path, MetricResult)
    assert (one, other) == (result(1), result(2))
    assert str(wrong).startswith(f"{path}:3: not JSON")
    assert [record_at(path, MetricResult, start) for start in (first, second)] == [result(1), result(2)]
    with pytest.raises(RecordError, match="byte 1: not JSON"):
        record_at(path, MetricResult, 1)
    path.unlink()
    with pytest.raises(RecordError, match="cannot be read"):
        record_at(path, MetricResult, 0)
