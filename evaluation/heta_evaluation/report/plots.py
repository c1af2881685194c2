"""Forest plots as inline SVG: geometry only, colours come from the style sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import NamedTuple

from heta_data.records import MetricResult
from heta_evaluation.alignment.subjects import RANDOM
from heta_evaluation.results import HUMAN_REFERENCE, ResultIndex
from heta_evaluation.summary import Line, figure, number, title

ROW, TOP, BOTTOM = 26, 26, 40


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
class Forest:
    """One plot, in the units of its viewBox."""

    id: str
    heading: str
    caption: str
    width: int
    labels: int
    """Where the row names end."""
    height: int
    bottom: float
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float | None
    """Where 0 or the random baseline lies, as a dashed line."""
    zero_label: str
    band: Band | None

    @property
    def description(self) -> str:
        """The whole plot as text, for readers that do not see it."""
        return "; ".join(f"{mark.label}: {mark.text}" for mark in self.marks)


def forest_plots(lines: Sequence[Line], index: ResultIndex) -> list[Forest]:
    """The plot against held-out raters with the human reference first, then one for each main metric."""
    plots = [
        _forest(
            "held-out",
            "F1@k against one rater at a time",
            "Each rater is the target once; the band is what the other raters reach, the ceiling for any method.",
            [(line, index.get("token_f1@k", line.subject.name, "held_out")) for line in lines],
            reference=index.get("token_f1@k", HUMAN_REFERENCE, "held_out"),
            layout=WIDE,
        )
    ]
    headings = {
        "token_f1@k": "F1@k against the majority of raters",
        "average_precision": "Average precision against the majority of raters",
        "spearman": "Spearman with the share of raters that marked",
        "dsa_minus_uniform": "DSA minus uniform: evidence over distractor",
    }
    for metric, heading in headings.items():
        rows = [(line, line.figures.get(metric)) for line in lines]
        plots.append(_forest(metric.replace("@", "-"), heading, _sentence(title(metric)), rows))
    return plots


def _forest(
    identifier: str,
    heading: str,
    caption: str,
    rows: Sequence[tuple[Line, MetricResult | None]],
    *,
    reference: MetricResult | None = None,
    layout: Layout = NARROW,
) -> Forest:
    known = [found for _, found in rows if found is not None and found.value is not None]
    if reference is not None and reference.value is not None:
        known.append(reference)
    steps = _ticks([end for found in known for end in (found.low, found.value, found.high) if end is not None])
    low, high = steps[0], steps[-1]

    def place(value: float | None) -> float | None:
        inner = layout.width - layout.labels - layout.right
        return None if value is None else round(layout.labels + inner * (value - low) / (high - low), 1)

    marks = []
    for position, (line, found) in enumerate(rows):
        style = "baseline" if line.subject.baseline else "method"
        ends = (place(found.value), place(found.low), place(found.high)) if found else (None, None, None)
        marks.append(Mark(line.label, TOP + ROW * (position + 0.5), *ends, figure(found), style))
    chance = next((found for line, found in rows if line.subject.method == RANDOM and found is not None), None)
    return Forest(
        id=identifier,
        heading=heading,
        caption=caption,
        width=layout.width,
        labels=layout.labels - 12,
        height=TOP + ROW * len(rows) + BOTTOM,
        bottom=TOP + ROW * len(rows),
        marks=tuple(marks),
        ticks=tuple((place(step) or 0.0, number(step, 1)) for step in steps),
        zero=place(chance.value) if chance else None,
        zero_label="random",
        band=_band(reference, place(reference.value), place(reference.low), place(reference.high))
        if reference is not None
        else None,
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _band(reference: MetricResult, x: float | None, low: float | None, high: float | None) -> Band | None:
    if reference.value is None or x is None:
        return None
    return Band(x, x if low is None else low, x if high is None else high)


def _ticks(values: Sequence[float]) -> list[float]:
    """Round steps of 0.1, 0.2 or 0.5 that span all values and 0."""
    low, high = min([0.0, *values]), max([0.0, *values])
    span = high - low
    step = 0.1 if span <= 0.6 else 0.2 if span <= 1.4 else 0.5
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(tick * step, 1) for tick in range(first, max(last, first + 1) + 1)]
