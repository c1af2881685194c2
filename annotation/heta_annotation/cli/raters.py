"""`heta campaign extend`, `admit` and `withdraw`: who labels, while the campaign runs."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from heta_annotation.cli.servers import connect, connect_rater, pushed_arms
from heta_data.options import folder_flag, folder_option, json_option


@click.command()
@folder_option
@click.option(
    "--arm",
    type=click.Choice(["blind", "assisted", "reveal"]),
    default="blind",
    show_default=True,
    help="Whose raters get more.",
)
@click.option(
    "--items",
    type=click.Choice(["contested", "short"]),
    default="contested",
    show_default=True,
    help="Items that raters do not settle, or items for which too few raters are left.",
)
@click.option("--by", type=click.IntRange(1, 20), default=1, show_default=True, help="Answers more a contested item.")
@click.option("--new", default="", help="Pseudonyms of further raters, separated by commas.")
@click.option("--dry-run", is_flag=True, help="Say who would get what; note nothing.")
@json_option
def extend(folder: Path, arm: str, items: str, by: int, new: str, dry_run: bool, as_json: bool) -> None:
    """Give some items to more raters; the next push sends them. Nothing is taken away from anybody.

    \b
    Example: heta campaign extend -C my-benchmark --items contested --by 2
             heta campaign extend -C my-benchmark --items short --new a11
    """
    from heta_annotation.campaign.extension import extend as add
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    names = [name.strip() for name in new.split(",") if name.strip()]
    found = add(
        workspace,
        connect(workspace, [arm])[arm],  # type: ignore[list-item,index]
        arm,  # type: ignore[arg-type]
        items,  # type: ignore[arg-type]
        by=by,
        new=names,
        dry_run=dry_run,
    )
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return
    if found.given or not found.nobody:
        click.echo(f"{len(found.items)} {items} items of arm {arm}{' would get' if dry_run else ' get'} more answers")
    else:
        click.echo(f"no answers to add: {len(found.items)} {items} items of arm {arm} need more")
    for rater, count in found.given.items():
        click.echo(f"  {rater}: {count} more")
    if found.nobody:
        click.echo(f"  {found.nobody} answers are left over: every rater has these items already; name others by --new")
    if found.given and not dry_run:
        click.echo(f"Next: heta campaign push{folder_flag(folder)}")


@click.command()
@folder_option
@click.argument("rater")
def admit(folder: Path, rater: str) -> None:
    """Let a rater label who has not passed the practice; the score stays where it is.

    \b
    Example: heta campaign admit -C my-benchmark a03
    """
    from heta_annotation.campaign.ledger import open_existing
    from heta_annotation.campaign.stages import admit as let_in
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    pushed_arms(workspace)
    with workspace.lock(), open_existing(workspace.ledger) as ledger:
        let_in(ledger, rater)
    click.echo(f"{rater} is let in. Next: heta campaign push{folder_flag(folder)}")


@click.command()
@folder_option
@click.argument("rater")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def withdraw(folder: Path, rater: str, yes: bool, as_json: bool) -> None:
    """Erase everything that a rater answered, here and on the server, because the rater takes it back.

    \b
    Example: heta campaign withdraw -C my-benchmark a03
    """
    from heta_annotation.campaign.withdrawal import withdraw as erase
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    connections = connect_rater(workspace, rater)
    if not yes:
        click.confirm(f"Erase every answer of {rater}? This cannot be undone", abort=True)
    gone = erase(workspace, connections, rater)
    if as_json:
        click.echo(json.dumps(asdict(gone), indent=2))
        return
    click.echo(
        f"{gone.rater} ({'asked:' if gone.was_asked else 'arm'} {gone.arm}) has withdrawn: {gone.annotations} answers "
        f"erased on the server, {gone.labels} lines of {workspace.labels}, {gone.quarantined} of "
        f"{workspace.quarantine}, {gone.opinions} of {workspace.opinions}"
    )
    if workspace.campaign_gold.exists():
        click.echo(
            f"{workspace.campaign_gold}: was written before; write it anew: heta campaign gold{folder_flag(folder)}"
        )
    if not gone.was_asked:
        click.echo(
            f"Items that lack answers now: heta campaign extend{folder_flag(folder)} --arm {gone.arm} --items short"
        )
