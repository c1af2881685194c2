"""`heta evaluate suite paper`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from heta_data.cli.progress import show_progress
from heta_data.options import folder_option, json_option
from heta_evaluation.cli.options import label_options

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@folder_option
@click.option(
    "--model", "models", multiple=True, help="Catalogue name, Hugging Face id or path; repeatable (default: smollm2)."
)
@click.option("--items", type=_FILE, help="File of items (default: items.jsonl of the folder).")
@click.option("--prompts", type=_FILE, help='File of prompts, {"id", "prompt", "target"} a line, e.g. of LongRA.')
@click.option("--preset", type=click.Choice(["quick", "source"]), help="Options of all methods; quick measures less.")
@click.option("--methods", multiple=True, help="Only this method; may be repeated (default: all).")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N items.")
@click.option("--limit-prompts", type=click.IntRange(min=1), help="Only N prompts, of as many groups as there are.")
@click.option("--device", help="torch device, e.g. cpu or cuda:0.")
@click.option("--seed", type=int, help="Seed of all that is drawn (default: 0).")
@click.option("--resamples", type=int, help="Bootstrap draws behind each interval (default: 10000).")
@click.option("--dry-run", is_flag=True, help="Say what there is to do and how long it takes; write nothing.")
@label_options
@json_option
@click.pass_context
def paper(
    ctx: click.Context,
    /,
    folder: Path,
    items: Path | None,
    prompts: Path | None,
    dry_run: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Run the paper's whole programme, every method at once, into suite-paper/ of the folder.

    Alignment and DSA in both segment orders, Soft-NC, Soft-NS and LDS, ablations of HETA, sensitivity, stability over
    phrasings and decoding, items gated by what the model answers, and single prompts word by word: paper.md, tables as
    LaTeX, CSV and Markdown, plots. The plan with its time is told first. Work that is there already is not done again:
    run the same command after a crash to go on.

    \b
    Examples:
      heta evaluate suite paper -C my-benchmark --prompts longra.jsonl --preset quick --dry-run
      heta evaluate suite paper -C my-benchmark --prompts longra.jsonl --preset quick
    """
    from heta_data.workspace import Workspace
    from heta_evaluation.programme.run import run_programme
    from heta_evaluation.programme.settings import read_settings

    given = {name: value for name, value in flags.items() if value is not None and value != ()}
    found = run_programme(
        Workspace(folder),
        read_settings(given),
        items=items,
        prompts=prompts,
        dry_run=dry_run,
        say=lambda line: click.echo(line, err=as_json),
        stage=show_progress,
    )
    if as_json:
        document = {
            "steps": [asdict(one) for one in found.planned],
            "not_estimated": found.unknown,
            "computed": found.computed,
            "failures": found.failures,
            "files": [str(path) for path in found.files],
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        for failure in found.failures:
            click.echo(f"failed: {failure}", err=True)
        if found.files:
            click.echo(f"Wrote {found.files[0]} and {len(found.files) - 1} files beside it.")
    if found.failures:
        ctx.exit(1)
