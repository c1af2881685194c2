"""The summary of an evaluation on a terminal."""

import sys
from typing import TYPE_CHECKING

from heta_data.records import MetricResult
from heta_evaluation.parts import bias_sentence, choice_table, stratum_table
from heta_evaluation.results import HUMAN_REFERENCE, LABELS, ResultIndex
from heta_evaluation.summary import (
    COLUMNS,
    MAIN,
    banners,
    figure,
    interval,
    notes,
    number,
    short_names,
    verdict,
    verdict_lines,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

    from heta_evaluation.alignment.order_study import OrderStudy
    from heta_evaluation.runner import Evaluation

_HEADINGS = {
    "token_f1@k": "F1@k",
    "average_precision": "AP",
    "spearman": "Spearman",
    "dsa_minus_uniform": "DSA −\nuniform",
}
_PLAIN_WIDTH = 110


def print_summary(evaluation: "Evaluation", console: "Console | None" = None) -> None:
    """Print banner, table, agreement, what the models answer, and the verdict in sentences."""
    from rich.console import Console
    from rich.panel import Panel

    out = console or Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    figures = [result for result in evaluation.results if result.item_id is None]
    index = ResultIndex(figures)
    for banner in banners(figures):
        out.print(Panel(f"{banner.label}. {banner.text}", style="bold black on yellow"))
    out.print(_table(evaluation, index))
    lines = verdict_lines(evaluation.table.subjects, index)
    for table in (choice_table(index, lines), stratum_table(index, lines)):
        if table is not None:
            out.print(table)
    ceiling = index.get(MAIN, HUMAN_REFERENCE, "held_out")
    out.print(f"Human reference, F1@k of the other raters against each rater: {figure(ceiling)}", markup=False)
    for name in ("krippendorff_alpha", "raw_agreement", "positive_agreement", "prevalence"):
        out.print(f"{name}: {figure(index.get(name, 'raters'))}", markup=False)
    used = index.get(LABELS, "raters", "used")
    left_out = [
        f"{number(one.value, 0)} {variant.replace('_', ' ')}"
        for variant in ("skipped", "cannot_tell", "other_kind_or_arm", "other_campaign", "superseded")
        if (one := index.get(LABELS, "raters", variant))
    ]
    if used is not None:
        rest = f"; left out: {', '.join(left_out)}" if left_out else ""
        out.print(f"Labels: {number(used.value, 0)} by {used.n} raters{rest}")
    out.print()
    for sentence in (
        *verdict(evaluation.table.subjects, index),
        *bias_sentence(index, evaluation.table.rule),
        *(f"Note: {text}" for text in notes(index)),
    ):
        out.print(sentence, markup=False)


def print_orders(study: "OrderStudy", console: "Console | None" = None) -> None:
    """Print each method's DSA by order, the order effect, and how many items each model answers."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as RichTable

    out = console or Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    names = short_names([line.subject for line in study.lines])
    table = RichTable(
        title=f"Order effect over {study.pairs} rows in both orders, 95 % intervals below",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("method", no_wrap=True)
    for heading in (
        "DSA, evidence\nfirst",
        "DSA, evidence\nlast",
        "order effect\n(last − first)",
        "DSA − uniform,\nboth orders",
    ):
        table.add_column(heading, justify="right")
    for line in study.lines:
        table.add_row(
            escape(names[line.subject.name]),
            number(line.first),
            number(line.last),
            _cell(line.effect),
            _cell(line.averaged),
            style="dim" if line.subject.baseline else None,
        )
    out.print(table)
    for model, answers in study.answers.items():
        out.print(
            f"{model} answers {answers.first} of {answers.pairs} with the evidence first, {answers.last} with the "
            f"evidence last, {answers.both} in both orders.",
            markup=False,
        )


def _table(evaluation: "Evaluation", index: ResultIndex) -> "RichTable":
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table as RichTable

    lines = verdict_lines(evaluation.table.subjects, index)
    twins = any(line.order_effect for line in lines)
    table = RichTable(
        title="Alignment with raters, 95 % intervals below", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("method", no_wrap=True)
    headings = [*(_HEADINGS[name] for name in COLUMNS), "of\ncrowd", "outside", *(["order\neffect"] if twins else [])]
    for heading in (*headings, "items"):
        table.add_column(heading, justify="right")
    for line in lines:
        cells = [_cell(line.figures.get(name)) for name in COLUMNS]
        cells += [_cell(line.normalised), _cell(line.outside, ends=False)]
        cells += [_cell(line.order_effect)] if twins else []
        main = line.figures.get(MAIN)
        style = "dim" if line.subject.baseline or not line.ranked else None
        label = line.label if line.ranked else f"not ranked: {line.label}"
        table.add_row(escape(label), *cells, str(main.n if main else 0), style=style)
    return table


def _cell(result: MetricResult | None, *, ends: bool = True) -> str:
    if result is None:
        return ""
    if result.value is None:
        return (result.reason or "").replace("_", " ")
    between = interval(result)[1:-1].replace(", ", "…") if ends else ""
    return f"{number(result.value)}\n{between}" if between else number(result.value)
