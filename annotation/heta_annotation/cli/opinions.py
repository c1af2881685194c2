"""`heta campaign ask` and `opinions`: people judge methods directly."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from heta_annotation.cli.servers import bar, connect_to
from heta_data.options import folder_flag, folder_option, json_option

if TYPE_CHECKING:
    from heta_annotation.campaign.queues import Asked
    from heta_annotation.opinions.estimate import Estimate
    from heta_annotation.opinions.plan import AskPlan
    from heta_annotation.opinions.summary import AskSummary

F = TypeVar("F", bound=Callable[..., Any])
SHARE, SERVER = 0.15, "judging"
"""As in `heta_annotation.opinions.settings`, which is not loaded for `--help`."""


def _ask_options(command: F) -> F:
    """What both kinds of question have in common."""
    options = [
        folder_option,
        click.option("--methods", required=True, help="Methods, separated by commas: kl, or kl-1a2b3c4d@smollm2."),
        click.option("--raters", required=True, help="Pseudonyms, separated by commas; they must do nothing else."),
        click.option(
            "--share",
            type=click.FloatRange(0, 1, min_open=True),
            default=SHARE,
            show_default=True,
            help="Share of an item's words that is shown of each method, at least one.",
        ),
        click.option("--overlap", type=click.IntRange(1), help="Raters a question (default: all)."),
        click.option("--limit", type=click.IntRange(1), help="Ask about so many items only, drawn at random."),
        click.option("--seed", type=int, default=0, show_default=True, help="Draws items, order and who gets what."),
        click.option("--server", default=SERVER, show_default=True, help="Local Label Studio that they work on."),
        click.option(
            "--kind",
            type=click.Choice(["human", "simulated"]),
            default="human",
            show_default=True,
            help="Who the raters are. Stands in every opinion, and cannot be changed later.",
        ),
        click.option("--dry-run", is_flag=True, help="Say who would be asked what; ask no server, write nothing."),
        json_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def ask() -> None:
    """Have people judge methods directly, without labelling anything.

    Who is asked takes no other part in the campaign. No page and no task says which methods are shown.
    """


@ask.command()
@_ask_options
def prefer(folder: Path, **options: Any) -> None:
    """Which of two methods' highlightings is better? As many words of each, left and right drawn.

    \b
    Example: heta studio start judging -C my-benchmark
             heta campaign ask prefer -C my-benchmark --methods heta_fast,kl --raters a95,a96
    """
    _ask(folder, "prefer", **options)


@ask.command()
@_ask_options
def answer(folder: Path, **options: Any) -> None:
    """What is the answer, going by a method's top words alone? Nobody sees an item twice.

    \b
    Example: heta studio start judging -C my-benchmark
             heta campaign ask answer -C my-benchmark --methods heta_fast,kl,random --raters a97,a98,a99
    """
    _ask(folder, "answer", **options)


def _ask(folder: Path, asked: "Asked", *, dry_run: bool, as_json: bool, **options: Any) -> None:
    from heta_annotation.opinions.plan import plan_ask
    from heta_annotation.opinions.send import send_ask, to_send
    from heta_annotation.opinions.settings import AskSettings
    from heta_data.workspace import Workspace

    for name in ("methods", "raters"):
        options[name] = tuple(part.strip() for part in options[name].split(",") if part.strip())
    settings = AskSettings(asked=asked, **options)
    workspace = Workspace(folder)
    planned = plan_ask(workspace, settings)
    waiting = to_send(workspace, planned)
    if dry_run:
        if as_json:
            click.echo(json.dumps({**_plan_document(planned), "to_send": waiting}, indent=2, ensure_ascii=False))
        else:
            _say_plan(planned)
            click.echo(f"{waiting} of {planned.total} questions would be sent")
        return
    connection = connect_to(workspace, settings.server)
    with bar("ask") as progress:
        sent = send_ask(workspace, planned, connection, progress=progress)
    if as_json:
        click.echo(json.dumps({**_plan_document(planned), **asdict(sent)}, indent=2, ensure_ascii=False))
        return
    _say_plan(planned)
    click.echo(
        f"{sent.sent} questions sent, {sent.present} there before; read back and equal\n"
        f"  log-ins of {sent.raters + len(sent.waiting)} raters: {sent.logins} (keep it to yourself, hand out one line "
        "each)"
    )
    for rater, reason in sent.waiting.items():
        click.echo(f"  {rater} waits: {reason}")
    if sent.waiting:
        click.echo("Ask again, with the same options, to let in who has agreed since.")
    click.echo(f"Next: raters open label_here of their line and log in; heta campaign opinions{folder_flag(folder)}")


def _say_plan(planned: "AskPlan") -> None:
    settings = planned.settings
    click.echo(f"ask        {settings.asked} ({planned.hash}), on a Label Studio named {settings.server!r}")
    for name, shown in planned.methods.items():
        click.echo(f"method     {name}: {shown.name}")
    click.echo(f"items      {planned.items}, the top {settings.share:.0%} of their words of each method")
    for (first, second), count in planned.same.items():
        click.echo(f"           {first} and {second} show the same words of {count} items, which are not asked about")
    click.echo(
        f"raters     {len(settings.raters)} {settings.kind}, {settings.raters_each} a question; no other part in the "
        "campaign"
    )
    for rater, mine in planned.questions.items():
        click.echo(f"           {rater:<10} {len(mine)} questions")


def _plan_document(planned: "AskPlan") -> dict[str, Any]:
    return {
        "settings": planned.settings.document(),
        "hash": planned.hash,
        **planned.details(),
        "items": planned.items,
        "questions": {rater: len(mine) for rater, mine in planned.questions.items()},
    }


@click.command()
@folder_option
@json_option
def opinions(folder: Path, as_json: bool) -> None:
    """Fetch what people said about methods into opinions.jsonl, and say what it comes to.

    \b
    Example: heta campaign opinions -C my-benchmark
    """
    from heta_annotation.opinions.fetch import asked_servers, fetch_opinions
    from heta_annotation.opinions.summary import summarise
    from heta_data.jsonl import read_records
    from heta_data.records import Item
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    connections = {asked: connect_to(workspace, server) for asked, server in asked_servers(workspace).items()}
    fetched = fetch_opinions(workspace, connections)
    items = {item.id: item for item in read_records(workspace.items, Item)}
    summaries = [summarise(one, items) for one in fetched]
    if as_json:
        click.echo(json.dumps([asdict(summary) for summary in summaries], indent=2, ensure_ascii=False))
        return
    for summary in summaries:
        _say_summary(summary)
    click.echo(f"{workspace.opinions}: {sum(len(one.opinions) for one in fetched)} opinions")


def _say_summary(summary: "AskSummary") -> None:
    click.echo(
        f"{summary.asked}: {summary.answers} of {summary.questions} questions answered by {summary.raters} "
        f"{summary.kind} raters"
        + (f", {summary.skipped} skipped" if summary.skipped else "")
        + ("" if summary.seconds is None else f"; {summary.seconds:g} s an answer (median)")
    )
    if summary.kind == "simulated":
        click.echo("  these raters are scripts: none of these opinions is a person's")
    for pair in summary.pairs:
        same = f"; the same words of {pair.same} items, not asked" if pair.same else ""
        click.echo(
            f"  {pair.first} over {pair.second}: {_figure(pair.rate)} on {pair.rate.items} items (preferred "
            f"{pair.won} times, the other {pair.lost}, no difference {pair.undecided}{same})"
        )
    for method in summary.methods:
        behind = f"{method.correct.answers} answers on {method.correct.items} items"
        click.echo(
            f"  {method.method}: exact match {_figure(method.correct)}, F1 {_figure(method.token_f1)}, "
            f"could not tell {_figure(method.gave_up)} ({behind})"
        )
    if summary.undecided is not None and summary.left is not None:
        click.echo(f"  no difference: {_figure(summary.undecided)}; left among the others: {_figure(summary.left)}")
    for what, numbers in (("gone from the server", summary.vanished), ("changed since", summary.changed)):
        if numbers:
            click.echo(f"  {len(numbers)} answers {what}: annotation {', '.join(map(str, numbers))}", err=True)
    for odd in summary.odd:
        click.echo(
            f"  set aside: annotation {odd.annotation} of task {odd.task} ({odd.rater}): {'; '.join(odd.reasons)}",
            err=True,
        )


def _figure(found: "Estimate") -> str:
    if found.value is None:
        return "none"
    if found.low is None or found.high is None:
        return f"{found.value:.2f} ({found.reason})"
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
