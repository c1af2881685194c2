"""Bootstrap, permutation test and Holm: closed forms, exact enumeration, coverage."""

from dataclasses import fields
from functools import partial
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from heta_evaluation.statistics.bootstrap import Cells, Design, crossed_bootstrap, group_weights, rater_weights
from heta_evaluation.statistics.intervals import shifted_intervals
from heta_evaluation.statistics.tests import holm, sign_flip_test

NOBODY = np.zeros(0, dtype=np.int64)


def means_of(values, *, groups=None, draws=2000, seed=0):
    """Bootstrap of plain item values, no raters."""
    values = np.asarray(values, dtype=float)
    design = Design(range(len(values)) if groups is None else groups, [NOBODY] * len(values), 0)

    def cells(item, weights):
        shape = (len(weights), 1)
        return Cells(np.full(shape, values[item]), np.ones(shape, dtype=bool))

    return crossed_bootstrap(design, cells, draws=draws, seed=seed)


def test_point_and_standard_error_of_a_mean():
    values = np.random.default_rng(1).normal(size=40)
    found = means_of(values, draws=20_000)
    assert found.point[0] == pytest.approx(values.mean(), abs=1e-12)
    assert found.n[0] == 40
    # the bootstrap variance of a mean is the population variance over n; 20,000 draws give its root within 2 %
    assert found.means[:, 0].std() == pytest.approx(values.std() / np.sqrt(40), rel=0.02)


def test_same_seed_same_draws_and_other_seed_other_draws():
    values = np.arange(10.0)
    assert (means_of(values, seed=4).means == means_of(values, seed=4).means).all()
    assert (means_of(values, seed=4).means != means_of(values, seed=5).means).any()


def test_items_of_a_group_are_drawn_together():
    # Two groups of three equal items each: a draw is all 0, all 1 or half, never a third.
    found = means_of([0, 0, 0, 1, 1, 1], groups=[0, 0, 0, 1, 1, 1])
    assert set(np.round(found.means[:, 0], 9)) == {0.0, 0.5, 1.0}
    # Drawn as two groups of unequal size the macro mean stays a mean over items: (0 + 3) / (1 + 3).
    uneven = means_of([0, 1, 1, 1], groups=[0, 1, 1, 1])
    assert set(np.round(uneven.means[:, 0], 9)) == {0.0, 0.75, 1.0}


def test_one_group_gives_no_interval():
    found = means_of([0.2, 0.4], groups=[0, 0])
    assert found.interval(0) is None
    assert found.point[0] == pytest.approx(0.3)


def test_an_item_without_value_counts_neither_above_nor_below():
    def cells(item, weights):
        shape = (len(weights), 1)
        return Cells(np.full(shape, 0.5 if item else 0.0), np.full(shape, item > 0))

    found = crossed_bootstrap(Design([0, 1, 2], [NOBODY] * 3, 0), cells, draws=500, seed=0)
    assert found.n[0] == 2
    assert found.point[0] == 0.5
    assert set(found.means[found.valid[:, 0], 0]) == {0.5}
    # all three draws hit item 0 with probability 1/27
    assert 0 < found.lost(0) < 60


def test_raters_are_drawn_once_for_all_items():
    """Values are rater effects: with items that do not differ, the only spread is the raters'."""
    effects = np.asarray([0.0, 1.0, 5.0])
    everyone = np.arange(3)

    def cells(item, weights):
        return Cells((weights @ effects / weights.sum(axis=1))[:, None], np.ones((len(weights), 1), dtype=bool))

    found = crossed_bootstrap(Design([0, 1, 2, 3], [everyone] * 4, 3), cells, draws=20_000, seed=0)
    assert found.point[0] == pytest.approx(2.0)
    # variance of the mean of 3 draws from {0, 1, 5}: (4 + 1 + 9) / 3 / 3
    assert found.means[:, 0].var() == pytest.approx(14 / 9, rel=0.03)
    fixed = crossed_bootstrap(Design([0, 1, 2, 3], [everyone] * 4, 3), cells, draws=100, seed=0, resample_raters=False)
    assert fixed.means.std() == pytest.approx(0.0, abs=1e-12)


def test_items_with_other_raters_see_the_same_draw():
    """Item 0 is rated by rater 0, item 1 by rater 1: both counts come from one draw and sum to two."""
    seen = {}

    def cells(item, weights):
        seen[item] = weights
        return Cells(weights[:, :1], np.ones((len(weights), 1), dtype=bool))

    raters = [np.asarray([0]), np.asarray([1])]
    found = crossed_bootstrap(Design([0, 0], raters, 2), cells, draws=300, seed=0)
    # one group holding both items: each mean is (w_0 + w_1) / 2 = 1
    assert found.means[:, 0] == pytest.approx(np.ones(300))
    assert (seen[0][0] == 1).all()
    assert (seen[1][0] == 1).all()


def test_many_raters_do_not_overflow_the_pattern_code():
    everyone = np.arange(60)

    def cells(item, weights):
        return Cells(weights.mean(axis=1, keepdims=True), np.ones((len(weights), 1), dtype=bool))

    found = crossed_bootstrap(Design([0, 1], [everyone] * 2, 60), cells, draws=200, seed=0)
    assert found.means[:, 0] == pytest.approx(np.ones(200))


def test_percentile_intervals_cover():
    """95 % intervals of the mean of 30 exponential values hold the true mean in about 92 to 95 % of 400 repeats."""
    rng = np.random.default_rng(8)
    covered = 0
    for repeat in range(400):
        found = means_of(rng.exponential(size=30), draws=300, seed=repeat).interval(0)
        covered += found.low <= 1.0 <= found.high
    # a percentile interval of skewed data at n = 30 covers near 0.92; +- 3.5 binomial errors of 0.013
    assert 0.875 <= covered / 400 <= 0.965


def test_crossed_intervals_cover_new_raters_where_item_intervals_do_not():
    """Items and raters both vary; the truth is the mean over new items and new raters."""
    rng = np.random.default_rng(2)
    hits = {True: 0, False: 0}
    everyone = np.arange(8)
    for repeat in range(150):
        table = rng.normal(size=(20, 1)) * 0.3 + rng.normal(size=8)

        def cells(item, weights, table=table):
            values = weights @ table[item] / weights.sum(axis=1)
            return Cells(values[:, None], np.ones((len(weights), 1), dtype=bool))

        for resample in (True, False):
            found = crossed_bootstrap(
                Design(range(20), [everyone] * 20, 8), cells, draws=200, seed=repeat, resample_raters=resample
            ).interval(0)
            hits[resample] += found.low <= 0.0 <= found.high
    # Standard error of the mean: sqrt(1/8) from raters, 0.3 / sqrt(20) from items. The item interval has the second
    # only: its half-width 0.13 against 0.36 covers in about 0.29. The crossed one covers near 0.9 with 8 raters.
    assert hits[False] / 150 < 0.45
    assert hits[True] / 150 > 0.8


def shifted(values, valid, point):
    return shifted_intervals(values[:, None], valid[:, None], np.asarray([point]))[0]


def test_an_interval_needs_a_quarter_of_the_draws():
    values = np.arange(100.0)
    assert shifted(values, values < 24, 11.5) is None
    # quantiles of 0 .. 24, whose mean is the estimate
    assert shifted(values, values < 25, 12.0) == pytest.approx((0.6, 23.4, 0.0))
    assert shifted(np.zeros(0), np.zeros(0, dtype=bool), 0.0) is None


def test_the_bias_of_the_draws_is_taken_off():
    values = np.arange(25.0)
    # mean 12, estimate 20: every draw is 8 too low
    assert shifted(values, values < 25, 20.0) == pytest.approx((8.6, 31.4, -8.0))
    assert shifted(values, values < 25, 20.0).within(0.0, 24.0) == pytest.approx((8.6, 24.0, -8.0))
    # one far draw in 100 moves the mean past the quantiles: the estimate stays inside all the same
    far = np.zeros(100)
    far[0] = 50.0
    assert shifted(far, far >= 0, 0.0) == pytest.approx((-0.5, 0.0, 0.5))


def test_intervals_of_many_columns_are_those_of_each_alone():
    rng = np.random.default_rng(4)
    values, valid, point = rng.normal(size=(400, 9)), rng.random((400, 9)) < np.linspace(0.05, 1, 9), rng.normal(size=9)
    together = shifted_intervals(values, valid, point)
    assert together[0] is None
    for column in range(1, 9):
        kept = values[valid[:, column], column]
        bias = kept.mean() - point[column]
        low, high = np.quantile(kept, (0.025, 0.975)) - bias
        if together[column] is not None:
            assert together[column] == pytest.approx((min(low, point[column]), max(high, point[column]), bias))


def test_weights_count_as_many_as_there_are():
    rng = np.random.default_rng(0)
    assert (rater_weights(5, 50, rng, resample=True).sum(axis=1) == 5).all()
    assert (rater_weights(1, 50, rng, resample=True) == 1).all()
    assert (rater_weights(5, 50, rng, resample=False) == 1).all()
    assert (group_weights(7, 50, rng).sum(axis=1) == 7).all()


# ---------------------------------------------------------------------------------------------- tests


def test_sign_flips_by_hand():
    # Differences 1, 2, 3: of the 8 sign vectors only +++ and --- reach |sum| >= 6: p = 2/8.
    assert sign_flip_test(np.asarray([[1.0], [2.0], [3.0]]), draws=100, seed=0)[0] == 0.25
    # no difference at all: every sign vector is as far
    assert sign_flip_test(np.zeros((3, 1)), draws=100, seed=0)[0] == 1.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-8, 8).map(lambda number: number / 4), min_size=1, max_size=7))
def test_small_sign_flip_tests_are_exact(differences):
    column = np.asarray(differences)
    sums = [abs(np.dot(signs, column)) for signs in product((-1, 1), repeat=len(column))]
    expected = np.mean(np.asarray(sums) >= abs(column.sum()) - 1e-12)
    assert sign_flip_test(column[:, None], draws=128, seed=0)[0] == pytest.approx(expected, abs=1e-12)


def test_sign_flips_equal_scipys():
    differences = np.random.default_rng(6).normal(0.4, 1.0, 12)
    expected = permutation_test(
        (differences, np.zeros(12)), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert sign_flip_test(differences[:, None], draws=4096, seed=0)[0] == pytest.approx(expected, abs=1e-12)


def test_drawn_sign_flips_come_near_the_exact_ones():
    differences = np.random.default_rng(7).normal(0.3, 1.0, (14, 3))
    exact = sign_flip_test(differences, draws=2**14, seed=0)
    drawn = sign_flip_test(differences, draws=8000, seed=1)
    # standard error of a share at 8000 draws is below 0.0056
    assert drawn == pytest.approx(exact, abs=0.02)
    assert (drawn >= 1 / 8001).all()


def test_holm_by_hand():
    # sorted 0.01, 0.02, 0.04: times 3, 2, 1, then no smaller than the one before
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.999))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values, level):
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    rejected = set()
    for rank, index in enumerate(order):
        if (len(order) - rank) * p_values[index] > level:
            break
        rejected.add(index)
    assert {index for index, p in enumerate(holm(p_values)) if p <= level} == rejected


@pytest.mark.parametrize("resample", [True, False])
def test_differences_of_columns_are_those_of_their_values(resample):
    """A difference that is made from two columns equals one that is given as a column of its own, in every draw."""
    rng = np.random.default_rng(5)
    everyone = np.arange(3)
    first, second = rng.normal(size=(2, 30, 4))
    there = rng.random((2, 30, 4)) < 0.6
    there[:, 10:] = True  # most items have both

    def cells(item, weights, *, explicit):
        """Two columns, each with a value of its own for every rater that counts most; row 0 as observed."""
        most = np.where(np.arange(len(weights)) == 0, 0, 1 + np.argmax(weights, axis=1))
        valid = np.stack([there[0, item, most], there[1, item, most]], axis=1)
        values = np.where(valid, np.stack([first[item, most], second[item, most]], axis=1), 0.0)
        if explicit:
            both = valid.all(axis=1, keepdims=True)
            values = np.concatenate([values, np.where(both, values[:, :1] - values[:, 1:], 0.0)], axis=1)
            valid = np.concatenate([valid, both], axis=1)
        return Cells(values, valid)

    design = Design([item // 2 for item in range(30)], [everyone] * 30, 3)
    how = {"draws": 400, "seed": 2, "resample_raters": resample}
    made = crossed_bootstrap(design, partial(cells, explicit=False), pairs=[(0, 1)], **how)
    plain = crossed_bootstrap(design, partial(cells, explicit=True), **how)
    np.testing.assert_array_equal(made.n, plain.n)
    assert made.n[2] < made.n[:2].min()
    for one, other in ((made, plain), (made.alone, plain.alone)):
        for field in fields(one):
            found, expected = getattr(one, field.name), getattr(other, field.name)
            if isinstance(found, np.ndarray):
                np.testing.assert_allclose(found, expected, atol=1e-12, err_msg=field.name)


def test_columns_that_are_alike_differ_by_nothing_at_all():
    """A difference of rounding would be taken for a spread of its own."""
    rng = np.random.default_rng(6)
    values = rng.normal(size=50) * 1e3

    def cells(item, weights):
        return Cells(np.full((len(weights), 2), values[item]), np.ones((len(weights), 2), dtype=bool))

    found = crossed_bootstrap(Design(range(50), [NOBODY] * 50, 0), cells, draws=500, seed=0, pairs=[(0, 1)])
    assert found.point[2] == 0
    assert not found.means[:, 2].any()
    assert found.interval(2) == (0.0, 0.0, 0.0)
