"""Near-copies: what MinHash lists is what counting every pair finds."""

import random
from collections import defaultdict
from dataclasses import replace
from itertools import combinations

import pytest

from helpers.checked_items import candidate, find, sound, words_of
from heta_data.checking import Candidate
from heta_data.checking.copies import plain
from heta_data.checking.near import BANDS, NEAR, NEAR_QUESTION, ROWS, near_texts


def told(number: int, change: int = 0) -> str:
    """The evidence of `sound_item(number)` made longer, its last `change` words replaced."""
    words = [*words_of(number)[:17], *words_of(number + 1000)[:23]]
    return " ".join([*words[: len(words) - change], *words_of(5000 + number)[:change]]) + "."


def about(number: int, text: int, change: int = 0, **changes: object) -> Candidate:
    """An item about a text of 40 words, whose answer is one of its words."""
    return candidate(number, evidence=told(text, change), answer=words_of(text)[3], **changes)


def test_a_sound_set_and_both_orders_have_no_near_copies() -> None:
    assert find("near-duplicates", sound()) == []
    twins = [candidate(number, evidence_first=first) for number in range(20) for first in (True, False)]
    assert find("near-duplicates", twins) == []


# 40 words have 38 runs of three. Other last words change as many runs: the two texts share 38 - n of 38 + n runs,
# 34 / 42 = 0.81 with n = 4 and 33 / 43 = 0.77 with n = 5.
@pytest.mark.parametrize(("change", "near"), [(4, True), (5, False)])
def test_evidence_nearly_of_another_split_is_an_error(change: int, near: bool) -> None:
    leak = about(61, 0, change, split="dev", group="same")
    found = find("near-duplicates", [about(60, 0, split="train", group="same"), *sound(), leak])
    assert len(found) == near
    if near:
        assert (found[0].severity, found[0].problem.partition(", ")[0]) == (
            "error",
            "1 items have nearly the evidence of an item of another split",
        )
        assert found[0].where[0].startswith(f"{leak.where} > as item 60 (")


def test_evidence_nearly_of_another_group_is_a_warning_and_within_a_group_nothing() -> None:
    first = about(60, 0, split="train", group="a")
    (finding,) = find("near-duplicates", [first, about(61, 0, 2, split="train", group="b")])
    assert (finding.severity, "another group" in finding.problem) == ("warning", True)
    assert find("near-duplicates", [first, about(61, 0, 2, split="train", group="a")]) == []


def test_texts_that_differ_in_punctuation_alone_are_near_copies() -> None:
    first = about(60, 0, split="train", group="a")
    other = candidate(61, evidence=told(0).replace(" ", ", ", 1), answer=words_of(0)[3], split="train", group="b")
    assert len(find("near-duplicates", [first, other])) == 1


@pytest.mark.parametrize(
    ("question", "near"),
    [
        # Seven of eight words, together nine: 0.78.
        ("Where did the old keeper hide her lamps?", True),
        # Another question about the same text is what texts are for.
        ("Who bought bread at the mill in May?", False),
    ],
)
@pytest.mark.parametrize("change", [0, 1])
def test_a_question_in_nearly_the_same_words_about_one_evidence(question: str, near: bool, change: int) -> None:
    shared = {"split": "train", "group": "a"}
    first = about(60, 0, question="Where did the old keeper hide her lamp?", **shared)
    later = about(61, 0, change, question=question, **shared)
    found = find("near-duplicates", [first, *sound(), later])
    assert [finding.where for finding in found] == ([(f"{later.where} > as {first.name}",)] if near else [])


def test_the_same_question_about_nearly_the_same_evidence_is_near_and_about_another_text_nothing() -> None:
    shared = {"split": "train", "group": "a", "question": "Where did the old keeper hide her lamp?"}
    first = about(60, 0, **shared)
    (finding,) = find("near-duplicates", [first, about(61, 0, 1, **shared)])
    assert "in nearly the same words" in finding.problem
    assert find("near-duplicates", [first, about(61, 2, **shared)]) == []
    # About the same evidence it is a copy, which another check names.
    assert find("near-duplicates", [first, about(61, 0, **shared)]) == []


def test_minhash_misses_no_pair_that_counting_finds() -> None:
    draw = random.Random(3)
    texts = [told(number, draw.randrange(6)) for number in range(30) for _ in range(4)]
    candidates = [
        candidate(number, evidence=text, answer=text.split()[3], split="train") for number, text in enumerate(texts)
    ]
    members: dict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        members[plain(one.evidence_text)].append(one)

    def runs(text: str) -> set[str]:
        words = text.replace(".", "").split()
        return {" ".join(words[start : start + 3]) for start in range(len(words) - 2)}

    # Of every later text the first earlier one, as `near_texts` gives them.
    expected: dict[str, str] = {}
    for earlier, later in combinations(members, 2):
        both = len(runs(earlier) & runs(later)) / len(runs(earlier) | runs(later))
        if both >= NEAR:
            expected.setdefault(later, earlier)
    assert len(expected) > 40
    assert {link.later: link.earlier for link in near_texts(members)} == expected


@pytest.mark.parametrize("similarity", [NEAR, NEAR_QUESTION])
def test_a_pair_is_seldom_missed(similarity: float) -> None:
    # Leskovec et al. 3.4.2: no band agrees with probability (1 - s^r)^b.
    assert (1 - similarity**ROWS) ** BANDS < 1 / 6000


@pytest.mark.parametrize("splits", [("train",), ("train", "dev")])
def test_many_copies_of_one_text_are_all_named_though_few_are_compared(splits: tuple[str, ...]) -> None:
    # The first word is another one in each: 37 of 39 runs are shared by any two.
    first = about(60, 0, split="train", group="a")
    copies = [
        candidate(
            number, evidence=f"{words_of(number)[0]} {told(0).partition(' ')[2]}", answer=words_of(0)[3], group="a"
        )
        for number in range(100, 180)
    ]
    dealt = [replace(one, split=splits[number % len(splits)], group=one.name) for number, one in enumerate(copies)]
    found = {finding.severity: finding for finding in find("near-duplicates", [first, *dealt])}
    assert len(found["warning"].where) == 80
    if len(splits) > 1:
        # Those of `dev` are like the first, those of `train` but the first of them like the first of `dev`.
        assert len(found["error"].where) == 79
