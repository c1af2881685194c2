"""`heta evaluate compare`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heta_data.options import folder_option, json_option

if TYPE_CHECKING:
    from heta_evaluation.comparison.answer import Answer
    from heta_evaluation.comparison.compare import Comparison


@click.command()
@click.argument("first", metavar="A")
@click.argument("others", metavar="B...", nargs=-1, required=True)
@folder_option
@click.option("--metric", default="token_f1@k", show_default=True, help="Metric to compare by.")
@json_option
def compare(first: str, others: tuple[str, ...], folder: Path, metric: str, as_json: bool) -> None:
    """Say whether A is better than B, by how much, and how sure that is; reads what `heta evaluate run` wrote.

    A and B are names of methods or baselines, or how a subject of results.jsonl begins. With several Bs each is
    answered, and p is also corrected for their number. To compare what lies in two folders, put the attributions of
    both below one and run the evaluation there: only on the same items and labels is a difference a paired one.

    \b
    Examples:
      heta evaluate compare heta_fast kl -C my-benchmark
      heta evaluate compare heta_fast answer_match first_words -C my-benchmark --metric average_precision
    """
    from heta_data.workspace import Workspace
    from heta_evaluation.comparison.compare import compare as compare_subjects

    comparison = compare_subjects(Workspace(folder), first, others, metric=metric)
    if as_json:
        click.echo(json.dumps(document(comparison), ensure_ascii=False, indent=2, allow_nan=False))
        return
    from heta_evaluation.comparison.terminal import print_comparison

    print_comparison(comparison)


def document(comparison: "Comparison") -> dict[str, Any]:
    """A comparison as plain JSON values."""
    return {
        "labels": {"kinds": comparison.origin.kinds, "arms": comparison.origin.arms},
        "banners": [banner.label for banner in comparison.origin.banners],
        "caveats": comparison.caveats,
        "answers": [_answer(one) for one in comparison.answers],
    }


def _answer(one: "Answer") -> dict[str, Any]:
    from dataclasses import asdict

    from heta_data.records import MetricResult

    def plain(value: object) -> object:
        if isinstance(value, MetricResult):
            return value.model_dump(mode="json", exclude={"schema_version", "record"})
        if isinstance(value, tuple):
            return [plain(each) for each in value]
        return value

    whole = {"said", "parts", "cases", "surer"}
    found = {name: plain(value) for name, value in vars(one).items() if name not in whole}
    return {
        "better": one.better,
        "verdict": one.said.text,
        **found,
        "parts": [asdict(part) for part in one.parts],
        "cases": [asdict(case) for case in one.cases],
        "surer": None if one.surer is None else one.surer._asdict(),
    }
