"""`heta studio`: local Label Studio servers."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heta_data.options import folder_flag, folder_option, json_option

if TYPE_CHECKING:
    from heta_annotation.studio.local import ServerStatus


@click.group()
def studio() -> None:
    """Run Label Studio on this machine, for this working folder.

    Each server has a name, and data, accounts and a port of its own; it listens on loopback only and sends nothing
    out, so that raters work on this machine. For a server that others reach, see [campaign] server in heta.toml.
    """


@studio.command()
@json_option
def install(as_json: bool) -> None:
    """Install Label Studio and make its database template now, as the first start would (about 1 GB, once).

    \b
    Example: heta studio install
    """
    from heta_annotation.studio import environment as library
    from heta_annotation.studio.connection import VERSION

    with reporting() as report:
        environment = library.ready_environment(report)
        template = library.ready_template(environment, report)
    if as_json:
        found = {"version": VERSION, "environment": str(environment.root), "template": str(template)}
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(f"Label Studio {VERSION} is in {environment.root}")


@studio.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@folder_option
@click.option("--port", type=click.IntRange(1, 65535), help="Port on loopback (default: the last one, or any free).")
@click.option("--show-password", is_flag=True, help="Print the administrator's password.")
@json_option
def start(names: tuple[str, ...], folder: Path, port: int | None, show_password: bool, as_json: bool) -> None:
    """Start servers, or find them running; each lives on until it is stopped.

    The first start ever installs Label Studio into an environment of its own (about 1 GB); later ones take seconds.

    \b
    Example: heta studio start blind assisted -C my-benchmark
    """
    from heta_annotation.studio import local as library
    from heta_data.workspace import Workspace

    names = names or (library.DEFAULT_NAME,)
    if port is not None and len(names) > 1:
        raise click.UsageError(f"--port fits one server, got {len(names)} names")
    workspace = Workspace(folder)
    running = {server.name for server in library.status(workspace) if server.state == "up"}
    with reporting() as report:
        for name in names:
            library.start(workspace, name, port=port, report=report)
    servers = [server for server in library.status(workspace) if server.name in names]
    if as_json:
        documents = [_plain(server) for server in servers]
        for document in documents if show_password else ():
            document["password"] = library.password(workspace, document["name"])
        click.echo(json.dumps(documents, indent=2))
        return
    for server in servers:
        password = library.password(workspace, server.name) if show_password else f"in {server.credentials}"
        note = " (was running already)" if server.name in running else ""
        click.echo(f"{server.name}: {server.url}{note}\n  e-mail    {server.email}\n  password  {password}")
    where = folder_flag(folder)
    click.echo(f"Next: heta campaign plan{where}; stop with: heta studio stop{where}")


@studio.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@folder_option
@json_option
def stop(names: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Stop servers of this folder (all, if none is named); their data stay.

    \b
    Example: heta studio stop blind -C my-benchmark
    """
    from heta_annotation.studio import local as library
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    stopped: dict[str, bool] = {}
    with reporting() as report:
        for name in names or [server.name for server in library.status(workspace)]:
            stopped[name] = library.stop(workspace, name, report=report)
    if as_json:
        click.echo(json.dumps([{"name": name, "stopped": done} for name, done in stopped.items()], indent=2))
        return
    for name, done in stopped.items():
        click.echo(f"{name}: {'stopped' if done else 'was not running'}")
    if not stopped:
        click.echo("no servers here")


@studio.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@folder_option
@json_option
def status(names: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Show the servers of this folder: whether each is up, where, and how to log in.

    \b
    Example: heta studio status -C my-benchmark
    """
    from heta.errors import UnknownName
    from heta_annotation.studio import local as library
    from heta_data.workspace import Workspace

    servers = library.status(Workspace(folder))
    known = [server.name for server in servers]
    for name in names:
        if name not in known:
            raise UnknownName("server", name, known)
    shown = [server for server in servers if not names or server.name in names]
    if as_json:
        click.echo(json.dumps([_plain(server) for server in shown], indent=2))
        return
    if not shown:
        click.echo("no servers here; heta studio start makes one")
    for server in shown:
        process = f", process {server.pid}" if server.pid else ""
        click.echo(
            f"{server.name}: {server.state}, {server.url}, Label Studio {server.version}{process}\n"
            f"  log in as {server.email}, password in {server.credentials}"
        )


def _plain(server: "ServerStatus") -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(server).items()}


@contextmanager
def reporting() -> Iterator[Callable[..., None]]:
    """A report for long work: a live line with the elapsed time on a terminal, else one line per stage on stderr."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    if not console.is_terminal:
        said: set[str] = set()

        def plain(stage: str, detail: str = "") -> None:  # noqa: ARG001 - only a live line shows details
            if stage not in said:
                said.add(stage)
                click.echo(stage, err=True)

        yield plain
        return
    with console.status("") as line:
        yield lambda stage, detail="": line.update(escape(f"{stage}: {detail}" if detail else stage))
