"""`heta data import attributions | inseq | captum`."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from heta_data.cli.importing import import_options, say_left_out
from heta_data.options import folder_flag

if TYPE_CHECKING:
    from heta_data.importing.attribution_import import ImportedAttributions
    from heta_data.importing.scored import Scored

F = TypeVar("F", bound=Callable[..., Any])


def _model_options(command: F) -> F:
    for decorate in reversed(
        (
            click.option("--model", help="The model that was explained, or none; needed where the file names none."),
            click.option("--revision", help="Its revision (default: unknown)."),
            click.option("--tokenizer", help="Its tokenizer (default: unknown)."),
            click.option("--tool-version", help="Version of the tool that made the scores."),
        )
    ):
        command = decorate(command)
    return command


def _table_options(command: F) -> F:
    for decorate in reversed(
        (
            click.option("--method", help="Name of the method, where the file names none."),
            click.option("--sparse", is_flag=True, help="Words that no row is about get the score 0."),
        )
    ):
        command = decorate(command)
    return command


@click.command()
@import_options
@_table_options
@click.option("--tool", default="table", show_default=True, help="What made the scores; stands in front of the method.")
@_model_options
def attributions(file: Path, method: str | None, model: str | None, **options: Any) -> None:
    """Scores as plain rows: .csv, .tsv or .jsonl.

    Columns: item_id, score, and start and end (code points of the prompt) or token (in order); where you like method,
    model, token beside a span, and target, which must be the item's.

    \b
    Example:
      heta data import attributions scores.csv -C my-benchmark --method mine --model smollm2
    """
    from heta_data.importing.table import read_table

    # Rows may name models of their own; the flag is then refused.
    _run("attributions", file, lambda: read_table(file, method=method, model=model), model=model, **options)


@click.command()
@import_options
@_table_options
@_model_options
def captum(file: Path, method: str | None, model: str | None, **options: Any) -> None:
    """Captum's results, as rows that `heta_data.importing.attribution_rows` made (.jsonl).

    \b
    Example:
      heta data import captum rows.jsonl -C my-benchmark --model smollm2 --tool-version 0.9.0
    """
    from heta_data.importing.table import read_table

    _run("captum", file, lambda: read_table(file, method=method, model=model), model=model, tool="captum", **options)


@click.command()
@import_options
@_model_options
def inseq(file: Path, model: str | None, **options: Any) -> None:
    """What inseq's save() wrote after aggregate(): .json, or .json.gz.

    Prompts are found by their text, and what was explained must be the item's target. --model overrules the file.

    \b
    Example:
      heta data import inseq out.json -C my-benchmark --model smollm2 --tool-version 0.7.1
    """
    from dataclasses import replace as changed

    from heta_data.importing.inseq import read_inseq

    def read() -> "list[Scored]":
        found = read_inseq(file)
        return found if model is None else [changed(scored, model=None) for scored in found]

    _run("inseq", file, read, model=model, tool="inseq", sparse=False, **options)


def _run(
    form: str,
    file: Path,
    read: "Callable[[], list[Scored]]",
    *,
    folder: Path,
    source: str | None,
    skip_misaligned: bool,
    replace: bool,
    dry_run: bool,
    as_json: bool,
    **origin: Any,
) -> None:
    from heta_data.importing.attribution_import import import_attributions
    from heta_data.importing.files import files_hash, source_name
    from heta_data.importing.scored import Origin
    from heta_data.workspace import Workspace

    done = import_attributions(
        Workspace(folder),
        read(),
        Origin(format=form, source=source_name(file, source), sha256=files_hash([file]), **origin),
        skip_misaligned=skip_misaligned,
        replace=replace,
        dry_run=dry_run,
    )
    if as_json:
        document = {**asdict(done), "left_out": list(map(str, done.left_out)), "dry_run": dry_run}
        click.echo(json.dumps(document, default=str, ensure_ascii=False, indent=2))
        return
    _say(done)
    click.echo("nothing was written" if dry_run else f"Next: heta evaluate run{folder_flag(folder)}")


def _say(done: "ImportedAttributions") -> None:
    click.echo(f"source {done.source}, sha256 {done.sha256[:12]}...; {done.items} items in the folder")
    for one in done.files:
        model = "" if one.model == "none" else f" on {one.model}"
        click.echo(f"  {one.method}{model}: {one.records} records {one.outcome}: {one.path}")
    for path in done.removed:
        click.echo(f"  earlier version removed: {path}")
    say_left_out(tuple(map(str, done.left_out)), done.left_out_records, "records")
