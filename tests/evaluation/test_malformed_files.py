"""500 files with something wrong in them: one clear line each, or exactly what the file says, and never another number.

The files of a folder, then those that are imported. `helpers.broken_files` breaks bytes, lines, and values.
"""

import csv
import io
import json
import math
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from helpers.broken_files import broken_bytes, broken_lines
from helpers.evaluation_folder import make_folder, make_items
from heta.errors import HetaError
from heta_data.attribution_files import read_attributions
from heta_data.errors import Misaligned
from heta_data.importing.attribution_import import import_attributions
from heta_data.importing.inseq import read_inseq
from heta_data.importing.rationale_import import import_rationales
from heta_data.importing.rationales import Answers, Texts
from heta_data.importing.scored import Origin
from heta_data.importing.span_table import read_span_table
from heta_data.importing.table import read_table
from heta_data.items import read_items, write_items
from heta_data.jsonl import read_records
from heta_data.records import AttributionRecord, GoldLabels, Item, MetricResult, Record, TokenLabels
from heta_data.workspace import Workspace
from heta_evaluation.report import build_report
from heta_evaluation.runner import evaluate

ITEMS = make_items()[:2]


def every(examples: int) -> settings:
    """So many files, the same ones each time."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = make_folder(tmp_path_factory.mktemp("good"), items=ITEMS)
    evaluate(folder, kinds=("simulated",), draws=100)
    return folder


@pytest.fixture
def folder(good: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(good.root, tmp_path / "folder")
    return Workspace(tmp_path / "folder")


def attributions(folder: Workspace) -> Path:
    return sorted(folder.attributions.rglob("*.jsonl"))[0]


FILES: dict[str, tuple[Callable[[Workspace], Path], type[Record]]] = {
    "items": (lambda folder: folder.items, Item),
    "labels": (lambda folder: folder.labels, TokenLabels),
    "gold": (lambda folder: folder.gold, GoldLabels),
    "results": (lambda folder: folder.results, MetricResult),
    "attributions": (attributions, AttributionRecord),
}


def one_line(error: HetaError, path: Path) -> None:
    assert str(path) in str(error)
    assert "\n" not in str(error)


def same(said: Any, got: Any) -> bool:
    """Whether a record holds what the file says: equal numbers, and no truth value for a number."""
    if isinstance(said, dict) and isinstance(got, dict):
        return all(name in got and same(value, got[name]) for name, value in said.items())
    if isinstance(said, list) and isinstance(got, list):
        return len(said) == len(got) and all(map(same, said, got))
    if isinstance(said, int) and isinstance(got, float):
        return not isinstance(said, bool) and float(said) == got  # a whole number where any number may stand
    return isinstance(said, bool) == isinstance(got, bool) and bool(said == got)


@pytest.mark.parametrize("which", FILES)
def test_a_file_of_records_is_read_as_it_stands_or_refused(which: str, folder: Workspace) -> None:
    place, kind = FILES[which]
    path = place(folder)

    @every(60)
    @given(broken_lines(path.read_bytes()))
    def check(content: bytes) -> None:
        broken = path.with_name("broken.jsonl")
        broken.write_bytes(content)
        try:
            records = list(read_records(broken, kind))
        except HetaError as error:
            one_line(error, broken)
            return
        lines = [line for line in content.split(b"\n") if line.strip()]
        assert len(records) == len(lines)
        for line, record in zip(lines, records, strict=True):
            assert same(json.loads(line), json.loads(record.model_dump_json()))

    check()


@pytest.mark.parametrize("which", ["items", "labels", "attributions", "results"])
def test_what_can_be_read_is_evaluated_or_refused(which: str, folder: Workspace, tmp_path: Path) -> None:
    place, _ = FILES[which]
    path = place(folder)
    whole, results = path.read_bytes(), folder.results.read_bytes()

    @every(12)
    @given(broken_lines(whole))
    def check(content: bytes) -> None:
        folder.results.write_bytes(results)
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an overflow is a warning of numpy's
            try:
                if which != "results":
                    evaluation = evaluate(folder, kinds=("simulated",), draws=100)
                    for one in evaluation.results:
                        figures = [value for value in (one.value, one.low, one.high) if value is not None]
                        assert all(map(math.isfinite, figures))
                build_report(folder, out=tmp_path / "report.html")
            except HetaError as error:
                assert str(error)

    check()


def test_a_figure_that_was_changed_after_the_run_is_not_shown(folder: Workspace, tmp_path: Path) -> None:
    lines = folder.results.read_bytes().splitlines(keepends=True)
    number, line = next((number, line) for number, line in enumerate(lines) if b'"token_f1@k"' in line)
    record = json.loads(line)
    changed = json.dumps({**record, "value": 0.999, "low": None, "high": None}).encode() + b"\n"
    others = (
        [*lines[:number], changed, *lines[number + 1 :]],
        lines[:-1],
        [*lines, lines[-1]],
        [*lines[:1], *lines[:0:-1]],
        [lines[0].replace(b'"seed":0', b'"seed":1'), *lines[1:]],
    )
    for found in others:
        folder.results.write_bytes(b"".join(found))
        with pytest.raises(HetaError, match=r"results.jsonl: is not as `heta evaluate run` wrote it; run it again"):
            build_report(folder, out=tmp_path / "report.html")
    folder.results.write_bytes(b"".join(lines))
    assert build_report(folder, out=tmp_path / "report.html").exists()


# What is imported.

PROMPT = "Zoë saw 🙂 a red kite.\nShe saw a"
WORDS = ((0, 3), (4, 7), (8, 9), (10, 11), (12, 15), (16, 20), (22, 25), (26, 29), (30, 31))
TEXTS = Texts("mine", "CC0-1.0", "me", "", "en", "test")
ITEM = TEXTS.item("x", "q1", [("evidence", PROMPT)], answer="kite", question="What?")
SCORES = [
    {"item_id": "q1", "start": start, "end": end, "token": PROMPT[start:end], "score": number / 4 - 1, "method": "m"}
    for number, (start, end) in enumerate(WORDS)
]
MARKS: list[dict[str, Any]] = [
    {"item_id": "q1", "rater": "a1", "start": 12, "end": 20, "text": "red kite"},
    {"item_id": "q1", "rater": "a1", "start": 4, "end": 7},
    {"item_id": "q1", "rater": "a2", "start": 8, "end": 9},
]


def json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8")


def table(rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8")


def said(content: bytes, ending: str) -> list[dict[str, Any]]:
    """The rows of a file, read by somebody else."""
    text = content.decode("utf-8-sig")
    if ending == "jsonl":
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    return [
        {
            name: float(cell) if name == "score" else int(cell) if name in ("start", "end") else cell
            for name, cell in row.items()
            if cell
        }
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]


def fresh(root: Path) -> Workspace:
    shutil.rmtree(root, ignore_errors=True)
    folder = Workspace(root)
    write_items(folder, [ITEM])
    return folder


def refused(error: HetaError, folder: Workspace) -> None:
    """One line, or one line a place; and nothing is there that was not before."""
    assert all(line.strip() for line in str(error).split("\n"))
    assert "\n" not in str(error) or isinstance(error, Misaligned)
    assert not folder.attributions.exists()
    assert not folder.labels.exists()


def rows_of(ending: str, rows: list[dict[str, Any]]) -> tuple[bytes, st.SearchStrategy[bytes]]:
    content = json_lines(rows) if ending == "jsonl" else table(rows)
    return content, broken_lines(content) if ending == "jsonl" else broken_bytes(content)


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_imported_scores_are_those_of_the_file_or_refused(ending: str, tmp_path: Path) -> None:
    content, broken = rows_of(ending, SCORES)
    path = tmp_path / f"scores.{ending}"

    def run(changed: bytes) -> None:
        folder = fresh(tmp_path / "folder")
        path.write_bytes(changed)
        try:
            found = read_table(path, method=None, model=None)
            import_attributions(folder, found, Origin("attributions", "s", "0" * 64, "table", None, "tiny"))
        except HetaError as error:
            refused(error, folder)
            return
        there: dict[tuple[str, int, int], float | None] = {}
        for record in read_attributions(folder):
            spans = zip(record.starts, record.ends, record.scores, strict=True)
            there |= {(record.method, start, end): score for start, end, score in spans}
        empty = {(f"table.{row['method']}", 0, 0): None for row in said(changed, ending) if row["start"] == row["end"]}
        told = {
            (f"table.{row['method']}", row["start"], row["end"]): float(row["score"])
            for row in said(changed, ending)
            if row["start"] < row["end"]
        }
        assert {key: score for key, score in there.items() if key[1] < key[2]} == told
        assert set(there) - set(told) == set(empty) or not empty

    run(content)
    every(50)(given(broken)(run))()


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_imported_marks_are_those_of_the_file_or_refused(ending: str, tmp_path: Path) -> None:
    content, broken = rows_of(ending, MARKS)
    path = tmp_path / f"marks.{ending}"

    def run(changed: bytes) -> None:
        folder = fresh(tmp_path / "folder")
        path.write_bytes(changed)
        try:
            found = read_span_table(path, TEXTS, read_items(folder.items))
            import_rationales(folder, found, Answers("rationales", "mine", "0" * 64, "human", "blind"))
        except HetaError as error:
            refused(error, folder)
            return
        # A word is marked where a span of the rater shares a code point with it; raters by the order of the file.
        marks: dict[str, set[int]] = {}
        for row in said(changed, ending):
            spans = [(row["start"], row["end"])] if row.get("start") is not None else row.get("spans") or []
            hit = {n for start, end in spans for n, word in enumerate(WORDS) if word[0] < end and start < word[1]}
            marks.setdefault(row.get("rater") or "", set()).update(hit)
        found_marks = [
            {n for n, mark in enumerate(one.labels) if mark} for one in read_records(folder.labels, TokenLabels)
        ]
        assert sorted(map(sorted, found_marks)) == sorted(map(sorted, marks.values()))

    run(content)
    every(40)(given(broken)(run))()


def inseq_file() -> dict[str, Any]:
    """As inseq lays it out, with lists for tensors."""
    tokens = [PROMPT[:3], PROMPT[3:7], PROMPT[7:], " kite"]
    return {
        "info": {"attribution_method": "saliency", "model_name": "tiny", "input_texts": [PROMPT]},
        "sequence_attributions": [
            {
                "source": tokens[:3], "target": tokens, "attr_pos_start": 3, "attr_pos_end": 4,
                "source_attributions": None, "target_attributions": [[0.5], [0.25], [0.125], [0.0]],
            }
        ],
    }  # fmt: skip


def test_imported_inseq_scores_are_those_of_the_file_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.json"

    def run(changed: bytes) -> None:
        folder = fresh(tmp_path / "folder")
        path.write_bytes(changed)
        try:
            import_attributions(folder, read_inseq(path), Origin("inseq", "o", "0" * 64, "inseq", None, None))
        except HetaError as error:
            refused(error, folder)
            return
        (record,) = read_attributions(folder)
        sequence = json.loads(changed.decode("utf-8-sig"))["sequence_attributions"][0]
        steps = sequence["target_attributions"]
        assert list(record.scores) == [float(sum(row)) for row in steps[: len(record.scores)]]

    content = json.dumps(inseq_file()).encode() + b"\n"
    run(content)
    every(20)(given(broken_lines(content))(run))()
