"""`heta campaign adjudicate`, `gold` and `review`: from answers that differ to gold labels."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from heta_annotation.cli.servers import accounts_option, connect, take_given_accounts
from heta_data.options import folder_flag, folder_option, json_option

CONTESTED_BELOW = 0.5
"""As in `heta_annotation.campaign.consensus`, which is not loaded for `--help`."""
_below = click.option(
    "--below",
    type=click.FloatRange(0, 1),
    default=CONTESTED_BELOW,
    show_default=True,
    help="Items whose pairs of raters agree by less (mean F1) are contested.",
)


@click.command()
@folder_option
@click.option(
    "--raters", required=True, help="Pseudonyms of those who decide, separated by commas; they must not have labelled."
)
@_below
@accounts_option
@click.option("--dry-run", is_flag=True, help="Say what is contested and why; send nothing.")
@json_option
def adjudicate(folder: Path, raters: str, below: float, accounts: Path | None, dry_run: bool, as_json: bool) -> None:
    """Send what raters do not agree on to somebody who sees everybody's marks, anonymously, and decides.

    Again after more answers came, it adds what is newly contested.

    \b
    Example: heta campaign adjudicate -C my-benchmark --raters a91,a92
    """
    from heta_annotation.campaign.adjudication import ARM
    from heta_annotation.campaign.adjudication import adjudicate as send
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    connection = connect(workspace, [ARM])[ARM]
    if not dry_run:
        take_given_accounts(workspace, connection, accounts)
    names = [name.strip() for name in raters.split(",") if name.strip()]
    sent = send(workspace, connection, names, below=below, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(asdict(sent), indent=2))
        return
    for item in sent.contested:
        click.echo(f"{item}: {sent.reasons.get(item, 'sent before; no longer contested')}")
    if dry_run:
        click.echo(f"{len(sent.contested)} items contested, {sent.sent} would be sent, {sent.present} were before")
        return
    click.echo(
        f"{len(sent.contested)} items contested: {sent.sent} sent, {sent.present} there before\n"
        f"  log-ins of {len(names)} adjudicators: {sent.logins} (keep it to yourself)"
    )
    click.echo(f"Next: they decide; heta campaign gold{folder_flag(folder)}")


@click.command()
@folder_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: campaign_gold.jsonl.")
@click.option(
    "--below",
    type=click.FloatRange(0, 1),
    default=CONTESTED_BELOW,
    show_default=True,
    help="Items whose pairs of raters agree by less are contested.",
)
@json_option
def gold(folder: Path, out: Path | None, below: float, as_json: bool) -> None:
    """Write gold labels from blind answers and adjudicators' decisions; what stays open says why.

    \b
    Example: heta campaign gold -C my-benchmark
    """
    from heta_annotation.campaign.adjudication import ARM
    from heta_annotation.campaign.gold import write_gold
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    path = out or workspace.campaign_gold
    found = write_gold(workspace, connect(workspace, [ARM])[ARM], path, below=below)
    if as_json:
        click.echo(json.dumps({**asdict(found), "path": str(found.path), "set_aside": len(found.set_aside)}, indent=2))
        return
    counts = ", ".join(f"{number} {source}" for source, number in sorted(found.sources.items()))
    click.echo(f"{found.path}: {sum(found.sources.values())} items ({counts or 'none'})")
    if found.waiting:
        click.echo(f"{found.waiting} contested items wait for somebody to decide them (`heta campaign adjudicate`)")
    if found.without:
        click.echo(f"{len(found.without)} items have no answer yet and are not in the file")
    for odd in found.set_aside:
        click.echo(f"set aside: annotation {odd.annotation} of task {odd.task}: {'; '.join(odd.reasons)}", err=True)


@click.command()
@folder_option
@click.option("--methods", required=True, help="Attribution methods to show, separated by commas.")
@click.option("--server", default="review", show_default=True, help="A Label Studio on which no rater has an account.")
@json_option
def review(folder: Path, methods: str, server: str, as_json: bool) -> None:
    """Show the lead what several methods and all raters marked, item by item, in a project of its own.

    Again after a pull, it shows the new answers. No rater can see it.

    \b
    Example: heta studio start review -C my-benchmark
             heta campaign review -C my-benchmark --methods heta_fast,kl
    """
    from heta_annotation.campaign.review import review as show
    from heta_annotation.studio import local
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    names = [name.strip() for name in methods.split(",") if name.strip()]
    found = show(workspace, local.connect(workspace, server), names)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return
    click.echo(f"{found.sent} items sent, {found.present} there before; shown: {', '.join(found.versions)}")
    click.echo(f"  {found.url}/projects/{found.project}/")
    click.echo(f"  log-in: heta studio status{folder_flag(folder)} names the file that holds it")
