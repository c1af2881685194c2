"""alpha_U against the worked example of Krippendorff 2004, closed forms, and invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heta_evaluation.agreement.unitised import alpha_u, disagreement, sections, unitised_alpha
from heta_evaluation.metrics.base import Value

BEGIN, LENGTH = 150, 300
"""The continuum of the example, from 150 on."""


def marks(*spans, length=LENGTH, begin=BEGIN):
    """`(rater, begin, length)` of each span as marks `[2, length]`."""
    found = np.zeros((2, length), dtype=bool)
    for rater, start, size in spans:
        found[rater, start - begin : start - begin + size] = True
    return found


def test_the_example_of_content_analysis():
    # Krippendorff 2004, p. 254, two observers, categories c and k: D_o and D_e to four digits, alpha of c .7286.
    of_c = marks((0, 225, 70), (0, 370, 30), (1, 220, 80), (1, 355, 20), (1, 400, 20))
    # The pairs of c: 50 and 850 for overlapping spans, 20^2 for one in a gap; twice, over m (m - 1) L^2 = 2 * 300^2.
    assert disagreement(sections(of_c), LENGTH, 2).observed == pytest.approx((50 + 850 + 400) / 300**2, abs=1e-12)
    assert disagreement(sections(of_c), LENGTH, 2) == pytest.approx((0.0144, 0.0532), abs=5e-5)
    assert unitised_alpha(of_c).value == pytest.approx(0.7286, abs=5e-5)
    of_k = marks((0, 180, 60), (0, 300, 50), (1, 180, 60), (1, 300, 50))
    assert disagreement(sections(of_k), LENGTH, 2) == pytest.approx((0.0, 0.0490), abs=5e-5)
    both = np.asarray([disagreement(sections(found), LENGTH, 2) for found in (of_c, of_k)])
    # 1 - .0144 / (.0532 + .0490)
    assert alpha_u(both.sum(axis=0, keepdims=True)).at(0, 0).value == pytest.approx(0.8591, abs=5e-4)


def test_a_small_case_by_hand():
    # L = 4, m = 2; A marks [1, 2), B nothing. B's gap holds A's span: delta^2 = 1, both ways: D_o = 2 / (2 * 16).
    # D_e: one span of 1, gaps 1, 2 and 4: inside = 1 * (1 + 2 + 4); placed = 0; (2/4) * 7 / (8 * 7) = 1/16.
    found = np.asarray([[0, 1, 0, 0], [0, 0, 0, 0]], dtype=bool)
    assert disagreement(sections(found), 4, 2) == pytest.approx((1 / 16, 1 / 16), abs=1e-12)
    assert unitised_alpha(found).value == pytest.approx(0.0, abs=1e-12)


def test_sections_cover_the_text_and_stop_at_breaks():
    found = sections(np.asarray([[0, 1, 1, 1], [1, 1, 0, 0]], dtype=bool), np.asarray([2]))
    assert found.rater.tolist() == [0, 0, 0, 1, 1]
    assert found.begin.tolist() == [0, 1, 2, 0, 2]
    assert found.length.tolist() == [1, 1, 2, 2, 2]
    assert found.span.tolist() == [False, True, True, True, False]


def test_reasons():
    assert unitised_alpha(np.ones((1, 3), dtype=bool)) == Value(None, "one_rater")
    assert unitised_alpha(np.zeros((3, 4), dtype=bool)) == Value(None, "no_variation")
    assert unitised_alpha(np.ones((3, 4), dtype=bool)) == Value(None, "no_variation")
    assert unitised_alpha(np.ones((2, 1), dtype=bool)) == Value(None, "no_variation")


tables = st.tuples(st.integers(2, 4), st.integers(1, 12)).flatmap(
    lambda shape: st.lists(
        st.lists(st.booleans(), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)


@settings(max_examples=80, deadline=None)
@given(tables)
def test_order_of_raters_and_reading_direction_do_not_matter(rows):
    table = np.asarray(rows)
    before = unitised_alpha(table)
    for other in (table[::-1], table[:, ::-1]):
        after = unitised_alpha(other)
        assert after.reason == before.reason
        assert after.value == pytest.approx(before.value, abs=1e-9)
    assert before.value is None or before.value <= 1 + 1e-12


@settings(max_examples=60, deadline=None)
@given(tables)
def test_the_same_answer_of_all_is_perfect(rows):
    table = np.repeat(np.asarray(rows)[:1], 3, axis=0)
    found = unitised_alpha(table)
    assert found == Value(None, "no_variation") if len(np.unique(table)) == 1 else found.value == pytest.approx(1.0)


def plain(table):
    """D_o by looping over every two sections, as the definition reads."""
    found = sections(table)
    parts = list(zip(*(column.tolist() for column in found), strict=True))
    total = 0.0
    for rater, begin, size, span in parts:
        for other, start, length, marked in parts:
            if rater == other:
                continue
            if span and marked and -size < begin - start < length:
                total += (begin - start) ** 2 + (begin + size - start - length) ** 2
            elif span and not marked and 0 <= begin - start <= length - size:
                total += size**2
            elif marked and not span and 0 <= start - begin <= size - length:
                total += length**2
    m, n = table.shape
    return total / (m * (m - 1) * n**2)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_observed_disagreement_equals_the_definition(rows):
    table = np.asarray(rows)
    assert disagreement(sections(table), table.shape[1], len(table)).observed == pytest.approx(plain(table), abs=1e-12)
