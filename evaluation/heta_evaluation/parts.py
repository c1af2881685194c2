"""The main figure once more, under each declared choice and in each part of the items: tables for a terminal."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from heta_data.records import MetricResult
from heta_evaluation.alignment.projection import PROJECTION_BIAS
from heta_evaluation.alignment.strata import DIMENSIONS
from heta_evaluation.results import ResultIndex
from heta_evaluation.summary import MAIN, Line, interval, number

if TYPE_CHECKING:
    from rich.table import Table as RichTable

CHOICES = ("k=5", "k=20%", "micro", "abs", "clip", "mention=without", "scope=prompt")
"""Variants of the main metric, in the order of the table."""
_STRATUM = re.compile(rf"(?:{'|'.join((*DIMENSIONS, 'arm'))})=.+")
_METHODS = 5
"""Methods that a table has room for."""


def choice_table(index: ResultIndex, lines: Sequence[Line]) -> "RichTable | None":
    """The main metric under other choices, a row a choice; None where there is no method."""
    return _table("F1@k under other choices", [name for name in CHOICES if index.of(MAIN, name)], index, lines)


def stratum_table(index: ResultIndex, lines: Sequence[Line]) -> "RichTable | None":
    """The main metric by part of the items, a row a part; None where there is no method or only one part."""
    return _table(
        "F1@k by part of the items", [name for name in index.variants(MAIN) if is_stratum(name)], index, lines
    )


def is_stratum(variant: str) -> bool:
    """Whether a variant is a part of the items, rather than a choice of how to score."""
    return _STRATUM.fullmatch(variant) is not None


def _table(title: str, variants: Sequence[str], index: ResultIndex, lines: Sequence[Line]) -> "RichTable | None":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable

    methods = [line for line in lines if not line.subject.baseline and line.ranked]
    shown = [*methods[:_METHODS], *(line for line in lines if line.subject.method == "random")]
    if not variants or not methods:
        return None
    more = f"; {len(methods) - _METHODS} more methods in results.jsonl" if len(methods) > _METHODS else ""
    table = RichTable(
        title=f"{title}, 95 % intervals below{more}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("F1@k", no_wrap=True)
    for line in shown:
        table.add_column(line.label, justify="right")
    table.add_column("items", justify="right")
    for variant in ("main", *variants):
        found = [index.get(MAIN, line.subject.name, variant) for line in shown]
        count = max((one.n for one in found if one), default=0)
        table.add_row(variant, *(_cell(one) for one in found), str(count))
    return table


def _cell(result: MetricResult | None) -> str:
    """Value and, in a line of its own, the interval; a choice that changes nothing for a method has no record."""
    if result is None:
        return "as main"
    if result.value is None:
        return (result.reason or "").replace("_", " ")
    return "\n".join([number(result.value), interval(result)[1:-1].replace(", ", "…")]).strip()


def bias_sentence(index: ResultIndex, rule: str) -> list[str]:
    """What random scores say about the rules, one line a model; empty where there are no tokens."""
    said = []
    for model in dict.fromkeys(one.subject for one in index.of(PROJECTION_BIAS.name, "max")):
        found = {name: index.get(PROJECTION_BIAS.name, model, name) for name in ("max", "sum", "mean", "first")}
        figures = [
            f"{name} {number(one.value, 0, sign=True)} ± {number(one.config['monte_carlo_error'], 1)} %"
            for name, one in found.items()
            if one and one.value is not None
        ]
        if figures:
            said.append(
                f"On random scores the rules rank words of several {model} tokens above the middle by: "
                f"{', '.join(figures)} (here: {rule})."
            )
    return said
