"""Every faithfulness and robustness metric keeps what it declares, whatever the scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.additive_model import AdditiveModel
from heta_evaluation.faithfulness.base import Case, FaithfulnessMetric, PairMetric, RobustnessMetric, WordScores
from heta_evaluation.faithfulness.settings import DEFAULT_METRICS, FaithfulnessSettings
from heta_evaluation.metrics import METRICS

ALL = [METRICS.get(name) for name in METRICS]
FAITHFULNESS = [metric for metric in ALL if isinstance(metric, FaithfulnessMetric)]
OTHERS = [metric for metric in ALL if isinstance(metric, RobustnessMetric | PairMetric)]
SETTINGS = FaithfulnessSettings(ablations=8, pi_draws=2)


def test_every_metric_of_the_design_is_there() -> None:
    assert [metric.name for metric in FAITHFULNESS] == list(DEFAULT_METRICS)
    assert [metric.name for metric in OTHERS] == ["sensitivity", "paraphrase_stability", "decoding_stability"]


@pytest.mark.parametrize("metric", [*FAITHFULNESS, *OTHERS], ids=lambda metric: metric.name)
def test_the_main_variant_has_the_metrics_range(metric: FaithfulnessMetric) -> None:
    assert metric.variants["main"] == metric.range
    assert next(iter(metric.variants)) == "main"
    assert metric.family == ("faithfulness" if isinstance(metric, FaithfulnessMetric) else "robustness")


@pytest.mark.parametrize("metric", FAITHFULNESS, ids=lambda metric: metric.name)
@settings(max_examples=25)
@given(data=st.data())
def test_values_lie_in_range_and_never_lack_a_reason(metric: FaithfulnessMetric, data: st.DataObject) -> None:
    number = st.floats(-1e300, 1e300) | st.integers(-2, 2).map(float)
    scores = np.asarray(data.draw(st.lists(number, min_size=1, max_size=8)))
    weights = data.draw(st.lists(st.floats(0, 3), min_size=len(scores), max_size=len(scores)).filter(any))
    found = metric.compute(Case(scores, AdditiveModel(weights), data.draw(st.integers(0, 9)), SETTINGS))
    assert list(sorted(found)) == sorted(metric.variants)
    for variant, estimate in found.items():
        assert (estimate.value is None) == (estimate.reason is not None)
        if estimate.value is not None:
            low, high = metric.variants[variant]
            assert np.isfinite(estimate.value)
            assert low <= estimate.value <= high + 1e-9
            assert (estimate.error is not None) == metric.samples
        if estimate.error is not None:
            assert 0.0 <= estimate.error < np.inf


@pytest.mark.parametrize("metric", FAITHFULNESS, ids=lambda metric: metric.name)
def test_what_it_does_not_depend_on(metric: FaithfulnessMetric) -> None:
    rng = np.random.default_rng(2)
    scores, weights = rng.random(9), rng.random(9).tolist()

    def value(changed: np.ndarray) -> float | None:
        return metric.compute(Case(changed, AdditiveModel(weights), 3, SETTINGS))["main"].value

    assert value(scores * 3.7) == pytest.approx(value(scores), abs=1e-12)
    if metric.invariance == "increasing":
        assert value(np.exp(9 * scores)) == pytest.approx(value(scores), abs=1e-12)
    else:
        assert value(np.exp(9 * scores)) != pytest.approx(value(scores), abs=1e-6)


@pytest.mark.parametrize("metric", FAITHFULNESS, ids=lambda metric: metric.name)
def test_the_truth_beats_its_reverse(metric: FaithfulnessMetric) -> None:
    weights = np.asarray([5.0, 3.0, 1.0, 0.5, 0.1, 0.0, 0.0, 0.0])

    def value(scores: np.ndarray) -> float:
        found = metric.compute(Case(scores, AdditiveModel(weights), 3, SETTINGS))["main"].value
        assert found is not None
        return found

    better = value(weights) - value(weights[::-1].copy())
    assert (better if metric.direction == "higher" else -better) > 0


def test_pairs_without_scores_to_compare_have_a_reason() -> None:
    (metric,) = [one for one in OTHERS if isinstance(one, PairMetric)]
    short = WordScores(("harbour", "storm"), np.asarray([1.0, 2.0]), "en")
    assert metric.compute(short, short)["main"].reason == "few_matched_words"
