"""One local server: what is remembered of it, which process it is, starting and ending that process."""

import http.client
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from pydantic import TypeAdapter, ValidationError

from heta.errors import ConfigError
from heta_annotation.errors import LabelStudioError, PortLost, StartFailed
from heta_annotation.studio.building import Report, tail
from heta_annotation.studio.connection import EXTERNAL, VERSION
from heta_annotation.studio.environment import DATABASE, Environment, server_environ

HOST = "127.0.0.1"
ADMIN = "admin@studio.invalid"
START_SECONDS = 600
STOP_SECONDS = 10
SCHEMA_VERSION = 1
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
# Children of this process, kept so that the dead among them are reaped and told from the living.
_spawned: dict[int, "subprocess.Popen[bytes]"] = {}


@dataclass(frozen=True)
class ServerState:
    """What server.json holds: everything needed to find the process again and to log in. A secret file."""

    name: str
    port: int
    email: str
    password: str
    token: str
    ready: bool = False
    """Whether this data folder has ever answered with this token: until then it holds nobody's work."""
    pid: int | None = None
    created: float | None = None
    """When the process began, in seconds since the epoch: tells it from a later one with the same number."""
    environment: str = ""
    version: str = VERSION
    schema_version: int = SCHEMA_VERSION

    @property
    def url(self) -> str:
        """Address on loopback."""
        return f"http://{HOST}:{self.port}"


@dataclass(frozen=True)
class ServerFolder:
    """Where one server's files lie: `studio/<name>/` of a working folder."""

    root: Path

    @property
    def state_file(self) -> Path:
        """Pid, port, log-in."""
        return self.root / "server.json"

    @property
    def data(self) -> Path:
        """Label Studio's data folder. Its true path stands in the command line of the process and identifies it."""
        return (self.root / "data").resolve()

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.root / "server.log"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops this server."""
        return self.root / ".lock"

    def make(self) -> None:
        """Make the folder, for the user alone and unseen by git."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(mode=0o700, exist_ok=True)
        ignore = self.root.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("# Passwords, tokens and databases of servers.\n*\n", encoding="utf-8")

    def read(self) -> ServerState | None:
        """The remembered state, None where nothing was ever started.

        Raises:
            LabelStudioError: server.json cannot be read.
        """
        try:
            return _parsed(json.loads(self.state_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise LabelStudioError(
                f"{self.state_file}: cannot be read ({error}); restore it, or move {self.root} away to begin afresh"
            ) from None

    def write(self, state: ServerState) -> None:
        """Remember `state`, whole or not at all."""
        write_secret(self.state_file, asdict(state))


def _parsed(content: dict[str, Any]) -> ServerState:
    if content["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"schema_version {content['schema_version']}, this heta reads {SCHEMA_VERSION}")
    state = ServerState(**content)
    try:
        TypeAdapter(ServerState).validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        # Without the value: it may be a password.
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if not 1 <= state.port <= 65535:
        raise ValueError(f"port: got {state.port}, allowed are 1 to 65535")
    return state


def server_folder(studio: Path, name: str) -> ServerFolder:
    """The folder of the server `name`.

    Raises:
        ConfigError: the name cannot be a folder's, or means the user's own server.
    """
    if not NAME.fullmatch(name) or name == EXTERNAL:
        kept = " (that name means the server of LABEL_STUDIO_URL)" if name == EXTERNAL else ""
        raise ConfigError(
            f"server name: got {name!r}{kept}, allowed are up to 31 of a-z, 0-9, '-' and '_', beginning with a letter "
            "or digit"
        )
    return ServerFolder(studio / name)


def write_secret(path: Path, content: object) -> None:
    """Write JSON that only the user may read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def prepare_data(folder: ServerFolder, template: Path) -> None:
    """A fresh data folder: the migrated database without accounts, and a secret key of its own."""
    if folder.data.exists():
        shutil.rmtree(folder.data)
    folder.data.mkdir(mode=0o700)
    shutil.copyfile(template, folder.data / DATABASE)
    descriptor = os.open(folder.data / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(f"SECRET_KEY={secrets.token_urlsafe(48)}\n")


def new_state(name: str, port: int) -> ServerState:
    """A server that never ran, with an account and a token of its own."""
    return ServerState(name, port, ADMIN, secrets.token_urlsafe(12), secrets.token_hex(20))


def free_port() -> int:
    """A port on loopback that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether a server could listen on that port of loopback now."""
    with socket.socket() as probe:
        # As the server itself does: ports of connections that ended just now count as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def find_process(folder: ServerFolder, state: ServerState) -> psutil.Process | None:
    """The living process that serves this folder, or None.

    The recorded number counts only together with the time the process began and our data folder in its command line:
    numbers are used again. Where it is stale all processes are searched for that command line, which finds a server
    whose starter was killed before it could write the number down.
    """
    if state.pid is not None:
        process = _alive(state.pid)
        if process and _serves(process, folder) and abs(process.create_time() - (state.created or 0)) < 2:
            return process
    for process in psutil.process_iter(["cmdline"]):
        if _serves(process, folder) and _alive(process.pid):
            return process
    return None


def _alive(pid: int) -> psutil.Process | None:
    if (child := _spawned.get(pid)) and child.poll() is not None:
        del _spawned[pid]
    try:
        process = psutil.Process(pid)
        return process if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _serves(process: psutil.Process, folder: ServerFolder) -> bool:
    try:
        command: list[str] = process.info["cmdline"] if hasattr(process, "info") else process.cmdline()
    except psutil.Error:
        return False
    return bool(command) and "label_studio.server" in command and str(folder.data) in command


def spawn(environment: Environment, folder: ServerFolder, state: ServerState) -> tuple[ServerState, psutil.Process]:
    """Start the server on `state.port` as a process that outlives this one, and remember it.

    The account is made at the first start; its password and token go by environment variables, which other users of
    the machine cannot read, as they could a command line.
    """
    environ = server_environ(folder.data)
    if not state.ready:
        login = {"USERNAME": state.email, "PASSWORD": state.password, "USER_TOKEN": state.token}
        environ |= {f"LABEL_STUDIO_{key}": value for key, value in login.items()}
    command = environment.guarded_command(
        "start", "--no-browser", "--data-dir", folder.data, "--internal-host", HOST, "--port", str(state.port),
        "--enable-legacy-api-token", "--log-level", "WARNING",
    )  # fmt: skip
    descriptor = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        child = subprocess.Popen(
            command,
            env=environ,
            cwd=folder.data,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    _spawned[child.pid] = child
    process = psutil.Process(child.pid)
    running = replace(
        state, pid=child.pid, created=process.create_time(), environment=str(environment.root), version=VERSION
    )
    folder.write(running)
    return running, process


def wait_until_up(process: psutil.Process, folder: ServerFolder, state: ServerState, report: Report) -> None:
    """Return once this very process answers on its port.

    Label Studio moves to the next free port without a word when its own is taken, and what answers may be somebody
    else's server: so the process must be alive, it must be the one that listens there, and it must answer.

    Raises:
        PortLost: it listens elsewhere. StartFailed: it ended, or does not answer within `START_SECONDS`.
            In both cases a living process is left as it is: only who started it may end it.
    """
    begun = time.monotonic()
    while (elapsed := time.monotonic() - begun) < START_SECONDS:
        report(f"starting Label Studio {state.name!r} on {state.url}", f"{elapsed:.0f} s, usually 10 to 30")
        if _alive(process.pid) is None:
            raise StartFailed(
                f"Label Studio {state.name!r} ended while starting; end of {folder.log}:\n{tail(folder.log)}"
            )
        ports = listening(process)
        if ports and ports != {(HOST, state.port)}:
            raise PortLost(
                f"port {state.port} was taken by another program while Label Studio {state.name!r} started; try again"
            )
        if ports and answers(state.port):
            return
        time.sleep(0.2)
    raise StartFailed(
        f"Label Studio {state.name!r} did not answer within {START_SECONDS} s; end of {folder.log}:\n{tail(folder.log)}"
    )


def listening(process: psutil.Process) -> set[tuple[str, int]]:
    """Addresses and ports on which that process takes connections."""
    try:
        sockets = process.net_connections(kind="tcp")
    except psutil.Error:
        return set()
    return {(s.laddr.ip, s.laddr.port) for s in sockets if s.status == psutil.CONN_LISTEN}


def answers(port: int, timeout: float = 5.0) -> bool:
    """Whether a Label Studio says there that it is up. Asks without any proxy."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", "/health")
        body: Any = json.loads(connection.getresponse().read(1000))
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return isinstance(body, dict) and body.get("status") == "UP"


def end(process: psutil.Process) -> None:
    """End the process and its children: first asked, then made to."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for signal in ("terminate", "kill"):
        for member in family:
            try:
                getattr(member, signal)()
            except psutil.NoSuchProcess:
                continue
        _, family = psutil.wait_procs(family, timeout=STOP_SECONDS)
        if not family:
            break
    _alive(process.pid)
