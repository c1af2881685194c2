"""The published layout: read with its offsets proved, and the published file exposed."""

import json
from pathlib import Path
from typing import Any

import pytest

from heta.errors import InputError
from heta_data.checking import check_items, read_candidates


def example(**changes: Any) -> dict[str, Any]:
    """One example of that layout, written for this test."""
    return {
        "id": "x_00000",
        "base_pair_id": "n0__s0",
        "narrative_segment": "The cook laughed.",
        "sciq_support_segment": "Lamps on the pier are violet, the café's too.",
        "question": "What are lamps?",
        "answer": "violet",
        "target_first_answer_token": "violet",
        "input_text": "The cook laughed. <s> Lamps on the pier are violet, the café's too. <s> Question: "
        "What are lamps?",
        "important_words": ["violet", "lamps"],
        "important_word_indices_in_sciq_support": [0, 5],
        **changes,
    }


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_an_example_becomes_a_candidate(tmp_path: Path) -> None:
    path = write(tmp_path / "data.json", {"examples": [example()]})
    ([one], problems) = read_candidates(path)
    assert problems == []
    assert one.where == "data.json:examples.0 > x_00000"
    assert (one.group, one.row, one.asked, one.target) == ("n0__s0", "data.json:n0__s0", "What are lamps?", "violet")
    assert (one.distractor_text, one.question_text) == ("The cook laughed.", "What are lamps?")
    assert one.evidence_text == example()["sciq_support_segment"]
    assert one.evidence_first is False
    assert one.rights == ()
    (marks,) = one.marks
    assert (marks.by, marks.kind) == ("important_words", None)
    assert [one.text(span) for span in marks.spans] == ["Lamps", "violet"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"examples"', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "examples: Field required"),
        ({"examples": []}, "examples: List should have at least 1 item"),
        ({"examples": [{"id": "x"}]}, "examples.0.base_pair_id: Field required"),
        ({"examples": [example(question=7)]}, "examples.0.question: Input should be a valid string"),
        (
            {"examples": [example(question="What are ships?")]},
            "examples.0 > x_00000 > question: does not stand in input_text",
        ),
        ({"examples": [example(narrative_segment="")]}, "narrative_segment: does not stand in input_text"),
        (
            {"examples": [example(important_word_indices_in_sciq_support=[0, 10])]},
            "important_word_indices: 10, the support has 10 words",
        ),
        (
            {"examples": [example(important_word_indices_in_sciq_support=[-1])]},
            "Input should be greater than or equal to 0",
        ),
    ],
)
def test_a_file_of_another_form_is_refused_in_one_line(tmp_path: Path, content: Any, said: str) -> None:
    path = write(tmp_path / "data.json", content)
    with pytest.raises(InputError, match=r"data\.json") as caught:
        read_candidates(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(b"{\xff}")
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_candidates(path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_candidates(tmp_path / "none.json")


@pytest.mark.shared
def test_the_published_file_is_exposed(shared_data: Path) -> None:
    candidates, problems = read_candidates(shared_data / "heta_reference" / "heta_qa_dataset_100_unique.json")
    assert (len(candidates), problems) == (100, [])
    found = {(finding.check, finding.problem.partition(":")[0]): finding for finding in check_items(candidates)}
    assert {key: len(finding.where) for key, finding in found.items() if finding.severity == "error"} == {
        ("duplicates", "90 of 100 items ask of the same evidence what an earlier item asks"): 90,
        ("duplicates", "90 of 100 items have the evidence of an earlier item of another group"): 90,
        ("orders", "the evidence comes first in 0 of 100 items"): 100,
        ("targets", "no blank between prompt and target"): 100,
        ("labels", "labels 'important_words' do not say who made them"): 100,
        (
            "labels",
            "labels 'important_words' are what a rule gives in 80 of the 80 items that can tell (the answer's words, "
            "then those of the question, then the first others)",
        ): 80,
        ("rights", "no licence for distractor, evidence, question"): 100,
        ("rights", "no source for distractor, evidence, question"): 100,
    }
    assert {key: len(finding.where) for key, finding in found.items() if finding.severity == "warning"} == {
        ("duplicates", "90 of 100 items have the distractor of an earlier item of another group"): 90,
        ("positions", "80 of 90 answers stand in one fifth of the texts (shares of the fifths"): 80,
        ("targets", "the prompt ends with its question"): 100,
        ("labels", "labels 'important_words' mark 8 different words in 100 of 100 items"): 100,
        ("texts", "what some tokenizers read as a special token"): 100,
    }
