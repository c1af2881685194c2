import pytest
from hypothesis import given
from hypothesis import strategies as st

from heta_data.funnel import Funnel, Step


def test_counts_each_dropped_row_in_one_step() -> None:
    funnel = Funnel(5)
    kept = funnel.keep([1, 2, 3, 4, 5], "even", "odd number", lambda n: n % 2 == 0)
    kept = funnel.keep(kept, "small", "above 3", lambda n: n <= 3)
    # 1, 3, 5 go as odd; of 2 and 4 the 4 goes as large.
    assert kept == [2]
    assert funnel.steps == [Step("even", "odd number", 3, 2), Step("small", "above 3", 1, 1)]
    assert funnel.left == 1
    assert funnel.to_json() == {
        "start": 5,
        "left": 1,
        "steps": [
            {"name": "even", "why": "odd number", "dropped": 3, "left": 2},
            {"name": "small", "why": "above 3", "dropped": 1, "left": 1},
        ],
    }


@given(st.lists(st.integers(0, 20)), st.lists(st.integers(1, 7), max_size=5))
def test_what_is_dropped_and_what_is_left_add_up(rows: list[int], divisors: list[int]) -> None:
    funnel = Funnel(len(rows))
    for number, divisor in enumerate(divisors):
        rows = funnel.keep(rows, f"step {number}", "", lambda n, d=divisor: n % d == 0)  # type: ignore[misc]
    assert funnel.left == len(rows)
    assert funnel.start == funnel.left + sum(step.dropped for step in funnel.steps)


def test_a_filter_cannot_add_rows_or_stand_twice() -> None:
    funnel = Funnel(2)
    with pytest.raises(ValueError, match="leaves 3 rows of 2"):
        funnel.record("more", "", 3)
    funnel.record("less", "", 1)
    with pytest.raises(ValueError, match="'less' stands in the funnel already"):
        funnel.record("less", "", 1)
