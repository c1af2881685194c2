"""`heta data check`."""

import json
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heta_data.cli.progress import show_progress
from heta_data.options import json_option

if TYPE_CHECKING:
    from heta_data.checking import Finding

SHOWN = 3
"""Places of a finding that are printed without --all."""
MANY = 2000
"""Items from which the checks take more than a moment."""
LARGE = 20_000_000
"""Bytes of which reading takes more than a moment."""


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--all", "everything", is_flag=True, help=f"Print every place of a finding, not {SHOWN}.")
@json_option
@click.pass_context
def check(ctx: click.Context, /, path: Path, everything: bool, as_json: bool) -> None:
    """Find what is unsound about items, and about their labels, before it costs anybody's time.

    PATH is a working folder (default: here), a file of items, or a JSON file in the layout of the published HETA
    data. Every problem is listed at once. An error makes figures wrong or a release impossible, and the exit status
    1; a warning wants a person's eyes.

    \b
    Example:
      heta data check my-benchmark
    """
    from heta_data.checking import CHECKS, check_items, read_candidates

    if (size := _size(path)) >= LARGE:
        click.echo(f"reading {size / 1e6:.0f} MB", err=True)
    candidates, unreadable = read_candidates(path)
    with ExitStack() as stack:
        bar = {"progress": stack.enter_context(show_progress("check"))} if len(candidates) >= MANY else {}
        findings = [*unreadable, *check_items(candidates, **bar)]
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        report = {"path": str(path), "items": len(candidates), "ok": not errors, "checks": CHECKS.names()}
        click.echo(json.dumps({**report, "findings": [asdict(finding) for finding in findings]}, ensure_ascii=False))
    else:
        for finding in findings:
            _say(finding, everything)
        click.echo(
            f"{path}: {_count(len(candidates), 'item')}, {_count(len(CHECKS.names()), 'check')} ({', '.join(CHECKS)}): "
            f"{_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}"
        )
    if errors:
        ctx.exit(1)


def _say(finding: "Finding", everything: bool) -> None:
    colour = "red" if finding.severity == "error" else "yellow"
    count = f" [{len(finding.where)} places]" if len(finding.where) > 1 else ""
    click.echo(f"{click.style(finding.severity, fg=colour)} {finding.check}: {finding.problem}{count}")
    shown = finding.where if everything else finding.where[:SHOWN]
    for place in shown:
        click.echo(f"  - {place}")
    if len(shown) < len(finding.where):
        click.echo(f"  ... {len(finding.where) - len(shown)} more: --all lists them")


def _size(path: Path) -> int:
    """Bytes that will be read, of what is there."""
    from heta_data.workspace import Workspace

    files = (Workspace(path).items, Workspace(path).labels) if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
