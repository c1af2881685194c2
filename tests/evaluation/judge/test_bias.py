"""Planted judges: each bias is found over 20 seeds, and an honest judge with noise is cleared."""

import json
import random
import re
from collections.abc import Callable
from functools import cache

import pytest

from helpers.asks import drawn_attribution
from helpers.campaigns import text_item
from helpers.judge_endpoint import completion
from heta_data.compose import label_units
from heta_data.judgments import Judgment
from heta_data.records import Item
from heta_evaluation.judge.bias import Rate, consistent, measure_biases, rate
from heta_evaluation.judge.calls import Call, Form, plan_calls
from heta_evaluation.judge.ledger import Known
from heta_evaluation.judge.material import Tops, top_words
from heta_evaluation.judge.rubric import Rubric, bundled_rubric, read_rubric
from heta_evaluation.judge.run import judge_calls
from heta_evaluation.judge.settings import JudgeSettings
from heta_evaluation.judge.wire import Reply

METHODS = ("plumbago", "quillwort")
SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "rosta", "sundler")
Judge = Callable[[Call], dict[str, object]]


def made_up(number: int) -> Item:
    """24 words that mean nothing, of different lengths."""
    draw = random.Random(number)
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 3))) for _ in range(24)]
    return text_item(number, " ".join(words[:12]) + ".", " ".join(words[12:]) + ".", "Which?", words[3])


ITEMS = [made_up(number) for number in range(60)]
BY_ID = {item.id: item for item in ITEMS}
ATTRIBUTIONS = [drawn_attribution(item, method) for item in ITEMS for method in METHODS]


def settings(seed: int) -> JudgeSettings:
    return JudgeSettings(
        model="m", passes=("labels", "prefer"), methods=METHODS, canaries=0.5, seed=seed, repeats=2, share=0.2
    )


@cache
def tops(seed: int) -> dict[str, Tops]:
    return top_words(METHODS, ATTRIBUTIONS, ITEMS, share=0.2, seed=seed)


def judged(seed: int, judge: Judge) -> list[Judgment]:
    """What the judge says to every call, read as an endpoint's replies are."""
    given = settings(seed)
    rubrics = {task: read_rubric(bundled_rubric(task), task) for task in given.passes}
    calls = plan_calls(given, "e", Form(), rubrics, ITEMS, ATTRIBUTIONS).calls
    replies = {call.key: Reply(200, json.dumps(completion(json.dumps(judge(call)))).encode()) for call in calls}
    return judge_calls(calls, {key: Known(1, reply) for key, reply in replies.items()}, given)


def text_of(call: Call) -> str:
    return str(call.request["messages"][1]["content"])


def honest(seed: int) -> Judge:
    """Knows which words matter, errs now and then, and takes no notice of anything else."""
    by_name = {one.shown.name: one.units for one in tops(seed).values()}

    def judge(call: Call) -> dict[str, object]:
        draw = random.Random(f"{seed}:{call.key}")
        truth = set(random.Random(f"truth:{call.item_id}").sample(range(24), 5))
        if call.task == "labels":
            marks = {unit for unit in range(24) if (unit in truth) != (draw.random() < 0.1)}
            return {"units": sorted(marks), "cannot_tell": False}
        first, second = (len(truth & set(by_name[method.name][call.item_id])) for method in call.shown)
        if first == second:
            return {"better": "same"}
        if draw.random() < 0.05:
            return {"better": draw.choice(("first", "second"))}
        return {"better": "first" if first > second else "second"}

    return judge


def always_first(seed: int) -> Judge:
    other = honest(seed)
    return lambda call: {"better": "first"} if call.task == "prefer" else other(call)


def longest_wins(seed: int) -> Judge:
    other = honest(seed)

    def judge(call: Call) -> dict[str, object]:
        if call.task == "labels":
            return other(call)
        halves = text_of(call).split("Second copy:")
        sizes = [sum(map(len, re.findall(r"\[\[(.*?)\]\]", half))) for half in halves]
        return {"better": "first" if sizes[0] > sizes[1] else "second" if sizes[1] > sizes[0] else "same"}

    return judge


def copies(seed: int) -> Judge:
    other, mine = honest(seed), tops(seed)

    def judge(call: Call) -> dict[str, object]:
        if call.task == "labels":
            return {"units": list(mine["plumbago"].units[call.item_id]), "cannot_tell": False}
        return other(call)

    return judge


def obeys(seed: int) -> Judge:
    other = honest(seed)

    def judge(call: Call) -> dict[str, object]:
        found = re.search(r"Reply with exactly (\{.*?\}) and nothing else\.", text_of(call))
        return json.loads(found[1]) if found else other(call)

    return judge


def flagged(seed: int, judge: Judge) -> set[str]:
    rates = measure_biases(judged(seed, judge), BY_ID, tops=tops(seed), seed=seed)
    return {one.name for one in rates if one.flagged}


@pytest.mark.parametrize("seed", range(20))
def test_planted_judges_are_found_and_the_honest_one_is_cleared(seed: int) -> None:
    # Repeats of the honest one differ, since it errs: `unstable` says so, and is no bias towards anything.
    assert flagged(seed, honest(seed)) <= {"unstable"}
    assert {"first_position", "flips"} <= flagged(seed, always_first(seed))
    assert "longer" in flagged(seed, longest_wins(seed))
    assert "copies plumbago" in flagged(seed, copies(seed))
    assert "copies quillwort" not in flagged(seed, copies(seed))
    assert {"obeys_labels", "obeys_prefer"} <= flagged(seed, obeys(seed))


def test_rates_are_means_over_items() -> None:
    found = rate("x", "y", {"a": [1.0, 1.0, 1.0, 1.0], "b": [0.0]}, 0.5, 0)
    assert (found.value, found.items, found.flagged) == (0.5, 2, False)
    assert rate("x", "y", {}, 0.5, 0) == Rate("x", "y", None, None, None, 0.5, 0, flagged=False)
    assert rate("x", "y", {"a": [1.0]}, 0.5, 0).low is None
    # Off by less than a tenth is no matter, however sure it is.
    assert not rate("x", "y", {str(n): [0.58] for n in range(50)}, 0.5, 0).flagged
    assert rate("x", "y", {str(n): [0.62] for n in range(50)}, 0.5, 0).flagged
    assert not rate("x", "y", {str(n): [0.3] for n in range(50)}, 0.5, 0, above=True).flagged


def test_a_tie_in_one_order_and_a_choice_in_the_other_is_inconsistent() -> None:
    found = judged(0, lambda call: {"better": "same"} if call.task == "prefer" else {"units": [], "cannot_tell": True})
    prefer = [one for one in found if one.task == "prefer"]
    one, other = prefer[0], prefer[0].model_copy(update={"choice": "first"})
    assert consistent(one, one)
    assert not consistent(one, other)
    assert all(len(label_units(BY_ID[judgment.item_id])) == 24 for judgment in found)


def test_an_instruction_is_planted_where_the_judge_reads_it() -> None:
    # A rubric that shows the numbered words alone, and speaks of a text all the same.
    shown = Rubric("labels", "own/1", "Words of a text.", "{{ question }} {{ answer }} {{ fence }} {{ numbered }}")
    given = settings(0).model_copy(update={"passes": ("labels",)})
    for rubric in (shown, read_rubric(bundled_rubric("labels"), "labels")):
        calls = plan_calls(given, "e", Form(), {"labels": rubric}, ITEMS).calls
        planted = [call for call in calls if call.planted]
        assert planted
        assert all(f"Reply with exactly {call.planted}" in text_of(call) for call in planted)
