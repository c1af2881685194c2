"""F1, precision and IoU at k: closed forms, and the mean over all orders of the ties."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score

from helpers.metric_cases import cases, tied_scores, value
from heta_evaluation.metrics.base import one_case
from heta_evaluation.metrics.overlap import iou, precision, token_f1
from heta_evaluation.metrics.ties import certain, hypergeometric, inclusion


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_token_f1_is_the_mean_over_all_orders_of_the_ties(data):
    scores = np.asarray(data.draw(st.lists(st.integers(0, 2), min_size=2, max_size=5)), dtype=float)
    gold = np.asarray(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    if not gold.any():
        return
    k = int(gold.sum())
    found = []
    for order in permutations(range(len(scores))):
        # a stable sort after shuffling breaks ties by the shuffled order: all orders equally often
        top = sorted(order, key=lambda index: -scores[index])[:k]
        found.append(2 * gold[top].sum() / (k + k))  # F1 of k picked units against k gold units
    assert value("token_f1@k", scores, gold).value == pytest.approx(np.mean(found), abs=1e-9)


def test_all_zero_scores_are_one_big_tie():
    # k = 2 of n = 5: E[hits] = 2 * 2/5, F1 = 2 * 0.8 / 4 = 0.4 = the chance value.
    assert value("token_f1@k", [0] * 5, [1, 0, 1, 0, 0]).value == pytest.approx(0.4, abs=1e-12)


def test_token_f1_with_a_fixed_number_or_share_of_units():
    case = one_case([5, 4, 3, 2, 1], [1, 0, 1, 0, 0])
    # k = 1: one hit, F1 = 2 / (1 + 2); k = 3: two hits, F1 = 4 / (3 + 2); k = 9 is all five: 4 / (5 + 2)
    assert token_f1(case, k=1).values[0, 0] == pytest.approx(2 / 3)
    assert token_f1(case, k=3).values[0, 0] == pytest.approx(4 / 5)
    assert token_f1(case, k=9).values[0, 0] == pytest.approx(4 / 7)
    # 0.6 of five units is three; 0.01 of them is at least one
    assert token_f1(case, k=0.6).values[0, 0] == pytest.approx(4 / 5)
    assert token_f1(case, k=0.01).values[0, 0] == pytest.approx(2 / 3)


def test_signed_scores_rank_by_their_sign():
    # -0.9 is the strongest by size and the last by support for the target.
    assert value("token_f1@k", [-0.9, 0.1], [1, 0]).value == 0.0
    assert value("token_f1@k", [-0.9, 0.1], [0, 1]).value == 1.0


@settings(deadline=None)
@given(tied_scores, st.integers(1, 12))
def test_inclusion_is_a_probability_that_sums_to_k(scores, k):
    k = min(k, len(scores))
    found = inclusion(one_case(scores, [0] * len(scores)), k)
    assert found.sum() == pytest.approx(k, abs=1e-9)
    assert found.min() >= 0
    assert found.max() <= 1


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_iou_is_the_mean_over_all_orders_of_the_ties(data):
    scores = np.asarray(data.draw(st.lists(st.integers(0, 2), min_size=2, max_size=5)), dtype=float)
    gold = np.asarray(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    if not gold.any():
        return
    k = int(gold.sum())
    found = []
    for order in permutations(range(len(scores))):
        picked = np.zeros(len(scores), dtype=bool)
        picked[sorted(order, key=lambda index: -scores[index])[:k]] = True
        found.append(jaccard_score(gold, picked))
    assert value("iou", scores, gold).value == pytest.approx(np.mean(found), abs=1e-9)


def test_precision_by_hand():
    case = one_case([5, 4, 3, 2, 1], [1, 0, 1, 0, 0])
    assert [precision(case, k=k).values[0, 0] for k in (1, 2, 3, 0.2, 9)] == pytest.approx([1, 1 / 2, 2 / 3, 1, 2 / 5])
    # k = gold: equal to F1 there
    assert precision(case).values[0, 0] == token_f1(case).values[0, 0] == 0.5
    assert iou(case).values[0, 0] == pytest.approx(1 / 3)


@given(cases())
def test_certain_units_are_never_more_than_asked(case):
    scores, gold = case
    batch = one_case(scores, gold)
    for size in range(1, len(scores) + 1):
        chosen = certain(batch, size)[0]
        assert chosen.sum() <= size
        np.testing.assert_array_equal(chosen, inclusion(batch, size)[0] == 1.0)


def test_hypergeometric_sums_to_one():
    # 7 tied, 3 marked, 4 places: scipy's hypergeom(7, 3, 4).pmf is 1/35, 12/35, 18/35, 4/35
    numbers = [np.asarray([float(x)]) for x in (7, 3, 4)]
    assert [hypergeometric(h, *numbers)[0] for h in range(5)] == pytest.approx([1 / 35, 12 / 35, 18 / 35, 4 / 35, 0])
