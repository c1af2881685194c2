"""Annotations as opinions: what our pages can give, and everything else with its reasons."""

from typing import Any

import pytest

from helpers.asks import shown
from helpers.campaigns import simple_items
from heta_annotation.campaign.ledger import Pushed, Rater
from heta_annotation.campaign.queues import Asked
from heta_annotation.opinions.questions import Question
from heta_annotation.opinions.reading import OddAnnotation, Reader
from heta_data.jsonl import dump_line
from heta_data.opinions import Opinion

ITEM = simple_items(1)[0]
DATA = {"uid": "u1", "question": ITEM.question}


def choice(*chosen: str, name: str = "preference") -> dict[str, Any]:
    return {"from_name": name, "to_name": "passage", "type": "choices", "value": {"choices": list(chosen)}}


def typed(*lines: str) -> dict[str, Any]:
    return {"from_name": "answer", "to_name": "passage", "type": "textarea", "value": {"text": list(lines)}}


UNSURE = choice("cannot tell", name="unsure")


def read(
    asked: Asked, result: object, *, task: dict[str, Any] | None = None, items: bool = True, **changes: object
) -> Opinion | OddAnnotation | None:
    methods = (shown("kl"), shown("random"))[: 2 if asked == "prefer" else 1]
    question = Question(
        uid="u1",
        asked=asked,
        item_id=ITEM.id,
        rater="a95",
        shown=methods,
        selected=((0,), (1,))[: len(methods)],
        k=1,
        ask_hash="h" * 16,
        isolation="organisation",
    )
    pushed = Pushed("u1", {"data": DATA}, "hash", 7, dump_line(question))
    reader = Reader(
        asked,
        "judging",
        5,
        tasks={"u1": pushed},
        rater=Rater(asked, "a95", "simulated", 3, "asked"),
        items={ITEM.id: ITEM} if items else {},
    )
    annotation = {
        "id": 11,
        "completed_by": 3,
        "updated_by": 3,
        "result": result,
        "was_cancelled": False,
        "lead_time": 12.5,
        "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z",
        **changes,
    }
    return reader.read({"id": 7, "data": DATA, **(task or {})}, annotation)


def test_a_choice() -> None:
    found = read("prefer", [choice("right")])
    assert isinstance(found, Opinion)
    assert (found.choice, found.winner, found.kind, found.seconds) == ("right", shown("random"), "simulated", 12.5)
    assert found.origin is not None
    assert (found.origin.url, found.origin.task, found.origin.annotation) == ("local:judging", 7, 11)
    assert (found.campaign_hash, found.isolation, found.item_id) == ("h" * 16, "organisation", ITEM.id)


@pytest.mark.parametrize(
    ("lines", "text", "correct", "f1"),
    [
        (["Violet."], "Violet.", True, 1.0),
        # 1 common word of 2 + 1.
        (["dark ", " violet"], "dark violet", False, 2 / 3),
        (["red"], "red", False, 0.0),
    ],
)
def test_an_answer_is_scored(lines: list[str], text: str, correct: bool, f1: float) -> None:
    assert ITEM.answer == "violet"
    found = read("answer", [typed(*lines)])
    assert isinstance(found, Opinion)
    assert (found.answer, found.correct, found.gave_up) == (text, correct, False)
    assert found.token_f1 == pytest.approx(f1, abs=1e-6)


def test_who_cannot_tell_scores_nothing() -> None:
    found = read("answer", [UNSURE])
    assert isinstance(found, Opinion)
    assert (found.answer, found.correct, found.token_f1, found.gave_up) == (None, False, 0.0, True)


def test_skipped_is_no_opinion() -> None:
    assert read("prefer", [choice("left")], was_cancelled=True) is None
    assert read("answer", [], was_cancelled=True) is None


@pytest.mark.parametrize(
    ("asked", "result", "changes", "reason"),
    [
        ("prefer", [], {}, "0 choices, expected one"),
        ("prefer", [choice("left", "right")], {}, "2 choices, expected one"),
        ("prefer", [choice("middle")], {}, "unknown choice: 'middle'"),
        ("prefer", [typed("left")], {}, "unknown region: 'answer'"),
        ("prefer", "left", {}, "no list of regions"),
        ("prefer", [choice("left")], {"updated_by": 4}, "edited by another: account 4"),
        ("prefer", [choice("left")], {"completed_by": 4, "updated_by": 4}, "unknown rater: account 4"),
        ("prefer", [choice("left")], {"task": {"id": 8}}, "copied task: uid u1 is task 7"),
        ("prefer", [choice("left")], {"task": {"data": {**DATA, "question": "?"}}}, "changed data"),
        ("prefer", [choice("left")], {"task": {"data": {"uid": "other"}}}, "foreign task"),
        ("prefer", [choice("left")], {"items": False}, "is not in items.jsonl"),
        ("answer", [], {}, "neither an answer nor"),
        ("answer", [typed("  ")], {}, "neither an answer nor"),
        ("answer", [typed("violet"), UNSURE], {}, "an answer, and the box"),
        ("answer", [choice("maybe", name="unsure")], {}, "unknown choice: 'maybe'"),
        ("answer", [choice("left")], {}, "unknown region: 'preference'"),
    ],
)
def test_what_nobody_can_have_given_is_odd_with_reasons(
    asked: Asked, result: object, changes: dict[str, Any], reason: str
) -> None:
    found = read(asked, result, **changes)
    assert isinstance(found, OddAnnotation)
    assert (found.rater, found.annotation) == ("a95", 11)
    assert any(reason in one for one in found.reasons), found.reasons
