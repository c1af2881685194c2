"""Rows of tables and JSON Lines: every cell is what it says or refused with its place."""

import gzip
import hashlib
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from heta.errors import ConfigError, HetaError, InputError
from heta_data.errors import RecordError
from heta_data.importing.files import files_hash, read_rows, read_text, source_name


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    start: int | None = None
    score: float | None = None


def rows(tmp_path: Path, name: str, content: bytes) -> list[tuple[str, Row]]:
    path = tmp_path / name
    path.write_bytes(content)
    return [(where.removeprefix(f"{path}:"), row) for where, row in read_rows(path, Row)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b'name,start,score\n"one, two",3,-0.5\n\nx,,1e-3\n'),
        ("a.csv", 'name,start,score\r\n"one, two",3,-0.5\r\n\r\nx,,1e-3\r\n'.encode("utf-8-sig")),
        ("a.tsv", b"name\tstart\tscore\none, two\t3\t-0.5\n\nx\t\t.001\n"),
        ("a.jsonl", b'{"name":"one, two","start":3,"score":-0.5}\n\n\n{"name":"x","score":0.001}'),
        ("a.jsonl", b'\xef\xbb\xbf{"name":"one, two","start":3,"score":-0.5}\r\n\r\n\r\n{"name":"x","score":1e-3}\r\n'),
    ],
)
def test_every_layout_gives_the_same_rows(tmp_path: Path, name: str, content: bytes) -> None:
    (first, one), (second, other) = rows(tmp_path, name, content)
    assert (one, other) == (Row(name="one, two", start=3, score=-0.5), Row(name="x", score=0.001))
    assert (first, second) == (("2", "4") if name != "a.jsonl" else ("1", "4"))


def test_a_cell_may_hold_line_feeds_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    found = rows(tmp_path, "a.csv", b'name,start\n"a\nb",1\nc,2\n')
    assert found == [("2", Row(name="a\nb", start=1)), ("4", Row(name="c", start=2))]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"name,start\nx,1\ny,2", "a.csv:3: the last line has no line end, so it may be cut off"),
        ("a.csv", b"name,start\nx,1,2\n", "a.csv:2: got 3 cells, the header has 2 columns"),
        (
            "a.csv",
            b"name,strt\nx,1\n",
            "a.csv:1: unknown column 'strt'; did you mean 'start'\\?; allowed: name, start, score",
        ),
        ("a.csv", b"name,name\nx,1\n", "a.csv:1: column 'name' stands twice"),
        ("a.csv", b"name,start\nx,1.0\n", "a.csv:2:start: got '1.0', expected a whole number"),
        ("a.csv", "name,start\nx,١\n".encode(), "a.csv:2:start: got '١', expected a whole number"),
        ("a.csv", b"name,start\nx,1_0\n", "a.csv:2:start: got '1_0', expected a whole number"),
        ("a.csv", b"name,start\nx, 1\n", "a.csv:2:start: got ' 1', expected a whole number"),
        ("a.csv", b"name,score\nx,nan\n", "a.csv:2:score: got 'nan', expected a number such as"),
        ("a.csv", b"name,score\nx,0,5\n", "a.csv:2: got 3 cells, the header has 2 columns"),
        ("a.csv", b"name,score\nx,1e999\n", "a.csv:2: not JSON that a record can hold"),
        ("a.csv", b"start\n1\n", "a.csv:2:name: Field required"),
        ("a.csv", b'name\n"x\n', "a.csv:2: no table: unexpected end of data"),
        ("a.csv", b"name\nx\xff\n", r"a.csv:2: not UTF-8 text \(byte 6 of the file\)"),
        ("a.csv", "name\nx\n".encode("utf-16"), "a.csv:1: not UTF-8 text"),
        ("a.csv", b"", "a.csv: holds no row"),
        ("a.csv", b"name\n", "a.csv: holds no row"),
        ("a.jsonl", b"\n", "a.jsonl: holds no row"),
        ("a.jsonl", b'{"name":"x"}\n{"name":"y"', "a.jsonl:2: not JSON"),
        (
            "a.jsonl",
            b'{"name":"x","name":"y"}\n',
            "a.jsonl:1: not JSON that a record can hold: key 'name' stands twice",
        ),
        ("a.jsonl", b'{"name":"x","score":NaN}\n', "NaN is no JSON number"),
        ("a.jsonl", b'{"name":"x","score":1e999}\n', "a.jsonl:1:score: Input should be a finite number"),
        ("a.jsonl", b'{"name":"x","start":"1"}\n', r"a.jsonl:1:start: Input should be a valid integer \(got '1'\)"),
        ("a.jsonl", b'{"name":"\\ud800"}\n', "a.jsonl:1: Invalid JSON"),
        ("a.xlsx", b"", r"got the ending '.xlsx', expected .csv, .tsv or .jsonl"),
    ],
)
def test_a_row_that_does_not_fit_has_its_place(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(HetaError, match=message) as caught:
        rows(tmp_path, name, content)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_text(tmp_path / "none.csv")
    with pytest.raises(RecordError, match="not UTF-8"):
        (tmp_path / "x").write_bytes(gzip.compress(b"x"))
        read_text(tmp_path / "x")


def test_a_source_is_told_by_its_content_and_named_after_its_file(tmp_path: Path) -> None:
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    assert files_hash([one]) == hashlib.sha256(b"1").hexdigest()
    assert len({files_hash([one]), files_hash([two]), files_hash([one, two]), files_hash([two, one])}) == 4
    assert source_name(Path("x/out_1.0.json.gz"), None) == "out_1.0"
    assert source_name(Path("x/out.csv"), "mine") == "mine"
    with pytest.raises(ConfigError, match="--source: the file's name gives none; expected up to 60 letters"):
        source_name(Path("täble 1.csv"), None)
    with pytest.raises(ConfigError, match=r"--source: got '\.\./x'"):
        source_name(Path("a.csv"), "../x")
