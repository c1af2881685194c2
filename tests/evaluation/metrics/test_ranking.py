"""Average precision, ROC AUC, MRR and soft AP against scikit-learn and closed forms."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score

from helpers.metric_cases import cases, value
from heta_evaluation.metrics.base import Value
from heta_evaluation.metrics.ranking import mean_reciprocal


@settings(deadline=None)
@given(cases())
def test_rank_metrics_equal_scikit_learn(case):
    scores, gold = case
    if not gold.any():
        assert value("average_precision", scores, gold) == Value(None, "empty_gold")
        return
    precision, recall, _ = precision_recall_curve(gold, scores)
    assert value("average_precision", scores, gold).value == pytest.approx(
        average_precision_score(gold, scores), abs=1e-9
    )
    assert value("eraser_auprc", scores, gold).value == pytest.approx(auc(recall, precision), abs=1e-9)
    if gold.all():
        assert value("roc_auc", scores, gold) == Value(None, "full_gold")
    else:
        assert value("roc_auc", scores, gold).value == pytest.approx(roc_auc_score(gold, scores), abs=1e-9)


def test_average_precision_counts_a_tie_as_one_threshold():
    # Four tied units at base rate 1/2: one threshold at precision 1/2 takes the whole recall, so AP = 1/2.
    # The trapezoid starts at precision 1: (1 + 1/2) / 2 = 3/4.
    assert value("average_precision", [1, 1, 1, 1], [1, 0, 1, 0]).value == 0.5
    assert value("eraser_auprc", [1, 1, 1, 1], [1, 0, 1, 0]).value == 0.75


@settings(deadline=None)
@given(cases(), st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_soft_ap_equals_scikit_learns_with_weights(case, votes):
    scores, _ = case
    share = np.asarray(votes[: len(scores)]) / 3
    found = value("soft_ap", scores, share > 0.5, share=share)
    if not share.any():
        assert found == Value(None, "empty_gold")
        return
    # every unit twice: as a positive that weighs its share, and as a negative that weighs the rest
    labels, weights = np.repeat([1, 0], len(scores)), np.concatenate([share, 1 - share])
    expected = average_precision_score(labels, np.tile(scores, 2), sample_weight=weights)
    assert found.value == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_mrr_is_the_mean_over_all_orders_of_the_ties(data):
    scores = np.asarray(data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=5)), dtype=float)
    gold = np.asarray(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    found = value("mrr", scores, gold)
    if not gold.any():
        assert found == Value(None, "empty_gold")
        return
    ranks = []
    for order in permutations(range(len(scores))):
        ranked = sorted(order, key=lambda index: -scores[index])
        ranks.append(1 / (1 + next(place for place, index in enumerate(ranked) if gold[index])))
    assert found.value == pytest.approx(np.mean(ranks), abs=1e-9)


def test_reciprocal_rank_by_hand():
    # two of three tied, one unit above: first at place 1 with 2/3, at 2 with 1/3: 2/3 * 1/2 + 1/3 * 1/3
    assert mean_reciprocal(1, 3, 2) == pytest.approx(4 / 9)
    assert value("mrr", [3, 2, 1], [0, 0, 1]).value == pytest.approx(1 / 3)
