"""Figures about opinions, worked out by hand: means over items, intervals, ties, lean to one side."""

import json
import math
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.asks import answer, preference, shown
from helpers.campaigns import simple_items
from heta_annotation.campaign.asks import Ask
from heta_annotation.campaign.queues import Asked
from heta_annotation.opinions.estimate import Estimate, Value, estimate
from heta_annotation.opinions.fetch import AskFetched
from heta_annotation.opinions.summary import AskSummary, summarise
from heta_data.opinions import Opinion

ITEMS = {item.id: item for item in simple_items(4)}
ONE, TWO, THREE, FOUR = ITEMS


def summary(asked: Asked, opinions: list[Opinion], kind: str = "human") -> AskSummary:
    methods = ["kl", "heta", "random"]
    ask = Ask(
        asked,
        "c" * 16,
        {"methods": methods, "kind": kind},
        {
            "methods": {name: shown(name).model_dump(mode="json") for name in sorted(methods)},
            "same": [["kl", "random", 2]],
        },
    )
    return summarise(AskFetched(ask, 20, tuple(opinions), 1, (), (), ()), ITEMS)


def test_preferences() -> None:
    found = summary(
        "prefer",
        [
            # Item one: kl wins over heta twice, once on each side.
            preference(ONE, "a95", "kl", "heta", "left"),
            preference(ONE, "a96", "heta", "kl", "right"),
            # Item two: no difference, and heta wins.
            preference(TWO, "a95", "kl", "heta", "same"),
            preference(TWO, "a96", "heta", "kl", "left"),
            # Item three: another pair, where heta wins on the left.
            preference(THREE, "a95", "heta", "random", "left"),
        ],
    )
    assert [(pair.first, pair.second) for pair in found.pairs] == [("kl", "heta"), ("kl", "random"), ("heta", "random")]
    kl_heta, kl_random, heta_random = found.pairs
    # Items' means 1 and (1/2 + 0) / 2 = 1/4, their mean 5/8; draws of two items give 1, 5/8 or 1/4.
    assert kl_heta.rate == Estimate(0.625, 0.25, 1.0, 4, 2, "")
    assert (kl_heta.won, kl_heta.lost, kl_heta.undecided, kl_heta.same) == (2, 1, 1, 0)
    assert kl_random.rate == Estimate(None, None, None, 0, 0, "no answer")
    assert (kl_random.won, kl_random.same) == (0, 2)
    assert heta_random.rate == Estimate(1.0, None, None, 1, 1, "one document: no interval")
    assert found.undecided is not None
    assert found.left is not None
    # Items' shares of no difference 0, 1/2 and 0; of left among the decided 1/2, 1 and 1.
    assert found.undecided.value == pytest.approx(1 / 6, abs=1e-6)
    assert found.left.value == pytest.approx(5 / 6, abs=1e-6)
    assert (found.left.answers, found.left.items) == (4, 3)
    assert (found.raters, found.questions, found.answers, found.skipped, found.seconds) == (2, 20, 5, 1, 10.0)
    assert found.behind["kl"] == "kl-abcdef01@m"
    assert (found.kind, found.methods) == ("human", ())


def test_answers() -> None:
    found = summary(
        "answer",
        [
            answer(ONE, "s1", "kl", "violet", correct=True, f1=1.0),
            answer(ONE, "s2", "kl", None, correct=False, f1=0.0),
            answer(TWO, "s1", "kl", "dark violet", correct=False, f1=0.666667),
            answer(TWO, "s2", "heta", "violet", correct=True, f1=1.0),
        ],
        kind="simulated",
    )
    kl, heta, random_ = found.methods
    # Items' means: correct 1/2 and 0, F1 1/2 and 2/3, gave up 1/2 and 0.
    assert kl.correct.value == 0.25
    assert kl.token_f1.value == pytest.approx((1 / 2 + 2 / 3) / 2, abs=1e-6)
    assert kl.gave_up.value == 0.25
    assert (heta.correct.value, heta.correct.low) == (1.0, None)
    assert random_.correct.value is None
    assert (found.kind, found.undecided, found.left, found.pairs, found.seconds) == ("simulated", None, None, (), None)
    text = json.dumps(asdict(found), allow_nan=False)
    assert "simulated" in text


def test_nothing_yet() -> None:
    found = summary("prefer", [])
    assert found.left == found.undecided == Estimate(None, None, None, 0, 0, "no answer")
    assert (found.answers, found.raters) == (0, 0)


def test_items_of_one_document_are_drawn_together() -> None:
    # One document of two items and one of a single one: draws give (1+0)/2, 1, or (1+0+1)/3.
    values = [Value("i1", "d1", 1.0), Value("i2", "d1", 0.0), Value("i3", "d2", 1.0)]
    found = estimate(values)
    assert (found.value, found.low, found.high) == (pytest.approx(2 / 3, abs=1e-6), 0.5, 1.0)
    # Every item counts alike, however many answers it has.
    assert estimate([*values, Value("i2", "d1", 0.0)]).value == found.value


VALUES = st.lists(
    st.builds(Value, st.sampled_from("abcdef"), st.just(""), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=30
)


@given(VALUES, st.integers(0, 2))
def test_an_interval_holds_its_estimate_and_stays_in_range(values: list[Value], seed: int) -> None:
    found = estimate([value._replace(group=value.item) for value in values], seed=seed)
    assert found.value is not None
    assert 0 <= found.value <= 1
    assert (found.low is None) == (len({value.item for value in values}) < 2) == bool(found.reason)
    if found.low is not None and found.high is not None:
        assert 0 <= found.low <= found.high <= 1
        assert all(math.isfinite(end) for end in (found.low, found.high))
    assert estimate([value._replace(group=value.item) for value in values], seed=seed) == found
