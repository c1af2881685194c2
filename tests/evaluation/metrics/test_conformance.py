"""Every registered metric, plug-ins included, keeps what it declares: registering is being tested."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heta_evaluation.agreement.coincidence import coincidences
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import AgreementMetric, AlignmentMetric, Batch, Value, one_case, per_case

ALL = [METRICS.get(name) for name in METRICS]
ALIGNMENT = [metric for metric in ALL if isinstance(metric, AlignmentMetric)]
LABELLED = [metric for metric in ALIGNMENT if set(metric.needs) & {"gold", "share"}]
AGREEMENT = [metric for metric in ALL if isinstance(metric, AgreementMetric)]
named = pytest.mark.parametrize

finite = st.floats(-1e300, 1e300, allow_nan=False)


@st.composite
def batches(draw):
    n = draw(st.integers(1, 10))
    row = st.lists(finite | st.integers(-1, 1).map(float), min_size=n, max_size=n)
    votes = draw(st.lists(st.lists(st.integers(0, 3), min_size=n, max_size=n), min_size=1, max_size=3))
    share = np.asarray(votes) / 3
    cut = draw(st.integers(0, n))
    evidence = np.arange(n) < cut
    scores = np.asarray(draw(st.lists(row, min_size=1, max_size=3)))
    outside = np.asarray(draw(st.lists(st.floats(0, 1), min_size=len(scores), max_size=len(scores))))
    position = np.cumsum(draw(st.lists(st.sampled_from([1, 1, 2]), min_size=n, max_size=n)))
    return Batch(scores, share > 0.5, share, evidence, ~evidence, outside, position)


def forms(metric):
    """The metric itself and each of its variants and poolings' parts: (computation, chance)."""
    yield metric.compute, metric.chance
    yield from ((variant.compute, variant.chance) for variant in metric.variants)


def parts(metric):
    """What poolings take the means of."""
    return [part for pooling in metric.poolings for part in (*pooling.parts, *(pooling.chance or ()))]


@named("metric", ALL, ids=lambda metric: metric.name)
def test_metadata_is_complete(metric):
    assert METRICS.get(metric.name) is metric
    low, high = metric.range
    assert low < high
    assert metric.direction in ("higher", "lower", "neutral")
    assert metric.needs
    for text in (metric.title, metric.reference, metric.ties, metric.negative, metric.empty, metric.constant):
        assert text.strip() == text != ""


@named("metric", ALIGNMENT, ids=lambda metric: metric.name)
@settings(max_examples=60, deadline=None)
@given(batch=batches())
def test_values_lie_in_the_declared_range_and_never_lack_a_reason(metric, batch):
    for compute, chance in forms(metric):
        for found in [compute(batch)] + ([chance(batch)] if chance else []):
            _check_cells(found, batch)
            inside = found.values[found.valid]
            assert not inside.size or metric.range[0] <= inside.min() <= inside.max() <= metric.range[1]
    for part in parts(metric):
        _check_cells(part(batch), batch)


def _check_cells(found, batch):
    assert np.isfinite(found.values).all()
    assert found.values.shape == found.reasons.shape
    assert found.values.shape[0] == batch.shape[0]
    assert (found.values[~found.valid] == 0).all()
    for pattern, subject in np.ndindex(found.values.shape):
        cell = found.at(pattern, subject)
        assert (cell.value is None) == (cell.reason is not None)


@named("metric", ALIGNMENT, ids=lambda metric: metric.name)
@settings(max_examples=40, deadline=None)
@given(batch=batches(), random=st.randoms(use_true_random=False))
def test_order_of_units_does_not_matter(metric, batch, random):
    order = list(range(batch.gold.shape[1]))
    random.shuffle(order)
    shuffled = Batch(
        batch.scores[:, order],
        batch.gold[:, order],
        batch.share[:, order],
        batch.evidence[order],
        batch.distractor[order],
        batch.outside,
        batch.places[order],
    )
    for compute in [compute for compute, _ in forms(metric)] + parts(metric):
        first, second = compute(batch), compute(shuffled)
        assert first.reasons.tolist() == second.reasons.tolist()
        np.testing.assert_allclose(first.values, second.values, rtol=1e-9, atol=1e-9)


@named("metric", ALIGNMENT, ids=lambda metric: metric.name)
@settings(max_examples=40, deadline=None)
@given(batch=batches(), random=st.randoms(use_true_random=False))
def test_names_of_subjects_and_raters_do_not_matter(metric, batch, random):
    """Subjects and label vectors in another order: the same values in that order."""
    subjects, patterns = list(range(batch.shape[1])), list(range(batch.shape[0]))
    random.shuffle(subjects)
    random.shuffle(patterns)
    turned = Batch(
        batch.scores[subjects],
        batch.gold[patterns],
        batch.share[patterns],
        batch.evidence,
        batch.distractor,
        batch.outside[subjects],
        batch.position,
    )
    first, second = metric.compute(batch), metric.compute(turned)
    np.testing.assert_array_equal(first.reasons[np.ix_(patterns, subjects)], second.reasons)
    np.testing.assert_allclose(first.values[np.ix_(patterns, subjects)], second.values, rtol=1e-9, atol=1e-9)


@named("metric", LABELLED, ids=lambda metric: metric.name)
def test_perfect_beats_chance_beats_worst(metric):
    gold = np.asarray([1, 1, 0, 0, 0], dtype=bool)
    perfect, worst = (metric.one(one_case(scores, gold)).value for scores in (gold * 1.0, ~gold * 1.0))
    sign = 1 if metric.direction == "higher" else -1
    best = metric.range[1 if sign > 0 else 0] if metric.perfect is None else metric.perfect
    assert perfect == pytest.approx(best)
    assert worst is not None
    if metric.chance:
        chance = metric.chance(one_case(gold * 1.0, gold)).at(0, 0).value
        assert sign * worst < sign * chance < sign * perfect
    assert sign * worst < sign * perfect


@named("metric", ALIGNMENT, ids=lambda metric: metric.name)
def test_declared_transformations_change_nothing(metric):
    changes = {
        "increasing": lambda scores: np.exp(scores) * 3 - 7,
        "affine": lambda scores: scores * 3 - 7,
        "scale": lambda scores: scores * 3,
    }
    allowed = list(changes)[list(changes).index(metric.invariance) :]
    rng = np.random.default_rng(0)
    scores, share = rng.integers(0, 5, 12).astype(float), rng.integers(0, 4, 12) / 3
    evidence = np.arange(12) < 6
    more = {"share": share, "evidence": evidence, "distractor": ~evidence, "outside": 0.5}
    before = metric.one(one_case(scores, share > 0.5, **more))
    for name in allowed:
        after = metric.one(one_case(changes[name](scores), share > 0.5, **more))
        assert after.value == pytest.approx(before.value, abs=1e-12), name


@named("metric", ALIGNMENT, ids=lambda metric: metric.name)
def test_constant_scores_do_what_is_declared(metric):
    """The chance value, a value that says nothing, or a reason: never one that beats chance."""
    gold = np.asarray([1, 1, 0, 0, 0], dtype=bool)
    evidence = np.asarray([1, 1, 1, 0, 0], dtype=bool)
    case = one_case([0.5] * 5, gold, evidence=evidence, distractor=~evidence, outside=0.5)
    found = metric.one(case)
    if found.value is None:
        assert found.reason in metric.constant
    elif metric.chance and metric.invariance == "increasing" and metric.name not in ("average_precision", "soft_ap"):
        # one threshold for all is a little lower than the mean over orders, for the two areas
        assert found.value == pytest.approx(metric.chance(case).at(0, 0).value)


@named("metric", [metric for metric in ALIGNMENT if metric.chance], ids=lambda metric: metric.name)
def test_chance_is_the_mean_over_random_scores(metric):
    rng = np.random.default_rng(3)
    n, draws = 9, 4_000
    gold = np.asarray([1, 0, 0, 1, 0, 1, 0, 0, 0], dtype=bool)[None]
    share = np.asarray([1, 0, 1, 3, 0, 2, 0, 0, 1])[None] / 3
    evidence = np.arange(n) < 4
    batch = Batch(rng.random((draws, n)), gold, share, evidence, ~evidence)
    for compute, chance in forms(metric):
        if chance is not None:
            sampled = compute(batch).values[0]
            # five standard errors: fails by chance about once in two million seeds, and the seed is fixed
            bound = 5 * sampled.std() / np.sqrt(draws)
            assert chance(batch).values[0, 0] == pytest.approx(sampled.mean(), abs=bound)


@named("metric", LABELLED, ids=lambda metric: metric.name)
def test_without_positive_labels_there_is_a_reason(metric):
    found = metric.one(one_case([1, 2, 3], [0, 0, 0]))
    if metric.name == "soft_brier":  # nobody marked anything: heat 1/3, 2/3, 1 is all wrong
        assert found.value == pytest.approx((1 + 4 + 9) / 27)
        return
    assert found.value is None
    assert found.reason in ("empty_gold", "constant_labels")


@named("metric", ALIGNMENT, ids=lambda metric: metric.name)
def test_one_unit_gives_a_value_or_a_reason(metric):
    for gold in (0, 1):
        cell = metric.one(one_case([0.5], [gold], evidence=[True], distractor=[False], outside=0.5))
        assert (cell.value is None) != (cell.reason is None)


@named("metric", AGREEMENT, ids=lambda metric: metric.name)
@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, None]), min_size=4, max_size=4), min_size=1, max_size=5))
def test_agreement_lies_in_its_range(metric, rows):
    present = np.asarray([[cell is not None for cell in row] for row in rows])
    ratings = np.asarray([[cell or 0.0 for cell in row] for row in rows])
    table = coincidences([(ratings, present)])
    cell = metric.compute(table.pairs, table.counts).at(0, 0)
    assert (cell.value is None) == (cell.reason is not None)
    assert cell.value is None or metric.range[0] <= cell.value <= metric.range[1] + 1e-12


def test_a_metric_of_single_cases_runs_in_batches():
    # A plug-in may come as a plain function of one case: here the mean score of the gold units.
    def mean_on_gold(scores, batch, pattern):
        marked = batch.gold[pattern]
        return Value(float(scores[marked].mean())) if marked.any() else Value(None, "empty_gold")

    compute = per_case(mean_on_gold)
    batch = Batch(
        np.asarray([[1.0, 3.0], [5.0, 7.0]]),
        np.asarray([[True, True], [False, False]]),
        np.zeros((2, 2)),
        np.ones(2, dtype=bool),
        np.zeros(2, dtype=bool),
    )
    assert [compute(batch).at(*cell) for cell in ((0, 0), (0, 1), (1, 0))] == [
        Value(2.0),
        Value(6.0),
        Value(None, "empty_gold"),
    ]
    assert not math.isnan(compute(batch).values.sum())


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
