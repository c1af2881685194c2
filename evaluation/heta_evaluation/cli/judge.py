"""`heta judge`: a language model marks words, or compares methods, and is held against people."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heta_data.options import folder_flag, folder_option, json_option
from heta_evaluation.cli.progress import progress_bar

if TYPE_CHECKING:
    from heta_data.workspace import Workspace
    from heta_evaluation.judge.bias import Rate
    from heta_evaluation.judge.run import JudgeRun
    from heta_evaluation.judge.settings import JudgeSettings
    from heta_evaluation.judge.summary import Failures, Preference
    from heta_evaluation.judge.validity import Validity

_OPTIONS = (
    click.option("--model", help="As the endpoint calls it."),
    click.option("--passes", multiple=True, type=click.Choice(["labels", "prefer"]), help="What is asked; repeatable."),
    click.option("--methods", help="What `prefer` compares, separated by commas."),
    click.option("--limit", type=int, help="Ask about so many items only."),
    click.option("--repeats", type=int, help="Ask everything so often (default: 1)."),
    click.option("--concurrency", type=int, help="Calls in flight (default: 8)."),
    click.option("--max-calls", type=int, help="Send no more requests than these, over all runs."),
    click.option("--max-cost", type=float, help="Spend no more than this, over all runs; needs [judge.prices]."),
    click.option("--seed", type=int, help="Seed of every draw (default: 0)."),
)


@click.group()
def judge() -> None:
    """Let a language model judge, and measure whether its verdicts are worth anything.

    The endpoint comes from OPENAI_BASE_URL and OPENAI_API_KEY; everything else from [judge] of heta.toml or flags.

    \b
    Examples:
      heta judge run -C my-benchmark --model my-model --dry-run
      heta judge report -C my-benchmark
    """


def _with_options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@judge.command()
@folder_option
@_with_options
@click.option("--dry-run", is_flag=True, help="Only say what would be asked and what it can cost; nothing is sent.")
@json_option
def run(folder: Path, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Ask the judge everything that is not known yet. Stopped at any point, it goes on where it was.

    Marks go into labels.jsonl as those of a rater of kind `judge`, which count in an evaluation only where
    `--kinds judge` asks for them.

    \b
    Examples:
      heta judge run -C my-benchmark --model my-model --limit 20
      heta judge run -C my-benchmark --model my-model --passes prefer --methods heta_fast,kl --dry-run
    """
    from heta_data.workspace import Workspace
    from heta_evaluation.judge.marks import judge_labels, write_judge_labels
    from heta_evaluation.judge.run import read_material, run_judge
    from heta_evaluation.judge.settings import endpoint_from_environment

    workspace = Workspace(folder)
    settings = _settings(workspace, given)
    endpoint = endpoint_from_environment()
    if dry_run:
        _say_plan(workspace, settings, endpoint.name, as_json=as_json)
        return
    with progress_bar() as progress:
        found = run_judge(workspace, settings, endpoint, progress=progress)
    items, _ = read_material(workspace, settings)
    labels = 0
    with workspace.lock():
        if "labels" in settings.passes:
            labels = write_judge_labels(workspace, judge_labels(found.judgments, items))
    if as_json:
        click.echo(json.dumps(_run_document(found, labels), indent=2, ensure_ascii=False))
        return
    _say_run(found, settings, labels)
    click.echo(f"Next: heta judge report{folder_flag(folder)}")


@judge.command()
@folder_option
@json_option
def report(folder: Path, as_json: bool) -> None:
    """How calls ended, which biases the judge has, what it prefers, and how near to people its marks are.

    \b
    Example:
      heta judge report -C my-benchmark
    """
    from heta_data.workspace import Workspace
    from heta_evaluation.judge.report import judge_settings, read_report

    workspace = Workspace(folder)
    found = read_report(workspace, judge_settings(workspace))
    if as_json:
        click.echo(json.dumps(found.document(), indent=2, ensure_ascii=False))
        return
    judged = len({one.item_id for one in found.judgments})
    click.echo(f"{found.judge}, {len(found.judgments)} calls on {judged} items")
    _say_failures(found.failures)
    _say_biases(found.biases)
    _say_preferences(found.preferences)
    if found.validity is None:
        click.echo(f"Validity    not measured: {found.why_not}")
    else:
        _say_validity(found.validity)


@judge.command()
@click.argument("first", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.argument("second", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option(
    "--task", type=click.Choice(["labels", "prefer"]), default="labels", show_default=True, help="Of the bundled one."
)
def rubric(first: Path | None, second: Path | None, task: Any) -> None:
    """Print a rubric and its hash (the bundled one where no file is named), or what differs between two.

    \b
    Examples:
      heta judge rubric --task prefer
      heta judge rubric mine.md theirs.md
    """
    from heta_evaluation.judge.rubric import bundled_rubric, read_rubric, rubric_diff

    if first is not None and second is not None:
        click.echo(rubric_diff(first, second) or "No difference.", nl=False)
        return
    path = first or bundled_rubric(task)
    read = read_rubric(path, task)
    click.echo(f"{read.name}, hash {read.hash}\n")
    click.echo(path.read_text(encoding="utf-8"))


def _settings(workspace: "Workspace", given: dict[str, Any]) -> "JudgeSettings":
    from heta_evaluation.judge.settings import JudgeSettings

    methods = given.pop("methods", None)
    passes = given.pop("passes", None)
    overrides: dict[str, Any] = {
        **given,
        "methods": tuple(name.strip() for name in methods.split(",") if name.strip()) if methods else None,
        "passes": passes or None,
    }
    return workspace.settings("judge", JudgeSettings, overrides)


def _say_plan(workspace: "Workspace", settings: "JudgeSettings", endpoint: str, *, as_json: bool) -> None:
    from heta_evaluation.judge.calls import Form, plan_calls
    from heta_evaluation.judge.run import load_rubrics, read_material

    items, attributions = read_material(workspace, settings)
    rubrics = load_rubrics(workspace, settings)
    plan = plan_calls(settings, endpoint, Form(rung=settings.form or "json_schema"), rubrics, items, attributions)
    sent, replies = plan.most_tokens
    price = settings.price
    cost = price.cost(sent, replies) if price else None
    example = plan.calls[0].request["messages"] if plan.calls else []
    if as_json:
        document = {
            "calls": len(plan.calls),
            "items": plan.items,
            "most_prompt_tokens": sent,
            "most_reply_tokens": replies,
            "most_cost": cost,
            "same": [[*pair, number] for pair, number in plan.same.items()],
            "missing": dict(plan.missing),
            "example": example,
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo(f"{len(plan.calls)} calls to {settings.model} at {endpoint}, about {plan.items} items")
    click.echo(f"At most {sent:,} prompt and {replies:,} reply tokens (a token is at least a byte; expect a quarter)")
    click.echo(f"At most {cost:.4f} in the currency of the prices" if cost is not None else "No price is known.")
    _say_not_asked(plan.same, plan.missing)
    for message in example:
        click.echo(f"\n--- {message['role']}\n{message['content']}")


def _say_not_asked(same: Any, missing: Any) -> None:
    for (first, second), number in same.items():
        if number:
            click.echo(f"{number} items are not asked about: {first} and {second} highlight the same words there")
    for name, number in missing.items():
        click.echo(f"{number} items have no attribution by {name}: it is not compared on them")


def _run_document(found: "JudgeRun", labels: int) -> dict[str, Any]:
    from collections import Counter

    return {
        "calls": len(found.judgments),
        "asked": found.asked,
        "requests": found.requests,
        "unanswered": found.unanswered,
        "spent": found.spent,
        "labels": labels,
        "statuses": dict(Counter(one.status for one in found.judgments)),
        "form": asdict(found.form),
        "evidence": list(found.evidence),
    }


def _say_run(found: "JudgeRun", settings: "JudgeSettings", labels: int) -> None:
    from collections import Counter

    counted = Counter(one.status for one in found.judgments)
    click.echo(
        f"{len(found.judgments)} calls: " + ", ".join(f"{number} {status}" for status, number in counted.items())
    )
    click.echo(f"  asked now {found.asked}, requests in all runs {found.requests} ({found.unanswered} without a reply)")
    click.echo(f"  form      {found.form.rung} ({'; '.join(found.evidence)})")
    if settings.price is not None:
        click.echo(f"  spent     {found.spent:.4f}; what cannot be known counts with the most it can be")
    if labels:
        click.echo(f"  labels    {labels} items in labels.jsonl, of kind judge")
    names = {one.model for one in found.judgments if one.model} - {settings.model}
    if names:
        click.echo(f"  CAUTION   asked for {settings.model}, and the endpoint says it was {', '.join(sorted(names))}")
    _say_not_asked(found.plan.same, found.plan.missing)


def _say_failures(failures: "Sequence[Failures]") -> None:
    click.echo("Failures    calls without a verdict")
    for one in failures:
        listed = ", ".join(f"{number} {status}" for status, number in one.statuses.items() if status != "ok")
        click.echo(f"  {one.what}: {one.failed} of {one.planned}" + (f" ({listed})" if listed else ""))


def _say_biases(biases: "Sequence[Rate]") -> None:
    if biases:
        click.echo("Biases      rate [99 % interval over items], and what an unbiased judge gives")
    for one in biases:
        mark = "FLAG" if one.flagged else "    "
        click.echo(
            f"  {mark} {one.name}: {_figure(one.value, one.low, one.high)}, unbiased {one.unbiased:g}: {one.what}"
        )


def _say_preferences(found: "Sequence[Preference]") -> None:
    for one in found:
        click.echo(
            f"Preference  {one.first} over {one.second}: {_figure(one.rate, one.low, one.high)} on {one.items} items; "
            f"{one.inconsistent} pairs of orders contradict each other (ties), {one.missing} lack a verdict"
            + (f" (with them {one.worst:.2f} to {one.best:.2f})" if one.missing else "")
        )


def _say_validity(found: "Validity") -> None:
    click.echo(f"Validity    {found.items_both} items with labels of {found.raters} people and of the judge")
    click.echo(f"  F1 with a person {_value(found.f1)}; people with each other {_value(found.f1_people)}")
    click.echo(f"  Spearman with the share of people that marked {_value(found.spearman)}")
    click.echo(
        f"  alpha of people {_value(found.alpha_people)}, with the judge as one more {_value(found.alpha_with_judge)}"
    )
    test = found.substitute
    verdict = {True: "could stand in for an annotator", False: "could not", None: "not decided"}[test.passes]
    click.echo(
        f"  alternative annotator test (epsilon {test.epsilon:g}): {verdict}; winning rate "
        f"{_value(test.winning_rate)}, advantage {_value(test.advantage)}"
    )
    for score in found.scores:
        fixed = score.corrected
        click.echo(
            f"  {score.subject}: F1@k {_figure(fixed.value, fixed.low, fixed.high)} with people's labels on "
            f"{fixed.labelled} and the judge's on {fixed.judged} items more (weight {fixed.weight:.2f}); people "
            f"alone [{fixed.people_alone[0]:.2f}, {fixed.people_alone[1]:.2f}]; the judge taken for people "
            f"{score.judged_alone:.2f}"
        )
    for pair in found.differences:
        fixed = pair.corrected
        click.echo(
            f"  {pair.first} minus {pair.second}: {_figure(fixed.value, fixed.low, fixed.high)}, p {pair.p:.3g} "
            f"(Holm {pair.p_holm:.3g})"
        )


def _figure(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:.2f}" + (f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else "")


def _value(found: Any) -> str:
    return f"none ({found.reason})" if found.value is None else f"{found.value:.2f}"
