"""ERASER's token offsets, over its two layouts of documents."""

import json
from pathlib import Path
from typing import Any

import pytest

from heta.errors import HetaError
from heta_data.importing.eraser import document_files, read_eraser
from heta_data.importing.rationales import Answers, Rationale, Texts, to_labels

TEXTS = Texts("movies-val", "CC-BY-4.0", "tests", "", "en", "test")
# Tokens 0-4 "a truly grand film .", 5-8 "ca n't wait !"
DOCUMENT = "a truly grand film .\nca n't wait !\n"
OTHER = "the plot is thin ."


def evidence(start: int, end: int, docid: str = "r1", **fields: Any) -> dict[str, Any]:
    return {"docid": docid, "start_token": start, "end_token": end, "start_sentence": 0, "end_sentence": 1, **fields}


ANNOTATION: dict[str, Any] = {
    "annotation_id": "r1", "query": "What is the sentiment?", "query_type": None, "classification": "POS",
    "evidences": [[evidence(1, 4, text="truly grand film")], [evidence(5, 8), evidence(1, 4)]],
}  # fmt: skip


def write(folder: Path, *annotations: dict[str, Any], lines: bool = False) -> Path:
    path = folder / "val.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in annotations), encoding="utf-8")
    if lines:
        rows = [{"docid": "r1", "document": DOCUMENT}, {"docid": "r2", "document": OTHER}]
        (folder / "docs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        (folder / "docs").mkdir()
        (folder / "docs" / "r1").write_text(DOCUMENT, encoding="utf-8")
        (folder / "docs" / "r2").write_text(OTHER, encoding="utf-8")
    return path


def read(path: Path) -> list[Rationale]:
    return read_eraser(path, document_files(path, None), TEXTS)


def words(rationale: Rationale) -> list[str]:
    labels, problems, stray = to_labels(rationale, Answers("eraser", "x", "0", "human", "blind"), "r01")
    assert labels is not None
    assert (problems, stray) == ([], [])
    marked = zip(labels.starts, labels.ends, labels.labels, strict=True)
    return [rationale.item.prompt[start:end] for start, end, mark in marked if mark]


@pytest.mark.parametrize("lines", [False, True])
def test_evidence_becomes_words(tmp_path: Path, lines: bool) -> None:
    (found,) = read(write(tmp_path, ANNOTATION, lines=lines))
    item = found.item
    assert item.prompt == "a truly grand film .\nca n't wait !\n\nQuestion: What is the sentiment?\nAnswer:"
    assert (item.target, item.answer, item.source, item.source_id, item.group) == (
        " POS",
        "POS",
        "movies-val",
        "r1",
        "r1",
    )
    assert [item.prompt[span.start : span.end] for span in found.spans] == ["truly grand film", "ca n't wait"]
    # "n't" is one word by UAX #29.
    assert words(found) == ["truly", "grand", "film", "ca", "n't", "wait"]


def test_several_documents_stand_one_after_the_other(tmp_path: Path) -> None:
    both = {**ANNOTATION, "evidences": [[evidence(3, 4, "r2"), evidence(2, 3, "r1")]]}
    (found,) = read(write(tmp_path, both))
    assert found.item.prompt.startswith(f"{OTHER}\n\n{DOCUMENT.strip()}\n\nQuestion:")
    assert words(found) == ["thin", "grand"]
    named = {**both, "docids": ["r1", "r2"]}
    path = tmp_path / "val.jsonl"
    path.write_text(json.dumps(named) + "\n", encoding="utf-8")
    assert read(path)[0].item.prompt.startswith(f"{DOCUMENT.strip()}\n\n{OTHER}")


def test_no_evidence_is_an_answer(tmp_path: Path) -> None:
    (found,) = read(write(tmp_path, {**ANNOTATION, "evidences": []}))
    assert (found.spans, found.item.group) == ((), "r1")


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (
            {**ANNOTATION, "evidences": [[evidence(5, 99)]]},
            r"val.jsonl:1: evidence \[5, 99\) of 'r1', which has 9 tokens",
        ),
        ({**ANNOTATION, "evidences": [[evidence(3, 3)]]}, r"evidence \[3, 3\) of 'r1'"),
        ({**ANNOTATION, "evidences": [[evidence(-1, 3)]]}, r"evidence \[-1, 3\) of 'r1'"),
        ({**ANNOTATION, "evidences": [[evidence(0, 1, "r9")]]}, "val.jsonl:1: .*docs: holds no document 'r9'"),
        ({**ANNOTATION, "evidences": [[evidence(0, 1, "../val.jsonl")]]}, "holds no document '../val.jsonl'"),
        ({**ANNOTATION, "docids": ["r2"]}, "evidence in 'r1', which is none of the annotation's docids"),
        (
            {**ANNOTATION, "evidences": [[evidence(True, 3)]]},
            "evidences.0.0.start_token: Input should be a valid integer",
        ),
        ({"annotation_id": "r1"}, "val.jsonl:1:query: Field required"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, annotation: dict[str, Any], message: str) -> None:
    with pytest.raises(HetaError, match=message) as caught:
        read(write(tmp_path, annotation))
    assert "\n" not in str(caught.value)


def test_an_evidence_that_says_another_text_is_a_misalignment(tmp_path: Path) -> None:
    (found,) = read(write(tmp_path, {**ANNOTATION, "evidences": [[evidence(1, 4, text="truly bad film")]]}))
    _, (problem,), _ = to_labels(found, Answers("eraser", "x", "0", "human", "blind"), "r01")
    assert "expected 'truly bad film', the prompt has 'truly grand film'" in problem


def test_documents_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(HetaError, match=r"no such documents; name their folder or docs.jsonl with --docs"):
        document_files(tmp_path / "val.jsonl", None)
