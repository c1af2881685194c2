"""Commands of the evaluation package."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heta_data.options import folder_flag, folder_option, json_option

if TYPE_CHECKING:
    from heta_evaluation.runner import Evaluation
    from heta_evaluation.table import Progress


@click.group()
def evaluate() -> None:
    """Agreement of raters, alignment of methods with them, and the report.

    \b
    Examples:
      heta evaluate run -C my-benchmark
      heta evaluate report -C my-benchmark
    """


@evaluate.command()
@folder_option
@click.option(
    "--kinds",
    multiple=True,
    type=click.Choice(["human", "simulated", "judge"]),
    help="Kind of raters whose labels count; may be repeated (default: human).",
)
@click.option(
    "--arms",
    multiple=True,
    type=click.Choice(["blind", "assisted", "reveal"]),
    help="Arm whose labels count; may be repeated (default: blind).",
)
@click.option("--campaign", metavar="HASH", help="Only labels of this campaign: its hash, or how that begins.")
@click.option("--draws", type=int, help="Bootstrap draws (default: 10000).")
@click.option("--seed", type=int, help="Seed of the draws (default: 0).")
@click.option(
    "--rule",
    type=click.Choice(["max", "sum", "mean", "first"]),
    help="How a word gets its score from several tokens (default: max).",
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
    as_json: bool,
) -> None:
    """Evaluate a folder: gold.jsonl, results.jsonl and a summary.

    Only labels of people who saw no attribution count, unless --kinds or --arms say otherwise; then every figure
    and the report carry a banner.

    \b
    Examples:
      heta evaluate run -C my-benchmark
      heta evaluate run -C my-benchmark --kinds simulated --draws 2000
    """
    from heta_data.workspace import Workspace
    from heta_evaluation.runner import evaluate as evaluate_folder

    workspace = Workspace(folder)
    with _progress() as progress:
        evaluation = evaluate_folder(
            workspace,
            progress=progress,
            kinds=kinds or None,
            arms=arms or None,
            campaign=campaign,
            draws=draws,
            seed=seed,
            rule=rule,
        )
    if as_json:
        _print_json(evaluation, {"gold": str(workspace.gold), "results": str(workspace.results)})
        return
    from heta_evaluation.terminal import print_summary

    print_summary(evaluation)
    click.echo(f"Wrote {workspace.gold} and {workspace.results}. Next: heta evaluate report{folder_flag(folder)}")


@evaluate.command()
@folder_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write (default: report.html).")
@json_option
def report(folder: Path, out: Path | None, as_json: bool) -> None:
    """Write the results as one self-contained HTML file.

    \b
    Example:
      heta evaluate report -C my-benchmark --out /tmp/report.html
    """
    from heta_data.workspace import Workspace
    from heta_evaluation.report import build_report

    path = build_report(Workspace(folder), out=out)
    click.echo(json.dumps({"report": str(path)}) if as_json else f"Wrote {path}: open it in a browser.")


@evaluate.command()
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
    from heta_evaluation.order_study import study_orders

    with _progress() as progress:
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


@click.command()
@json_option
def metrics(as_json: bool) -> None:
    """List metrics with range, direction and reference.

    \b
    Example:
      heta metrics
    """
    from heta_evaluation.metrics import METRICS

    found = [METRICS.get(name) for name in METRICS]
    if as_json:
        fields = ("name", "title", "family", "range", "direction", "needs", "reference")
        odd = ("ties", "negative", "empty", "constant", "version")
        click.echo(
            json.dumps([{name: getattr(metric, name) for name in (*fields, *odd)} for metric in found], indent=2)
        )
        return
    better = {"higher": "higher is better", "lower": "lower is better", "neutral": "says nothing by itself"}
    for metric in found:
        low, high = metric.range
        click.echo(f"{metric.name}  [{low:g}, {high:g}], {better[metric.direction]}")
        click.echo(f"    {metric.title}")
        click.echo(f"    {metric.reference}")


@contextmanager
def _progress() -> "Iterator[Progress | None]":
    """A bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("evaluate", total=None)

        def report_steps(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report_steps


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
