"""Fleiss, Cohen, AC1 and pairwise figures against closed forms, statsmodels, nltk and scikit-learn."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nltk.metrics.agreement import AnnotationTask
from sklearn.metrics import cohen_kappa_score, f1_score, jaccard_score
from statsmodels.stats.inter_rater import fleiss_kappa

from heta_evaluation.agreement.coincidence import coincidences
from heta_evaluation.agreement.pairs import cohen_kappa, pair_counts
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import Value

tables = st.tuples(st.integers(2, 5), st.integers(1, 9)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(0, 1), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)


def figure(name: str, ratings) -> Value:
    table = np.asarray(ratings, dtype=float)
    found = coincidences([(table, np.ones(table.shape, dtype=bool))])
    return METRICS.get(name).compute(found.pairs, found.counts).at(0, 0)


def pairwise(name: str, ratings) -> list[float]:
    _, counts = pair_counts(np.asarray(ratings, dtype=bool))
    return METRICS.get(name).compute(counts).tolist()


def kappa(first, second) -> Value:
    _, counts = pair_counts(np.asarray([first, second], dtype=bool))
    return cohen_kappa(counts).at(0, 0)


def test_two_raters_by_hand():
    # Units 11, 00, 10, 00: P = 3/4, shares 3/8 and 5/8.
    ratings = [[1, 0, 1, 0], [1, 0, 0, 0]]
    # Fleiss: P_e = 9/64 + 25/64 = 34/64; (3/4 - 17/32) / (15/32) = 7/15
    assert figure("fleiss_kappa", ratings).value == pytest.approx(7 / 15, abs=1e-12)
    # AC1: P_e = 2 * 3/8 * 5/8 = 15/32; (24/32 - 15/32) / (17/32) = 9/17
    assert figure("gwet_ac1", ratings).value == pytest.approx(9 / 17, abs=1e-12)
    # o_00 / n_0 = 4 / 5
    assert figure("negative_agreement", ratings).value == pytest.approx(4 / 5, abs=1e-12)
    # Cohen: rates 1/2 and 1/4, P_e = 1/8 + 3/8 = 1/2; (3/4 - 1/2) / (1/2) = 1/2
    assert kappa(*ratings).value == pytest.approx(1 / 2, abs=1e-12)
    assert pairwise("pairwise_f1", ratings) == [pytest.approx(2 / 3)]
    assert pairwise("pairwise_overlap", ratings) == [pytest.approx(1 / 2)]
    assert pairwise("pairwise_exact", ratings) == [0.0]


def test_alpha_is_fleiss_with_a_correction_for_few_ratings():
    # 1 - alpha = (1 - 1/n) (1 - kappa) over n ratings
    ratings = np.random.default_rng(0).integers(0, 2, (4, 12))
    alpha, fleiss = figure("krippendorff_alpha", ratings).value, figure("fleiss_kappa", ratings).value
    assert 1 - alpha == pytest.approx((1 - 1 / ratings.size) * (1 - fleiss), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_fleiss_equals_statsmodels(rows):
    ratings = np.asarray(rows)
    found = figure("fleiss_kappa", ratings)
    if len(np.unique(ratings)) == 1:
        assert found == Value(None, "no_variation")
        return
    ones = ratings.sum(axis=0)
    expected = fleiss_kappa(np.stack([len(ratings) - ones, ones], axis=1))
    assert found.value == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_cohen_equals_scikit_learn_and_alpha_nltk(rows):
    ratings = np.asarray(rows)
    assume(len(np.unique(ratings)) > 1)
    triples = [(str(r), str(u), int(v)) for (r, u), v in np.ndenumerate(ratings)]
    assert figure("krippendorff_alpha", ratings).value == pytest.approx(AnnotationTask(triples).alpha(), abs=1e-9)
    first, second = ratings[:2]
    found = kappa(first, second)
    if len(np.unique(ratings[:2])) == 1:
        assert found == Value(None, "no_variation")
    else:
        assert found.value == pytest.approx(cohen_kappa_score(first, second, labels=[0, 1]), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_pairwise_figures_equal_scikit_learn(rows):
    first, second = np.asarray(rows[:2])
    zero = {"zero_division": 1.0}  # two who marked nothing agree
    assert pairwise("pairwise_f1", rows[:2]) == [pytest.approx(f1_score(first, second, **zero), abs=1e-12)]
    empty = not first.any() and not second.any()
    expected = 1.0 if empty else jaccard_score(first, second)
    assert pairwise("pairwise_overlap", rows[:2]) == [pytest.approx(expected, abs=1e-12)]
    assert pairwise("pairwise_exact", rows[:2]) == [float((first == second).all())]


POOLED = ["krippendorff_alpha", "fleiss_kappa", "gwet_ac1", "raw_agreement"]


@pytest.mark.parametrize("name", POOLED)
@settings(max_examples=40, deadline=None)
@given(rows=tables, random=st.randoms(use_true_random=False))
def test_order_and_names_of_values_do_not_matter(name, rows, random):
    ratings = np.asarray(rows)
    before = figure(name, ratings)
    raters, units = list(range(len(ratings))), list(range(ratings.shape[1]))
    random.shuffle(raters)
    random.shuffle(units)
    for other in (ratings[raters][:, units], 1 - ratings):
        after = figure(name, other)
        assert after.reason == before.reason
        assert after.value == pytest.approx(before.value, abs=1e-12)


@pytest.mark.parametrize("name", POOLED)
def test_perfect_and_worst(name):
    assert figure(name, [[1, 0, 1], [1, 0, 1], [1, 0, 1]]).value == pytest.approx(1.0)
    # two raters who always differ: P = 0, the lowest there is
    expected = {"krippendorff_alpha": -0.5, "fleiss_kappa": -1.0, "gwet_ac1": -1.0, "raw_agreement": 0.0}
    # alpha: D_o = 1, D_e = n / (2 (n - 1)) = 4 / 6 at n = 4: 1 - 3/2
    assert figure(name, [[1, 0], [0, 1]]).value == pytest.approx(expected[name])


@pytest.mark.parametrize("mark", [0, 1])
def test_unanimous_raters(mark):
    ratings = np.full((3, 4), mark)
    assert figure("fleiss_kappa", ratings) == Value(None, "no_variation")
    assert figure("gwet_ac1", ratings).value == 1.0
    assert kappa(*ratings[:2]) == Value(None, "no_variation")
    for name in ("pairwise_f1", "pairwise_overlap", "pairwise_exact"):
        assert pairwise(name, ratings) == [1.0] * 3
    assert figure("negative_agreement", ratings) == (Value(None, "no_negative_labels") if mark else Value(1.0))


@pytest.mark.parametrize("name", [*POOLED, "negative_agreement"])
def test_one_rater_has_no_pairs(name):
    assert figure(name, [[1, 0]]) == Value(None, "no_pairs")


def test_opposite_constants_have_a_kappa_of_zero():
    # One marks everything, the other nothing: P = 0 and P_e = 0.
    assert kappa([1, 1], [0, 0]).value == 0.0
