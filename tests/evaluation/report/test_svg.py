"""Geometry of the plots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heta_data.records import MetricResult
from heta_evaluation.report.plots import Forest, ForestRow
from heta_evaluation.report.svg import NARROW, draw, ticks, whole_ticks


def test_ticks_span_all_values_and_zero():
    assert ticks([0.2, 0.55]) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert ticks([-0.15, 0.7]) == [-0.2, 0.0, 0.2, 0.4, 0.6, 0.8]
    assert ticks([]) == [0.0, 0.1]
    # a small difference has small steps: 0.05 / 7 lies below 0.01
    assert ticks([-0.01, 0.04]) == [-0.01, 0.0, 0.01, 0.02, 0.03, 0.04]


@given(st.lists(st.floats(-20, 20), max_size=6))
def test_ticks_never_leave_a_value_out(values):
    found = ticks(values)
    assert found == sorted(set(found))
    assert 2 <= len(found) <= 10
    assert found[0] <= min([0.0, *values]) + 0.006  # as far as two digits say
    assert found[-1] >= max([0.0, *values]) - 0.006


def test_ticks_of_ranks_are_whole():
    assert whole_ticks([1.0, 3.5]) == [1, 2, 3, 4]
    assert whole_ticks([]) == [1, 2]
    assert whole_ticks([24.0])[0] == 1
    assert whole_ticks([24.0])[-1] >= 24


def row(label, value, low=None, high=None, style="method"):
    return ForestRow(label, style, MetricResult(metric="m", subject=label, value=value, low=low, high=high, n=1))


def test_marks_stand_where_the_axis_says():
    plot = Forest("p", "P", "x", "", (row("a", 0.5, 0.0, 1.0), row("b", 0.25, style="baseline")), chance=0.25)
    found = draw(plot)
    # ticks 0, 0.2 ... 1; the axis runs from 118 over 520 - 118 - 122 = 280
    assert [text for _, text in found.ticks] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert (found.marks[0].x, found.marks[0].low, found.marks[0].high) == (258.0, 118.0, 398.0)
    assert found.marks[1].low is None
    assert found.line == (188.0, "random")
    assert found.band is None
    assert found.width == NARROW.width
    assert plot.description == "a: 0.50 [0.00, 1.00]; b: 0.25"


def test_a_row_without_value_says_why():
    reason = ForestRow("a", "method", MetricResult(metric="m", subject="a", value=None, reason="no_mass", n=0))
    found = draw(Forest("p", "P", "x", "", (reason,)))
    assert found.marks[0].x is None
    assert found.marks[0].text == "no mass"


@pytest.mark.parametrize(("value", "text"), [(1.0, "1 [1, 2]"), (1.5, "1.5 [1, 2]")])
def test_ranks_are_written_as_ranks(value, text):
    plot = Forest("p", "P", "x", "", (row("a", value, 1.0, 2.0),), ranks=True)
    assert draw(plot).marks[0].text == text
