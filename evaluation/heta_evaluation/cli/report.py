"""`heta evaluate report`."""

import json
from pathlib import Path

import click

from heta_data.options import folder_option, json_option


@click.command()
@folder_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write (default: report.html).")
@click.option(
    "--tables",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write every table into this folder, as CSV, LaTeX (booktabs) and Markdown.",
)
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write every plot into this folder, as PNG, SVG and PDF (needs matplotlib).",
)
@json_option
def report(folder: Path, out: Path | None, tables: Path | None, plots: Path | None, as_json: bool) -> None:
    """Write the results as one self-contained HTML file, and as tables and plots for papers.

    Every table and plot names the kinds of labels behind it.

    \b
    Examples:
      heta evaluate report -C my-benchmark --out /tmp/report.html
      heta evaluate report -C my-benchmark --tables paper/tables --plots paper/plots
    """
    from heta_data.workspace import Workspace
    from heta_evaluation.report import build_report

    path = build_report(Workspace(folder), out=out, tables=tables, plots=plots)
    if as_json:
        places = {"report": path, "tables": tables, "plots": plots}
        click.echo(json.dumps({name: str(place) for name, place in places.items() if place is not None}))
        return
    click.echo(f"Wrote {path}: open it in a browser.")
    for what, place in (("Tables", tables), ("Plots", plots)):
        if place is not None:
            click.echo(f"{what} are in {place}.")
