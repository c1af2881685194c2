"""`heta submission check`."""

import json
from pathlib import Path

import click

from heta_data.options import json_option


@click.group()
def submission() -> None:
    """Submit scores of a method on a release."""


@submission.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--release", "root", required=True, type=click.Path(path_type=Path), help="Folder of the release.")
@json_option
@click.pass_context
def check(ctx: click.Context, /, path: Path, root: Path, as_json: bool) -> None:
    """Check the submission at PATH, offline: ids, lengths, finite scores, offsets, benchmark version, model.

    Prints each problem on a line as it is found (with --json as one object), so that memory has a bound.

    \b
    Example:
      heta submission check scores.jsonl --release my-benchmark/releases/1.0.0
    """
    from heta_data.submission.check import check_submission, open_release

    count = 0
    for problem in check_submission(path, open_release(root)):
        count += 1
        click.echo(json.dumps(problem._asdict()) if as_json else str(problem))
    if count:
        ctx.exit(1)
    if not as_json:
        click.echo(f"{path}: fits the release")
