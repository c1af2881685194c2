"""What people marked elsewhere becomes items and labels: spans are proved, and raters stay unnamed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from heta.errors import ConfigError, HetaError, InputError
from heta_data.compose import label_units
from heta_data.errors import IntegrityError, Misaligned, RecordError
from heta_data.importing.rationale_import import ImportedRationales, import_rationales
from heta_data.importing.rationales import Answers, Texts, name_raters
from heta_data.importing.span_table import read_span_table
from heta_data.items import read_items
from heta_data.jsonl import read_records, write_records
from heta_data.raters import name_problems
from heta_data.records import Item, TokenLabels
from heta_data.workspace import Workspace

TEXTS = Texts("mine", "CC0-1.0", "me", "", "en", "test")
PROMPT = "Zoë saw 🙂 a red kite.\nWhat did she see? She saw a"
ROW: dict[str, Any] = {
    "item_id": "q1", "prompt": PROMPT, "target": " kite", "question": "What did she see?",
    "evidence_start": 0, "evidence_end": 21,
}  # fmt: skip
WORDS = ["Zoë", "saw", "🙂", "a", "red", "kite"]


@pytest.fixture
def folder(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "folder")


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def run(folder: Workspace, path: Path, *, texts: Texts = TEXTS, **options: Any) -> ImportedRationales:
    answers = Answers(
        "rationales", "mine", options.pop("sha256", "0" * 64), options.pop("kind", "human"), options.pop("arm", "blind")
    )
    known = read_items(folder.items) if folder.items.exists() else []
    return import_rationales(folder, read_span_table(path, texts, known), answers, **options)


def labels(folder: Workspace) -> list[TokenLabels]:
    return list(read_records(folder.labels, TokenLabels))


def marked(folder: Workspace) -> dict[str, list[str]]:
    """Rater -> the words marked."""
    (item,) = read_items(folder.items)
    return {
        one.rater: [item.prompt[a:b] for a, b, mark in zip(one.starts, one.ends, one.labels, strict=True) if mark]
        for one in labels(folder)
    }


def test_one_row_an_answer_or_a_span_gives_the_same_labels(tmp_path: Path) -> None:
    # "red kite" is [12, 20): 🙂 is one code point. [5, 9) holds "aw" and 🙂: both words are touched. [7, 8) is a blank.
    rows = [{**ROW, "rater": "a1", "spans": [[12, 20], [5, 9]]}, {"item_id": "q1", "rater": "a2"}]
    one, two = Workspace(tmp_path / "one"), Workspace(tmp_path / "two")
    run(one, write(tmp_path / "a.jsonl", rows))
    (tmp_path / "a.csv").write_text(
        "item_id,prompt,target,question,evidence_start,evidence_end,rater,start,end,text\n"
        f'q1,"{PROMPT}", kite,What did she see?,0,21,a1,12,20,red kite\n'
        "q1,,,,,,a1,5,9,aw 🙂\n"
        "q1,,,,,,a2,,,\n",
        encoding="utf-8",
    )
    run(two, tmp_path / "a.csv")
    assert one.items.read_bytes() == two.items.read_bytes()
    assert one.labels.read_bytes() == two.labels.read_bytes()
    assert marked(one) == {"a1": ["saw", "🙂", "red", "kite"], "a2": []}
    first = labels(one)[0]
    assert (first.kind, first.arm, first.round, first.isolation, first.seconds) == ("human", "blind", 0, "trust", None)
    assert first.answered
    (item,) = read_items(one.items)
    assert [item.prompt[unit.start : unit.end] for unit in label_units(item)] == WORDS
    assert (item.target, item.answer, item.source, item.source_id) == (" kite", "kite", "mine", "q1")
    assert {(right.field, right.licence, right.source) for right in item.rights} == {
        ("evidence", "CC0-1.0", "me"), ("other", "CC0-1.0", "me"), ("answer", "CC0-1.0", "me"),
    }  # fmt: skip


def test_rows_may_be_about_items_that_are_there(folder: Workspace, tmp_path: Path) -> None:
    item = TEXTS.item("x", "row-9", [("evidence", "A red kite."), ("question", " What?")], answer="x", question="What?")
    write_records(folder.items, [item])
    nobody = Texts("mine", None, None, "", "en", "test")
    for name in ("row-9", item.id):
        run(folder, write(tmp_path / "a.jsonl", [{"item_id": name, "spans": [[2, 5]]}]), texts=nobody)
    assert marked(folder) == {"r01": ["red"]}
    with pytest.raises(RecordError, match=r"a.jsonl:1:item_id: got 'row-8', no item of the folder has it, and the row"):
        run(folder, write(tmp_path / "a.jsonl", [{"item_id": "row-8"}]))


def test_the_same_again_adds_nothing_and_another_version_replaces_only_when_told(
    folder: Workspace, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.jsonl", [{**ROW, "rater": "a1", "spans": [[12, 15]]}])
    assert run(folder, path).new_labels == 1
    before = (folder.items.read_bytes(), folder.labels.read_bytes(), folder.labels.stat().st_mtime_ns)
    done = run(folder, path)
    assert (done.new_items, done.new_labels) == (0, 0)
    assert (folder.items.read_bytes(), folder.labels.read_bytes(), folder.labels.stat().st_mtime_ns) == before
    other = write(
        tmp_path / "b.jsonl",
        [{**ROW, "item_id": "q2", "prompt": PROMPT.replace("Zoë", "Eve"), "rater": "a1", "spans": [[16, 20]]}],
    )
    with pytest.raises(IntegrityError, match="holds another version of the source 'mine'; --replace"):
        run(folder, other, sha256="1" * 64)
    assert folder.labels.read_bytes() == before[1]
    done = run(folder, other, sha256="1" * 64, replace=True)
    assert (done.removed_items, done.removed_labels, done.new_items) == (1, 1, 1)
    assert marked(folder) == {"a1": ["kite"]}
    assert [item.source_id for item in read_items(folder.items)] == ["q2"]


def test_an_item_that_other_work_is_about_is_not_taken_away(folder: Workspace, tmp_path: Path) -> None:
    run(folder, write(tmp_path / "a.jsonl", [{**ROW, "rater": "a1", "spans": [[12, 15]]}]))
    (mine,) = labels(folder)
    write_records(folder.labels, [mine, mine.model_copy(update={"task_uid": "another", "campaign_hash": "other"})])
    other = write(
        tmp_path / "b.jsonl", [{**ROW, "item_id": "q2", "prompt": PROMPT.replace("Zoë", "Eve"), "rater": "a1"}]
    )
    with pytest.raises(IntegrityError, match=r"\(mine:q1\) is in this version no more, and other labels"):
        run(folder, other, sha256="1" * 64, replace=True)


def test_labels_of_others_stay(folder: Workspace, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{**ROW, "rater": "a1", "spans": [[12, 15]]}])
    run(folder, path)
    (mine,) = labels(folder)
    theirs = mine.model_copy(update={"task_uid": "another", "campaign_hash": "other", "rater": "b1"})
    write_records(folder.labels, [mine, theirs])
    run(folder, path, kind="simulated")  # the same file, as something else, is another import
    assert {(one.rater, one.kind) for one in labels(folder)} == {("a1", "human"), ("a1", "simulated"), ("b1", "human")}


def test_two_rows_of_one_text_are_refused(folder: Workspace, tmp_path: Path) -> None:
    # An item's id is a hash of its texts: both would be one item.
    path = write(tmp_path / "a.jsonl", [{**ROW, "rater": "a1"}, {**ROW, "item_id": "q2", "rater": "a2"}])
    with pytest.raises(RecordError, match=r"a.jsonl:2: item 'q2' has the same texts as 'q1' in .*a.jsonl:1"):
        run(folder, path)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (
            {"start": 12, "end": 20, "text": "blue kite"},
            "span [12, 20): expected 'blue kite', the prompt has 'red kite'",
        ),
        (
            {"start": 13, "end": 16, "text": "red"},
            "expected 'red', the prompt has 'ed ' (as UTF-16 code units it would",
        ),
        ({"start": 16, "end": 19, "text": "red"}, "expected 'red', the prompt has 'kit' (as UTF-8 bytes it would fit)"),
        ({"start": 13, "end": 400}, "span [13, 400): expected one inside the prompt of 49 code points"),
        ({"start": 5, "end": 5}, "span [5, 5): expected one inside the prompt of 49 code points, at least one long"),
        ({"start": -3, "end": 5}, "span [-3, 5): expected one inside the prompt"),
    ],
)
def test_spans_that_contradict_the_text_are_listed(
    folder: Workspace, tmp_path: Path, row: dict[str, Any], problem: str
) -> None:
    rows = [{**ROW, "rater": "a1", **row}, {"item_id": "q1", "rater": "a2", "start": 0, "end": 3}]
    path = write(tmp_path / "a.jsonl", rows)
    with pytest.raises(Misaligned) as caught:
        run(folder, path)
    (issue,) = caught.value.issues
    assert problem in issue
    assert issue.startswith(f"{path}:1: item mine:q1: ")
    assert not folder.items.exists()
    assert not folder.labels.exists()
    done = run(folder, path, skip_misaligned=True)
    assert (done.left_out, done.left_out_answers) == ((issue,), 1)
    assert marked(folder) == {"a2": ["Zoë"]}


def test_spans_without_a_word_are_told(folder: Workspace, tmp_path: Path) -> None:
    # The dot, and a word outside of what could be marked.
    done = run(folder, write(tmp_path / "a.jsonl", [{**ROW, "spans": [[20, 21], [22, 26], [12, 15]]}]))
    assert [line.split(": ", 2)[2] for line in done.stray] == [
        "span [20, 21): '.' holds no word that can be marked",
        "span [22, 26): 'What' holds no word that can be marked",
    ]
    assert marked(folder) == {"r01": ["red"]}


MADE = {**ROW, "rater": "a1"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"item_id": "q1", "prompt": PROMPT}], ":1: an item needs prompt and target"),
        ([{**ROW, "evidence_end": None}], ":1: evidence_start and evidence_end: both or neither"),
        ([{**ROW, "evidence_end": 900}], r":1:evidence_start: got \[0, 900\), expected a part of the prompt"),
        (
            [{**ROW, "evidence_start": 9, "evidence_end": 10}, {"item_id": "q1"}],
            ":1: no word of the text",
        ),
        ([{**ROW, "target": ""}], ":1: target: String should have at least 1 character"),
        ([{**MADE, "start": 3}], ":1: start and end: both or neither"),
        ([{**MADE, "text": "red"}], ":1:text: stands without start and end"),
        ([{**MADE, "text": "red", "spans": [[1, 2]], "start": 0, "end": 1}], ":1:text: goes with start and end"),
        ([{**MADE, "spans": [[1, 2, 3]]}], ":1:spans.0"),
        ([MADE, {"item_id": "q1", "rater": "a1"}], ":2: marks nothing, and this rater's answer stands in .*:1"),
        ([MADE, {**MADE, "start": 0, "end": 3}], ":2: marks something, and .*:1 says that this rater marked nothing"),
        ([{**MADE, "start": 0, "end": 3}] * 2, r":2: span \[0, 3\) of this rater stands there twice"),
        (
            [MADE, {**MADE, "rater": "a2", "prompt": "Another."}],
            ":2:prompt: got 'Another.', an earlier row of item",
        ),
        ([MADE, {**MADE, "rater": "a2", "evidence_end": 20}], ":2:evidence_start: differs from an earlier row"),
    ],
)
def test_rows_that_cannot_be_read_are_one_line(
    folder: Workspace, tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(HetaError, match=message) as caught:
        run(folder, write(tmp_path / "a.jsonl", rows))
    assert "\n" not in str(caught.value)
    assert not folder.root.exists() or not any(path.suffix == ".jsonl" for path in folder.root.iterdir())


def test_what_only_the_user_knows_must_be_said(folder: Workspace, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [MADE])
    with pytest.raises(ConfigError, match="say under which licence its texts are and who made them"):
        run(folder, path, texts=Texts("mine", None, "me", "", "en", "test"))
    with pytest.raises(ConfigError, match="'sample' is a source of the toolkit's own items"):
        import_rationales(folder, [], Answers("rationales", "sample", "0", "human", "blind"))
    with pytest.raises(InputError, match="no answer is left to import"):
        import_rationales(folder, [], Answers("rationales", "mine", "0", "human", "blind"))


def test_a_dry_run_writes_nothing(folder: Workspace, tmp_path: Path) -> None:
    done = run(folder, write(tmp_path / "a.jsonl", [MADE]), dry_run=True)
    assert (done.new_items, done.new_labels, done.empty) == (1, 1, 1)
    assert not folder.root.exists()


@pytest.mark.parametrize(
    ("names", "kind", "expected"),
    [
        (["a07", "b1", "a07"], "human", {"a07": "a07", "b1": "b1"}),
        (["206", "7"], "human", {"206": "r206", "7": "r7"}),
        (["Ada", "a07"], "human", {"Ada": "r02", "a07": "r03"}),  # r01 stands for somebody else
        (["ada@example.org"], "human", {"ada@example.org": "r02"}),
        ([""], "human", {"": "r02"}),
        (["s01"], "human", {"s01": "r02"}),  # called like a script
        (["s01"], "simulated", {"s01": "s01"}),
        (["X"], "simulated", {"X": "sim01"}),
        (["7", "r7"], "human", {"7": "r02", "r7": "r03"}),  # both would be r7
        (["org/model:1"], "judge", {"org/model:1": "org/model:1"}),
    ],
)
def test_raters_are_pseudonyms(names: list[str], kind: Any, expected: dict[str, str]) -> None:
    found = name_raters(names, kind, {"r01"})
    assert found == expected
    assert not any(name_problems(name, kind) for name in found.values())


def test_an_item_with_half_a_character_is_refused() -> None:
    with pytest.raises(InputError, match="half of a surrogate pair"):
        TEXTS.item("x:1", "q", [("evidence", "a \ud83d b")], answer="b", question="b")


def test_labels_are_not_told_twice_for_one_rater(folder: Workspace, tmp_path: Path) -> None:
    rationales = read_span_table(write(tmp_path / "a.jsonl", [MADE]), TEXTS, cast("list[Item]", []))
    with pytest.raises(RecordError, match=r"this rater's answer for the item stands in .*a.jsonl:1 already"):
        import_rationales(folder, rationales * 2, Answers("rationales", "mine", "0", "human", "blind"))
