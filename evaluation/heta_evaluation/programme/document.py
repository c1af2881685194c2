"""paper.md: what was run, what it supports and what not, tables and figures, what was not measured, and the time."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import heta
from heta_data.records import MetricResult
from heta_evaluation.programme.ledger import Ledger
from heta_evaluation.programme.materials import count_groups
from heta_evaluation.programme.said import not_measured, supported, unsupported
from heta_evaluation.programme.sets import Sets
from heta_evaluation.programme.settings import ProgrammeSettings
from heta_evaluation.programme.strips import strip_figure
from heta_evaluation.programme.tables import Book, Figure, all_sheets, time_rows
from heta_evaluation.report.files import write_whole
from heta_evaluation.report.plots import Forest, ForestRow
from heta_evaluation.report.sheets import Origin, Sheet
from heta_evaluation.report.tables import as_csv, as_latex, as_markdown
from heta_evaluation.summary import banners_of

if TYPE_CHECKING:
    from heta_evaluation.programme.estimating import PlannedStep

_PLOTS: tuple[tuple[str, Figure, float | None], ...] = (
    ("dsa", ("order", "dsa_minus_uniform", "order_averaged", "DSA less uniform, both segment orders"), 0.0),
    ("soft-nc", ("faithfulness-prompts", "soft_nc", "main", "Soft-NC on prompts"), None),
    ("soft-ns", ("faithfulness-prompts", "soft_ns", "main", "Soft-NS on prompts"), None),
    ("lds", ("faithfulness-prompts", "lds", "main", "LDS on prompts"), None),
    ("soft-nc-items", ("faithfulness-items", "soft_nc", "main", "Soft-NC on items"), None),
    ("soft-ns-items", ("faithfulness-items", "soft_ns", "main", "Soft-NS on items"), None),
    ("lds-items", ("faithfulness-items", "lds", "main", "LDS on items"), None),
    ("f1", ("alignment", "token_f1@k", "main", "F1@k with raters' labels"), None),
    ("phrasings", ("phrasings", "paraphrase_stability", "main", "Stability, active and passive"), None),
)  # fmt: skip


def write_document(
    sets: Sets,
    settings: ProgrammeSettings,
    methods: Sequence[heta.Method],
    ledger: Ledger,
    planned: "Sequence[PlannedStep]",
) -> list[Path]:
    """Write paper.md, tables/, plots/, from the results on disk; each file complete or not at all.

    Returns:
        The files, paper.md first.

    Raises:
        InputError: a file cannot be written.
    """
    models = list(dict.fromkeys(one.model for one in planned))
    titles = {one.name: one.title for one in planned}
    book = Book.read(sets, settings, methods, ledger, models)
    sheets = all_sheets(book)
    files = []
    for sheet in sheets:
        origin = _origin(sheet)
        for ending, render in (("csv", as_csv), ("tex", as_latex), ("md", as_markdown)):
            files.append(write_whole(sets.root / "tables" / f"{sheet.id}.{ending}", render(sheet, origin), "-C"))
    strips = _write_strips(book)
    plots = _write_plots(book) if find_spec("matplotlib") else []
    lines = [
        "# The paper's programme, measured",
        "",
        *_banners(sets),
        *_what(book),
        "## What this supports",
        "",
        *(f"- {line}" for line in supported(book)),
        "",
        "## What it does not support",
        "",
        *(f"- {line}" for line in unsupported(book)),
        "",
    ]
    for sheet in sheets:
        lines += [f"## {sheet.title}", "", as_markdown(sheet, _origin(sheet))]
    lines += _figures(plots, strips, sets.root)
    if not find_spec("matplotlib"):
        lines += ["Forest plots were not drawn: they need matplotlib (`pip install 'heta-bench[plots]'`).", ""]
    lines += ["## Not measured", "", *(f"- {line}" for line in not_measured(book, ledger, titles)), ""]
    lines += _failures(book, ledger, titles)
    lines += _time(book, ledger, titles)
    paper = write_whole(sets.root / "paper.md", "\n".join(lines), "-C")
    return [paper, *files, *plots, *strips]


def _what(book: Book) -> list[str]:
    sets, settings = book.sets, book.settings
    labels = (
        f"labels of {' and '.join(sorted({one.kind for one in sets.labels}))} raters in arm "
        f"{' and '.join(settings.arms)}, {len({one.rater for one in sets.labels})} raters"
        if sets.labels
        else f"none ({sets.no_labels})"
    )
    orders = f"{len(sets.items)} with both segment orders"
    return [
        f"- Models: {', '.join(f'`{model}`' for model in book.models)}.",
        f"- Methods: {len(book.methods)}, preset {settings.preset or 'none (defaults)'}; random scores and rules that "
        "read no model stand in every table as controls.",
        f"- Items: {sets.declared} of {count_groups(sets.items)} groups, {orders}.",
        f"- Prompts: {len(sets.prompts)} of {count_groups(sets.prompts)} groups.",
        f"- Labels: {labels}.",
        f"- Intervals: 95 %, {settings.resamples} bootstrap draws of groups, seed {settings.seed}.",
        "",
    ]


def _banners(sets: Sets) -> list[str]:
    """A warning for each kind of label that is not a person's blind judgement."""
    names = {name for one in sets.labels for name in (one.kind, one.arm)}
    return [line for banner in banners_of(names) for line in (f"**{banner.label}.** {banner.text}", "")]


def _origin(sheet: Sheet) -> Origin:
    """Whose labels stand behind a table."""
    return Origin.of(cell for row in sheet.rows for cell in row.cells if isinstance(cell, MetricResult))


def _write_plots(book: Book) -> list[Path]:
    from heta_evaluation.report.figures import save_plots

    written = []
    for model in book.models:
        for name, figure, chance in _PLOTS:
            rows = [
                ForestRow(row.label, "method" if row.style == "method" else "baseline", found)
                for row in book.rows()
                if row.model == model and (found := book.get(row, figure)) is not None
            ]
            if not any(row.result is not None and row.result.value is not None for row in rows):
                continue
            results = [row.result for row in rows if row.result is not None]
            random = next((row.result.value for row in rows if row.label == "random" and row.result is not None), None)
            plot = Forest(
                id=f"{name}-{model.replace('/', '--')}",
                heading=f"{figure[3]}, {model}",
                axis=figure[3],
                caption=f"{figure[3]}. {book.conditions}",
                rows=tuple(rows),
                chance=random if chance is None else chance,
            )
            written += save_plots([plot], Origin.of(results), book.sets.root / "plots")
    return written


def _write_strips(book: Book) -> list[Path]:
    written = []
    for model in book.models:
        records = book.records("single", model)
        order = {method.name: number for number, method in enumerate(book.methods)}
        for item in book.sets.single:
            own = sorted((one for one in records if one.item_id == item.id), key=lambda one: order[one.method])
            if own:
                note = (
                    "Share of each row's largest absolute score; blue for, orange against the answer. Words in bold "
                    "are the evidence. One prompt: an illustration, no measurement."
                )
                name = f"words-{item.language}-{model.replace('/', '--')}.svg"
                content = strip_figure(item, model, own, note)
                written.append(write_whole(book.sets.root / "plots" / name, content, "-C"))
    return written


def _figures(plots: Sequence[Path], strips: Sequence[Path], root: Path) -> list[str]:
    shown = [path for path in plots if path.suffix == ".svg"]
    lines = ["## Figures", ""]
    for path in [*shown, *strips]:
        lines += [f"![{path.stem}]({path.relative_to(root).as_posix()})", ""]
    return lines if len(lines) > 2 else []


def _failures(book: Book, ledger: Ledger, titles: dict[str, str]) -> list[str]:
    lines = []
    for model in book.models:
        for step, title in titles.items():
            own = [one for one in ledger.records if (one.step, one.model) == (step, model)]
            if own and own[-1].failures:
                lines += [f"- {model}, {title}: {reason}" for reason in own[-1].failures]
    return ["## Failures", "", "The next run tries these again.", "", *lines, ""] if lines else []


def _time(book: Book, ledger: Ledger, titles: dict[str, str]) -> list[str]:
    rows = time_rows(book, ledger, lambda step: titles.get(step, step))
    return [
        "## Time",
        "",
        "Estimates count searches with the most they may take and were told before the first step began.",
        "",
        "| model | step | estimated, at most | taken | |",
        "| --- | --- | ---: | ---: | --- |",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]
