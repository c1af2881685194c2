"""CoS-E and fair-rationales: made-up rows with every oddity, then the real files where they are."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from heta.errors import HetaError
from heta_data.importing.commonsense import read_cose, read_fair_rationales
from heta_data.importing.rationale_import import import_rationales
from heta_data.importing.rationales import Answers, Texts
from heta_data.jsonl import read_records
from heta_data.records import Item, TokenLabels
from heta_data.workspace import Workspace

TEXTS = Texts("cose", "MIT", "CommonsenseQA", "", "en", "dev")


def question(number: str, text: str) -> dict[str, Any]:
    choices = {"label": ["A", "B"], "text": ["a pond", "the sky"]}
    return {"id": number, "question": text, "choices": choices, "answerKey": "B", "question_concept": "x"}


QUESTIONS = [question("1", "Where does the old kite fly, and why there?"), question("2", "Is it a bird, a bird?")]


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def explained(number: str, selected: str) -> dict[str, Any]:
    return {"id": number, "explanation": {"open-ended": "so", "selected": selected}}


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    return write(tmp_path / "questions.jsonl", QUESTIONS)


def test_a_selected_text_that_stands_once_is_marked(tmp_path: Path, questions: Path) -> None:
    found = read_cose(write(tmp_path / "c.jsonl", [explained("1", "old kite fly")]), questions, TEXTS)
    (one,) = found.rationales
    assert one.item.prompt == "Where does the old kite fly, and why there?\nChoices: a pond, the sky\nAnswer:"
    assert (one.item.target, one.item.split) == (" the sky", "dev")
    assert [one.item.prompt[span.start : span.end] for span in one.spans] == ["old kite fly"]


def test_every_row_that_goes_is_counted_once(tmp_path: Path, questions: Path) -> None:
    # "old kite fly, and w" touches 5 of 9 words, more than half; "bird" stands twice; "3" has no question.
    rows = [explained("1", "old kite fly, and w"), explained("2", "bird"), explained("3", "x")]
    with pytest.raises(HetaError, match="no row can be used"):
        read_cose(write(tmp_path / "c.jsonl", rows), questions, TEXTS)
    found = read_cose(tmp_path / "c.jsonl", questions, TEXTS, most=0.6)
    assert [(step.name, step.dropped) for step in found.funnel.steps] == [("question", 1), ("once", 1), ("share", 0)]


def fair(rater: str, binary: list[int], label: str = "the sky", **fields: Any) -> dict[str, Any]:
    index = [number for number, value in enumerate(binary) if value]
    return {
        "text_id": "0", "annotator_ID": rater, "sentence": "Is it a bird , a bird ?", "original_label": "B",
        "label": label, "rationale_index": index, "rationale_binary": binary, **fields,
    }  # fmt: skip


def test_raters_words_between_blanks_are_marked(tmp_path: Path, questions: Path) -> None:
    # The sentence is the question with other blanks; raters chose different answers.
    rows = [fair("7", [0, 0, 1, 1, 0, 0, 0, 0]), fair("9", [0] * 8, label="a pond")]
    found = read_fair_rationales(write(tmp_path / "f.jsonl", rows), questions, TEXTS)
    first, second = found.rationales
    assert [first.item.prompt[span.start : span.end] for span in first.spans] == ["a", "bird"]
    assert (first.item.id, first.item.target, first.rater) == (second.item.id, " the sky", "7")
    assert second.spans == ()
    right = read_fair_rationales(tmp_path / "f.jsonl", questions, TEXTS, right_only=True)
    assert [one.rater for one in right.rationales] == ["7"]
    assert right.funnel.steps[-1].dropped == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (fair("7", [1, 0]), "f.jsonl:1:rationale_binary: has 2 values, the sentence 8 words"),
        (fair("7", [0] * 8, rationale_index=[3]), "f.jsonl:1:rationale_index: names other words"),
        (
            fair("7", [0] * 8, rationale_binary=[True] * 8),
            "f.jsonl:1:rationale_binary.0: Input should be a valid integer",
        ),
        (fair("7", [0] * 8, annotator_ID=7), "f.jsonl:1:annotator_ID: Input should be a valid string"),
    ],
)
def test_a_row_that_contradicts_itself_is_one_line(
    tmp_path: Path, questions: Path, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(HetaError, match=message):
        read_fair_rationales(write(tmp_path / "f.jsonl", [row]), questions, TEXTS)


def test_rows_and_questions_stand_once(tmp_path: Path, questions: Path) -> None:
    with pytest.raises(HetaError, match=r"c.jsonl:2: '1' stands there twice"):
        read_cose(write(tmp_path / "c.jsonl", [explained("1", "kite")] * 2), questions, TEXTS)
    with pytest.raises(HetaError, match="'0 by 7' stands there twice"):
        read_fair_rationales(write(tmp_path / "f.jsonl", [fair("7", [0] * 8)] * 2), questions, TEXTS)
    write(questions, [{**QUESTIONS[0], "answerKey": "C"}])
    with pytest.raises(HetaError, match=r"questions.jsonl:1:answerKey: 'C' is not the label of one choice"):
        read_cose(tmp_path / "c.jsonl", questions, TEXTS)


@pytest.mark.shared
def test_cose_has_628_rows_that_can_be_used(tmp_path: Path, shared_data: Path) -> None:
    questions = shared_data / "cose" / "commonsenseqa_dev.jsonl"
    found = read_cose(shared_data / "cose" / "v1.11" / "cose_dev_v1.11.jsonl", questions, TEXTS)
    # 1,221 rows: 879 selected texts stand in their question exactly once, 628 of them are at most half of its words.
    assert (found.funnel.start, [step.left for step in found.funnel.steps]) == (1221, [1221, 879, 628])
    folder = Workspace(tmp_path)
    done = import_rationales(folder, found.rationales, Answers("cose", "cose", "0" * 64, "human", "blind"))
    assert (done.items, done.labels, done.empty, done.raters, done.stray) == (628, 628, 0, ("r01",), ())
    assert len({item.id for item in read_records(folder.items, Item)}) == 628


@pytest.mark.shared
def test_fair_rationales_are_250_questions_by_six_raters(tmp_path: Path, shared_data: Path) -> None:
    questions = shared_data / "cose" / "commonsenseqa_dev.jsonl"
    path = shared_data / "fair_rationales" / "cose_even.jsonl"
    found = read_fair_rationales(path, questions, Texts("fair", "MIT", "CommonsenseQA", "", "en", "test"))
    folder = Workspace(tmp_path)
    done = import_rationales(folder, found.rationales, Answers("fair-rationales", "fair", "0" * 64, "human", "blind"))
    assert (done.items, done.labels, done.empty, len(done.raters)) == (250, 1500, 20, 300)
    counts: dict[str, int] = {}
    for labels in read_records(folder.labels, TokenLabels):
        counts[labels.item_id] = counts.get(labels.item_id, 0) + 1
    assert set(counts.values()) == {6}
    # Every word that a rater marked holds a word of ours, and the other way round.
    prompts = {item.id: item.prompt for item in read_records(folder.items, Item)}
    by_rater = {(one.item_id, one.rater): one for one in read_records(folder.labels, TokenLabels)}
    for rationale in found.rationales:
        labels = by_rater[rationale.item.id, f"r{rationale.rater}"]
        marked = [(a, b) for a, b, mark in zip(labels.starts, labels.ends, labels.labels, strict=True) if mark]
        assert all(any(a < span.end and span.start < b for span in rationale.spans) for a, b in marked)
        assert prompts[labels.item_id] == rationale.item.prompt
