"""`heta evaluate report`."""

import json
from pathlib import Path

import click

from heta_data.options import folder_option, json_option


@click.command()
@folder_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write (default: report.html).")
@json_option
def report(folder: Path, out: Path | None, as_json: bool) -> None:
    """Write the results as one self-contained HTML file.

    \b
    Example:
      heta evaluate report -C my-benchmark --out /tmp/report.html
    """
    from heta_data.workspace import Workspace
    from heta_evaluation.report import build_report

    path = build_report(Workspace(folder), out=out)
    click.echo(json.dumps({"report": str(path)}) if as_json else f"Wrote {path}: open it in a browser.")
