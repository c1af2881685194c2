"""Values that are computed once and shared, with an honest account of what each user of them would have paid alone."""

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

T = TypeVar("T")


@dataclass
class _Frame:
    """Work under way: which shared values it has read, and the time spent on computing them."""

    read: set[Hashable] = field(default_factory=set)
    nested: float = 0.0


@dataclass
class Bill:
    """What a block of work cost."""

    seconds: float = 0.0
    """Wall time as if nothing had been shared: values that were there already count with what they took."""


class Memo:
    """Computes each value once. Not thread-safe by itself: its owner holds a lock."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._values: dict[Hashable, Any] = {}
        self._own: dict[Hashable, float] = {}
        """Seconds for a value itself, without the shared values it is made from."""
        self._needs: dict[Hashable, frozenset[Hashable]] = {}
        self._frames: list[_Frame] = []

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of `key`, from `compute` the first time. `compute` may ask for other values."""
        if key not in self._values:
            self._compute(key, compute)
        if self._frames:
            self._frames[-1].read |= {key, *self._needs[key]}
        return cast(T, self._values[key])

    @contextmanager
    def bill(self) -> Iterator[Bill]:
        """Account for the work inside; the bill is complete when the block ends."""
        bill, frame = Bill(), _Frame()
        self._frames.append(frame)
        began = self._clock()
        try:
            yield bill
        finally:
            self._frames.pop()
            bill.seconds = self._clock() - began - frame.nested + sum(self._own[key] for key in frame.read)

    def _compute(self, key: Hashable, compute: Callable[[], object]) -> None:
        frame = _Frame()
        self._frames.append(frame)
        began = self._clock()
        try:
            value = compute()
        finally:
            self._frames.pop()
        took = self._clock() - began
        if self._frames:
            self._frames[-1].nested += took
        self._values[key], self._own[key], self._needs[key] = value, took - frame.nested, frozenset(frame.read)
