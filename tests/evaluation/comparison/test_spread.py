"""Where uncertainty comes from, against closed forms and a bootstrap."""

from math import inf, sqrt

import numpy as np
import pytest

from heta_evaluation.comparison.spread import NORMAL, detectable, item_error, surer


def test_items_of_their_own_group_have_the_textbook_error():
    # one item a group: sqrt(G/(G-1) sum (x - m)^2) / n = s / sqrt(n) with s the sample standard deviation
    values = [0.1, -0.2, 0.4, 0.3]
    assert item_error(values, ["a", "b", "c", "d"]) == pytest.approx(np.std(values, ddof=1) / 2)


def test_groups_count_as_one():
    # two groups with sums 0.4 and -0.2 of two items each, mean 0.05: residuals 0.3 and -0.3
    # sqrt(2/1 (0.09 + 0.09)) / 4 = 0.6 / 4
    assert item_error([0.3, 0.1, -0.1, -0.1], ["a", "a", "b", "b"]) == pytest.approx(0.15)
    assert item_error([0.3, 0.1], ["a", "a"]) is None


def test_the_error_is_that_of_drawing_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), rng.integers(1, 4, 60))
    values = rng.normal(0.1, 0.3, len(groups)) + rng.normal(0, 0.2, 60)[groups]
    sums, sizes = np.bincount(groups, values), np.bincount(groups)
    drawn = rng.multinomial(60, np.full(60, 1 / 60), size=20_000)
    means = (drawn @ sums) / (drawn @ sizes)
    assert item_error(values.tolist(), [str(group) for group in groups]) == pytest.approx(means.std(), rel=0.04)


def test_both_parts_fall_with_their_number():
    # error 0.1, of which 0.06 is of the items: 36 % of the square; half = 2 x error
    found = surer(0.05, 0.2, 0.1, 0.06, 100)
    assert found.items_share == pytest.approx(0.36)
    assert found.half_twice_items == pytest.approx(2 * sqrt(0.0036 / 2 + 0.0064))
    assert found.half_twice_raters == pytest.approx(2 * sqrt(0.0036 + 0.0064 / 2))
    # 0.05 = 2 sqrt(0.0036 100 / n + 0.0064) has no n: the raters alone give 2 x 0.08
    assert found.items_needed is None


def test_how_many_items_would_settle_it():
    # all of the error is of the items: 0.1 = 2 sqrt(0.01 100 / n) at n = 400
    assert surer(0.1, 0.2, 0.1, 0.1, 100).items_needed == 400
    # More of the items than of the whole: rounding of the draws; all is of the items then.
    assert surer(0.1, 0.2, 0.1, 0.2, 100).items_share == 1.0


@pytest.mark.parametrize("case", [(None, 0.1, 0.1), (0.0, 0.1, 0.1), (0.2, None, 0.1), (0.2, 0.1, None)])
def test_without_an_interval_nothing_is_said(case):
    assert surer(0.1, *case, 100) is None


def test_no_difference_is_never_settled_by_items():
    assert surer(0.0, 0.2, 0.1, 0.1, 100).items_needed is None
    assert surer(1e-6, 0.2, 0.1, 0.1, 100).items_needed < inf


def test_detectable_is_what_is_found_in_four_of_five_samples():
    # 1.9600 + 0.8416
    assert detectable(0.1) == pytest.approx(0.28016, abs=1e-5)
    rng = np.random.default_rng(1)
    estimates = rng.normal(detectable(0.1), 0.1, 100_000)
    assert (estimates > NORMAL * 0.1).mean() == pytest.approx(0.8, abs=0.005)
