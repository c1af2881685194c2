"""`heta submission check | template`; the group is put together in `heta_evaluation.cli.submission`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from heta_data.options import json_option

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
    for problem in check_submission(path, release):
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
    default="word",
    show_default=True,
    help="What the scores will stand on; tokens are left for you to fill in.",
)
def template(root: Path, out: Path, unit: str) -> None:
    """Write an empty submission for a release: the benchmark, the items, their units, and no scores.

    \b
    Example:
      heta submission template --release my-benchmark/releases/1.0.0 --out scores.jsonl
    """
    from typing import cast

    from heta_data.submission.bundle import open_release
    from heta_data.submission.template import Unit, write_template

    release = open_release(root)
    count = write_template(release, out, cast(Unit, unit))
    click.echo(f"Wrote {out}: {count} items of {release.title}; fill in the header and the scores, then check it.")
