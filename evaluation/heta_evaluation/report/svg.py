"""Forest plots as inline SVG: geometry only, colours come from the style sheet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import NamedTuple

from heta_data.records import MetricResult
from heta_evaluation.report.plots import Forest
from heta_evaluation.summary import number

ROW, TOP, BOTTOM = 26, 26, 40


_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
Place = Callable[[float | None], float | None]
"""From a value to its place on the axis."""


class Layout(NamedTuple):
    """Widths of a plot and of what stands left and right of its axis."""

    width: int
    labels: int
    right: int


WIDE, NARROW = Layout(860, 190, 150), Layout(520, 118, 122)


@dataclass(frozen=True)
class Mark:
    """One row of a plot."""

    label: str
    y: float
    x: float | None
    low: float | None
    high: float | None
    text: str
    """Value and interval, or the reason."""
    style: str
    """`method` or `baseline`."""


@dataclass(frozen=True)
class Band:
    """The human reference: a line, and its interval as a band."""

    x: float
    low: float
    high: float


@dataclass(frozen=True)
class Drawing:
    """One plot, in the units of its viewBox."""

    forest: Forest
    width: int
    labels: int
    """Where the row names end."""
    height: int
    bottom: float
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    line: tuple[float, str] | None
    """A dashed line with its name: the random baseline, or no difference."""
    band: Band | None


def draw(forest: Forest, layout: Layout = NARROW) -> Drawing:
    """Where everything stands."""
    steps = whole_ticks(forest.values) if forest.ranks else ticks(forest.values)
    low, high = steps[0], steps[-1]
    inner = layout.width - layout.labels - layout.right

    def place(value: float | None) -> float | None:
        return None if value is None else round(layout.labels + inner * (value - low) / (high - low), 1)

    digits = 0 if forest.ranks else 1 if steps[1] - steps[0] > 0.09 else 2
    marks = []
    for position, row in enumerate(forest.rows):
        one = row.result
        ends = (place(one.value), place(one.low), place(one.high)) if one else (None, None, None)
        marks.append(Mark(row.label, TOP + ROW * (position + 0.5), *ends, forest.text(row), row.style))
    zero, dashed = (0.0, "no difference") if forest.sign else (forest.chance, "random")
    at = place(zero)
    return Drawing(
        forest=forest,
        width=layout.width,
        labels=layout.labels - 12,
        height=TOP + ROW * len(forest.rows) + BOTTOM,
        bottom=TOP + ROW * len(forest.rows),
        marks=tuple(marks),
        ticks=tuple((place(step) or 0.0, number(step, digits)) for step in steps),
        line=None if at is None else (at, dashed),
        band=_band(forest.reference, place),
    )


def _band(reference: MetricResult | None, place: Place) -> Band | None:
    if reference is None or (x := place(reference.value)) is None:
        return None
    low, high = place(reference.low), place(reference.high)
    return Band(x, x if low is None else low, x if high is None else high)


def ticks(values: Sequence[float]) -> list[float]:
    """Round steps, at most seven or so, that span all values and 0."""
    low, high = min([0.0, *values]), max([0.0, *values])
    span = high - low
    step = next((step for step in _STEPS if span <= 7 * step), span / 5)
    step = 0.1 if span == 0 else step
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(tick * step, 2) for tick in range(first, max(last, first + 1) + 1)]


def whole_ticks(values: Sequence[float]) -> list[float]:
    """1 and then round whole numbers up to the largest value."""
    high = max(2.0, ceil(max(values, default=2.0) - 1e-9))
    step = max(1, ceil((high - 1) / 10))
    found = [float(tick) for tick in range(1, int(high) + 1, step)]
    return found if found[-1] >= high else [*found, found[-1] + step]
