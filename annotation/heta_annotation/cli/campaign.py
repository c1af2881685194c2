"""`heta campaign`: plan, push, follow and fetch a round of labelling."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heta_annotation.cli.decisions import adjudicate, gold, review
from heta_annotation.cli.importing import import_command
from heta_annotation.cli.letting_in import let_in
from heta_annotation.cli.opinions import ask, opinions
from heta_annotation.cli.raters import admit, extend, withdraw
from heta_annotation.cli.servers import accounts_option, bar, connect, pushed_arms, take_given_accounts
from heta_annotation.cli.status import close, status
from heta_data.options import folder_flag, folder_option, json_option

if TYPE_CHECKING:
    from heta_annotation.campaign.plan import Plan


@click.group()
def campaign() -> None:
    """Have people mark words, in Label Studio.

    A campaign has up to two arms: raters of the blind arm see no attribution, those of the assisted arm see one
    method's. Each arm has a local server of its own name or, with server = "external", all are on the Label Studio of
    LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY. What it is, stands under [campaign] in heta.toml.
    """


@campaign.command()
@folder_option
@json_option
@click.pass_context
def plan(ctx: click.Context, folder: Path, as_json: bool) -> None:
    """Say what the campaign will be, before anything is sent; exit code 1 if something is wrong with it.

    \b
    Example: heta campaign plan -C my-benchmark
    """
    from heta_annotation.campaign.plan import plan as make_plan
    from heta_data.workspace import Workspace

    planned = make_plan(Workspace(folder))
    if as_json:
        click.echo(json.dumps(_plan_document(planned), indent=2, ensure_ascii=False))
    else:
        _say_plan(planned)
    if planned.problems:
        ctx.exit(1)


@campaign.command()
@folder_option
@click.option(
    "--batch", type=click.IntRange(1, 5000), default=250, show_default=True, help="Tasks per request, at most."
)
@accounts_option
@click.option("--dry-run", is_flag=True, help="Say what would be sent; ask the servers, write nothing.")
@click.option(
    "--watch",
    type=click.FloatRange(1, 3600),
    metavar="SECONDS",
    help="Push again and again, and let in whoever has agreed and practised, until nobody waits.",
)
@json_option
def push(folder: Path, batch: int, accounts: Path | None, dry_run: bool, watch: float | None, as_json: bool) -> None:
    """Send the campaign to its servers. Doing it again changes nothing; after an accident it goes on.

    \b
    Example: heta studio start blind assisted -C my-benchmark
             heta campaign push -C my-benchmark --watch 30
    """
    from functools import partial

    from heta_annotation.campaign.plan import plan as make_plan
    from heta_annotation.campaign.push import preview
    from heta_annotation.campaign.push import push as send
    from heta_annotation.campaign.queue_push import PushOptions
    from heta_data.workspace import Workspace

    if watch is not None and (dry_run or as_json):
        raise click.UsageError("--watch goes neither with --dry-run nor with --json: call it again yourself")
    workspace = Workspace(folder)
    planned = make_plan(workspace)
    planned.check()
    connections = connect(workspace, [arm.arm for arm in planned.arms])
    if dry_run:
        waiting = preview(workspace, planned, connections)
        if as_json:
            click.echo(json.dumps({"campaign_hash": planned.campaign_hash, "to_send": waiting}))
            return
        _say_plan(planned)
        for name, number in waiting.items():
            click.echo(f"{name}: {number} tasks to send to {connections[name].url}")
        return
    take_given_accounts(workspace, next(iter(connections.values())), accounts)
    once = partial(send, workspace, connections, planned=planned, options=PushOptions(batch=batch))
    with bar("push") as progress:
        pushed = once(progress=progress)
    if as_json:
        click.echo(json.dumps([asdict(arm) for arm in pushed], indent=2))
        return
    for arm in pushed:
        click.echo(
            f"{arm.arm}: {arm.sent} tasks sent, {arm.present} there before, {arm.predictions} predictions; "
            f"read back and equal ({arm.digest})\n"
            f"  {len(arm.projects)} {'project' if len(arm.projects) == 1 else 'projects'} to label in on {arm.url}\n"
            f"  log-ins of {arm.raters} raters: {arm.logins} (keep it to yourself, hand out one line each)"
        )
        for rater, reason in arm.waiting.items():
            click.echo(f"  {rater} waits: {reason}")
    if watch is not None:
        let_in(once, pushed, watch)
    elif any(arm.waiting for arm in pushed):
        click.echo("Push again later: it lets in whoever is ready by then; --watch 30 does so by itself.")
    click.echo(f"Next: raters open label_here of their line and log in; heta campaign status{folder_flag(folder)}")


@campaign.command()
@folder_option
@json_option
def pull(folder: Path, as_json: bool) -> None:
    """Fetch the answers into labels.jsonl; what cannot be labels goes to quarantine.jsonl, with reasons.

    \b
    Example: heta campaign pull -C my-benchmark
    """
    from heta_annotation.campaign.pull import pull as fetch
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    pulled = fetch(workspace, connect(workspace, pushed_arms(workspace)))
    if as_json:
        click.echo(json.dumps(asdict(pulled), indent=2))
        return
    for arm in pulled.arms:
        click.echo(
            f"{arm.arm}: {arm.annotations} annotations: {arm.labels} labels, {arm.cannot_tell} cannot tell, "
            f"{arm.skipped} skipped, {arm.quarantined} quarantined"
        )
        for what, numbers in (("gone from the server", arm.vanished), ("changed since an earlier pull", arm.changed)):
            if numbers:
                click.echo(
                    f"  {len(numbers)} {what}: annotation {_list(numbers)}; campaign.sqlite keeps them", err=True
                )
        if arm.taken_back:
            click.echo(
                f"  {len(arm.taken_back)} by raters who have withdrawn are not taken: annotation "
                f"{_list(arm.taken_back)}; `heta campaign withdraw` erases them on the server",
                err=True,
            )
        if arm.pages:
            click.echo(
                f"  the labelling page of project {_list(arm.pages)} was changed in Label Studio: look at the answers "
                "given since; `heta campaign push` puts it back",
                err=True,
            )
    click.echo(f"{workspace.labels}: {pulled.records} records")
    if any(arm.quarantined for arm in pulled.arms):
        click.echo(f"{workspace.quarantine}: see there what was set aside and why", err=True)
    click.echo(f"Next: heta evaluate run{folder_flag(folder)}")


@campaign.command()
@folder_option
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same marks.")
@click.option("--dry-run", is_flag=True, help="Say how many labels would be given; label nothing.")
@json_option
def simulate(folder: Path, seed: int, dry_run: bool, as_json: bool) -> None:
    """Let scripted raters label, for trying the toolkit out. Refused where raters are people.

    Needs kind = "simulated" under [campaign] before the push; every label then says that it is simulated.

    \b
    Example: heta campaign simulate -C my-benchmark
    """
    from heta_annotation.campaign.simulate import simulate as label
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    connections = connect(workspace, pushed_arms(workspace))
    with bar("simulate") as progress:
        done = label(workspace, connections, seed=seed, dry_run=dry_run, progress=progress)
    if as_json:
        click.echo(json.dumps([asdict(arm) for arm in done], indent=2))
        return
    for arm in done:
        click.echo(
            f"{arm.arm}: {arm.given} simulated labels {'to give' if dry_run else 'given'}, {arm.present} there before"
        )


for command in (adjudicate, gold, review, ask, opinions, status, close, extend, admit, withdraw):
    campaign.add_command(command)
campaign.add_command(import_command)


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:10])) + (" ..." if len(numbers) > 10 else "")


def _say_plan(planned: "Plan") -> None:
    settings = planned.settings
    drawn = f" of {planned.items_there}, drawn with seed {settings.seed}" if settings.limit else ""
    click.echo(f"campaign   {settings.name} ({planned.campaign_hash})")
    click.echo(f"items      {len(planned.items)}{drawn}, {planned.units} {planned.settings.unit}s to mark")
    if planned.gold:
        have = "has known labels and is" if len(planned.gold) == 1 else "have known labels and are"
        click.echo(f"gold       {len(planned.gold)} of them {have} hidden among the others")
    if planned.consent is not None or planned.practice:
        agree = [f"agree to {settings.consent}"] if planned.consent is not None else []
        practise = [f"practise on {len(planned.practice)} gold items (pass mark {settings.pass_mark:g})"]
        first = ", then ".join(agree + (practise if planned.practice else []))
        click.echo(f"first      raters {first}; after each step push again to let in who is ready")
    click.echo(f"guideline  {planned.guideline.name} ({planned.guideline.hash})")
    for arm in planned.arms:
        click.echo(f"arm        {arm.arm}: {len(arm.raters)} {settings.kind} raters ({', '.join(arm.raters)})")
        click.echo(f"           {arm.overlap} per item, {arm.labels} labels expected")
        where = f"a Label Studio named {arm.arm!r}" if settings.server == "local" else "on LABEL_STUDIO_URL"
        click.echo(f"           sees {arm.sees}; isolation: {arm.isolation} ({where})")
        for queue in arm.queues:
            who = f"{queue.raters[0]:<10}" if queue.own else "           all"
            click.echo(f"           {who} {len(queue.uids)} items, {planned.queue_hours(arm, queue):.1f} h")
    click.echo(
        f"labels     {planned.labels} expected, about {planned.hours:.1f} hours of work "
        f"({sum(planned.words.values())} words to read)"
    )
    for note in planned.notes:
        click.echo(f"note       {note}")
    for problem in planned.problems:
        click.echo(f"problem    {problem}")


def _plan_document(planned: "Plan") -> dict[str, Any]:
    return {
        "campaign": planned.settings.model_dump(mode="json"),
        "campaign_hash": planned.campaign_hash,
        "guideline": {"name": planned.guideline.name, "hash": planned.guideline.hash},
        "items": len(planned.items),
        "units": planned.units,
        "gold": sorted(planned.gold),
        "words": sum(planned.words.values()),
        "labels": planned.labels,
        "hours": round(planned.hours, 2),
        "arms": [
            {
                "arm": arm.arm,
                "raters": arm.raters,
                "overlap": arm.overlap,
                "tasks": len(arm.tasks),
                "queues": [
                    {
                        "queue": queue.name,
                        "raters": queue.raters,
                        "tasks": len(queue.uids),
                        "hours": round(planned.queue_hours(arm, queue), 2),
                    }
                    for queue in arm.queues
                ],
                "labels": arm.labels,
                "isolation": arm.isolation,
                "sees": arm.sees,
            }
            for arm in planned.arms
        ],
        "notes": planned.notes,
        "problems": planned.problems,
    }
