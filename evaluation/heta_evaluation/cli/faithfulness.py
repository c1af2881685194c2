"""`heta evaluate faithfulness`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heta_data.cli.progress import show_progress
from heta_data.options import folder_option, json_option
from heta_evaluation.cli.options import label_options

if TYPE_CHECKING:
    from heta_evaluation.faithfulness.runner import Faithfulness


@click.command()
@folder_option
@click.option("--metrics", multiple=True, help="Name of a metric, see `heta metrics`; may be repeated.")
@click.option("--model", help="Catalogue name, Hugging Face id or local path (default: smollm2).")
@click.option("--revision", help="Commit or branch of a Hugging Face id.")
@click.option("--device", help="torch device, e.g. cpu or cuda:0.")
@click.option(
    "--methods",
    multiple=True,
    help="Only this method; may be repeated (default: all with attributions by the model). One without any is run.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N items.")
@click.option(
    "--scope",
    type=click.Choice(["context", "prompt"]),
    help="Which tokens are masked and ranked: of evidence and distractor (default), or all that are scored.",
)
@click.option(
    "--mask",
    type=click.Choice(["zero", "sequence_mean", "vocabulary_mean", "unk", "pad"]),
    help="What a token becomes that is masked as a whole (default: zero).",
)
@click.option("--draws", type=int, help="Random masks behind each soft value (default: 10).")
@click.option("--pi-draws", type=int, help="Random masks at each retention (default: 3).")
@click.option("--ablations", type=int, help="Random ablations an item for lds (default: 32).")
@click.option("--noise-draws", type=int, help="Draws of noise at each size for sensitivity (default: 10).")
@click.option("--seed", type=int, help="Seed of all that is drawn (default: 0).")
@click.option("--resamples", type=int, help="Bootstrap draws of item groups (default: 10000).")
@click.option("--random-weights", is_flag=True, default=None, help="Also run methods on a copy with random weights.")
@click.option("--pairs", metavar="FILE", help="Pairs of items for paraphrase_stability, in the folder.")
@label_options
@json_option
@click.pass_context
def faithfulness(ctx: click.Context, /, folder: Path, limit: int | None, as_json: bool, **flags: Any) -> None:
    """Ask the model whether it depends on what attributions mark, and how still they keep.

    Values of items go into faithfulness/<model>/, the summary into faithfulness.jsonl. Work that is there already is
    not done again: run the same command after a crash to go on. Beside the methods stand random scores, rules that
    read no model, and the raters' labels where there are any.

    \b
    Examples:
      heta evaluate faithfulness -C my-benchmark
      heta evaluate faithfulness -C my-benchmark --metrics comprehensiveness --metrics lds --limit 20
      heta evaluate faithfulness -C my-benchmark --metrics sensitivity --methods gradient_x_input
    """
    from heta_data.workspace import Workspace
    from heta_evaluation.faithfulness.runner import measure

    given = {name: None if value == () else value for name, value in flags.items()}
    with show_progress("faithfulness") as progress:
        found = measure(Workspace(folder), limit=limit, progress=progress, **given)
    if as_json:
        _print_json(found)
    else:
        from heta_evaluation.faithfulness.terminal import print_faithfulness

        print_faithfulness(found)
        for failure in found.failures:
            click.echo(f"failed: item {failure.item} ({failure.row}), {failure.subject}: {failure.reason}", err=True)
        click.echo(f"Wrote {found.files[0]} and {len(found.files) - 1} files in {found.files[-1].parent}.")
    if found.failures:
        ctx.exit(1)


def _print_json(found: "Faithfulness") -> None:
    from dataclasses import asdict

    document = {
        "items": found.items,
        "done": found.done,
        "skipped": found.skipped,
        "failures": [asdict(failure) for failure in found.failures],
        "cost": asdict(found.cost),
        "notes": found.notes,
        "results": [result.model_dump(mode="json", exclude={"schema_version", "record"}) for result in found.results],
        "files": [str(path) for path in found.files],
    }
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))
