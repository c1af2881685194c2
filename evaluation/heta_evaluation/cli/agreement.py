"""`heta evaluate agreement`."""

import json
from pathlib import Path

import click

from heta_data.options import folder_option, json_option
from heta_evaluation.cli.options import label_options
from heta_evaluation.cli.progress import progress_bar


@click.command()
@folder_option
@label_options
@click.option("--draws", type=int, help="Bootstrap draws (default: 10000).")
@click.option("--seed", type=int, help="Seed of the draws (default: 0).")
@json_option
def agreement(
    folder: Path,
    kinds: tuple[str, ...],
    arms: tuple[str, ...],
    campaign: str | None,
    draws: int | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Show how raters agree: overall, by source, arm, rater, pair and item; agreement.jsonl. Needs no attributions.

    \b
    Examples:
      heta evaluate agreement -C my-benchmark
      heta evaluate agreement -C my-benchmark --arms blind --arms assisted
    """
    from heta_data.workspace import Workspace
    from heta_evaluation.agreement.study import study_agreement

    workspace = Workspace(folder)
    with progress_bar() as progress:
        study = study_agreement(
            workspace,
            progress=progress,
            kinds=kinds or None,
            arms=arms or None,
            campaign=campaign,
            draws=draws,
            seed=seed,
        )
    if as_json:
        from heta_evaluation.summary import banners

        shown = [one for one in study.results if one.item_id is None]
        document = {
            "banners": [f"{banner.label}: {banner.text}" for banner in banners(shown)],
            "notes": list(study.notes),
            "results": [one.model_dump(mode="json", exclude={"schema_version", "record"}) for one in shown],
            "files": {"agreement": str(workspace.agreement)},
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))
        return
    from heta_evaluation.agreement.terminal import print_agreement

    print_agreement(study)
    click.echo(f"Wrote {workspace.agreement}.")
