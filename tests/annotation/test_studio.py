"""Local servers: real ones are started, killed, found and stopped; only the tests without the mark need none."""

import http.server
import json
import logging
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import click
import httpx
import psutil
import pytest
from click.testing import CliRunner

from heta.errors import ConfigError
from heta_annotation import connection as connections
from heta_annotation import environment, server, studio
from heta_annotation.cli.studio import studio as command
from heta_annotation.connection import Connection
from heta_annotation.errors import AuthError, LabelStudioError, NotFound, PortLost, ServerUnavailable, StartFailed
from heta_data.workspace import Workspace

real_server = [pytest.mark.server, pytest.mark.xdist_group("server")]


def one_line(raised: "pytest.ExceptionInfo[BaseException]") -> str:
    text = str(raised.value)
    assert "\n" not in text
    return text


def state_of(workspace: Workspace, name: str) -> server.ServerState:
    state = server.server_folder(workspace.studio, name).read()
    assert state is not None
    return state


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of loopback that another program (this one) has taken."""
    with socket.socket() as taken:
        taken.bind((server.HOST, 0))
        taken.listen()
        yield taken.getsockname()[1]


# Without a server


@pytest.mark.parametrize("name", ["", "..", "a/b", "Blind", "-x", "external", "x" * 32, "blind\n"])
def test_names_that_no_server_can_have(tmp_path: Path, name: str) -> None:
    workspace = Workspace(tmp_path / "folder")
    for verb in (studio.start, studio.stop, studio.password):
        with pytest.raises(ConfigError, match=r"^server name: got"):
            verb(workspace, name)
    assert not workspace.root.exists()


def test_a_taken_port_is_refused_before_anything_is_written(tmp_path: Path, listener: int) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(ConfigError, match=f"^--port: {listener} is taken by another program") as raised:
        studio.start(workspace, "blind", port=listener)
    one_line(raised)
    assert not list(workspace.studio.glob("*/server.json")) and not list(workspace.studio.glob("*/data"))


def test_servers_that_never_were(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert studio.status(workspace) == []
    for verb in (studio.connect, studio.stop, studio.password):
        with pytest.raises(
            ServerUnavailable, match=rf"no Label Studio 'blind' .*`heta studio start blind -C {tmp_path}`"
        ):
            verb(workspace, "blind")
    assert not workspace.studio.exists()


STATE = '{"schema_version": 1, "name": "blind", "port": %s, "email": "a@b.invalid", "password": "x", "token": %s}'
UNREADABLE = ["", "{", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 1, "port": 1}']


@pytest.mark.parametrize("text", [*UNREADABLE, STATE % ('"x"', '"t"'), STATE % (0, '"t"'), STATE % (8080, 7)])
def test_an_unreadable_state_is_one_line_and_stays(tmp_path: Path, text: str) -> None:
    workspace = Workspace(tmp_path)
    file = tmp_path / "studio" / "blind" / "server.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    for verb in (studio.start, studio.stop, studio.connect):
        with pytest.raises(LabelStudioError, match=r"server\.json: cannot be read") as raised:
            verb(workspace, "blind")
        one_line(raised)
    assert file.read_text() == text


def test_data_without_state_are_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    data = tmp_path / "studio" / "blind" / "data"
    data.mkdir(parents=True)
    (data / "label_studio.sqlite3").write_text("labels")
    with pytest.raises(LabelStudioError, match=r"data but no server\.json") as raised:
        studio.start(workspace, "blind")
    one_line(raised)
    assert (data / "label_studio.sqlite3").read_text() == "labels"


def test_a_foreign_process_with_the_recorded_number_is_let_alone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    folder = server.server_folder(workspace.studio, "blind")
    folder.root.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as foreign:
        # Even the moment it began agrees: the number was used again, or the file was copied from elsewhere.
        created = psutil.Process(foreign.pid).create_time()
        state = replace(server.new_state("blind", 1), ready=True, pid=foreign.pid, created=created)
        folder.write(state)
        assert [(s.state, s.pid) for s in studio.status(workspace)] == [("down", None)]
        with pytest.raises(ServerUnavailable, match="is not running"):
            studio.connect(workspace, "blind")
        assert studio.stop(workspace, "blind") is False
        assert foreign.poll() is None
        foreign.communicate(b"\n")
    # It is forgotten; the log-in is not.
    assert state_of(workspace, "blind") == replace(state, pid=None, created=None)


def test_secrets_are_for_the_user_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        server.write_secret(tmp_path / "server.json", {"token": "x"})
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "server.json").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["server.json"]
    first, second = server.new_state("a", 1), server.new_state("b", 2)
    assert first.token != second.token and first.password != second.password
    shown = repr(Connection("a", "http://x", "secret-token", "server", local=True))
    assert "secret-token" not in shown


def test_the_command_without_servers(tmp_path: Path) -> None:
    def run(*words: str) -> str:
        return CliRunner().invoke(command, words, catch_exceptions=False, standalone_mode=False).output

    assert run("status", "-C", str(tmp_path)).startswith("no servers here")
    assert json.loads(run("status", "-C", str(tmp_path), "--json")) == []
    assert json.loads(run("stop", "-C", str(tmp_path), "--json")) == []
    with pytest.raises(click.UsageError, match="--port fits one server, got 2 names"):
        run("start", "a", "b", "--port", "9000", "-C", str(tmp_path))
    with pytest.raises(LookupError, match="unknown server 'blind'"):
        run("status", "blind", "-C", str(tmp_path))


# A server of the user's own


@pytest.mark.parametrize(
    ("url", "token", "message"),
    [
        ("", "t", "LABEL_STUDIO_URL is not set"),
        ("http://x", " ", "LABEL_STUDIO_API_KEY is not set"),
        ("localhost:8080", "t", "expected an address like http://host:8080"),
        ("ftp://x", "t", "expected an address"),
        ("http://", "t", "expected an address"),
        ("http://x:port", "t", "expected an address"),
        ("http://[", "t", "expected an address"),
        ("http://me:secret@x", "t", "holds a user name or password"),
        ("http://x", "tok\nen", "characters that no token has"),
        ("http://x", "tökén", "characters that no token has"),
    ],
)
def test_external_settings_that_cannot_be_used(url: str, token: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        connections.external({"LABEL_STUDIO_URL": url, "LABEL_STUDIO_API_KEY": token})
    assert "secret" not in one_line(raised)


def test_external_is_trusted_and_warned_about_in_clear(caplog: pytest.LogCaptureFixture) -> None:
    found = connections.external({"LABEL_STUDIO_URL": "http://127.0.0.1:80/", "LABEL_STUDIO_API_KEY": "t"})
    assert (found.name, found.url, found.isolation, found.local) == ("external", "http://127.0.0.1:80", "trust", False)
    assert caplog.messages == []
    connections.external({"LABEL_STUDIO_URL": "http://labels.example", "LABEL_STUDIO_API_KEY": "t"})
    assert "sends the token in clear" in caplog.text


def test_external_where_nothing_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", f"http://127.0.0.1:{server.free_port()}")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0" * 40)
    with pytest.raises(ServerUnavailable, match=r"external \(http://127.0.0.1:\d+\) cannot be reached") as raised:
        studio.connect(Workspace(tmp_path), "external")
    one_line(raised)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<!doctype html><p>Welcome", ServerUnavailable),
        (200, b"{}", ServerUnavailable),
        (200, b"[1]", ServerUnavailable),
        (404, b"<html>no", ServerUnavailable),
        (500, b"oops", ServerUnavailable),
        (401, b'{"detail": "Invalid token."}', AuthError),
    ],
)
def test_what_answers_is_no_label_studio(status: int, body: bytes, error: type[Exception]) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Set-Cookie", "session=private")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.HTTPServer((server.HOST, 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with pytest.raises(error) as raised:
                connections.check(
                    Connection("external", f"http://127.0.0.1:{other.server_port}", "t", "trust", local=False)
                )
        finally:
            other.shutdown()
            thread.join()
    assert "private" not in one_line(raised)


# With a server


class TestRunningServer:
    """What the session's server is like; it is not stopped here."""

    pytestmark = real_server

    def test_listens_on_loopback_alone_and_on_its_own_port(self, studio_workspace: Workspace) -> None:
        state = state_of(studio_workspace, "studio")
        assert state.pid is not None
        assert server.listening(psutil.Process(state.pid)) == {("127.0.0.1", state.port)}
        assert [(s.name, s.state, s.pid) for s in studio.status(studio_workspace) if s.name == "studio"] == [
            ("studio", "up", state.pid)
        ]

    def test_token_works_at_once_and_a_wrong_one_is_refused(self, label_studio: Connection) -> None:
        assert label_studio.client().users.whoami().email == server.ADMIN
        assert connections.check(label_studio) == connections.VERSION
        with pytest.raises(AuthError, match="refuses the token at log-in: Invalid token") as raised:
            connections.check(replace(label_studio, token="0" * 40))
        one_line(raised)

    def test_external_connection_to_it(
        self,
        label_studio: Connection,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setenv("LABEL_STUDIO_URL", f"{label_studio.url}/")
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.token)
        with caplog.at_level(logging.WARNING):
            found = studio.connect(Workspace(tmp_path), "external")
        assert (found.url, found.isolation, found.local) == (label_studio.url, "trust", False)
        assert caplog.messages == []
        tried = connections.VERSION
        monkeypatch.setattr(connections, "VERSION", "9.9.9")
        studio.connect(Workspace(tmp_path), "external")
        assert f"is Label Studio {tried} (Community edition); tried was 9.9.9" in caplog.text

    def test_errors_in_our_own_words(self, label_studio: Connection) -> None:
        client = label_studio.client()
        with (
            pytest.raises(NotFound, match="no such thing at reading project 999") as raised,
            connections.api_errors(label_studio, "reading project 999"),
        ):
            client.projects.get(999)
        one_line(raised)
        # A title has 3 characters at least.
        with (
            pytest.raises(LabelStudioError, match=r"new project failed, status 400: title: ") as refused,
            connections.api_errors(label_studio, "new project"),
        ):
            client.projects.create(title="ab")
        assert "Cookie" not in one_line(refused)

    def test_nobody_signs_up_and_no_other_host_name_is_served(self, label_studio: Connection) -> None:
        with httpx.Client(base_url=label_studio.url, trust_env=False) as browser:
            page = browser.get("/user/signup/")
            form = {
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
                "email": "x@y.invalid",
                "password": "Passw0rd!x",
            }
            assert page.status_code == 200 and browser.post("/user/signup/", data=form).status_code == 403
            assert browser.get("/health", headers={"Host": "elsewhere.example"}).status_code == 400

    def test_no_secret_is_on_its_command_line(self, studio_workspace: Workspace) -> None:
        state = state_of(studio_workspace, "studio")
        assert state.pid is not None
        command_line = " ".join(psutil.Process(state.pid).cmdline())
        assert state.token not in command_line and state.password not in command_line

    def test_another_folder_that_names_its_process_does_not_stop_it(
        self, studio_workspace: Workspace, label_studio: Connection, tmp_path: Path
    ) -> None:
        other = Workspace(tmp_path)
        folder = server.server_folder(other.studio, "studio")
        folder.root.mkdir(parents=True)
        folder.write(state_of(studio_workspace, "studio"))
        assert [s.state for s in studio.status(other)] == ["down"]
        assert studio.stop(other, "studio") is False
        assert connections.check(label_studio) == connections.VERSION

    def test_the_command_shows_it(self, studio_workspace: Workspace) -> None:
        folder = str(studio_workspace.root)
        state = state_of(studio_workspace, "studio")
        started = CliRunner().invoke(command, ["start", "-C", folder], catch_exceptions=False).stdout
        assert f"studio: {state.url} (was running already)" in started and state.password not in started
        shown = CliRunner().invoke(command, ["start", "-C", folder, "--show-password", "--json"]).stdout
        (document,) = json.loads(shown)
        assert (document["pid"], document["password"]) == (state.pid, state.password)
        listed = CliRunner().invoke(command, ["status", "studio", "-C", folder]).stdout
        assert f"studio: up, {state.url}, Label Studio {connections.VERSION}, process {state.pid}" in listed
        assert state.token not in shown + listed


class TestLife:
    """One further server through its life. Each start is real, so these tests are few and long."""

    pytestmark = real_server

    def test_start_kill_restart_stop(
        self, studio_workspace: Workspace, label_studio: Connection, monkeypatch: pytest.MonkeyPatch, listener: int
    ) -> None:
        for name in ("HOST", "PORT", "DEBUG", "USERNAME", "LABEL_STUDIO_PORT", "SECRET_KEY", "DJANGO_DB"):
            monkeypatch.setenv(name, "leaked")
        # A proxy that is none: asked for loopback, every request would fail.
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{listener}")
        workspace, name = studio_workspace, "life"
        said: list[str] = []
        first = studio.start(workspace, name, report=lambda stage, detail="": said.append(stage))
        assert f"starting Label Studio 'life' on {first.url}" in said
        born = state_of(workspace, name)
        assert born.pid is not None and born.ready
        assert "leaked" not in psutil.Process(born.pid).environ().values()
        folder = server.server_folder(workspace.studio, name)
        assert stat.S_IMODE(folder.state_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
        keys = {(workspace.studio / n / "data" / ".env").read_text() for n in (name, "studio")}
        assert len(keys) == 2, "each server signs with a key of its own"

        # Started again it is the same process; it does not move while it runs.
        assert studio.start(workspace, name) == first
        assert state_of(workspace, name) == born
        with pytest.raises(ConfigError, match=f"already runs on port {born.port}, got {listener}"):
            studio.start(workspace, name, port=listener)
        project = first.client().projects.create(title="kept").id
        # Two names at once: what one holds the other does not open.
        with pytest.raises(AuthError):
            connections.check(replace(first, token=label_studio.token))

        # Killed from outside.
        psutil.Process(born.pid).kill()
        psutil.wait_procs([psutil.Process(born.pid)], timeout=10)
        # Other tests of this worker may have servers of their own in the folder.
        assert {name: "down", "studio": "up"}.items() <= {s.name: s.state for s in studio.status(workspace)}.items()
        with pytest.raises(ServerUnavailable, match="'life' is not running; `heta studio start life"):
            studio.connect(workspace, name)
        again = studio.start(workspace, name)
        assert again == first, "same token, and the same port where that is free"
        assert again.client().projects.get(project).title == "kept"

        # Its starter died before it could write the process down.
        reborn = state_of(workspace, name)
        folder.write(replace(reborn, pid=None, created=None))
        assert studio.connect(workspace, name) == first
        assert studio.stop(workspace, name) is True
        assert reborn.pid is not None and server._alive(reborn.pid) is None
        assert studio.stop(workspace, name) is False
        assert state_of(workspace, name) == replace(reborn, pid=None, created=None)
        assert connections.check(label_studio) == connections.VERSION

    def test_a_server_that_moves_to_another_port_is_not_accepted(
        self,
        studio_environment: environment.Environment,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        listener: int,
    ) -> None:
        # The port is taken between our look and the server's: ours finds it free.
        monkeypatch.setattr(studio, "port_is_free", lambda port: True)
        workspace = Workspace(tmp_path)
        with pytest.raises(PortLost, match=f"port {listener} was taken by another program"):
            studio.start(workspace, "blind", port=listener)
        assert [s.state for s in studio.status(workspace)] == ["down"]

    def test_a_server_that_cannot_start_shows_its_log(
        self, studio_environment: environment.Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HETA_LABEL_STUDIO", str(studio_environment.root))
        monkeypatch.setenv("HETA_CACHE", str(tmp_path / "cache"))
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / f"label-studio-{connections.VERSION}-template.sqlite3").write_text("no database" * 100)
        workspace = Workspace(tmp_path / "folder")
        with pytest.raises(StartFailed, match=r"(?s)'blind' ended while starting; end of .*file is not a database"):
            studio.start(workspace, "blind")
        assert [s.state for s in studio.status(workspace)] == ["down"]
        assert asdict(state_of(workspace, "blind"))["ready"] is False
