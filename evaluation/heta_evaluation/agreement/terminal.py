"""Agreement on a terminal: all raters, then sources and arms, raters, and the items they agree on least."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from heta_data.records import MetricResult
from heta_evaluation.agreement.results import RATERS
from heta_evaluation.agreement.study import CHANGE, LEAVE_OUT, NEW_RATERS, OTHERS, AgreementStudy
from heta_evaluation.results import EVALUATION, ResultIndex
from heta_evaluation.summary import banners, figure, title

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

_PLAIN_WIDTH = 110
_WORST = 5
_BESIDE = ("krippendorff_alpha", "raw_agreement", "positive_agreement", "prevalence", "pairwise_f1")


def print_agreement(study: AgreementStudy, console: "Console | None" = None) -> None:
    """Print banners, tables and notes."""
    from rich.console import Console
    from rich.panel import Panel

    out = console or Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    index = ResultIndex(study.results)
    for banner in banners(study.results):
        out.print(Panel(f"{banner.label}. {banner.text}", style="bold black on yellow"))
    out.print(_overall(study, index))
    variants = dict.fromkeys(one.variant for one in study.results if "=" in one.variant and "," not in one.variant)
    if variants:
        out.print(_beside("By source and arm", "", [(name, name) for name in variants], index))
    if len(study.ratings.raters) > 1:
        out.print(_raters(study.ratings.raters, index))
        worst = _least_agreed(study.results)
        if worst:
            out.print("Items with the lowest F1 between raters: " + ", ".join(worst), markup=False)
    for note in study.notes:
        out.print(f"Note: {note}", markup=False)


def _table(heading: str, first: str, columns: Sequence[str]) -> "RichTable":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable

    table = RichTable(title=heading, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _overall(study: AgreementStudy, index: ResultIndex) -> "RichTable":
    crossed = index.get("krippendorff_alpha", RATERS, NEW_RATERS) is not None
    heading = f"Agreement of {len(study.ratings.raters)} raters on {len(study.ratings.rows)} items, 95 % intervals"
    table = _table(heading, "", ["these raters", *(["new raters"] if crossed else []), "items"])
    table.add_column("says", style="dim")
    for one in study.results:
        if one.item_id is None and one.subject == RATERS and one.metric != EVALUATION and _plain(one.variant):
            name = one.metric if one.variant == "main" else f"{one.metric}, {one.variant}"
            new = index.get(one.metric, RATERS, NEW_RATERS) if one.variant == "main" else None
            cells = [figure(one), *([figure(new) if new else ""] if crossed else []), str(one.n)]
            table.add_row(name, *cells, title(one.metric).split(":")[0].split(",")[0])
    return table


def _plain(variant: str) -> bool:
    return variant == "main" or variant.startswith("levels")


def _beside(heading: str, first: str, rows: Sequence[tuple[str, str]], index: ResultIndex) -> "RichTable":
    table = _table(heading, first, [name.replace("_", " ") for name in _BESIDE])
    for label, variant in rows:
        table.add_row(label, *(figure(index.get(name, RATERS, variant)) for name in _BESIDE))
    return table


def _raters(names: Sequence[str], index: ResultIndex) -> "RichTable":
    table = _table("By rater", "rater", ["F1 with others", "alpha without", "change without", "marked"])
    for name in names:
        change = index.get("krippendorff_alpha", name, CHANGE)
        cells = [index.get("pairwise_f1", name, OTHERS), index.get("krippendorff_alpha", name, LEAVE_OUT)]
        marked = index.get("prevalence", name)
        table.add_row(name, *map(figure, cells), figure(change, sign=True), figure(marked))
    return table


def _least_agreed(results: Sequence[MetricResult]) -> list[str]:
    own = [one for one in results if one.item_id and one.metric == "pairwise_f1" and one.value is not None]
    lowest = sorted(own, key=lambda one: (one.value or 0.0, one.item_id or ""))[:_WORST]
    return [f"{one.item_id} ({one.value:.2f})" for one in lowest]
