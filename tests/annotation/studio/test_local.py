"""Local servers as far as none has to run: names, ports, what the folder holds, the command."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import psutil
import pytest
from click.testing import CliRunner

from helpers.studio_server import one_line, state_of
from heta.errors import ConfigError
from heta_annotation.cli.studio import studio as command
from heta_annotation.errors import LabelStudioError, ServerUnavailable
from heta_annotation.studio import local, server
from heta_annotation.studio.connection import Connection
from heta_data.workspace import Workspace


@pytest.mark.parametrize("name", ["", "..", "a/b", "Blind", "-x", "external", "x" * 32, "blind\n"])
def test_names_that_no_server_can_have(tmp_path: Path, name: str) -> None:
    workspace = Workspace(tmp_path / "folder")
    for verb in (local.start, local.stop, local.password):
        with pytest.raises(ConfigError, match=r"^server name: got"):
            verb(workspace, name)
    assert not workspace.root.exists()


def test_a_taken_port_is_refused_before_anything_is_written(tmp_path: Path, listener: int) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(ConfigError, match=f"^--port: {listener} is taken by another program") as raised:
        local.start(workspace, "blind", port=listener)
    one_line(raised)
    assert not list(workspace.studio.glob("*/server.json")) and not list(workspace.studio.glob("*/data"))


def test_servers_that_never_were(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert local.status(workspace) == []
    for verb in (local.connect, local.stop, local.password):
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
    for verb in (local.start, local.stop, local.connect):
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
        local.start(workspace, "blind")
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
        assert [(s.state, s.pid) for s in local.status(workspace)] == [("down", None)]
        with pytest.raises(ServerUnavailable, match="is not running"):
            local.connect(workspace, "blind")
        assert local.stop(workspace, "blind") is False
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
