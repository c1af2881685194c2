"""Scores against effects: additive models, scipy, and the jackknife written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr

from helpers.additive_model import case
from heta_evaluation.faithfulness.effects import LDS, TAU_LOO, rank_correlation

WEIGHTS = [4.0, 3.0, 2.5, 1.0, 0.5, 0.0, -1.0, -2.0]


def test_the_truth_of_an_additive_model_is_perfect() -> None:
    assert TAU_LOO.compute(case(WEIGHTS, WEIGHTS))["main"].value == pytest.approx(1.0)
    assert LDS.compute(case(WEIGHTS, WEIGHTS))["main"].value == pytest.approx(1.0)
    turned = [-weight for weight in WEIGHTS]
    assert TAU_LOO.compute(case(turned, WEIGHTS))["main"].value == pytest.approx(-1.0)
    assert LDS.compute(case(turned, WEIGHTS))["main"].value == pytest.approx(-1.0)


def test_tau_is_scipys_tau_b() -> None:
    scores = [1.0, 1.0, 3.0, 0.0, 2.0, 2.0, 5.0, 4.0]
    found = TAU_LOO.compute(case(scores, WEIGHTS))["main"].value
    assert found == pytest.approx(kendalltau(scores, WEIGHTS).statistic, abs=1e-12)


def test_rounding_makes_no_order() -> None:
    # Units 1 and 2 differ by rounding alone: tied, so tau-b of (3, 2, 1) with (1, 0, 0) is 2 / sqrt(3 * 2).
    found = TAU_LOO.compute(case([3.0, 2.0, 1.0], [1.0, 0.0, 1e-13]))["main"].value
    assert found == pytest.approx(2 / 6**0.5)


def test_without_differences_there_is_a_reason() -> None:
    flat, still = [1.0] * 4, [0.5] * 4
    for metric in (TAU_LOO, LDS):
        assert metric.compute(case(flat, WEIGHTS[:4]))["main"].reason == "constant_scores"
    assert TAU_LOO.compute(case(WEIGHTS[:4], still))["main"].reason == "constant_effects"


def test_the_error_of_lds_is_the_jackknifes() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=8)
    found = case(scores, WEIGHTS, ablations=16)
    estimate = LDS.compute(found)["main"]
    changes = found.ask.asked
    assert len(changes) == 16
    kept = np.asarray([[unit not in change.units for unit in range(8)] for change in changes])
    predicted, effects = kept @ scores, kept @ np.asarray(WEIGHTS)
    assert estimate.value == pytest.approx(spearmanr(predicted, effects).statistic, abs=1e-12)
    left_out = [spearmanr(np.delete(predicted, i), np.delete(effects, i)).statistic for i in range(16)]
    assert estimate.error == pytest.approx(np.sqrt(15 / 16 * np.sum((left_out - np.mean(left_out)) ** 2)), abs=1e-12)


def test_every_attribution_meets_the_same_ablations() -> None:
    first, second = case(WEIGHTS, WEIGHTS), case(WEIGHTS[::-1], WEIGHTS)
    LDS.compute(first)
    LDS.compute(second)
    assert first.ask.asked == second.ask.asked


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=15))
def test_rank_correlation_is_scipys(pairs: list[tuple[int, int]]) -> None:
    first, second = np.asarray(pairs, dtype=float).T
    found = rank_correlation(first, second)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        assert found == 0.0
    else:
        assert found == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)


def test_large_scores_do_not_overflow() -> None:
    found = LDS.compute(case([1e308, 1e308, 1e307, 0.0], [3.0, 2.0, 1.0, 0.0]))["main"]
    assert found.value is not None
    assert found.value > 0.9
