"""An aggregation on a terminal: how it went, and a line for each rater."""

import sys
from typing import TYPE_CHECKING

from heta_evaluation.aggregation.study import AggregationStudy
from heta_evaluation.summary import banners, number

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_WIDTH = 110


def print_aggregation(study: AggregationStudy, console: "Console | None" = None) -> None:
    """Print the raters by falling skill, and what became of the items."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.panel import Panel
    from rich.table import Table as RichTable

    out = console or Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    for banner in banners(study.aggregation.gold):
        out.print(Panel(f"{banner.label}. {banner.text}", style="bold black on yellow"))
    summary = study.summary
    table = RichTable(title=f"Raters by {summary.method}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("rater", no_wrap=True)
    known = summary.known > 0
    for heading in ("items", "marked", "skill", "sensitivity", "specificity", *(["F1 on known"] if known else [])):
        table.add_column(heading, justify="right")
    for line in sorted(study.raters, key=lambda line: (-line.skill, line.rater)):
        cells = [number(line.marked), number(line.skill), number(line.sensitivity), number(line.specificity)]
        score = [f"{number(line.gold_score)} ({line.gold_items})"] if known else []
        kind = "" if line.kind == "human" else f" ({line.kind})"
        table.add_row(escape(line.rater + kind), str(line.items), *cells, *score)
    out.print(table)
    out.print(f"Skill: {summary.skill}", markup=False)
    sources = ", ".join(f"{count} {source}" for source, count in summary.sources.items())
    out.print(
        f"{summary.items} items ({sources}), {summary.known} of them known; {summary.gold_share:.1%} of the units gold"
    )
    if not summary.converged:
        out.print(f"Note: {summary.method} did not converge in {summary.iterations} steps: gold may be unstable.")
