"""Pace and budget, on a clock of their own."""

import asyncio
import random

import pytest

from heta_evaluation.judge.limits import Budget, Pace


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def begun(pace: Pace, clock: Clock, tokens: list[int]) -> list[float]:
    async def run() -> list[float]:
        times = []
        for each in tokens:
            await pace.wait(each)
            times.append(round(clock.now, 6))
        return times

    return asyncio.run(run())


def test_requests_a_minute() -> None:
    clock = Clock()
    assert begun(Pace(120, clock=clock, sleep=clock.sleep), clock, [9, 9, 9]) == [0.0, 0.5, 1.0]


def test_tokens_a_minute_hold_back_the_call_behind_a_long_one() -> None:
    clock = Clock()
    assert begun(Pace(600, 6000, clock=clock, sleep=clock.sleep), clock, [100, 5, 5]) == [0.0, 1.0, 1.1]


def test_a_pause_counts_for_all() -> None:
    clock = Clock()
    pace = Pace(clock=clock, sleep=clock.sleep)
    pace.pause(7.0)
    pace.pause(3.0)
    assert begun(pace, clock, [1, 1]) == [7.0, 7.0]


@pytest.mark.parametrize("seed", range(200))
def test_never_more_than_the_budget_and_never_less_than_it_could(seed: int) -> None:
    draw = random.Random(seed)
    most = draw.choice([0.0, 10 ** draw.uniform(-3, 2)])
    calls = [10 ** draw.uniform(-3, 1) for _ in range(draw.randint(1, 40))]
    spent_before = draw.choice([0.0, draw.uniform(0, most)])
    budget = Budget(most, spent=spent_before)
    refused: list[float] = []

    async def worker(queue: "list[float]") -> None:
        while queue:
            bound = queue.pop()
            if not await budget.reserve(bound):
                refused.append(bound)
                # Nothing is in flight and it does not fit.
                assert budget.spent + bound > most
                continue
            await asyncio.sleep(0)
            await budget.settle(bound, bound * draw.random())
            assert budget.spent <= most

    async def run() -> None:
        queue = list(calls)
        async with asyncio.TaskGroup() as group:
            for _ in range(draw.randint(1, 8)):
                group.create_task(worker(queue))

    asyncio.run(run())
    assert budget.sent + len(refused) == len(calls)


def test_calls_are_counted_over_all_runs() -> None:
    async def run() -> list[bool]:
        budget = Budget(max_calls=5, sent=3)
        return [await budget.reserve(0.0) for _ in range(4)]

    assert asyncio.run(run()) == [True, True, False, False]
