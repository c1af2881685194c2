"""Tables for papers: each sheet of a report as CSV, LaTeX (booktabs) and Markdown.

Every file says whose labels its figures come from: in the caption, and in CSV, which has none, in the first column of
every row.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from heta_data.records import MetricResult
from heta_evaluation.report.agreement import agreement_sheet, rater_pair_sheet, rater_sheet
from heta_evaluation.report.files import write_whole
from heta_evaluation.report.report import Report
from heta_evaluation.report.sections import (
    anchoring_sheet,
    answered_sheets,
    detectable_sheet,
    faithfulness_sheet,
    pair_sheet,
    rank_sheet,
    reference_sheet,
    subject_sheet,
    verdict_sheet,
)
from heta_evaluation.report.sheets import Cell, Heading, Number, Origin, Sheet, SheetRow, known
from heta_evaluation.report.strata import strata_sheets, view_sheet
from heta_evaluation.report.verdicts import judge_sheets, opinion_sheets

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "−": "$-$", "–": "--", "’": "'", "…": r"\ldots{}", "“": "``", "”": "''", "\u00a0": "~",
}  # fmt: skip


def all_sheets(report: Report) -> list[Sheet]:
    """Every table that the report has figures for."""
    material = report.material
    metrics = material.metrics_of("difference")
    return known(
        [
            verdict_sheet(material),
            reference_sheet(material),
            *(sheet for _, sheet in answered_sheets(material)),
            *(pair_sheet(material, metric) for metric in metrics),
            rank_sheet(material),
            detectable_sheet(material),
            *strata_sheets(material),
            view_sheet(material),
            anchoring_sheet(material),
            faithfulness_sheet(material),
            *opinion_sheets(report.extras.opinions),
            *(judge_sheets(report.extras.judge) if report.extras.judge else ()),
            agreement_sheet(material),
            rater_pair_sheet(material),
            rater_sheet([one.cells() for one in report.raters], material),
            subject_sheet(material),
        ]
    )


def write_tables(report: Report, folder: Path) -> list[Path]:
    """Write `<sheet>.csv`, `.tex` and `.md` of every table into a folder, each complete or not at all.

    Raises:
        InputError: the folder or a file cannot be written.
    """
    written = []
    for sheet in all_sheets(report):
        for ending, render in (("csv", as_csv), ("tex", as_latex), ("md", as_markdown)):
            written.append(write_whole(folder / f"{sheet.id}.{ending}", render(sheet, report.origin), "--tables"))
    return written


def as_csv(sheet: Sheet, whole: Origin) -> str:
    """The sheet with full precision: a figure takes the columns `key`, `key_low`, `key_high` and, if any, `key_reason`.

    The first column, `labels`, names the kinds of labels in every row. `whole` is the origin of the report's figures.
    """
    origin = sheet.origin or whole
    found = [
        _csv_columns(heading, [row.cells[place] for row in sheet.rows]) for place, heading in enumerate(sheet.headings)
    ]
    names = [name for columns, _ in found for name in columns]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["labels", *names])
    for place in range(len(sheet.rows)):
        writer.writerow([_whose(origin), *(text for _, cells in found for text in cells[place])])
    return out.getvalue()


def _whose(origin: Origin) -> str:
    return origin.alarm or origin.sentence.removeprefix("Labels: ").rstrip(".")


def _csv_columns(heading: Heading, cells: Sequence[Cell]) -> tuple[list[str], list[list[str]]]:
    """Names of the columns that a heading becomes, and the texts of each row."""
    results = [cell for cell in cells if isinstance(cell, MetricResult)]
    if not results:
        return [heading.key], [[_exact(cell)] for cell in cells]
    names = [heading.key, f"{heading.key}_low", f"{heading.key}_high"]
    reasons = any(one.reason for one in results)
    rows = []
    for cell in cells:
        if isinstance(cell, MetricResult):
            ends = ["" if end is None else repr(end) for end in (cell.value, cell.low, cell.high)]
            rows.append([*ends, *([cell.reason or ""] if reasons else [])])
        else:
            rows.append([_exact(cell), "", "", *([""] if reasons else [])])
    return [*names, *([f"{heading.key}_reason"] if reasons else [])], rows


def _exact(cell: Cell) -> str:
    return "" if cell is None else repr(cell.value) if isinstance(cell, Number) else str(cell)


def as_markdown(sheet: Sheet, whole: Origin) -> str:
    """A GitHub-flavoured table under its caption."""
    origin = sheet.origin or whole

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    alarm = f"**{origin.alarm}.** " if origin.alarm else ""
    rule = line("---:" if heading.numeric else ":---" for heading in sheet.headings)
    rows = [line(_texts(row, sheet.headings)) for row in sheet.rows]
    caption = f"{alarm}{sheet.caption} {origin.sentence}"
    return "\n".join([caption, "", line(heading.name for heading in sheet.headings), rule, *rows, ""])


def _texts(row: SheetRow, heads: Sequence[Heading]) -> list[str]:
    return [_text(cell, heading) for cell, heading in zip(row.cells, heads, strict=True)]


def _text(cell: Cell, heading: Heading) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, MetricResult):
        return cell if isinstance(cell, str) else cell.text
    if cell.value is None:
        return (cell.reason or "").replace("_", " ")
    return " ".join(heading.text(cell)).strip()


def as_latex(sheet: Sheet, whole: Origin) -> str:
    """A `table` for the package booktabs; rules part methods from baselines and these from the reference."""
    origin = sheet.origin or whole
    alarm = rf"\textbf{{{escape(origin.alarm)}.}} " if origin.alarm else ""
    lines = [
        f"% {origin.alarm or origin.sentence.rstrip('.')}. Needs \\usepackage{{booktabs}}.",
        r"\begin{table}[t]",
        r"  \centering",
        rf"  \caption{{{alarm}{escape(f'{sheet.caption} {origin.sentence}')}}}",
        rf"  \label{{tab:{sheet.id}}}",
        rf"  \begin{{tabular}}{{{''.join('r' if heading.numeric else 'l' for heading in sheet.headings)}}}",
        r"    \toprule",
        f"    {' & '.join(escape(heading.name) for heading in sheet.headings)} \\\\",
        r"    \midrule",
    ]
    style = sheet.rows[0].style
    for row in sheet.rows:
        if row.style != style:
            lines.append(r"    \midrule")
            style = row.style
        cells = [_latex(cell, heading) for cell, heading in zip(row.cells, sheet.headings, strict=True)]
        lines.append(f"    {' & '.join(cells)} \\\\")
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""])


def _latex(cell: Cell, heading: Heading) -> str:
    if not isinstance(cell, MetricResult) or cell.value is None:
        text = escape(_text(cell, heading))
        return rf"\textit{{{text}}}" if isinstance(cell, MetricResult) else text
    value, ends = heading.text(cell)
    # In braces: a row that begins with [ would be read as the argument of the line break before it.
    return escape(value) + (rf" {{\scriptsize {escape(ends)}}}" if ends else "")


def escape(text: str) -> str:
    """Text as LaTeX takes it."""
    return "".join(_LATEX.get(character, character) for character in text)
