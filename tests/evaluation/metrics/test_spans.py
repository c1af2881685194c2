"""Spans: the batch form against spans one by one, and one-to-one matching against every assignment."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.metric_cases import value
from heta_evaluation.metrics.base import Batch, one_case
from heta_evaluation.metrics.spans import eraser_iou_f1, iou_f1, matched, span_overlaps
from heta_evaluation.metrics.ties import certain


def runs(mask, position):
    """Half-open spans of neighbouring units, in positions."""
    spans = []
    for unit in np.flatnonzero(mask):
        place = int(position[unit])
        if spans and spans[-1][1] == place:
            spans[-1] = (spans[-1][0], place + 1)
        else:
            spans.append((place, place + 1))
    return spans


@settings(max_examples=80)
@given(st.data())
def test_a_batch_of_spans_equals_its_cases_one_by_one(data):
    n = data.draw(st.integers(1, 10))
    scores = np.asarray(
        data.draw(st.lists(st.lists(st.integers(-2, 3), min_size=n, max_size=n), min_size=1, max_size=3))
    )
    gold = np.asarray(data.draw(st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=1, max_size=3)))
    position = np.cumsum(data.draw(st.lists(st.sampled_from([1, 1, 1, 2]), min_size=n, max_size=n)))
    threshold = data.draw(st.sampled_from([0.1, 0.25, 0.5, 1.0]))
    empty = np.ones(n, dtype=bool)
    batch = Batch(scores.astype(float), gold, gold.astype(float), empty, ~empty, position=position)
    one, any_ = iou_f1(batch, threshold=threshold), eraser_iou_f1(batch, threshold=threshold)
    for pattern, subject in np.ndindex(batch.shape):
        size = int(gold[pattern].sum())
        if not size:
            assert one.at(pattern, subject).reason == "empty_gold"
            continue
        predicted = runs(certain(batch, size)[subject], position)
        truth = runs(gold[pattern], position)
        pairs, hit = matched(span_overlaps(predicted, truth), threshold)
        assert one.values[pattern, subject] == pytest.approx(2 * pairs / (len(predicted) + len(truth)))
        assert any_.values[pattern, subject] == pytest.approx(2 * hit / (len(predicted) + len(truth)))


@given(st.data())
def test_matching_is_the_best_assignment(data):
    rows, columns = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    close = np.asarray(
        data.draw(st.lists(st.lists(st.booleans(), min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    )
    padded = np.zeros((4, 4), dtype=bool)
    padded[:rows, :columns] = close
    best = max(sum(padded[row, column] for row, column in enumerate(order)) for order in permutations(range(4)))
    assert matched(close.astype(float), 1.0) == (best, int(close.any(axis=1).sum()))


def test_spans_by_hand():
    # top 3 of the gold's 3: {0, 1, 4}; spans [0, 2) and [4, 5) against [0, 3): overlap 2/3 and 0, so 2 * 1 / (2 + 1)
    scores, gold = [5, 4, 1, 0, 3], [1, 1, 1, 0, 0]
    assert value("iou_f1", scores, gold).value == pytest.approx(2 / 3)
    # a gap between units 1 and 2, as between two segments: [0, 2) and [3, 4) are marked, one of two is matched
    assert value("iou_f1", scores, gold, position=[0, 1, 3, 4, 5]).value == pytest.approx(1 / 2)


def test_a_tie_that_does_not_fit_stays_out():
    # two places, three tied: nothing is predicted
    assert value("iou_f1", [1, 1, 1], [1, 1, 0]).value == 0.0
    # one unit stands out, the tie behind it stays out: [0, 1) against [0, 2) overlaps by half
    assert value("iou_f1", [2, 1, 1], [1, 1, 0]).value == 1.0


def test_two_short_spans_in_a_long_one_match_once():
    # gold [0, 5); predicted [0, 1), [2, 3), [4, 5): each overlaps by a fifth. One to one 2 / (3 + 1), in ERASER 6 / 4.
    case = one_case([1, 0, 1, 0, 1], [1, 1, 1, 1, 1])
    assert iou_f1(case, k=3, threshold=0.1).values[0, 0] == pytest.approx(1 / 2)
    assert eraser_iou_f1(case, k=3, threshold=0.1).values[0, 0] == pytest.approx(3 / 2)
