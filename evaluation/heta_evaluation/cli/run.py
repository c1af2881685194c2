"""`heta evaluate run`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heta_data.options import folder_flag, folder_option, json_option
from heta_evaluation.cli.options import label_options
from heta_evaluation.cli.progress import progress_bar

if TYPE_CHECKING:
    from heta_evaluation.runner import Evaluation


@click.command()
@folder_option
@label_options
@click.option("--draws", type=int, help="Bootstrap draws (default: 10000).")
@click.option("--seed", type=int, help="Seed of the draws (default: 0).")
@click.option(
    "--rule",
    type=click.Choice(["max", "sum", "mean", "first"]),
    help="How a word gets its score from several tokens (default: max).",
)
@click.option(
    "--gold",
    metavar="WAY",
    help="How labels become gold: majority (default), dawid_skene, one_coin, mace, glad, or campaign.",
)
@json_option
def run(
    folder: Path,
    kinds: tuple[str, ...],
    arms: tuple[str, ...],
    campaign: str | None,
    draws: int | None,
    seed: int | None,
    rule: str | None,
    gold: str | None,
    as_json: bool,
) -> None:
    """Evaluate a folder: gold.jsonl, results.jsonl and a summary.

    Only labels of people who saw no attribution count, unless --kinds or --arms say otherwise; then every figure
    and the report carry a banner.

    \b
    Examples:
      heta evaluate run -C my-benchmark
      heta evaluate run -C my-benchmark --kinds simulated --draws 2000
      heta evaluate run -C my-benchmark --gold campaign
    """
    from heta_data.workspace import Workspace
    from heta_evaluation.runner import evaluate as evaluate_folder

    workspace = Workspace(folder)
    with progress_bar() as progress:
        evaluation = evaluate_folder(
            workspace,
            progress=progress,
            kinds=kinds or None,
            arms=arms or None,
            campaign=campaign,
            draws=draws,
            seed=seed,
            rule=rule,
            gold=gold,
        )
    if as_json:
        _print_json(evaluation, {"gold": str(workspace.gold), "results": str(workspace.results)})
        return
    from heta_evaluation.terminal import print_summary

    print_summary(evaluation)
    click.echo(f"Wrote {workspace.gold} and {workspace.results}. Next: heta evaluate report{folder_flag(folder)}")


def _print_json(evaluation: "Evaluation", files: dict[str, str]) -> None:
    from heta_evaluation.results import ResultIndex
    from heta_evaluation.summary import banners, notes, verdict

    figures = [result for result in evaluation.results if result.item_id is None]
    index = ResultIndex(figures)
    document = {
        "banners": [f"{banner.label}: {banner.text}" for banner in banners(figures)],
        "verdict": verdict(evaluation.table.subjects, index),
        "notes": notes(index),
        "results": [result.model_dump(mode="json", exclude={"schema_version", "record"}) for result in figures],
        "files": files,
    }
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))
