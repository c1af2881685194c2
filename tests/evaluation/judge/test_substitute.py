"""The alternative annotator test: a case worked out by hand, and how often it passes whom."""

import numpy as np
import pytest

from heta_evaluation.judge.substitute import SubstituteTest, substitute_test
from heta_evaluation.metrics.base import BoolArray, FloatArray, Value

RATERS = ("a01", "a02", "a03")


def f1(first: BoolArray, second: BoolArray) -> FloatArray:
    """F1 of marks `[item, unit]`, item by item."""
    size = first.sum(axis=-1) + second.sum(axis=-1)
    return np.where(size == 0, 1.0, 2 * (first & second).sum(axis=-1) / np.maximum(size, 1))


def verdict_on(marks: BoolArray, candidate: BoolArray, **given: float) -> SubstituteTest:
    """`marks [rater, item, unit]`, `candidate [item, unit]`."""
    similarity = np.asarray([[f1(one, other) for other in marks] for one in marks])
    nearness = np.asarray([f1(candidate, one) for one in marks])
    names = [f"a{number:02}" for number in range(len(marks))]
    return substitute_test(names, similarity, nearness, np.ones(similarity.shape[1:], dtype=bool), **given)


def test_worked_example() -> None:
    # 40 items. Annotators 1 and 2 are as near as can be to each other (1) and 0.5 from annotator 3, and the substitute
    # is 1 from 1 and 2 and 0.5 from 3 on 30 items, and 0 from all on 10.
    similarity = np.empty((3, 3, 40))
    similarity[:] = np.asarray([[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]])[..., None]
    candidate = np.empty((3, 40))
    candidate[:, :30], candidate[:, 30:] = np.asarray([1, 1, 0.5])[:, None], 0.0
    found = substitute_test(RATERS, similarity, candidate, np.ones((3, 40), dtype=bool), epsilon=0.2)
    # Against 1 (others: 2 and 3): both (1 + 0.5) / 2 on 30 items, a tie counts for both; on 10 the annotator alone.
    first, second, third = found.against
    assert (first.substitute, first.annotator) == (second.substitute, second.annotator) == (0.75, 1.0)
    # Against 3 (others: 1 and 2): the substitute has 1, annotator 3 has 0.5, and wins on the 10.
    assert (third.substitute, third.annotator) == (0.75, 0.25)
    # d is 0 on 30 items and 1 on 10: mean 0.25, above 0.2, s = sqrt(40/39 x 0.1875) = 0.43853,
    # t = (0.25 - 0.2) / (0.43853 / sqrt(40)) = 0.7211, P(t_39 < 0.7211) = 0.7624.
    assert first.p == pytest.approx(0.7624, abs=1e-4)
    # d is -1 on 30 and 1 on 10: mean -0.5, s = 0.87706, t = -0.7 / 0.13867 = -5.0478.
    assert third.p == pytest.approx(5.36e-6, rel=0.02)
    # Benjamini-Yekutieli with 3: the smallest times 3 x (1 + 1/2 + 1/3).
    assert third.adjusted == pytest.approx(third.p * 3 * 11 / 6)
    assert [one.won for one in found.against] == [False, False, True]
    assert found.winning_rate == Value(pytest.approx(1 / 3))
    assert found.advantage == Value(0.75)
    assert found.passes is False


def crowd(rng: np.random.Generator, noise: float, raters: int = 4, items: int = 60) -> tuple[BoolArray, BoolArray]:
    """Marks of raters who see the same truth, each with errors of their own; and the truth."""
    truth = rng.random((items, 40)) < 0.2
    flips = rng.random((raters, items, 40)) < noise
    return truth ^ flips, truth


def test_a_true_substitute_passes_and_a_random_one_fails() -> None:
    # One of them has d = 0 on average with a spread near 1: t = -0.2 sqrt(n), -3.5 with 300 items, which survives the
    # correction; with 60 items it is -1.5, and one in five passes.
    rng = np.random.default_rng(0)
    passed = {"one of them": 0, "random": 0}
    for _ in range(100):
        marks, truth = crowd(rng, 0.1, items=300)
        passed["one of them"] += bool(verdict_on(marks, truth ^ (rng.random(truth.shape) < 0.1)).passes)
        passed["random"] += bool(verdict_on(marks, rng.random(truth.shape) < 0.2).passes)
    assert passed["one of them"] >= 90
    assert passed["random"] == 0


def test_too_little_is_said_to_be_too_little() -> None:
    rng = np.random.default_rng(1)
    marks, truth = crowd(rng, 0.1, raters=2)
    assert verdict_on(marks, truth).winning_rate == Value(None, "too_few_raters")
    marks, truth = crowd(rng, 0.1, items=29)
    few = verdict_on(marks, truth)
    assert (few.passes, few.advantage) == (None, Value(None, "too_few_items"))


def test_all_items_alike_decide_it_outright() -> None:
    marks, truth = crowd(np.random.default_rng(2), 0.0)
    same = verdict_on(marks, truth)
    assert same.passes is True
    assert {one.p for one in same.against} == {0.0}
    worse = verdict_on(marks, ~truth)
    assert worse.passes is False
    assert {one.p for one in worse.against} == {1.0}
