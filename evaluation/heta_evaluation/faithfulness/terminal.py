"""The summary of a faithfulness run on a terminal."""

import sys
from typing import TYPE_CHECKING

from heta_data.records import MetricResult
from heta_evaluation.faithfulness.results import figures
from heta_evaluation.summary import banners, interval, number, short_names

if TYPE_CHECKING:
    from rich.console import Console

    from heta_evaluation.faithfulness.runner import Faithfulness

_PLAIN_WIDTH = 110
_COLUMNS = 4
_ARROWS = {"higher": "↑", "lower": "↓", "neutral": ""}


def print_faithfulness(found: "Faithfulness", console: "Console | None" = None) -> None:
    """Print figures with intervals and Monte-Carlo errors, a few metrics a table, then notes, failures and cost."""
    from rich.console import Console
    from rich.panel import Panel

    out = console or Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    for banner in banners(found.results):
        out.print(Panel(f"{banner.label}. {banner.text}", style="bold black on yellow"))
    out.print(f"Faithfulness over {found.items} items: mean, 95 % interval, Monte-Carlo error", markup=False)
    for start in range(0, len(found.metrics), _COLUMNS):
        _print_table(found, start, out)
    for note in found.notes:
        out.print(f"Note: {note}", markup=False)
    cost = found.cost
    out.print(
        f"{found.done} row and metric pairs computed, {found.skipped} there already, {len(found.failures)} failed.",
        markup=False,
    )
    if cost.items:
        passes, seconds = cost.forwards / cost.items, cost.seconds / cost.items
        out.print(
            f"{cost.forwards} forward passes for metrics on {cost.items} items: {passes:.0f}, {seconds:.1f} s an item.",
            markup=False,
        )


def _print_table(found: "Faithfulness", start: int, out: "Console") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    metrics = found.metrics[start : start + _COLUMNS]
    names = short_names(found.subjects)
    index = {(result.metric, result.subject): result for result in figures(found.results)}
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("row")
    for metric in metrics:
        table.add_column(f"{metric.name.replace('_', ' ')} {_ARROWS[metric.direction]}", justify="right")
    for subject in found.subjects:
        cells = [_cell(index.get((metric.name, subject.name))) for metric in metrics]
        table.add_row(escape(names[subject.name]), *cells, style="dim" if subject.baseline else None)
    out.print(table)


def _cell(result: MetricResult | None) -> str:
    if result is None:
        return ""
    if result.value is None:
        return (result.reason or "").replace("_", " ")
    lines = [number(result.value)]
    if between := interval(result)[1:-1].replace(", ", "…"):
        lines.append(between)
    if (error := result.config.get("error")) is not None:
        lines.append(f"±{float(error):.1g}")
    return "\n".join(lines)
