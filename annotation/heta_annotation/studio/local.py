"""Local Label Studio servers of a working folder: start, stop, look, connect."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from heta.errors import ConfigError
from heta_annotation.errors import AuthError, LabelStudioError, PortLost, ServerUnavailable
from heta_annotation.studio.building import Report, locked, silent
from heta_annotation.studio.connection import EXTERNAL, Connection, check, external
from heta_annotation.studio.environment import ready_environment, ready_template
from heta_annotation.studio.remote import refuse_another
from heta_annotation.studio.server import (
    HOST,
    ServerFolder,
    ServerState,
    answers,
    end,
    find_process,
    free_port,
    listening,
    new_state,
    port_is_free,
    prepare_data,
    server_folder,
    spawn,
    wait_until_up,
)
from heta_data.options import folder_flag
from heta_data.workspace import Workspace

DEFAULT_NAME = "studio"
PORT_TRIES = 3
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerStatus:
    """What is known of one local server."""

    name: str
    state: str
    """`up`, `silent` (the process lives but does not answer, as while it starts) or `down`."""
    url: str
    pid: int | None
    version: str
    email: str
    """Log-in of the administrator; its password is in `credentials`."""
    folder: Path
    credentials: Path


def start(
    workspace: Workspace, name: str = DEFAULT_NAME, *, port: int | None = None, report: Report = silent
) -> Connection:
    """Start the server `name` of this folder, or find it running; returns once it answers and its token works.

    Installs Label Studio and makes the database template on first use. The process outlives this one; its data stay
    in `studio/<name>/` until someone deletes that folder.

    Args:
        workspace: the working folder.
        name: which server; each has data, accounts and a port of its own.
        port: port on loopback. None takes the one it had before if that is free, else any.
        report: told what happens.

    Raises:
        ConfigError: the name cannot be used, or the port is taken.
        InstallFailed: Label Studio could not be installed.
        StartFailed: the server did not come up; the message ends with its log.
        AuthError: it is up but refuses the remembered token.
    """
    folder = server_folder(workspace.studio, name)
    folder.make()
    with locked(folder.lock, report, f"waiting for another process that starts or stops {name!r}"):
        state = folder.read()
        process = find_process(folder, state) if state else None
        ran_already = state is not None and process is not None
        if state and process:
            state = _found(folder, state, process.pid, process.create_time(), listening(process), port)
            wait_until_up(process, folder, state, report)
        else:
            state = _launch(folder, state, name, port, report)
        connection = _connection(state)
        try:
            check(connection)
        except AuthError as error:
            launched = None if ran_already else find_process(folder, state)
            if launched is not None:
                end(launched)
            raise AuthError(
                f"{error}; the token comes from {folder.state_file}: restore it if that was changed"
            ) from None
        if not state.ready:
            folder.write(replace(state, ready=True))
        return connection


def _found(
    folder: ServerFolder,
    state: ServerState,
    pid: int,
    created: float,
    ports: set[tuple[str, int]],
    wanted: int | None,
) -> ServerState:
    """The remembered state, put right by what the living process shows."""
    actual = next((port for _, port in ports), state.port)
    if wanted not in (None, actual):
        raise ConfigError(
            f"--port: {state.name!r} already runs on port {actual}, got {wanted}; stop it first to move it"
        )
    found = replace(state, pid=pid, created=created, port=actual)
    if found != state:
        folder.write(found)
    return found


def _launch(
    folder: ServerFolder, state: ServerState | None, name: str, port: int | None, report: Report
) -> ServerState:
    if port is not None and not port_is_free(port):
        raise ConfigError(
            f"--port: {port} is taken by another program; choose another, or leave it out for any free one"
        )
    environment = ready_environment(report)
    template = ready_template(environment, report)
    if state is None and folder.data.exists():
        raise LabelStudioError(
            f"{folder.root} has data but no server.json, so that nobody knows its password; restore that file, or "
            "move the folder away to begin afresh"
        )
    for left in reversed(range(PORT_TRIES)):
        chosen = port or (state.port if state and port_is_free(state.port) else free_port())
        if state is None or not state.ready:
            # Never answered, so it holds nobody's work: made afresh.
            state = new_state(name, chosen)
            folder.write(state)
            prepare_data(folder, template)
        elif state.port != chosen:
            logger.warning("port %d is taken by another program: %s moves to port %d", state.port, name, chosen)
            state = replace(state, port=chosen)
        state, process = spawn(environment, folder, state)
        try:
            wait_until_up(process, folder, state, report)
        except BaseException as error:
            end(process)
            if not isinstance(error, PortLost) or port is not None or not left:
                raise
        else:
            return state
    raise AssertionError("the last try either returns or raises")


def stop(workspace: Workspace, name: str = DEFAULT_NAME, *, report: Report = silent) -> bool:
    """Stop the server `name` of this folder; its data stay. Gives whether one was running.

    Only the process that serves this folder is ended, with its children; nothing else, whatever number it has.

    Raises:
        ConfigError: the name cannot be used. LabelStudioError: no server of that name was ever started here.
    """
    folder = server_folder(workspace.studio, name)
    if folder.read() is None:
        raise _unknown(workspace, name)
    with locked(folder.lock, report, f"waiting for another process that starts or stops {name!r}"):
        state = folder.read()
        process = find_process(folder, state) if state else None
        if process:
            report(f"stopping Label Studio {name!r}")
            end(process)
        if state and state.pid is not None:
            folder.write(replace(state, pid=None, created=None))
        return process is not None


def status(workspace: Workspace) -> list[ServerStatus]:
    """Every local server that was ever started in this folder, by name."""
    found = []
    for file in sorted(workspace.studio.glob("*/server.json")):
        folder = ServerFolder(file.parent)
        state = folder.read()
        if state is None:
            continue
        process = find_process(folder, state)
        up = process is not None and (HOST, state.port) in listening(process) and answers(state.port)
        found.append(
            ServerStatus(
                name=state.name,
                state="up" if up else "silent" if process else "down",
                url=state.url,
                pid=process.pid if process else None,
                version=state.version,
                email=state.email,
                folder=folder.root.absolute(),
                credentials=folder.state_file.absolute(),
            )
        )
    return found


def connect(workspace: Workspace, name: str = DEFAULT_NAME) -> Connection:
    """The running server `name` of this folder, or `external` for the one of LABEL_STUDIO_URL; asked whether it opens.

    Raises:
        ServerUnavailable: it does not run; the message says how to start it. AuthError: it refuses the token.
        ConfigError: the name, or a variable of the external server, cannot be used, or names another server than the
        one on which this folder's raters have their accounts.
    """
    if name == EXTERNAL:
        connection = external()
        refuse_another(workspace, connection)
        check(connection)
        return connection
    folder = server_folder(workspace.studio, name)
    state = folder.read()
    if state is None:
        raise _unknown(workspace, name)
    process = find_process(folder, state)
    if process is None or (HOST, state.port) not in listening(process):
        raise ServerUnavailable(
            f"Label Studio {name!r} is {'starting' if process else 'not running'}; "
            f"`heta studio start {name}{folder_flag(workspace.root)}` {'waits for it' if process else 'starts it'}"
        )
    connection = _connection(state)
    check(connection)
    return connection


def password(workspace: Workspace, name: str = DEFAULT_NAME) -> str:
    """The administrator's password of a local server.

    Raises:
        LabelStudioError: no server of that name was ever started here.
    """
    state = server_folder(workspace.studio, name).read()
    if state is None:
        raise _unknown(workspace, name)
    return state.password


def _connection(state: ServerState) -> Connection:
    return Connection(state.name, state.url, state.token, "server", local=True)


def _unknown(workspace: Workspace, name: str) -> ServerUnavailable:
    known = sorted(file.parent.name for file in workspace.studio.glob("*/server.json"))
    return ServerUnavailable(
        f"no Label Studio {name!r} in {workspace.root.absolute()} (there: {', '.join(known) or 'none'}); "
        f"`heta studio start {name}{folder_flag(workspace.root)}` makes it"
    )
