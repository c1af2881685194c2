"""Spearman, Kendall's tau-b and Pearson against scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, pearsonr, spearmanr

from helpers.metric_cases import cases, value
from heta_evaluation.metrics.base import Batch, Value, one_case
from heta_evaluation.metrics.correlation import SPEARMAN, kendall


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


@settings(deadline=None)
@given(cases(), st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_kendall_and_pearson_equal_scipy(case, votes):
    scores, _ = case
    share = np.asarray(votes[: len(scores)]) / 3
    for name, oracle in (("kendall", kendalltau), ("pearson", pearsonr)):
        found = value(name, scores, share > 0.5, share=share)
        if len(set(share)) == 1:
            assert found == Value(None, "constant_labels")
        elif len(set(scores)) == 1:
            assert found == Value(None, "constant_scores")
        else:
            assert found.value == pytest.approx(oracle(scores, share).statistic, abs=1e-9)


def test_kendall_of_many_label_vectors_at_once():
    rng = np.random.default_rng(2)
    labels = rng.random((4, 30)) < 0.4
    weights = rng.multinomial(4, [0.25] * 4, size=50)
    share = weights @ labels / 4
    scores = rng.integers(0, 9, size=(3, 30)).astype(float)
    found = kendall(Batch(scores, share > 0.5, share, np.ones(30, dtype=bool), np.zeros(30, dtype=bool)))
    for pattern, subject in np.ndindex(50, 3):
        if found.valid[pattern, subject]:
            expected = kendalltau(scores[subject], share[pattern]).statistic
            assert found.values[pattern, subject] == pytest.approx(expected, abs=1e-9)


def test_fisher_z_pools_by_hand():
    # atanh(0.8) = 1.0986, atanh(0.2) = 0.2027: tanh of their mean 0.6507 is 0.5721, the plain mean 0.5
    pooling = SPEARMAN.poolings[0]
    assert pooling.name == "fisher_z"
    assert pooling.combine(np.asarray([(np.arctanh(0.8) + np.arctanh(0.2)) / 2]))[0] == pytest.approx(0.57212, abs=1e-5)
    # a perfect correlation is taken for 0.999
    perfect = pooling.parts[0](one_case([1, 2, 3], [0, 0, 1], share=[0, 0.5, 1]))
    assert perfect.values[0, 0] == pytest.approx(np.arctanh(0.999))
