"""Every planned call ends in one status, whatever the endpoint does, and nothing known is asked again."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from threading import Event

import pytest

from helpers.campaigns import text_item
from helpers.judge_endpoint import LABELS, JudgeEndpoint, judge_endpoint
from heta_data.jsonl import read_records, write_records
from heta_data.judgments import Judgment
from heta_data.records import Item
from heta_data.workspace import Workspace
from heta_evaluation.judge.run import run_judge
from heta_evaluation.judge.settings import Endpoint, JudgeSettings, Price

# Behaviour -> the status in which its call ends, and requests: one, and one more for each of the two retries.
EXPECTED = {
    "plain": ("ok", 1),
    "rate-limited": ("ok", 2),
    "rate-limited-wait": ("ok", 2),
    "rate-limited-date": ("ok", 2),
    "rate-limited-long": ("api_error", 1),
    "server-error-once": ("ok", 2),
    "server-error": ("api_error", 3),
    "overloaded": ("api_error", 3),
    "unauthorised": ("api_error", 1),
    "gone": ("api_error", 1),
    "bad-request": ("api_error", 1),
    "cut-connection": ("api_error", 3),
    "cut-reply": ("api_error", 3),
    "silence": ("timeout", 3),
    "trickle": ("timeout", 3),
    "huge": ("api_error", 3),
    "empty-choices": ("api_error", 1),
    "no-choices": ("api_error", 1),
    "not-utf-8": ("api_error", 1),
    "not-json": ("api_error", 1),
    "empty-body": ("api_error", 1),
    "refusal": ("refusal", 1),
    "length": ("length", 1),
    "content-filter": ("content_filter", 1),
    "fenced": ("ok", 1),
    "prose": ("parse_error", 1),
    "prose-around": ("ok", 1),
    "null-content": ("parse_error", 1),
    "wrong-indices": ("schema_error", 1),
    "negative-indices": ("schema_error", 1),
    "duplicate-indices": ("schema_error", 1),
    "text-indices": ("schema_error", 1),
    "contradiction": ("schema_error", 1),
    "extra-keys": ("schema_error", 1),
    "wrong-model": ("ok", 1),
    "no-usage": ("ok", 1),
    "odd-usage": ("ok", 1),
}
FINAL = {"ok", "length", "parse_error", "schema_error"}
KEY = "sk-" + "planted-secret" * 2


def items_asking(*behaviours: str) -> list[Item]:
    return [
        text_item(number, f"Anna keeps bees {number}.", "It rained.", f"Who keeps bees? behaviour: {name}", "Anna")
        for number, name in enumerate(behaviours)
    ]


def folder(path: Path, items: list[Item]) -> Workspace:
    workspace = Workspace(path)
    path.mkdir(exist_ok=True)
    write_records(workspace.items, items)
    return workspace


def settings(**given: object) -> JudgeSettings:
    defaults = {
        "model": "judge-1",
        "canaries": 0.0,
        "timeout": 0.6,
        "retries": 2,
        "retry_wait": 0.01,
        "patience": 60.0,
    }
    return JudgeSettings.model_validate({**defaults, **given})


def test_every_behaviour_ends_in_one_status_and_nothing_known_is_asked_again(tmp_path: Path) -> None:
    items = items_asking(*EXPECTED)
    workspace = folder(tmp_path, items)
    name_of = {item.id: name for item, name in zip(items, EXPECTED, strict=True)}
    judge = JudgeEndpoint()
    with judge_endpoint(judge) as url:
        run = run_judge(workspace, settings(), Endpoint(url, KEY))
        found = {name_of[one.item_id]: one for one in run.judgments}
        assert {name: one.status for name, one in found.items()} == {name: want for name, (want, _) in EXPECTED.items()}
        assert len(run.judgments) == len(items) == run.asked
        # One request more for the probe, which is asked before any call.
        assert judge.begun == Counter({name: number for name, (_, number) in EXPECTED.items()}) + Counter(plain=1)
        assert run.requests == sum(number for _, number in EXPECTED.values())
        assert all((one.status == "ok") == (one.units == (0,)) for one in run.judgments)
        assert all(bool(one.reason) == (one.status != "ok") for one in run.judgments)
        assert found["wrong-model"].model == "another-model"
        assert (found["no-usage"].prompt_tokens, found["plain"].prompt_tokens) == (None, 100)
        assert "<html>" in found["not-json"].reply  # type: ignore[operator]
        before, first = judge.begun.copy(), workspace.judgments.read_bytes()

        again = run_judge(workspace, settings(), Endpoint(url, KEY))
    # A rate limit that passed on the first run is gone; what is final is not asked again.
    open_ = {name for name, one in found.items() if one.status not in FINAL}
    assert {name for name, number in judge.begun.items() if number > before[name]} == open_
    assert again.asked == len(open_)
    assert {one.key for one in again.judgments} == {one.key for one in run.judgments}
    assert len(first.splitlines()) == len(items)
    assert judge.keys == {f"Bearer {KEY}"}
    for path in tmp_path.iterdir():
        assert KEY.encode() not in path.read_bytes(), path


def test_replies_are_read_again_without_a_call(tmp_path: Path) -> None:
    workspace = folder(tmp_path, items_asking("plain", "plain-two", "prose"))
    judge = JudgeEndpoint()
    with judge_endpoint(judge) as url:
        run_judge(workspace, settings(), Endpoint(url, KEY))
    written = workspace.judgments.read_bytes()
    workspace.judgments.unlink()
    # Nobody answers there any more, and nobody has to.
    again = run_judge(workspace, settings(), Endpoint(url, KEY))
    assert again.asked == 0
    assert workspace.judgments.read_bytes() == written
    assert list(read_records(workspace.judgments, Judgment)) == list(again.judgments)


def test_a_change_of_the_question_is_a_new_call(tmp_path: Path) -> None:
    workspace = folder(tmp_path, items_asking("plain"))
    with judge_endpoint(JudgeEndpoint()) as url:
        keys = [
            run_judge(workspace, settings(**given), Endpoint(url, KEY)).judgments[0].key
            for given in ({}, {"temperature": 0.5}, {"seed": 1}, {"max_tokens": 99}, {"model": "other"}, {})
        ]
    assert len(set(keys)) == 5
    assert keys[0] == keys[-1]


def test_the_form_is_found_out_and_kept(tmp_path: Path) -> None:
    for enforces, rung in ((True, "json_schema"), (False, "text")):
        judge = JudgeEndpoint(enforces=enforces)
        workspace = folder(tmp_path / rung, items_asking("plain"))
        with judge_endpoint(judge) as url:
            run = run_judge(workspace, settings(), Endpoint(url, KEY))
            assert run.form.rung == rung
            assert ("accepted and ignored" in " ".join(run.evidence)) is not enforces
            asked = len(judge.requests)
            run_judge(workspace, settings(), Endpoint(url, KEY))
        assert len(judge.requests) == asked
        assert ("response_format" in judge.requests[-1]) is enforces


def test_kill_loses_no_more_than_what_is_in_flight(tmp_path: Path) -> None:
    items = items_asking(*(["plain"] * 30))
    workspace = folder(tmp_path, items)
    script = (
        "import sys; from heta_data.workspace import Workspace; from heta_evaluation.judge.run import run_judge; "
        "from heta_evaluation.judge.settings import *; "
        "run_judge(Workspace(sys.argv[1]), JudgeSettings(model='judge-1', canaries=0, concurrency=4, retries=0, "
        "max_cost=10, prices={'judge-1': Price(input=1, output=1)}), Endpoint(sys.argv[2], 'k'))"
    )
    judge = JudgeEndpoint()
    enough = Event()

    def answer(_: object) -> str:
        if judge.begun["plain"] >= 12:
            enough.set()
            Event().wait(5)
        return LABELS

    judge.answer = answer
    with judge_endpoint(judge) as url:
        child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path), url], env=os.environ)
        assert enough.wait(60)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        judge.answer = lambda _: LABELS
        with sqlite3.connect(workspace.judge_ledger) as database:
            (sent,) = database.execute("SELECT COUNT(*) FROM sent").fetchone()
            (replies,) = database.execute("SELECT COUNT(*) FROM reply").fetchone()
        assert 0 <= sent - replies <= 4
        before = judge.begun["plain"]
        price = {"judge-1": Price(input=1, output=1)}
        run = run_judge(workspace, settings(concurrency=4, max_cost=10, prices=price), Endpoint(url, "k"))
    assert {one.status for one in run.judgments} == {"ok"}
    # Only what had no reply was asked again, and the money that it may have cost is counted.
    assert judge.begun["plain"] - before == len(items) - replies == run.asked
    assert run.unanswered == sent - replies
    known = len(items) * (100 + 10) / 1e6
    assert known <= run.spent
    assert (run.spent > known) == (sent > replies)


@pytest.mark.parametrize("seed", range(3))
def test_no_budget_is_overshot(tmp_path: Path, seed: int) -> None:
    # Thirty of the cases of test_limits.py, on a real endpoint.
    draw = random.Random(seed)
    judge = JudgeEndpoint(lambda _: LABELS)
    with judge_endpoint(judge) as url:
        for case in range(10):
            count = draw.randint(1, 8)
            workspace = folder(tmp_path / str(case), items_asking(*(["plain"] * count)))
            price = Price(input=draw.choice([0, 1, 30]), output=draw.choice([0, 5, 60]))
            budget = draw.choice([0.0, 10 ** draw.uniform(-5, 0)])
            most = draw.choice([None, draw.randint(0, 6)])
            given = settings(
                concurrency=draw.randint(1, 8),
                max_tokens=draw.randint(10, 2000),
                max_cost=budget,
                max_calls=most,
                prices={"judge-1": price},
            )
            run = run_judge(workspace, given, Endpoint(url, KEY))
            assert run.spent <= budget + 1e-12
            assert run.requests <= (count if most is None else most)
            statuses = Counter(one.status for one in run.judgments)
            assert statuses["ok"] + statuses["skipped_budget"] == count
            assert run.spent == pytest.approx(statuses["ok"] * price.cost(100, 10))
            if statuses["skipped_budget"] and (most is None or run.requests < most):
                # What was left could not pay for any call for sure.
                assert run.spent + min(price.cost(*call.most_tokens) for call in run.plan.calls) > budget


def test_concurrency_is_used_and_not_exceeded(tmp_path: Path) -> None:
    workspace = folder(tmp_path, items_asking(*(["plain"] * 40)))
    judge = JudgeEndpoint()
    full = Event()

    def answer(_: object) -> str:
        if judge.flying >= 16:
            full.set()
        full.wait(10)
        return LABELS

    judge.answer = answer
    with judge_endpoint(judge) as url:
        run_judge(workspace, settings(concurrency=16, timeout=20), Endpoint(url, KEY))
    assert judge.most_flying == 16


def test_both_orders_are_asked_with_the_same_words_in_each(tmp_path: Path) -> None:
    from helpers.asks import ask_folder

    workspace = Workspace(tmp_path)
    items = [
        text_item(n, f"Anna keeps bees {n}, and Piet sells honey.", "It rained.", "Who?", "Anna") for n in range(6)
    ]
    ask_folder(workspace, items, toml="")
    workspace.config.unlink()
    judge = JudgeEndpoint(lambda _: json.dumps({"better": "first"}))
    given = settings(passes=["prefer"], methods=["plumbago", "quillwort"], share=0.3, canaries=0.5)
    with judge_endpoint(judge) as url:
        run = run_judge(workspace, given, Endpoint(url, KEY))
    plain = [one for one in run.judgments if not one.canary]
    pairs = Counter(tuple(method.method for method in one.shown) for one in plain)
    asked = len(items) - run.plan.same["plumbago", "quillwort"]
    assert pairs == {("plumbago", "quillwort"): asked, ("quillwort", "plumbago"): asked}
    assert {one.choice for one in run.judgments} == {"first"}
    for request in judge.requests[1:]:
        user = request["messages"][1]["content"]
        assert "plumbago" not in json.dumps(request)
        first, second = user.split("Second copy:")
        assert first.count("[[") == second.count("[[") == 3  # 30 % of 10 words
    assert sum(one.canary for one in run.judgments) <= 3
