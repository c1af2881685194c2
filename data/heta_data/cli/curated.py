"""`heta data build curated`."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from heta_data.cli.progress import show_progress
from heta_data.options import folder_option, json_option

if TYPE_CHECKING:
    from heta_data.sources.curated import Curated

FEW_GROUPS = 10
"""Below so many books intervals over groups say little."""


@click.command()
@click.option(
    "--sciq",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="SciQ's JSON file, e.g. train.json; may be repeated.",
)
@click.option(
    "--books", required=True, type=click.Path(path_type=Path), help="Folder of Project Gutenberg books (.txt files)."
)
@folder_option
@click.option("--limit", type=click.IntRange(min=1), help="Items of so many rows (default: of all that can be paired).")
@click.option("--seed", type=int, default=0, show_default=True, help="Shuffles passages and segment orders.")
@click.option(
    "--orders",
    type=click.Choice(["declared", "both"]),
    default="declared",
    show_default=True,
    help="One segment order for each row, or both.",
)
@click.option("--strict", is_flag=True, help="No answers in the first or last tenth of the evidence.")
@click.option("--force", is_flag=True, help="Replace items that are there already.")
@json_option
def curated(
    sciq: tuple[Path, ...],
    books: Path,
    folder: Path,
    limit: int | None,
    seed: int,
    orders: Literal["declared", "both"],
    strict: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Build items from SciQ questions and passages of novels, into items.jsonl of the folder.

    Rows that cannot make a sound item are dropped; how many each filter dropped is printed and kept in funnel.json.
    The same files, seed and options always give the same items. SciQ is CC BY-NC 3.0; the books must be in the
    public domain in the USA, which is for you to know where a file no longer has its header.

    \b
    Example:
      heta data build curated --sciq train.json --books gutenberg/ -C my-benchmark
    """
    from heta_data.sources.curated import FUNNEL_FILE, build_curated, save_curated
    from heta_data.workspace import Workspace

    click.echo("reading questions and books", err=True)
    with ExitStack() as stack:

        @cache
        def bar() -> Callable[[int, int], None]:
            # Opened at the first pair: the rate should not count the reading.
            return stack.enter_context(show_progress("pair"))

        def report(done: int, total: int) -> None:
            bar()(done, total)

        built = build_curated(
            sciq,
            books,
            limit=limit,
            seed=seed,
            orders=orders,
            strict=strict,
            progress=report,
        )
    workspace = Workspace(folder)
    outcome = save_curated(workspace, built, force=force)
    if as_json:
        click.echo(json.dumps({**built.report, "outcome": outcome}, ensure_ascii=False))
        return
    _say_funnel(built)
    were = "were there already, unchanged" if outcome == "unchanged" else "written"
    click.echo(f"{len(built.items)} item(s) {were}: {workspace.items} (report: {workspace.root / FUNNEL_FILE})")


def _say_funnel(built: "Curated") -> None:
    report = built.report
    click.echo(f"{'filter':<16} {'dropped':>7} {'left':>7}  dropped because")
    click.echo(f"{'(read)':<16} {'':>7} {built.funnel.start:>7}")
    for step in built.funnel.steps:
        click.echo(f"{step.name:<16} {step.dropped:>7} {step.left:>7}  {step.why}")
    splits = ", ".join(f"{count} {name}" for name, count in report["splits"].items())
    click.echo(f"\nsplits: {splits}; {report['groups']} groups (books), each in one split")
    click.echo(f"evidence first in {report['evidence_first']} of {report['items']} items")
    click.echo(f"answers by fifth of the two texts: {' '.join(map(str, report['answer_position']))}")
    ratio = report["length_ratio"]
    click.echo(
        f"passage length over evidence length: {ratio['low']:.2f} to {ratio['high']:.2f}, median {ratio['median']:.2f}"
    )
    if report["groups"] < FEW_GROUPS:
        click.echo(f"note: only {report['groups']} groups: intervals over groups need {FEW_GROUPS} books or more")
