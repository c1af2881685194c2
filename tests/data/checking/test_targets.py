"""Targets that no model would write next, and answers that need no evidence."""

from dataclasses import replace

import pytest

from helpers.checked_items import candidate, find, sound
from heta_data.checking import Candidate
from heta_data.checking.targets import stands_in
from heta_data.sources.sample import sample_items


def ending(prompt: str, target: str, answer: str | None = None) -> Candidate:
    """A candidate whose prompt ends, and whose target begins, like this."""
    return replace(candidate(7), prompt=prompt, target=target, answer=answer or target.strip(), distractor=())


def problems(*candidates: Candidate) -> list[tuple[str, str]]:
    """Severity and what is wrong, up to the colon."""
    return [(finding.severity, finding.problem.partition(":")[0]) for finding in find("targets", candidates)]


def test_a_sound_set_has_sound_targets() -> None:
    assert find("targets", sound()) == []


@pytest.mark.parametrize(
    ("prompt", "target"),
    [
        ("Where? Answer:", " leaves"),
        ("Where?\nAnswer:\n", "leaves"),
        ("She said: “", "leaves"),
        ("It costs $", "12"),
        ("答え：", "葉"),
        ("ตอบ:", "ใบไม้"),
        ("Answer:", " 🙂"),
    ],
)
def test_a_target_that_a_model_could_write(prompt: str, target: str) -> None:
    assert problems(ending(prompt, target)) == []


@pytest.mark.parametrize(
    ("prompt", "target", "severity", "what"),
    [
        ("Answer:", "leaves", "error", "no blank between prompt and target"),
        ("in the year", "1912", "error", "no blank between prompt and target"),
        ("Answer: ", " leaves", "error", "white space twice between prompt and target"),
        ("Answer: ", "leaves", "warning", "the prompt ends with a blank, which most tokenizers join to the next word"),
        ("Where is it?", " leaves", "warning", "the prompt ends with its question"),
        ("葉はどこ？", "木", "warning", "the prompt ends with its question"),
        ("Answer:", " ...", "error", "the target holds no word"),
    ],
)
def test_a_target_that_no_model_would_write(prompt: str, target: str, severity: str, what: str) -> None:
    assert problems(ending(prompt, target)) == [(severity, what)]


def test_a_target_is_the_answer_or_begins_it() -> None:
    assert problems(ending("Answer:", " the", "the old mill")) == []
    assert problems(ending("Answer:", " the old mill", "the old mill.")) == []
    assert problems(ending("Answer:", " mill", "the old mill")) == [
        ("error", "the target is no beginning of the answer")
    ]


def test_an_answer_in_the_question_or_in_the_distractor_wants_a_look() -> None:
    item = candidate(3)
    asked = candidate(
        8, question=f"Is it {item.answer.upper()} or not?", answer=item.answer, evidence=item.evidence_text
    )
    told = candidate(9, distractor=f"They call it {item.answer}.", answer=item.answer, evidence=item.evidence_text)
    found = find("targets", [asked, told])
    assert [finding.severity for finding in found] == ["warning", "warning"]
    assert "the question holds the answer" in found[0].problem
    assert "the distractor holds the answer too" in found[1].problem
    assert [finding.where for finding in found] == [(f"{one.where} > {item.answer}",) for one in (asked, told)]


def test_choices_behind_a_question_do_not_count_as_the_question() -> None:
    shown = "Where do ants live?\nChoices: nest, sea\nAnswer:"
    item = replace(
        candidate(7), prompt=shown, asked="Where do ants live?", answer="nest", target=" nest", distractor=()
    )
    assert find("targets", [item]) == []


def test_a_word_is_found_as_a_whole_and_in_scripts_without_blanks_anywhere() -> None:
    assert stands_in("Air", "in the air.")
    assert not stands_in("air", "a fair day")
    assert stands_in("空気", "この空気は")
    assert not stands_in(" ", "a b")


def test_the_bundled_sample_has_nothing_to_find_in_any_language() -> None:
    from heta_data.checking import check_items
    from heta_data.checking.candidates import item_candidate

    items = sample_items(orders="both")
    assert len({item.language for item in items}) > 5
    assert check_items([item_candidate(item, item.id) for item in items]) == []
