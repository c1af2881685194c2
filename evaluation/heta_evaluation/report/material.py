"""What a report is made of: figures by metric, variant and subject, from results.jsonl and the files beside it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from heta_data.records import MetricResult
from heta_evaluation.alignment.strata import DIMENSIONS
from heta_evaluation.metrics import METRICS
from heta_evaluation.results import ResultIndex
from heta_evaluation.summary import COLUMNS, Line, short_names, title

HEADINGS = {
    "token_f1@k": "F1@k",
    "average_precision": "Average precision",
    "spearman": "Spearman",
    "dsa_minus_uniform": "DSA − uniform",
}
_DIMENSIONS = (*DIMENSIONS, "arm")
"""By what items, or their labels, are parted."""
_STRATUM = re.compile(r"(?P<dimension>[a-z][a-z_ ]*)=(?P<value>.+)")


class Stratum(NamedTuple):
    """A part of the items: `source=sciq`, `length=short`."""

    dimension: str
    value: str


def stratum(variant: str) -> Stratum | None:
    """The part of the items that a variant is about; None for any other variant."""
    found = _STRATUM.fullmatch(variant)
    return Stratum(found["dimension"], found["value"]) if found else None


def parts(variants: Iterable[str]) -> dict[str, dict[str, None]]:
    """Dimension -> its values in order, of the variants that are parts of the items.

    Other names with `=`, such as `scope=prompt` or `k=5`, are other ways to look at all items and no parts of them.
    """
    found: dict[str, dict[str, None]] = {}
    for variant in variants:
        if (part := stratum(variant)) and part.dimension in _DIMENSIONS:
            found.setdefault(part.dimension, {})[part.value] = None
    return found


def heading(metric: str) -> str:
    """A metric's name at the head of a column."""
    return HEADINGS.get(metric, metric.replace("_", " "))


def about(metric: str) -> str:
    """What a metric says, as a sentence; empty where nothing is registered."""
    said = title(metric)
    return "" if said == metric else f"{said[0].upper()}{said[1:]}."


def lower_is_better(metric: str) -> bool:
    """Whether a registered metric is the better the lower it is."""
    return metric in METRICS and METRICS.get(metric).direction == "lower"


@dataclass(frozen=True)
class Material:
    """Every figure over all items that a report can show."""

    figures: Sequence[MetricResult]
    """Of results.jsonl, none of single items."""
    lines: Sequence[Line]
    """One for each method and baseline, best first."""
    agreement: Sequence[MetricResult] = ()
    """Of agreement.jsonl."""
    faithfulness: Sequence[MetricResult] = ()
    """Of faithfulness.jsonl, means only."""
    seconds: Mapping[str, float] | None = None
    """Subject name -> mean wall seconds an item."""
    raters: Sequence[str] = ()
    """Pseudonyms: subjects of agreement.jsonl that are single raters."""

    @cached_property
    def index(self) -> ResultIndex:
        """The figures of results.jsonl by metric, variant and subject."""
        return ResultIndex(self.figures)

    @cached_property
    def faith(self) -> ResultIndex:
        """The figures of faithfulness.jsonl by metric, variant and subject."""
        return ResultIndex(self.faithfulness)

    @cached_property
    def names(self) -> dict[str, str]:
        """Subject name -> how it is called in a table."""
        return short_names([line.subject for line in self.lines])

    @cached_property
    def by_name(self) -> dict[str, Line]:
        """Subject name -> its line."""
        return {line.subject.name: line for line in self.lines}

    def called(self, subject: str) -> str:
        """A subject's short name; a pair's both short names; anything else as it is."""
        if subject in self.names:
            return self.names[subject]
        first, _, second = subject.partition(" minus ")
        return f"{self.names[first]} − {self.names[second]}" if {first, second} <= self.names.keys() else subject

    def metrics_of(self, variant: str) -> list[str]:
        """Metrics that have figures of a variant: the main ones first."""
        return ordered(one.metric for one in self.figures if one.variant == variant)

    @cached_property
    def strata(self) -> dict[str, dict[str, None]]:
        """Dimension -> its values in the order of the records."""
        return parts(one.variant for one in self.figures)

    def is_part(self, variant: str) -> bool:
        """Whether a variant is about a part of the items."""
        part = stratum(variant)
        return part is not None and part.dimension in self.strata


def ordered(metrics: Iterable[str]) -> list[str]:
    """Each metric once: the main ones first, then in the order given."""
    found = dict.fromkeys(metrics)
    return [*(metric for metric in COLUMNS if metric in found), *(one for one in found if one not in COLUMNS)]
