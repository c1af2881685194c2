"""`heta campaign status` and `close`: how far it is, on one screen, and how it ends."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heta_annotation.cli.servers import connect, connect_running, is_external, pushed_arms
from heta_data.options import folder_flag, folder_option, json_option

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from heta_annotation.campaign.progress import ArmStatus, RaterStatus
    from heta_data.workspace import Workspace

_NO_AGREEMENT = {
    "no_pairs": "no item has two answers",
    "no_variation": "everybody marked the same on every word, or nothing",
}


@click.command()
@folder_option
@click.option("--watch", type=click.FloatRange(1, 3600), metavar="SECONDS", help="Show it again and again.")
@json_option
def status(folder: Path, watch: float | None, as_json: bool) -> None:
    """Show how far each arm and rater is, how raters agree, when it will be done, and who should be looked at.

    \b
    Example: heta campaign status -C my-benchmark --watch 60
    """
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    if as_json:
        if watch is not None:
            raise click.UsageError("--watch and --json do not go together: call it again yourself")
        click.echo(json.dumps([asdict(arm) for arm in _look(workspace)], indent=2))
        return
    from rich.console import Console

    # In a pipe nothing is wrapped: rich would take 80 columns for the width.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    if watch is None:
        console.print(_screen(_look(workspace), workspace))
        return
    from rich.live import Live

    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        while True:
            live.update(_screen(_look(workspace), workspace), refresh=True)
            time.sleep(watch)


def _look(workspace: "Workspace") -> "list[ArmStatus]":
    from heta_annotation.campaign.progress import campaign_status

    return campaign_status(workspace, connect_running(workspace, pushed_arms(workspace)))


@click.command()
@folder_option
@click.option("--incomplete", is_flag=True, help="Close it although answers are missing.")
@json_option
def close(folder: Path, incomplete: bool, as_json: bool) -> None:
    """Fetch everything once more and freeze it: no push afterwards, and a pull only verifies.

    \b
    Example: heta campaign close -C my-benchmark
    """
    from heta_annotation.campaign.closing import close as end
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    closed = end(workspace, connect(workspace, pushed_arms(workspace)), incomplete=incomplete)
    if as_json:
        click.echo(json.dumps(asdict(closed), indent=2))
        return
    click.echo(
        f"closed {closed.closed_at}: {closed.labels} labels ({closed.digest}), {closed.quarantined} in quarantine"
    )
    for arm, count in closed.missing.items():
        click.echo(f"  {count} planned answers of arm {arm} were never given")
    click.echo(f"Next: heta campaign gold{folder_flag(folder)}; heta evaluate run{folder_flag(folder)}")


def _screen(arms: "list[ArmStatus]", workspace: "Workspace") -> "Group":
    from rich.console import Group
    from rich.text import Text

    parts: list[Text | Table] = []
    if not arms:
        parts.append(Text("no campaign was pushed from this folder; `heta campaign opinions` tells of what was asked"))
    external = is_external(workspace)
    for arm in arms:
        start = "" if external else f"; `heta studio start {arm.arm}{folder_flag(workspace.root)}`"
        down = f"server down, as of the last pull{start}"
        parts.append(Text(f"{arm.arm}: {arm.url if arm.server == 'up' else down}", style="bold"))
        parts += [Text(f"  {line}") for line in _arm_lines(arm)]
        parts.append(_raters(arm.raters))
        if any(rater.stage in ("consent", "practice") for rater in arm.raters):
            again = f"`heta campaign push --watch 30{folder_flag(workspace.root)}`"
            parts.append(Text(f"  a push lets in whoever has agreed and practised since the last one: {again}"))
        for rater in arm.raters:
            pause = "; pause until somebody has looked" if rater.pause else ""
            parts += [Text(f"  {rater.rater}: {flag.text}{pause}", style="yellow") for flag in rater.flags]
    return Group(*parts)


def _arm_lines(arm: "ArmStatus") -> list[str]:
    aside = f", {arm.quarantined} in quarantine" if arm.quarantined else ""
    lines = [
        f"{arm.complete} of {arm.tasks} tasks complete, {arm.labels} of {arm.expected} labels, "
        f"{len(arm.contested)} contested{aside}"
    ]
    if arm.arm == "reveal":
        lines.append(f"{arm.revised} answers revised after the attribution was shown")
    found = arm.agreement
    if found.alpha is None:
        lines.append(f"agreement: none yet ({_NO_AGREEMENT.get(found.reason or '', found.reason)})")
    else:
        interval = "" if found.low is None or found.high is None else f" [{found.low:.2f}, {found.high:.2f}]"
        lines.append(f"agreement: alpha {found.alpha:.2f}{interval} on {found.items} items with two answers or more")
    spent = f"{_duration(arm.seconds)} of work"
    left = f", about {_duration(arm.seconds_left)} to go" if arm.seconds_left else ""
    pace = "" if arm.a_day is None else f"; {arm.a_day:g} answers a day"
    end = "" if arm.done_at is None else f", done about {arm.done_at[:10]} at that pace"
    return [*lines, f"{spent}{left}{pace}{end}"]


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 7200 else f"{seconds / 60:.0f} min"


def _raters(raters: "tuple[RaterStatus, ...]") -> "Table":
    from rich.table import Table

    table = Table(box=None, padding=(0, 1), show_edge=False)
    table.add_column("  rater", no_wrap=True)
    for heading in ("stage", "done", "cannot tell", "skipped", "work", "practice", "flags"):
        table.add_column(heading, justify="right" if heading in ("done", "cannot tell", "skipped", "work") else "left")
    for rater in raters:
        dealt = rater.answered + rater.cannot_tell
        table.add_row(
            f"  {rater.rater}" + (" (simulated)" if rater.kind == "simulated" else ""),
            rater.stage,
            f"{dealt}/{rater.planned}",
            str(rater.cannot_tell),
            str(rater.skipped),
            _duration(rater.seconds),
            "" if rater.practice_score is None else f"{rater.practice_score:.2f}",
            ", ".join(flag.name for flag in rater.flags),
        )
    return table
