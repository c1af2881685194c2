"""Windows over a long context."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

WindowKind = Literal["restricted", "isolated"]


class Windows(NamedTuple):
    """How a context is cut."""

    size: int
    """Tokens a window."""
    overlap: float
    """Share of a window that the next one repeats, in [0, 1)."""
    kind: WindowKind
    """`restricted`: the model reads everything, probes of several tokens stay within a window. `isolated`: every window
    is a prompt of its own, with the target behind it."""

    def over(self, count: int) -> list[range]:
        """Ranges that cover `range(count)`; the last one is moved back to be as long as the others."""
        if self.size >= count:
            return [range(count)]
        stride = max(1, round(self.size * (1 - self.overlap)))
        starts = [
            min(index * stride, count - self.size) for index in range(math.ceil((count - self.size) / stride) + 1)
        ]
        return [range(start, start + self.size) for start in starts]


def mean_over(count: int, cut: Sequence[range], parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """`[..., count]`: every element's mean over the windows that hold it, 0 where none does."""
    total = np.zeros((*parts[0].shape[:-1], count))
    held = np.zeros(count)
    for window, values in zip(cut, parts, strict=True):
        total[..., window.start : window.stop] += values
        held[window.start : window.stop] += 1
    result: NDArray[np.float64] = total / np.maximum(held, 1)
    return result
