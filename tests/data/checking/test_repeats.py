"""Copies are named with what they repeat; whatever stands in two groups or splits is found, and nothing else is."""

import pytest

from helpers.checked_items import candidate, find, sound, sound_item, words_of
from heta_data.checking import Candidate
from heta_data.checking.candidates import item_candidate


def test_a_sound_set_has_no_copies() -> None:
    assert find("duplicates", sound()) == []
    assert find("leakage", sound()) == []


def test_both_orders_of_a_row_are_no_copies() -> None:
    twins = [candidate(number, evidence_first=first) for number in range(20) for first in (True, False)]
    assert find("duplicates", twins) == []
    assert find("leakage", twins) == []


def test_the_same_prompt_again_is_named_with_the_first_one() -> None:
    first = sound()
    again = item_candidate(sound_item(4), "items.jsonl > item 61 (again)")
    (finding,) = find("duplicates", [*first, again])
    assert finding.severity == "error"
    assert finding.problem.startswith("1 of 61 items have the prompt of an earlier item")
    assert finding.where == (f"items.jsonl > item 61 (again) > as {first[4].name}",)


def test_the_same_question_about_the_same_evidence_is_a_copy_whatever_stands_beside_it() -> None:
    # Capitals and blanks make no other text.
    copy = sound_item(4, source_id="row-99", distractor=f"{' '.join(words_of(99)[:12])}.", group="group-4")
    spaced = copy.model_copy(update={"question": copy.question.replace(" ", "  ").upper()})
    found = find("duplicates", [*sound(), item_candidate(spaced, "items.jsonl > item 60 (new)")])
    # The question stands in the prompt as before: only its own field was changed.
    assert [finding.problem.partition(" items ")[0] for finding in found] == ["1 of 61"]
    assert "ask of the same evidence" in found[0].problem
    assert found[0].where[0].startswith("items.jsonl > item 60 (new) > as item 4 (")


@pytest.mark.parametrize(("role", "severity"), [("evidence", "error"), ("distractor", "warning")])
def test_a_text_in_items_of_two_groups_is_one_finding(role: str, severity: str) -> None:
    texts = {5: sound_item(3), 9: sound_item(3), 30: sound_item(12)}

    def build(number: int, group: str) -> Candidate:
        spans = texts[number].spans(role)  # type: ignore[arg-type]
        text = texts[number].prompt[spans[0].start : spans[0].end]
        answer = texts[number].answer if role == "evidence" else words_of(number)[16]
        return candidate(number, **{role: text}, answer=answer, group=group)

    others = [one for number, one in enumerate(sound()) if number not in texts]
    shared = [build(5, "a"), build(9, "b"), build(30, "c")]
    (finding,) = find("duplicates", [*others, *shared])
    assert finding.severity == severity
    assert finding.problem.startswith(f"3 of 60 items have the {role} of an earlier item of another group")
    assert [place.split(" > ")[1:3] for place in finding.where] == [
        [shared[0].name, f"as {others[3].name}"],
        [shared[1].name, f"as {others[3].name}"],
        # Places of one text stand together, texts in the order of their first items.
        [shared[2].name, f"as {next(one for one in others if one.group == 'group-12').name}"],
    ]
    same = [build(5, "group-3"), build(9, "group-3"), build(30, "group-12")]
    assert find("duplicates", [*others, *same]) == []


def _leaks() -> dict[str, tuple[str, Candidate]]:
    """What leaks -> severity, and the item that leaks: into `dev` (60 % 3 = 0 is `train`) from item 0 of `train`."""
    item = sound_item(0)
    texts = {
        name: item.prompt[item.spans(name)[0].start : item.spans(name)[0].end] for name in ("evidence", "distractor")
    }  # type: ignore[arg-type]
    return {
        "group": ("error", candidate(60, split="dev", group="group-0")),
        "evidence": ("error", candidate(60, split="dev", evidence=texts["evidence"], answer=item.answer)),
        "distractor": ("error", candidate(60, split="dev", distractor=texts["distractor"])),
        "question and answer": ("warning", candidate(60, split="dev", question=item.question, answer=item.answer)),
    }


@pytest.mark.parametrize("what", ["group", "evidence", "distractor", "question and answer"])
def test_a_planted_leak_is_found_and_its_splits_are_named(what: str) -> None:
    severity, leak = _leaks()[what]
    (finding,) = find("leakage", [*sound(), leak])
    assert finding.severity == severity
    assert finding.problem.startswith(f"1 items have the {what} of an earlier item in another split")
    assert finding.where == (f"{leak.where} > as {sound(1)[0].name} (dev, train)",)


def test_every_planted_leak_of_many_is_found() -> None:
    items = sound(90)
    planted = [candidate(number, split="train", group=f"group-{number - 90}") for number in range(90, 120)]
    (finding,) = find("leakage", [*items, *planted])
    # Every third group stands in `train` anyway.
    assert len(finding.where) == 20
