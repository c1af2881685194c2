"""Scores brought onto the units that raters marked, from tokens by a rule, or as they are where they stand on units."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from heta.errors import NumericalError
from heta.records import Attribution, Span
from heta.words import Overlap, Rule, overlap
from heta_data.compose import label_units, unscored_spans
from heta_data.records import AttributionRecord, Item, Role
from heta_evaluation.alignment.subjects import LEXICAL
from heta_evaluation.metrics.base import BoolArray, FloatArray, IntArray

NO_MASS = -1.0
"""Stands for the outside share of scores without any positive mass."""
_ELSEWHERE: tuple[Role, ...] = ("question", "separator", "other")
"""Segments that raters see and cannot mark; worked examples are never scored."""


class Carried(NamedTuple):
    """One method's scores of one item."""

    scores: FloatArray
    """`[unit]`"""
    elsewhere: FloatArray
    """`[word]`, scores of the words that cannot be marked."""
    outside: float
    """Share of the positive mass that overlaps no unit, `NO_MASS` where there is none."""
    native: bool
    """Whether the scores stood on the units themselves, so that no rule was needed."""


class Units(NamedTuple):
    """The units of an item in the order of its prompt's segments."""

    marked: tuple[Span, ...]
    """What raters can mark."""
    elsewhere: tuple[Span, ...]
    """The same kind of units in all other segments but worked examples."""
    position: IntArray
    """`[marked + elsewhere]`, counted through the prompt, with a gap between segments."""


def find_units(item: Item, segmentation: str) -> Units:
    """What can be marked in an item, and what else stands in its prompt."""
    marked = label_units(item, segmentation)
    elsewhere = label_units(item, segmentation, roles=_ELSEWHERE)
    starts = np.asarray([unit.start for unit in (*marked, *elsewhere)], dtype=np.int64)
    order = np.argsort(np.argsort(starts, kind="stable"), kind="stable")
    segment = np.searchsorted([segment.start for segment in item.segments], starts, side="right")
    return Units(marked, elsewhere, np.asarray(order + segment, dtype=np.int64))


def mentions(item: Item, units: Sequence[Span]) -> BoolArray:
    """`[unit]`, true for the words of each place where the answer itself stands, whatever their case."""
    from heta.words import segment_words

    words = [item.prompt[unit.start : unit.end].casefold() for unit in units]
    answer = [item.answer[word.start : word.end].casefold() for word in segment_words(item.answer)]
    found = np.zeros(len(words), dtype=bool)
    for start in range(len(words) - len(answer) + 1):
        if words[start : start + len(answer)] == answer:
            found[start : start + len(answer)] = True
    return found


class Carrier:
    """Brings scores onto the units of one item. Where tokens lie is looked up once for all methods of a tokenizer."""

    def __init__(self, item: Item, units: Units, rule: Rule) -> None:
        self.item, self.units, self.rule = item, units, rule
        self._layouts: dict[tuple[tuple[int, ...], tuple[int, ...], tuple[bool, ...]], _Layout] = {}

    def record(self, record: AttributionRecord) -> Carried:
        """An attribution record's scores."""
        scored = tuple([score is not None for score in record.scores])
        scores = np.asarray([0.0 if score is None else score for score in record.scores], dtype=float)
        key = (record.starts, record.ends, scored)
        if key not in self._layouts:
            spans = [Span(start, end) for start, end in zip(record.starts, record.ends, strict=True)]
            self._layouts[key] = _Layout(self.item.prompt, spans, np.asarray(scored, dtype=bool), self.units)
        return self._layouts[key].carry(scores, self.rule, words=record.unit == "word")

    def lexical(self) -> list[Carried]:
        """The scores of each lexical baseline, on words of its own."""
        import heta

        prepared = heta.prepare(None, self.item.prompt, self.item.target, unscored=unscored_spans(self.item))
        found: list[Attribution] = [prepared.attribute(heta.create_method(name)) for name in LEXICAL]
        layout = _Layout(self.item.prompt, list(found[0].spans), found[0].scored, self.units)
        return [layout.carry(each.scores, self.rule, words=True) for each in found]


class _Layout:
    """Where one segmentation of a prompt lies against the units."""

    def __init__(self, text: str, spans: list[Span], scored: BoolArray, units: Units) -> None:
        covered = np.zeros(len(text) + 1, dtype=np.int64)
        for unit in units.marked:
            covered[unit.start + 1 : unit.end + 1] = 1
        before = np.cumsum(covered)  # code points of units in front of each position
        ends = np.asarray([(span.start, span.end) for span in spans], dtype=np.int64).reshape(-1, 2)
        self.outside = before[ends[:, 1]] <= before[ends[:, 0]]
        self.scored = scored
        self.marked = len(units.marked)
        self.overlap: Overlap = overlap(text, spans, scored, [*units.marked, *units.elsewhere])
        own = {span for span, counts in zip(spans, scored.tolist(), strict=True) if counts}
        self.same = all(unit in own for unit in units.marked)

    def carry(self, scores: FloatArray, rule: Rule, *, words: bool) -> Carried:
        mass = np.where(self.scored, np.maximum(scores, 0.0), 0.0)
        mass = np.ldexp(mass, -int(np.frexp(mass.max(initial=0.0))[1]))  # so that no sum overflows
        total = float(mass.sum())
        outside = min(1.0, float(mass[self.outside].sum()) / total) if total > 0 else NO_MASS
        native = words and self.same
        with np.errstate(over="ignore"):
            carried = self.overlap.carry(scores, "max" if native else rule)
        if not np.isfinite(carried).all():
            raise NumericalError(f"scores up to {scores.max():g} overflow under the rule {rule!r}; take --rule max")
        return Carried(carried[: self.marked], carried[self.marked :], outside, native)
