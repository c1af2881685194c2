"""Krippendorff's alpha and the figures beside it, against closed forms and the `krippendorff` package."""

import warnings

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heta_evaluation.agreement.coincidence import alpha, coincidences, krippendorff_alpha
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import Value


def figure(name: str, ratings, present=None) -> Value:
    table = np.asarray(ratings, dtype=float)
    there = np.ones(table.shape, dtype=bool) if present is None else np.asarray(present)
    found = coincidences([(table, there)])
    return METRICS.get(name).compute(found.pairs, found.counts).at(0, 0)


def test_two_raters_by_hand():
    # Units: 11, 00, 10, 00. Ordered pairs: o_11 = 2, o_00 = 4, o_01 = o_10 = 1, n = 8, n_1 = 3, n_0 = 5.
    # D_o = 2/8; D_e = 2 * 3 * 5 / (8 * 7) = 30/56; alpha = 1 - (1/4) / (15/28) = 1 - 7/15 = 8/15.
    ratings = [[1, 0, 1, 0], [1, 0, 0, 0]]
    assert krippendorff_alpha(np.asarray(ratings, dtype=float)).value == pytest.approx(8 / 15, abs=1e-12)
    assert figure("krippendorff_alpha", ratings).value == pytest.approx(8 / 15, abs=1e-12)
    assert figure("raw_agreement", ratings).value == pytest.approx(6 / 8, abs=1e-12)
    # two raters: 2 both / (2 both + one alone) = 2 / 3, the F1 of one against the other
    assert figure("positive_agreement", ratings).value == pytest.approx(2 / 3, abs=1e-12)
    assert figure("prevalence", ratings).value == pytest.approx(3 / 8, abs=1e-12)


def test_missing_ratings_leave_a_unit_rated_once_out_of_the_pairs():
    # The last unit has one rating: it counts for prevalence and for nothing else.
    ratings = [[1, 0, 1, 0, 1], [1, 0, 0, 0, 0]]
    present = [[True] * 5, [True, True, True, True, False]]
    assert figure("krippendorff_alpha", ratings, present).value == pytest.approx(8 / 15, abs=1e-12)
    assert figure("prevalence", ratings, present).value == pytest.approx(4 / 9, abs=1e-12)


def test_unanimous_raters_have_no_alpha():
    for mark in (0, 1):
        ratings = np.full((3, 4), float(mark))
        assert krippendorff_alpha(ratings) == Value(None, "no_variation")
        assert figure("krippendorff_alpha", ratings) == Value(None, "no_variation")
        assert figure("raw_agreement", ratings).value == 1.0
    assert figure("positive_agreement", np.zeros((2, 3))) == Value(None, "no_positive_labels")


def test_perfect_agreement_with_both_values_is_one():
    assert krippendorff_alpha(np.asarray([[1.0, 0.0], [1.0, 0.0]])).value == 1.0


def test_one_rater_and_disjoint_raters_have_reasons():
    one = np.asarray([[1.0, 0.0]])
    assert krippendorff_alpha(one) == Value(None, "one_rater")
    apart = np.asarray([[True, False], [False, True]])
    assert krippendorff_alpha(np.ones((2, 2)), apart) == Value(None, "no_pairs")
    assert figure("raw_agreement", np.ones((2, 2)), apart) == Value(None, "no_pairs")


def test_an_unknown_value_is_refused():
    with pytest.raises(ValueError, match="none of the values"):
        coincidences([(np.asarray([[2.0]]), np.asarray([[True]]))])


LEVELS = ("nominal", "ordinal", "interval", "ratio")


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=80, deadline=None)
@given(
    st.integers(2, 5).flatmap(
        lambda units: st.lists(
            st.lists(st.sampled_from([None, 0, 1, 2, 5]), min_size=units, max_size=units), min_size=2, max_size=5
        )
    )
)
def test_all_levels_equal_the_krippendorff_package(level, rows):
    ratings = np.asarray([[np.nan if cell is None else float(cell) for cell in row] for row in rows])
    present = ~np.isnan(ratings)
    found = krippendorff_alpha(np.where(present, ratings, 0.0), present, level)
    pairable = ratings[:, present.sum(axis=0) > 1]
    if (present.sum(axis=0) > 1).sum() == 0 or len(np.unique(pairable[~np.isnan(pairable)])) == 1:
        assert found.value is None
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = krippendorff.alpha(reliability_data=ratings, level_of_measurement=level)
    assert found.value == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_counts_of_items_add_up(seed):
    rng = np.random.default_rng(seed)
    items = [(rng.integers(0, 2, (3, n)).astype(float), rng.random((3, n)) < 0.8) for n in (2, 5, 3)]
    apart = coincidences(items)
    joined = coincidences([tuple(np.concatenate(parts, axis=1) for parts in zip(*items, strict=True))])
    np.testing.assert_allclose(apart.pairs.sum(axis=0), joined.pairs[0], atol=1e-12)
    np.testing.assert_allclose(apart.counts.sum(axis=0), joined.counts[0], atol=1e-12)


def test_a_batch_of_draws_equals_the_draws_one_by_one():
    rng = np.random.default_rng(1)
    table = coincidences((rng.integers(0, 2, (4, 6)).astype(float), np.ones((4, 6), dtype=bool)) for _ in range(8))
    together = alpha(table.pairs, table.values)
    for number, pairs in enumerate(table.pairs):
        assert together.at(number, 0) == alpha(pairs[None], table.values).at(0, 0)
