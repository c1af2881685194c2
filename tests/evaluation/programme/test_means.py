"""Means of some items and paired differences, by hand."""

import pytest

from helpers.sample_records import make_item
from heta_data.records import MetricResult
from heta_evaluation.programme.means import Values, differences, means_over

ITEMS = [make_item(number) for number in (1, 2, 3, 4)]
HOW = {"draws": 200, "seed": 0}


def values(**rows: list[float | None]) -> Values:
    """Values of `lds` of each row on the items in order; None where it has none."""
    return {
        ("lds", "main", name): {
            item.id: MetricResult(metric="lds", subject=name, item_id=item.id, value=value, n=1)
            for item, value in zip(ITEMS, row, strict=True)
            if value is not None
        }
        for name, row in rows.items()
    }


def test_means_are_over_the_items_that_count() -> None:
    (found,) = means_over(values(a=[0.1, 0.2, 0.6, None]), ITEMS[1:], "gated", **HOW)
    # (0.2 + 0.6) / 2 over two of the three items; the first is not asked for, the last has no value.
    assert (found.variant, found.subject, found.n) == ("main, gated", "a", 2)
    assert found.value == pytest.approx(0.4)
    assert found.low is not None
    assert found.low <= 0.4 <= (found.high or 0) <= 1
    assert means_over(values(a=[0.1] * 4), [], "gated", **HOW) == []
    (none,) = means_over(values(a=[0.1, None, None, None]), ITEMS[1:], "gated", **HOW)
    assert (none.value, none.reason, none.low) == (None, "no_common_items", None)


def test_differences_are_paired() -> None:
    given = values(base=[0.1, 0.2, None, 0.4], a=[0.3, 0.1, 0.9, 0.5], b=[0.0] * 4)
    (found,) = differences(given, ITEMS, "base", ["a"], "minus base", **HOW)
    # (0.2 - 0.1 + 0.1) / 3 over the three items that both have.
    assert (found.variant, found.subject, found.n) == ("main, minus base", "a", 3)
    assert found.value == pytest.approx(0.2 / 3)
    (alike,) = differences(given, ITEMS, "base", ["base"], "minus base", **HOW)
    assert (alike.value, alike.low, alike.high) == (0.0, 0.0, 0.0)
