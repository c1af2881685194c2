"""`heta submission check | template`; the group is put together in `heta_evaluation.cli.submission`."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from heta_data.cli.progress import show_progress
from heta_data.options import json_option

if TYPE_CHECKING:
    from heta_data.submission.template import Unit

LARGE = 16 << 20
"""Bytes of a file from which on checking takes seconds, and shows how far it is."""
F = TypeVar("F", bound=Callable[..., Any])


def release_option(command: F) -> F:
    """`--release`: the bundle that submissions are for."""
    return click.option(
        "--release", "root", required=True, type=click.Path(path_type=Path), help="Folder of the release."
    )(command)


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@release_option
@json_option
@click.pass_context
def check(ctx: click.Context, /, path: Path, root: Path, as_json: bool) -> None:
    """Check the submission at PATH, offline: ids, lengths, finite scores, offsets, target, benchmark version.

    Prints each problem on a line as it is found (with --json as one object), so that memory has a bound.

    \b
    Example:
      heta submission check scores.jsonl --release my-benchmark/releases/1.0.0
    """
    from heta_data.submission.bundle import open_release
    from heta_data.submission.check import check_submission

    release = open_release(root)
    count = 0
    large = path.is_file() and path.stat().st_size > LARGE
    with show_progress("check") if large else nullcontext() as progress:
        for problem in check_submission(path, release, progress):
            count += 1
            click.echo(json.dumps(problem._asdict()) if as_json else str(problem))
    if count:
        ctx.exit(1)
    if not as_json:
        click.echo(f"{path}: fits {release.title} ({len(release.items)} items)")


@click.command()
@release_option
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write, a new one.")
@click.option(
    "--unit",
    type=click.Choice(["word", "token", "sentence"]),
    help="What the scores will stand on (default: word); tokens are left for you to fill in.",
)
@click.option(
    "--attributions",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Fill in the scores of this file below attributions/ of a working folder.",
)
def template(root: Path, out: Path, unit: "Unit | None", attributions: Path | None) -> None:
    """Write an empty submission for a release: the benchmark, the items, their units, and no scores.

    With --attributions the scores of one method, as `heta data attribute` wrote them, are filled in.

    \b
    Examples:
      heta submission template --release my-benchmark/releases/1.0.0 --out scores.jsonl
      heta submission template --release releases/1.0.0 --attributions attributions/m/kl-1a2b.jsonl --out kl.jsonl
    """
    from heta_data.submission.bundle import open_release
    from heta_data.submission.template import write_filled, write_template

    if attributions is not None and unit is not None:
        raise click.UsageError("--attributions brings its own units: leave --unit out")
    release = open_release(root)
    if attributions is not None:
        count, left = write_filled(release, out, attributions), "(version, hardware, seed)"
    else:
        count, left = write_template(release, out, unit or "word"), "and the scores"
    click.echo(f"Wrote {out}: {count} items of {release.title}; fill in the header {left}, then check it.")
