"""Alignment metrics against closed forms, scikit-learn, scipy and the outputs of other libraries."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score

from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.alignment import dsa, inclusion, token_f1, uniform_dsa
from heta_evaluation.metrics.base import AlignmentMetric, Batch, Value, one_case

# Fixed inputs on which ERASER, ferret, Quantus and the published HETA code were run.
PEERS = {
    "i1": ([0.9, 0.1, -0.4, 0.5, 0.5, 0.0, 0.2, 0.5, -0.1, 0.3], [1, 0, 0, 1, 0, 0, 1, 0, 0, 0]),
    "i2": ([-0.2, -0.1, 0.0, 0.05, 0.6, 0.6, 0.6, -0.9], [0, 0, 0, 0, 1, 1, 0, 1]),
    "i3": ([0.3, 0.2, 0.1, 0.0, -0.1, -0.2], [0, 0, 0, 0, 1, 1]),
}


def value(name: str, scores, gold, **more) -> Value:
    metric = METRICS.get(name)
    assert isinstance(metric, AlignmentMetric)
    return metric.one(one_case(scores, gold, **more))


def peer_mean(name: str) -> float:
    return float(np.mean([value(name, *case).value for case in PEERS.values()]))


# ---------------------------------------------------------------------------------------------- other libraries


def test_average_precision_equals_erasers():
    assert peer_mean("average_precision") == pytest.approx(0.5009259259259259, abs=1e-9)


def test_eraser_auprc_equals_erasers_and_ferrets():
    assert peer_mean("eraser_auprc") == pytest.approx(0.5274470899470899, abs=1e-9)
    # ferret, only_pos=False, item by item
    for item, expected in (("i1", 0.7333333333333333), ("i2", 0.6656746031746031), ("i3", 0.18333333333333335)):
        assert value("eraser_auprc", *PEERS[item]).value == pytest.approx(expected, abs=1e-9)


def test_roc_auc_equals_erasers_and_quantuss():
    assert peer_mean("roc_auc") == pytest.approx(0.4698412698412698, abs=1e-9)
    for item, expected in (("i1", 0.8095238095238095), ("i2", 0.6), ("i3", 0.0)):
        assert value("roc_auc", *PEERS[item]).value == pytest.approx(expected, abs=1e-9)


def test_token_f1_equals_peers_where_no_tie_decides():
    # i2: the three tied units are exactly the top three; i3: no ties. ferret, Quantus and the published code agree.
    assert value("token_f1@k", *PEERS["i2"]).value == pytest.approx(2 / 3, abs=1e-9)
    assert value("token_f1@k", *PEERS["i3"]).value == pytest.approx(0.0, abs=1e-9)


def test_token_f1_is_the_expectation_where_a_tie_decides():
    # i1: 0.9 is in; three units share 0.5 and one of them is gold: two places, so E[hits] = 1 + 2/3 and
    # F1 = 2 (5/3) / (3 + 3) = 5/9. The peers take the first or the last of the tied units and print 2/3.
    assert value("token_f1@k", *PEERS["i1"]).value == pytest.approx(5 / 9, abs=1e-9)


def test_mass_difference_of_the_published_code_is_ours_without_the_clip():
    # It divides by the signed sum: (1.6 - 0.9) / 2.5 = 0.28 in float32. Ours clips: (2.0 - 1.0) / 3.0.
    scores = np.asarray(PEERS["i1"][0])
    evidence = np.arange(10) < 5
    signed = (scores[evidence].sum() - scores[~evidence].sum()) / scores.sum()
    assert signed == pytest.approx(0.2800000309944153, abs=1e-7)
    found = value("dsa", scores, PEERS["i1"][1], evidence=evidence, distractor=~evidence)
    assert found.value == pytest.approx(1 / 3, abs=1e-9)


# ---------------------------------------------------------------------------------------------- oracles

# few distinct values, so that ties are common; halves are exact
tied_scores = st.lists(st.integers(-4, 4).map(lambda number: number / 2), min_size=2, max_size=12)


@st.composite
def cases(draw):
    scores = draw(tied_scores)
    gold = draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    return np.asarray(scores), np.asarray(gold)


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


@settings(deadline=None)
@given(cases(), st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_spearman_equals_scipy(case, votes):
    scores, _ = case
    share = np.asarray(votes[: len(scores)]) / 3
    found = value("spearman", scores, share > 0.5, share=share)
    if len(set(share)) == 1:
        assert found == Value(None, "constant_labels")
    elif len(set(scores)) == 1:
        assert found == Value(None, "constant_scores")
    else:
        assert found.value == pytest.approx(spearmanr(scores, share).statistic, abs=1e-9)


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


@pytest.mark.parametrize("name", ["token_f1@k", "average_precision", "spearman", "roc_auc", "dsa", "dsa_minus_uniform"])
def test_chance_is_the_mean_over_random_scores(name):
    rng = np.random.default_rng(3)
    n, draws = 9, 4_000
    gold = np.asarray([1, 0, 0, 1, 0, 1, 0, 0, 0], dtype=bool)[None]
    share = np.asarray([1, 0, 1, 3, 0, 2, 0, 0, 1])[None] / 3
    evidence = np.arange(n) < 4
    batch = Batch(rng.random((draws, n)), gold, share, evidence, ~evidence)
    metric = METRICS.get(name)
    sampled = metric.compute(batch).values[0]
    assert metric.chance is not None
    # five standard errors: fails by chance about once in two million seeds, and the seed is fixed
    assert metric.chance(batch).values[0, 0] == pytest.approx(sampled.mean(), abs=5 * sampled.std() / np.sqrt(draws))


# ---------------------------------------------------------------------------------------------- closed forms


def test_average_precision_counts_a_tie_as_one_threshold():
    # Four tied units at base rate 1/2: one threshold at precision 1/2 takes the whole recall, so AP = 1/2.
    # The trapezoid starts at precision 1: (1 + 1/2) / 2 = 3/4.
    assert value("average_precision", [1, 1, 1, 1], [1, 0, 1, 0]).value == 0.5
    assert value("eraser_auprc", [1, 1, 1, 1], [1, 0, 1, 0]).value == 0.75


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


def test_dsa_values_and_reasons():
    evidence, distractor = [True, True, False, False], [False, False, True, True]

    def of(scores):
        return value("dsa", scores, [0, 0, 0, 0], evidence=evidence, distractor=distractor)

    assert of([3, 0, 1, 0]).value == 0.5  # (3 - 1) / 4
    assert of([3, -5, 1, -7]).value == 0.5  # negative scores count 0
    assert of([1, 1, 0, 0]).value == 1.0
    assert of([0, 0, 2, 1]).value == -1.0
    assert of([0, -1, 0, 0]) == Value(None, "no_mass")
    assert value("dsa", [1, 2], [1, 0], evidence=[True, True], distractor=[False, False]) == Value(None, "one_segment")
    # scores so large that their sum overflows
    assert of([1.7e308, 1.7e308, 1.7e308, 1.7e308]).value == 0.0


def test_dsa_minus_uniform_is_zero_for_uniform_scores():
    # one evidence unit, three distractor units: the uniform value is (1 - 3) / 4
    evidence, distractor = [True, False, False, False], [False, True, True, True]
    batch = one_case([2, 2, 2, 2], [0, 0, 0, 0], evidence=evidence, distractor=distractor)
    assert uniform_dsa(batch) == -0.5
    assert dsa(batch).values[0, 0] == -0.5
    assert METRICS.get("dsa_minus_uniform").one(batch).value == 0.0


def test_mass_outside_is_what_it_was_told():
    assert value("mass_outside", [1, 0], [1, 0], outside=0.25).value == 0.25
    assert value("mass_outside", [1, 0], [1, 0], outside=-1.0) == Value(None, "no_mass")
    assert value("mass_outside", [1, 0], [1, 0]) == Value(None, "not_known")


@settings(deadline=None)
@given(tied_scores, st.integers(1, 12))
def test_inclusion_is_a_probability_that_sums_to_k(scores, k):
    k = min(k, len(scores))
    found = inclusion(np.asarray([scores]), k)
    assert found.sum() == pytest.approx(k, abs=1e-9)
    assert found.min() >= 0
    assert found.max() <= 1


def test_a_batch_equals_its_cases_one_by_one():
    rng = np.random.default_rng(5)
    scores = rng.integers(-2, 3, size=(4, 11)) / 2
    share = rng.integers(0, 4, size=(6, 11)) / 3
    gold = share > 0.5
    evidence = np.arange(11) < 5
    outside = rng.random(4)
    batch = Batch(scores, gold, share, evidence, ~evidence, outside)
    for name in METRICS:
        metric = METRICS.get(name)
        if isinstance(metric, AlignmentMetric):
            together = metric.compute(batch)
            for pattern in range(6):
                for subject in range(4):
                    case = one_case(
                        scores[subject],
                        gold[pattern],
                        share=share[pattern],
                        evidence=evidence,
                        distractor=~evidence,
                        outside=outside[subject],
                    )
                    single, cell = metric.one(case), together.at(pattern, subject)
                    assert cell.reason == single.reason
                    assert cell.value == pytest.approx(single.value, abs=1e-12)
