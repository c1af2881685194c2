"""`heta demo`: the whole job once, on real parts."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from heta_data.options import folder_flag

if TYPE_CHECKING:
    from heta_annotation.demo import Done, Talk

STAGES = 7


@click.command()
@click.option(
    "-C",
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    help="Where everything goes (default: demo/).",
)
@click.option("--items", type=int, default=12, help="How many items of the bundled sample (default: 12).")
@click.option("--exact", is_flag=True, help="Also run HETA with exact curvature, which takes minutes.")
@click.option("--fresh", is_flag=True, help="Delete an earlier demo in that folder first.")
def demo(folder: Path, items: int, exact: bool, fresh: bool) -> None:
    """Run the whole job on the bundled sample: items, attributions, a Label Studio campaign, report, release.

    Everything is real but the raters, who are scripts and marked `simulated` throughout. The first run fetches a
    small language model (about 100 MB) and Label Studio (about 1 GB, in an environment of its own). A demo that was
    interrupted goes on where it stopped.

    \b
    Example: heta demo --items 20
    """
    from heta_annotation.demo import forget, run_demo

    if fresh:
        forget(folder, items=items)
    _say_where(run_demo(folder, _talk(), items=items, exact=exact))


def _talk() -> "Talk":
    from heta_annotation.demo import Talk
    from heta_data.cli.progress import show_progress
    from heta_evaluation.terminal import print_summary

    number = 0

    def stage(line: str) -> None:
        nonlocal number
        number += 1
        click.secho(f"{number}/{STAGES} {line}", bold=True)

    said: set[str] = set()

    def report(stage: str, detail: str = "") -> None:  # noqa: ARG001 - a line each is enough beside a progress bar
        if stage not in said:
            said.add(stage)
            click.echo(f"    {stage}")

    return Talk(
        stage=stage,
        note=lambda line: click.echo(f"    {line}"),
        progress=show_progress,
        report=report,
        summary=print_summary,
    )


def _say_where(done: "Done") -> None:
    slowest = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in done.stages.items())
    click.echo()
    click.secho(f"Done in {done.seconds:.0f} s ({slowest}).", bold=True)
    click.echo(
        f"""
  {done.report}   open it in a browser: methods beside the human reference, heat strips beside the labels
  {done.release}/   the release: items, labels, gold, attributions, card, checksums
  {done.folder}/   every record in between, as JSON Lines

The raters were scripts: these figures say nothing about people. To label for real, in a folder of your own:

  heta data build sample -C my-benchmark              or your own items, see data/README.md
  heta data attribute -C my-benchmark
  heta studio start blind assisted -C my-benchmark
  heta campaign plan -C my-benchmark                  then push: prints each rater's address and log-in
  heta campaign push -C my-benchmark

To look at the demo's labelling pages: heta studio start blind assisted{folder_flag(done.folder)} --show-password"""
    )
