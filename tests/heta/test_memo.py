"""Shared values: computed once, billed to everyone who uses them."""

import pytest

from heta.memo import Memo


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> float:
        self.now += seconds
        return seconds


def test_a_value_is_computed_once() -> None:
    memo, calls = Memo(), []
    assert memo.get("a", lambda: calls.append(1) or 7) == 7
    assert memo.get("a", lambda: calls.append(1) or 8) == 7
    assert calls == [1]


def test_every_user_is_billed_as_if_alone() -> None:
    clock = Clock()
    memo = Memo(clock)

    def base() -> float:
        return memo.get("base", lambda: clock.work(10))

    def information() -> float:
        return memo.get("information", lambda: base() + clock.work(5))

    def gradient() -> float:
        return memo.get("gradient", lambda: base() + clock.work(2))

    with memo.bill() as first:  # base 10 + information 5 + own 1
        information()
        clock.work(1)
    with memo.bill() as second:  # base 10 (there already) + gradient 2 + own 3; base is read twice, billed once
        gradient()
        base()
        clock.work(3)
    with memo.bill() as third:  # everything there already: base 10 + information 5
        information()
    with memo.bill() as nothing:
        pass
    assert [first.seconds, second.seconds, third.seconds, nothing.seconds] == [16, 15, 15, 0]
    assert clock.now == 10 + 5 + 1 + 2 + 3


def test_a_failure_leaves_nothing_behind() -> None:
    clock = Clock()
    memo = Memo(clock)

    def fail() -> None:
        clock.work(4)
        raise ValueError

    with pytest.raises(ValueError), memo.bill() as bill:
        memo.get("a", fail)
    assert bill.seconds == 4
    assert memo.get("a", lambda: 1) == 1
