"""A sheet: one table of figures, the same for the page, for CSV, LaTeX and Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from heta_data.records import MetricResult
from heta_evaluation.summary import Banner, banners, interval, number


class Number(NamedTuple):
    """A plain number: as it is, and as people read it."""

    value: float | int
    text: str


ANCHORING = "anchoring"
"""The variant of figures that compare raters who saw an attribution with raters who did not."""
Cell = MetricResult | Number | str | None
"""A figure, a plain number, a text, or None where nothing was computed."""
Style = Literal["method", "baseline", "reference"]


@dataclass(frozen=True)
class Heading:
    """The head of one column."""

    name: str
    key: str
    """Its name in a CSV file."""
    numeric: bool = True
    sign: bool = False
    """Whether positive figures carry a plus."""
    whole: bool = False
    """Whether figures are ranks: 2 or 2.5, without further places."""

    def text(self, result: MetricResult) -> tuple[str, str]:
        """A figure that has a value, and its interval, as people read them."""
        if not self.whole:
            return number(result.value, sign=self.sign), interval(result, sign=self.sign)
        ends = "" if result.low is None else f"[{result.low:g}, {result.high:g}]"
        return f"{result.value:g}", ends


@dataclass(frozen=True)
class SheetRow:
    """One row: as many cells as the sheet has headings; the first one names the row."""

    cells: tuple[Cell, ...]
    style: Style = "method"


@dataclass(frozen=True)
class Sheet:
    """One table of figures."""

    id: str
    """Unique in a report; the name of its files."""
    title: str
    caption: str
    """What the figures are, without the kinds of labels: every writer puts these in front."""
    headings: tuple[Heading, ...]
    rows: tuple[SheetRow, ...]
    hint: str = ""
    """How to read it; on the page only."""
    origin: "Origin | None" = None
    """Whose labels stand behind it, where they are not those of the whole report."""


@dataclass(frozen=True)
class Origin:
    """Whose labels stand behind every figure of a report."""

    kinds: tuple[str, ...]
    arms: tuple[str, ...]
    banners: tuple[Banner, ...]
    """Warnings; empty where all labels are people's blind judgement."""

    @classmethod
    def of(cls, results: Iterable[MetricResult]) -> "Origin":
        """The kinds and arms that occur in any of the results.

        The anchoring effect compares arms: assisted labels do not enter it unnoticed.
        """
        found = [one for one in results if one.variant != ANCHORING]
        kinds = {kind for one in found for kind in one.kinds}
        arms = {arm for one in found for arm in one.arms}
        return cls(tuple(sorted(kinds)), tuple(sorted(arms)), tuple(banners(found)))

    @property
    def sentence(self) -> str:
        """`Labels: human raters, blind arm.`"""
        if not self.kinds:
            return "No labels."
        return f"Labels: {' and '.join(self.kinds)} raters, {' and '.join(self.arms)} arm{'s'[: len(self.arms) > 1]}."

    @property
    def alarm(self) -> str:
        """The banners' names, as they stand in front of a caption; empty for people's blind labels."""
        return " + ".join(banner.label for banner in self.banners)

    def caption(self, text: str) -> str:
        """A caption for paper: the alarm, what the figures are, and whose labels they come from."""
        return " ".join(part for part in (self.alarm and f"{self.alarm}.", text, self.sentence) if part)


def headings(first: str, *rest: Heading) -> tuple[Heading, ...]:
    """The heading of the row names, then the others."""
    return (Heading(first, first.lower().replace(" ", "_"), numeric=False), *rest)


def known(sheets: Iterable[Sheet | None]) -> list[Sheet]:
    """The sheets that have rows."""
    return [sheet for sheet in sheets if sheet is not None and sheet.rows]


def without_empty_columns(sheet: Sheet) -> Sheet:
    """The sheet less columns in which no row has anything."""
    kept: Sequence[int] = [
        place
        for place, _ in enumerate(sheet.headings)
        if place == 0 or any(row.cells[place] is not None for row in sheet.rows)
    ]
    if len(kept) == len(sheet.headings):
        return sheet
    return replace(
        sheet,
        headings=tuple(sheet.headings[place] for place in kept),
        rows=tuple(SheetRow(tuple(row.cells[place] for place in kept), row.style) for row in sheet.rows),
    )
