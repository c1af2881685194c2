"""`heta evaluate orders`."""

import json
from pathlib import Path

import click

from heta_data.options import folder_option, json_option
from heta_evaluation.cli.progress import progress_bar


@click.command()
@folder_option
@click.option("--draws", type=int, help="Bootstrap draws (default: 10000).")
@click.option("--seed", type=int, help="Seed of the draws (default: 0).")
@json_option
def orders(folder: Path, draws: int | None, seed: int | None, as_json: bool) -> None:
    """Show what the order of evidence and distractor does, to methods and to what models answer; needs no labels.

    The folder's items must come in both orders (`heta data build sample --orders both`).

    \b
    Example:
      heta evaluate orders -C both-orders
    """
    from dataclasses import asdict

    from heta_data.workspace import Workspace
    from heta_evaluation.alignment.order_study import study_orders

    with progress_bar() as progress:
        study = study_orders(Workspace(folder), draws=draws, seed=seed, progress=progress)
    if as_json:
        lines = [
            {
                "subject": line.subject.name,
                "dsa_evidence_first": line.first,
                "dsa_evidence_last": line.last,
                "order_effect": line.effect.model_dump(mode="json"),
                "order_averaged": line.averaged.model_dump(mode="json"),
            }
            for line in study.lines
        ]
        answers = {model: asdict(counts) for model, counts in study.answers.items()}
        click.echo(json.dumps({"pairs": study.pairs, "methods": lines, "answers": answers}, indent=2))
        return
    from heta_evaluation.terminal import print_orders

    print_orders(study)
