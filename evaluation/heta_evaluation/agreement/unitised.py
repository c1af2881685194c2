"""Krippendorff's alpha for unitising: whether raters cut the same spans out of a text, not whether they mark words.

A word-by-word coefficient sees a span of ten words as ten answers. Here a rater's answer is a sequence of sections that
cover the text, spans and the gaps between them, and what differs is where sections begin and end.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from heta_evaluation.metrics.base import BoolArray, FloatArray, Grid, Metric, Value, grid
from heta_evaluation.statistics.intervals import IntArray


@dataclass(frozen=True, kw_only=True)
class UnitisedMetric(Metric):
    """A metric of raters' spans, from each item's observed and expected disagreement."""


class Disagreement(NamedTuple):
    """Of one text: relative to its squared length, so that texts of any length can be summed."""

    observed: float
    expected: float


class Sections(NamedTuple):
    """All raters' sections of one text, one after the other: `[s]` each."""

    rater: IntArray
    begin: IntArray
    length: IntArray
    span: BoolArray
    """True for a span, false for a gap."""


def sections(marks: BoolArray, breaks: IntArray | None = None) -> Sections:
    """Cut each rater's marks `[r, n]` into runs; a span does not go on over any of `breaks`, places between units."""
    raters, n = marks.shape
    changes = np.ones((raters, n), dtype=bool)
    changes[:, 1:] = marks[:, 1:] != marks[:, :-1]
    if breaks is not None and len(breaks):
        changes[:, breaks] |= marks[:, breaks] & marks[:, breaks - 1]
    rater, begin = np.nonzero(changes)
    ends = np.append(begin[1:], 0)
    last = np.append(rater[1:] != rater[:-1], True)
    return Sections(rater, begin, np.where(last, n, ends) - begin, marks[rater, begin])


def disagreement(found: Sections, length: int, raters: int) -> Disagreement:
    """Observed and expected disagreement of one text of `length` units.

    Two overlapping spans differ by the squared distances of their ends, a span that lies wholly in another's gap by its
    squared length. Expected is what the same sections would give if each rater's were put down anywhere.

    Source: Krippendorff 2004, Content Analysis (2nd ed.), section 11.6, and Krippendorff 1995, Sociological
    Methodology 25: D_o = sum delta^2 / (m (m - 1) L^2), D_e as given there for one category; m raters, L units.
    """
    spans = found.span
    size = found.length.astype(float)
    observed = float(_differences(found).sum()) / (raters * (raters - 1) * length**2)
    own, gaps = size[spans], size[~spans]
    placed = (own.size - 1) / 3 * (2 * own**3 - 3 * own**2 + own)
    room = gaps[None, :] - own[:, None] + 1
    inside = own**2 * np.where(gaps[None, :] >= own[:, None], room, 0.0).sum(axis=1)
    whole = raters * length * (raters * length - 1) - (own * (own - 1)).sum()
    if not len(gaps) and own.size == raters:
        return Disagreement(0.0, 0.0)  # all mark everything: nowhere else to put it
    expected = 2 / length * float((placed + inside).sum()) / float(whole) if own.size else 0.0
    return Disagreement(observed, expected)


def _differences(found: Sections) -> FloatArray:
    """delta^2 of every two sections `[s, s]`, 0 for two of the same rater."""
    begin, size = found.begin.astype(float), found.length.astype(float)
    shift = begin[:, None] - begin[None, :]  # first minus second
    first, second = size[:, None], size[None, :]
    span, other = found.span[:, None], found.span[None, :]
    overlapping = span & other & (shift > -first) & (shift < second)
    ends = shift**2 + (shift + first - second) ** 2
    in_gap = span & ~other & (shift >= 0) & (shift <= second - first)
    of_gap = ~span & other & (shift <= 0) & (shift >= second - first)
    different = np.where(overlapping, ends, np.where(in_gap, first**2, np.where(of_gap, second**2, 0.0)))
    return np.where(found.rater[:, None] == found.rater[None, :], 0.0, different)


def alpha_u(sums: FloatArray) -> Grid:
    """alpha_U `[D, 1]` of summed disagreements `[D, 2]` (observed, expected): 1 - D_o / D_e; `no_variation` where
    nobody marked anything, or all marked everything (0/0).
    """
    none = sums[:, 1:] <= 0
    return grid(1.0 - sums[:, :1] / np.where(none, 1.0, sums[:, 1:]), (none, "no_variation"))


def unitised_alpha(marks: BoolArray, breaks: IntArray | None = None) -> Value:
    """alpha_U of one text, raters' marks `[r, n]`: 1 perfect, 0 chance, no lower bound. `one_rater` with one."""
    if len(marks) < 2:
        return Value(None, "one_rater")
    found = disagreement(sections(marks, breaks), marks.shape[1], len(marks))
    return alpha_u(np.asarray([found])).at(0, 0)


ALPHA_U = UnitisedMetric(
    name="alpha_u",
    title="agreement of raters on spans, where they begin and end, corrected for chance",
    family="agreement",
    range=(float("-inf"), 1.0),
    direction="higher",
    needs=("raters",),
    reference="1 - sum D_o / sum D_e over items; Krippendorff 2004, Content Analysis, section 11.6 (1995, SM 25)",
    empty="no value: no_variation",
    constant="no value: no_variation",
)
