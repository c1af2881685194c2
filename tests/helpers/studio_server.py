"""A real Label Studio for tests: one server a session and worker, stopped at its end.

Tests that use it carry `@pytest.mark.server` and `@pytest.mark.xdist_group("server")`, so that one worker runs them.
"""

import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from heta_annotation.studio.connection import Connection
    from heta_annotation.studio.environment import Environment
    from heta_annotation.studio.server import ServerState
    from heta_data.workspace import Workspace

NAME = "studio"


@pytest.fixture(scope="session")
def studio_environment() -> "Environment":
    """Label Studio's environment. Where everything is required it is installed; else its absence skips the test."""
    from heta_annotation.studio import environment

    if os.environ.get("HETA_TEST_REQUIRE_ALL") != "1" and not environment.is_ready():
        pytest.skip("no Label Studio environment: run `heta studio start` once, or set HETA_LABEL_STUDIO")
    return environment.ready_environment()


@pytest.fixture(scope="session")
def studio_workspace(
    studio_environment: "Environment", tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Workspace"]:
    """A working folder whose server `studio` is up; other servers started there are stopped too."""
    from heta_annotation.studio import local
    from heta_data.workspace import Workspace

    workspace = Workspace(tmp_path_factory.mktemp("studio") / "folder")
    try:
        local.start(workspace, NAME)
        yield workspace
    finally:
        for server in local.status(workspace):
            local.stop(workspace, server.name)


@pytest.fixture(scope="session")
def label_studio(studio_workspace: "Workspace") -> "Connection":
    """How to reach the session's server."""
    from heta_annotation.studio import local

    return local.connect(studio_workspace, NAME)


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of loopback that another program (this one) has taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def state_of(workspace: "Workspace", name: str) -> "ServerState":
    """What the folder says of one of its servers."""
    from heta_annotation.studio import server

    state = server.server_folder(workspace.studio, name).read()
    assert state is not None
    return state


def one_line(raised: "pytest.ExceptionInfo[BaseException]") -> str:
    """The error's message, which has one line."""
    text = str(raised.value)
    assert "\n" not in text
    return text
