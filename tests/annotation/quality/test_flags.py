"""Flags: planted raters who do not do the task are found, honest ones are left alone."""

import random
from collections import Counter

import numpy as np
import pytest
from scipy.stats import hypergeom

from helpers.simulated_raters import (
    CLEAR,
    VAGUE,
    Answer,
    Style,
    all_marker,
    answers_of,
    cheater,
    gold_of,
    honest,
    make_texts,
    place_marker,
    racer,
    sleeper,
    task_of,
)
from heta_annotation.quality.flags import Flag, chance_z, flag_raters, proposes_pause
from heta_data.records import TokenLabels
from heta_evaluation.agreement.coincidence import krippendorff_alpha

ITEMS, GOLD = 24, 4


def crowd(
    seed: int, style: Style, odd: Answer | None = None, *, assisted: bool = False, edits: int = 0
) -> tuple[dict[str, tuple[Flag, ...]], list[TokenLabels]]:
    """Flags and answers of three honest raters, and of one called `odd` where there is one."""
    draw = random.Random(seed)
    texts = make_texts(ITEMS, draw)
    arm = "assisted" if assisted else "blind"
    labels = [
        record for number in range(3) for record in answers_of(f"s{number}", honest(style, draw), texts, draw, arm)
    ]
    if odd is not None:
        labels += answers_of("odd", odd, texts, draw, arm)
    tasks = [task_of(text, gold=number < GOLD, assisted=assisted) for number, text in enumerate(texts)]
    flags = flag_raters(
        labels,
        {task.uid: task for task in tasks},
        {text.item: gold_of(text) for text in texts[:GOLD]},
        {"odd": edits} if edits else {},
    )
    return flags, labels


def alpha(labels: list[TokenLabels]) -> float:
    raters = sorted({record.rater for record in labels})
    rows = [[label for record in labels if record.rater == rater for label in record.labels] for rater in raters]
    value = krippendorff_alpha(np.array(rows, dtype=float)).value
    assert value is not None
    return value


@pytest.mark.parametrize(
    ("odd", "flag", "assisted"),
    [
        (cheater, "copies", True),
        (sleeper, "nothing", False),
        (racer, "speed", False),
        (all_marker, "everything", False),
        (place_marker, "positions", False),
    ],
)
@pytest.mark.parametrize("style", [CLEAR, VAGUE], ids=["clear", "vague"])
def test_a_planted_rater_is_flagged_in_every_run(odd: Answer, flag: str, assisted: bool, style: Style) -> None:
    for seed in range(20):
        flags, _ = crowd(seed, style, odd, assisted=assisted)
        assert flag in {found.name for found in flags["odd"]}, (seed, flags["odd"])
        assert proposes_pause(flags["odd"])


def test_a_tamperer_is_flagged_in_every_run() -> None:
    for seed in range(20):
        flags, _ = crowd(seed, VAGUE, honest(VAGUE, random.Random(seed)), edits=1)
        assert [found.name for found in flags["odd"] if found.name == "tampering"] == ["tampering"]


@pytest.mark.parametrize(("style", "low", "high"), [(CLEAR, 0.72, 0.88), (VAGUE, 0.25, 0.40)], ids=["clear", "vague"])
def test_honest_raters_are_left_alone(style: Style, low: float, high: float) -> None:
    named: Counter[str] = Counter()
    alphas = []
    for seed in range(200):
        flags, labels = crowd(seed, style, assisted=seed % 2 == 0)
        alphas.append(alpha(labels))
        named.update({found.name for mine in flags.values() for found in mine})
    # The simulation is of the kind that it says.
    assert low <= float(np.mean(alphas)) <= high
    # In at most 5 % of 200 runs of three raters each.
    assert sum(named.values()) <= 10, named


def test_chance_z_is_the_hypergeometric_one() -> None:
    pairs = [
        (frozenset(range(k)), frozenset(range(start, start + m)), n)
        for k, start, m, n in [(3, 1, 4, 20), (5, 2, 5, 30), (1, 0, 2, 9), (4, 3, 8, 40), (2, 0, 2, 12)]
    ]
    shared = [len(one & other) for one, other, _ in pairs]
    means = [hypergeom(n, len(one), len(other)).mean() for one, other, n in pairs]
    variances = [hypergeom(n, len(one), len(other)).var() for one, other, n in pairs]
    assert chance_z(pairs) == pytest.approx((sum(shared) - sum(means)) / np.sqrt(sum(variances)))


def test_chance_z_says_nothing_of_too_few_texts_or_of_marks_that_cannot_vary() -> None:
    pair = (frozenset({1, 2}), frozenset({2, 3}), 10)
    assert chance_z([pair] * 4) is None
    assert chance_z([pair] * 5) is not None
    assert chance_z([(frozenset(), frozenset({1}), 10)] * 9) is None
    assert chance_z([]) is None


def test_few_answers_say_nothing() -> None:
    draw = random.Random(0)
    texts = make_texts(4, draw)
    labels = answers_of("s1", sleeper, texts, draw, "blind")
    assert flag_raters(labels, {f"t{text.item}": task_of(text) for text in texts}, {}, {}) == {"s1": ()}


def test_empty_is_a_valid_answer_where_nobody_marks_anything() -> None:
    draw = random.Random(0)
    texts = make_texts(10, draw)
    labels = [record for name in ("s1", "s2") for record in answers_of(name, sleeper, texts, draw, "blind")]
    flags = flag_raters(labels, {f"t{text.item}": task_of(text) for text in texts}, {}, {})
    assert flags == {"s1": (), "s2": ()}
