"""`heta evaluate aggregate`."""

import json
from pathlib import Path

import click

from heta_data.options import folder_flag, folder_option, json_option
from heta_evaluation.cli.options import label_options


@click.command()
@folder_option
@click.option(
    "--method",
    default="dawid_skene",
    show_default=True,
    help="majority, dawid_skene, one_coin, mace, glad, or a plug-in's name.",
)
@click.option(
    "--controls",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Gold labels of items that are known and held fixed, e.g. campaign_gold.jsonl; raters are scored on them.",
)
@label_options
@click.option("--seed", type=int, help="Seed of methods that start at random (default: 0).")
@json_option
def aggregate(
    folder: Path,
    method: str,
    controls: Path | None,
    kinds: tuple[str, ...],
    arms: tuple[str, ...],
    campaign: str | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Put raters' labels together by a model of the raters: gold.jsonl, and what each rater is worth.

    \b
    Examples:
      heta evaluate aggregate -C my-benchmark --method dawid_skene
      heta evaluate aggregate -C my-benchmark --method mace --controls campaign_gold.jsonl
    """
    from dataclasses import asdict

    from heta_data.workspace import Workspace
    from heta_evaluation.aggregation.study import aggregate_folder

    workspace = Workspace(folder)
    study = aggregate_folder(
        workspace, method, controls=controls, kinds=kinds or None, arms=arms or None, campaign=campaign, seed=seed
    )
    if as_json:
        from heta_evaluation.summary import banners

        said = [f"{banner.label}: {banner.text}" for banner in banners(study.aggregation.gold)]
        document = {"banners": said, **asdict(study.summary), "raters": [asdict(rater) for rater in study.raters]}
        click.echo(json.dumps({**document, "gold": str(workspace.gold)}, indent=2, allow_nan=False))
        return
    from heta_evaluation.aggregation.terminal import print_aggregation

    print_aggregation(study)
    again = f"heta evaluate run{folder_flag(folder)} --gold {method}"
    click.echo(f"Wrote {workspace.gold}. To evaluate methods against such gold: {again}")
