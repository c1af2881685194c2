"""Real local servers: started, looked at, killed, found again and stopped."""

import json
import logging
import stat
from dataclasses import asdict, replace
from pathlib import Path

import httpx
import psutil
import pytest
from click.testing import CliRunner

from helpers.studio_server import one_line, state_of
from heta.errors import ConfigError
from heta_annotation.cli.studio import studio as command
from heta_annotation.errors import AuthError, LabelStudioError, NotFound, PortLost, ServerUnavailable, StartFailed
from heta_annotation.studio import connection as connections
from heta_annotation.studio import environment, local, server
from heta_annotation.studio.connection import Connection
from heta_data.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]


class TestRunningServer:
    """What the session's server is like; it is not stopped here."""

    def test_listens_on_loopback_alone_and_on_its_own_port(self, studio_workspace: Workspace) -> None:
        state = state_of(studio_workspace, "studio")
        assert state.pid is not None
        assert server.listening(psutil.Process(state.pid)) == {("127.0.0.1", state.port)}
        assert [(s.name, s.state, s.pid) for s in local.status(studio_workspace) if s.name == "studio"] == [
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
            found = local.connect(Workspace(tmp_path), "external")
        assert (found.url, found.isolation, found.local) == (label_studio.url, "trust", False)
        assert caplog.messages == []
        tried = connections.VERSION
        monkeypatch.setattr(connections, "VERSION", "9.9.9")
        local.connect(Workspace(tmp_path), "external")
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
        assert [s.state for s in local.status(other)] == ["down"]
        assert local.stop(other, "studio") is False
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
        first = local.start(workspace, name, report=lambda stage, detail="": said.append(stage))
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
        assert local.start(workspace, name) == first
        assert state_of(workspace, name) == born
        with pytest.raises(ConfigError, match=f"already runs on port {born.port}, got {listener}"):
            local.start(workspace, name, port=listener)
        project = first.client().projects.create(title="kept").id
        # Two names at once: what one holds the other does not open.
        with pytest.raises(AuthError):
            connections.check(replace(first, token=label_studio.token))

        # Killed from outside.
        psutil.Process(born.pid).kill()
        psutil.wait_procs([psutil.Process(born.pid)], timeout=10)
        # Other tests of this worker may have servers of their own in the folder.
        assert {name: "down", "studio": "up"}.items() <= {s.name: s.state for s in local.status(workspace)}.items()
        with pytest.raises(ServerUnavailable, match="'life' is not running; `heta studio start life"):
            local.connect(workspace, name)
        again = local.start(workspace, name)
        assert again == first, "same token, and the same port where that is free"
        assert again.client().projects.get(project).title == "kept"

        # Its starter died before it could write the process down.
        reborn = state_of(workspace, name)
        folder.write(replace(reborn, pid=None, created=None))
        assert local.connect(workspace, name) == first
        assert local.stop(workspace, name) is True
        assert reborn.pid is not None and server._alive(reborn.pid) is None
        assert local.stop(workspace, name) is False
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
        monkeypatch.setattr(local, "port_is_free", lambda port: True)
        workspace = Workspace(tmp_path)
        with pytest.raises(PortLost, match=f"port {listener} was taken by another program"):
            local.start(workspace, "blind", port=listener)
        assert [s.state for s in local.status(workspace)] == ["down"]

    def test_a_server_that_cannot_start_shows_its_log(
        self, studio_environment: environment.Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HETA_LABEL_STUDIO", str(studio_environment.root))
        monkeypatch.setenv("HETA_CACHE", str(tmp_path / "cache"))
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / f"label-studio-{connections.VERSION}-template.sqlite3").write_text("no database" * 100)
        workspace = Workspace(tmp_path / "folder")
        with pytest.raises(StartFailed, match=r"(?s)'blind' ended while starting; end of .*file is not a database"):
            local.start(workspace, "blind")
        assert [s.state for s in local.status(workspace)] == ["down"]
        assert asdict(state_of(workspace, "blind"))["ready"] is False
