"""Variances taken apart: closed forms, the analysis of variance, few groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_t

from heta_evaluation.statistics.bootstrap import Cells, Design, crossed_bootstrap
from heta_evaluation.statistics.spread import NORMAL, effective, few_groups, linear_variance, spread, student, variances


def crossed(table, *, draws=4000, groups=None, strata=None):
    """The mean of a full table `[item, rater]`, both drawn."""
    items, raters = table.shape
    everyone = np.arange(raters)

    def cells(item, weights):
        total = weights.sum(axis=1)
        values = weights @ table[item] / np.where(total == 0, 1.0, total)
        return Cells(values[:, None], total[:, None] > 0)

    design = Design(range(items) if groups is None else groups, [everyone] * items, raters, strata)
    return crossed_bootstrap(design, cells, draws=draws, seed=0)


def test_effective_numbers_by_hand():
    assert effective(np.full((7, 1), 3.0)) == pytest.approx([7.0])
    # (1 + 3)^2 / (1 + 9)
    assert effective(np.asarray([[1.0], [3.0]])) == pytest.approx([1.6])
    assert effective(np.zeros((4, 2))) == pytest.approx([0.0, 0.0])


def test_few_groups_by_hand():
    # t(19) at 97.5 % is 2.0930; sqrt(20 / 19) = 1.02598
    assert float(few_groups(20)) == pytest.approx(1.02598 * 2.0930 / 1.95996, rel=1e-4)
    assert float(few_groups(1e9)) == pytest.approx(1.0)
    assert student(NORMAL, np.asarray([4.0]))[0] == pytest.approx(student_t.ppf(0.975, 4))


def test_the_mean_of_items_has_the_interval_of_students_t():
    half = np.random.default_rng(3).normal(size=13)
    values = np.concatenate([half, -half])  # symmetric, as Student's t takes them to be

    def cells(item, weights):
        return Cells(np.full((len(weights), 1), values[item]), np.ones((len(weights), 1), dtype=bool))

    nobody = [np.zeros(0, dtype=np.int64)] * 26
    found = crossed_bootstrap(Design(range(26), nobody, 0), cells, draws=20_000, seed=1)
    error = values.std(ddof=1) / np.sqrt(26)
    assert found.spread.error[0] == pytest.approx(error, rel=0.02)
    assert found.spread.df[0] == pytest.approx(25)
    assert found.spread.raters[0] == 0
    low, high, _ = found.interval(0)
    # quantiles of 20,000 draws are within 2 %
    reach = student_t.ppf(0.975, 25) * error
    assert (low, high) == pytest.approx((-reach, reach), abs=0.03 * reach)


def mean_squares(table):
    """Of items, raters and the residual of a full two-way table."""
    items, raters = table.shape
    rows, columns, whole = table.mean(axis=1), table.mean(axis=0), table.mean()
    rest = table - rows[:, None] - columns + whole
    return (
        raters * ((rows - whole) ** 2).sum() / (items - 1),
        items * ((columns - whole) ** 2).sum() / (raters - 1),
        (rest**2).sum() / ((items - 1) * (raters - 1)),
    )


@pytest.mark.parametrize(("item", "rater"), [(1.0, 0.6), (0.3, 0.3), (0.1, 0.0)])
def test_errors_are_those_of_the_analysis_of_variance(item, rater):
    rng = np.random.default_rng(5)
    table = item * rng.normal(size=(30, 1)) + rater * rng.normal(size=6) + rng.normal(size=(30, 6))
    of_items, of_raters, rest = mean_squares(table)
    # var(mean) = (MS_items + MS_raters - MS_rest) / (n R), and ours has (1 - 1/n) times what is the raters':
    # items alone show MS_items / (n R); R / (R - 1) (L - O) is (1 - 1/n) (MS_raters - MS_rest) / (n R), because
    # L = sum_j (x_.j - x)^2 / R^2 and O = sum_ij (x_ij - x_i.)^2 / (n R)^2.
    expected = (of_items + (1 - 1 / 30) * max(of_raters - rest, 0)) / 180
    found = crossed(table).spread
    assert found.error[0] ** 2 == pytest.approx(expected, rel=0.12)
    assert found.raters[0] == pytest.approx(1 - of_items / 180 / expected, abs=0.06)
    # Owen 2007: the draws themselves count the residual three times
    assert crossed(table).means.var() > found.error[0] ** 2 * 0.8


def test_degrees_of_freedom_are_satterthwaites():
    one = np.asarray([1.0])
    # items 1 with 9 df after 10/9, raters 1 with 4 df after 5/4: (1.1111 + 1.25)^2 / (1.1111^2 / 9 + 1.25^2 / 4)
    found = spread(one, one, 10 * one, 5)
    assert found.df[0] == pytest.approx((10 / 9 + 1.25) ** 2 / ((10 / 9) ** 2 / 9 + 1.25**2 / 4))
    assert found.error[0] == pytest.approx(np.sqrt(10 / 9 + 1.25))
    assert found.ratio[0] == pytest.approx(np.sqrt(10 / 9 + 1.25))
    assert found.raters[0] == pytest.approx(1.25 / (10 / 9 + 1.25))
    # raters that are not drawn have no part
    assert spread(one, one, 10 * one, 0).raters[0] == 0


def test_without_variance_nothing_is_stretched_to_infinity():
    zero = np.zeros(1)
    found = spread(zero, zero, np.asarray([4.0]), 3)
    assert (found.error[0], found.ratio[0]) == (0.0, 0.0)
    assert np.isfinite(found.stretch()).all()


def test_the_linear_part_by_hand():
    rng = np.random.default_rng(2)
    drawn = rng.multinomial(3, [1 / 3] * 3, size=40_000)
    effects = np.asarray([0.0, 1.0, 5.0])
    values = (drawn @ effects / 3)[:, None]
    there = np.ones(values.shape, dtype=bool)
    # the bootstrap variance of the mean of {0, 1, 5}: (4 + 1 + 9) / 3 / 3, all of it linear
    assert linear_variance(drawn, values, there)[0] == pytest.approx(14 / 9, rel=0.03)
    # the number of distinct raters is symmetric in them: nothing of it is linear
    distinct = (drawn > 0).sum(axis=1).astype(float)[:, None]
    assert variances(distinct, there)[0] > 0.3
    assert linear_variance(drawn, distinct, there)[0] < 0.001


def test_raters_of_strata_keep_their_numbers():
    table = np.tile([0.0, 0.0, 1.0, 1.0, 1.0], (4, 1))
    # drawn within {0, 1} and {2, 3, 4}: the mean over raters never moves
    found = crossed(table, draws=200, strata=(0, 0, 1, 1, 1))
    assert found.means == pytest.approx(np.full((200, 1), 0.6))
    assert found.raters == pytest.approx(2.0)
    assert crossed(table, draws=200).means.std() > 0.1


def test_a_figure_of_one_group_has_no_interval():
    def cells(item, weights):
        shape = (len(weights), 2)
        return Cells(np.full(shape, float(item)), np.tile([True, item == 0], (len(weights), 1)))

    found = crossed_bootstrap(Design([0, 1, 2], [np.zeros(0, dtype=np.int64)] * 3, 0), cells, draws=300, seed=0)
    assert found.interval(0) is not None
    assert found.interval(1) is None
    assert found.only([1]).interval(0) is None


@given(st.lists(st.floats(0.01, 5), min_size=2, max_size=2), st.integers(2, 400), st.integers(2, 30))
def test_more_of_either_source_is_never_a_smaller_error(parts, groups, raters):
    items, others = (np.asarray([part]) for part in parts)
    numbers = np.asarray([float(groups)])
    found = spread(items, others, numbers, raters)
    assert found.error[0] >= spread(items, 0 * others, numbers, raters).error[0]
    assert found.error[0] >= spread(0.5 * items, others, numbers, raters).error[0]
    assert min(groups, raters) - 1 <= found.df[0] + 1e-9 or found.df[0] == 1
    assert found.df[0] <= groups + raters


def test_raters_alone_can_make_an_interval():
    found = crossed(np.tile([0.0, 1.0, 2.0, 3.0, 4.0], (30, 1)))
    # the classical standard error of five raters' mean, Student's t with 4 df
    reach = student_t.ppf(0.975, 4) * np.sqrt(2.5 / 5)
    low, high, _ = found.interval(0)
    # 1 - 1/n of the raters' part, and 1,000 draws
    assert (low, high) == pytest.approx((2 - reach, 2 + reach), abs=0.1 * reach)
