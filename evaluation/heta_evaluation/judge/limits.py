"""What holds a run back: requests and tokens a minute, pauses that an endpoint asks for, and money."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pace:
    """Spreads calls evenly: none begins before its share of the minute has come.

    Args:
        requests: a minute, over all workers; None for no limit.
        tokens: a minute, prompt and longest reply counted; None for no limit.
        clock: seconds, rising.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        requests: float | None = None,
        tokens: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._requests, self._tokens = requests, tokens
        self._clock, self._sleep = clock, sleep
        self._next = clock()

    async def wait(self, tokens: int) -> None:
        """Returns when a call of so many tokens may begin; calls begin in the order in which they ask."""
        now = self._clock()
        begin = max(now, self._next)
        gap = 60.0 / self._requests if self._requests else 0.0
        if self._tokens:
            gap = max(gap, 60.0 * tokens / self._tokens)
        self._next = begin + gap
        while (left := max(begin, self._paused_until) - self._clock()) > 0:
            await self._sleep(left)

    _paused_until = 0.0

    def pause(self, seconds: float) -> None:
        """No call begins for so long: the endpoint said so, and it counts for all workers."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)


class Budget:
    """Money and requests over all runs of a folder. Nothing is sent that could take more than what is left.

    Args:
        max_cost: in the prices' currency; None for no limit.
        max_calls: requests; None for no limit.
        spent: by earlier runs.
        sent: requests of earlier runs.
    """

    def __init__(
        self, max_cost: float | None = None, max_calls: int | None = None, *, spent: float = 0.0, sent: int = 0
    ) -> None:
        self._max_cost, self._max_calls = max_cost, max_calls
        self.spent, self.sent = spent, sent
        self._reserved, self._flying = 0.0, 0
        self._changed = asyncio.Condition()

    async def reserve(self, bound: float) -> bool:
        """Whether a request that costs at most `bound` may be sent. Waits for those in flight where they decide it."""
        async with self._changed:
            while True:
                if self._max_calls is not None and self.sent >= self._max_calls:
                    return False
                if self._max_cost is None or self.spent + self._reserved + bound <= self._max_cost:
                    self._reserved += bound
                    self._flying += 1
                    self.sent += 1
                    return True
                if not self._flying:
                    return False
                await self._changed.wait()

    async def settle(self, bound: float, cost: float) -> None:
        """The request that had reserved `bound` has cost so much."""
        async with self._changed:
            self._reserved = max(0.0, self._reserved - bound)
            self._flying -= 1
            self.spent += cost
            self._changed.notify_all()
