"""What the commands of a campaign share: its servers, and progress."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heta_data.options import folder_flag

if TYPE_CHECKING:
    from heta_annotation.campaign.queues import Group
    from heta_annotation.studio.connection import Connection
    from heta_data.records import Arm
    from heta_data.workspace import Workspace


def pushed_arms(workspace: "Workspace") -> "list[Arm]":
    """The arms that have a project; one line where nothing was pushed from this folder."""
    from heta_annotation.campaign.ledger import open_existing

    with open_existing(workspace.ledger) as ledger:
        return ledger.arms()


def is_external(workspace: "Workspace") -> bool:
    """Whether the campaign's arms are on a server that is not ours: as it was pushed, else as [campaign] says."""
    from heta_annotation.campaign.ledger import open_existing
    from heta_annotation.campaign.settings import load_settings

    if workspace.ledger.exists():
        with open_existing(workspace.ledger) as ledger:
            begun = ledger.campaign()
        if begun is not None:
            return begun.settings.get("server") == "external"
    return load_settings(workspace).server == "external"


def connect(workspace: "Workspace", arms: "Sequence[Arm]") -> "dict[Arm, Connection]":
    """The running server of each arm; one line naming all that are down."""
    from heta_annotation.errors import ServerUnavailable
    from heta_annotation.studio import local
    from heta_annotation.studio.connection import EXTERNAL

    if is_external(workspace):
        return dict.fromkeys(arms, local.connect(workspace, EXTERNAL))
    up = _running(workspace)
    if down := [arm for arm in arms if arm not in up]:
        raise ServerUnavailable(
            f"no Label Studio is running for arm {' and '.join(down)}: "
            f"`heta studio start {' '.join(down)}{folder_flag(workspace.root)}`"
        )
    return {arm: local.connect(workspace, arm) for arm in arms}


def connect_running(workspace: "Workspace", arms: "Sequence[Arm]") -> "dict[Arm, Connection]":
    """The server of each arm whose server answers."""
    from heta_annotation.errors import ServerUnavailable

    if not is_external(workspace):
        up = _running(workspace)
        return connect(workspace, [arm for arm in arms if arm in up])
    try:
        return connect(workspace, arms)
    except ServerUnavailable as error:
        click.echo(str(error), err=True)
        return {}


def _running(workspace: "Workspace") -> set[str]:
    """Names of the folder's servers that are up."""
    from heta_annotation.studio import local

    return {server.name for server in local.status(workspace) if server.state == "up"}


def take_given_accounts(workspace: "Workspace", connection: "Connection", file: Path | None) -> None:
    """Use the log-ins of a file that the user gave, on a server that is not ours."""
    from heta_annotation.studio.signup import take_accounts

    if file is None:
        return
    if connection.local:
        raise click.UsageError('--accounts: accounts on local servers are made here; it needs server = "external"')
    take_accounts(workspace, connection, file)


accounts_option = click.option(
    "--accounts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Log-ins that exist on your own server: CSV with the columns email and password or token.",
)


def connect_to(workspace: "Workspace", server: str) -> "Connection":
    """The running server of that name, which is no arm's; one line where it is down."""
    from heta_annotation.errors import ServerUnavailable
    from heta_annotation.studio import local

    if server not in _running(workspace):
        raise ServerUnavailable(
            f"no Label Studio named {server!r} is running: `heta studio start {server}{folder_flag(workspace.root)}`"
        )
    return local.connect(workspace, server)


def connect_rater(workspace: "Workspace", rater: str) -> "dict[Group, Connection]":
    """The servers that hold answers of a rater: those of all arms, or the one on which the rater was asked."""
    from heta_annotation.campaign.ledger import open_existing

    with open_existing(workspace.ledger) as ledger:
        group = next((found.arm for found in ledger.raters(role="asked") if found.pseudonym == rater), None)
        server = next((ask.settings["server"] for ask in ledger.asks.everything() if ask.asked == group), None)
    if group is not None and server is not None:
        return {group: connect_to(workspace, server)}
    found: dict[Group, Connection] = {arm: one for arm, one in connect(workspace, pushed_arms(workspace)).items()}
    return found


@contextmanager
def bar(doing: str) -> "Iterator[Callable[[Group, int, int], None] | None]":
    """A progress bar per arm on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        lines: dict[str, TaskID] = {}

        def show(arm: "Group", done: int, total: int) -> None:
            if arm not in lines:
                lines[arm] = bars.add_task(f"{doing} {arm}", total=total)
            bars.update(lines[arm], completed=done)

        yield show
