"""A Label Studio as somebody else runs it: the plain program, with nothing of ours in it, on SQLite or PostgreSQL."""

import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from heta_annotation.studio.connection import Connection
    from heta_annotation.studio.environment import Environment

ADMIN = "lead@studio.invalid"
START_SECONDS = 600


@dataclass
class OwnServer:
    """A running server, and its administrator."""

    url: str
    legacy: str
    """The administrator's legacy token."""
    password: str
    data: Path
    """Label Studio's data folder."""
    _personal: str = field(default="", repr=False)

    @property
    def personal(self) -> str:
        """The administrator's personal access token: shown once, so kept here."""
        if not self._personal:
            with self.logged_in(ADMIN, self.password) as browser:
                answer = browser.post("/api/token/")
            assert answer.status_code == 201, answer.text
            self._personal = answer.json()["token"]
        return self._personal

    @contextmanager
    def logged_in(self, email: str, password: str) -> Iterator[httpx.Client]:
        """Somebody, logged in through the page."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as browser:
            browser.get("/user/login/")
            form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"], "email": email, "password": password}
            assert browser.post("/user/login/", data=form).status_code == 302
            yield browser

    def allow(self, *, legacy: bool, personal: bool = True) -> None:
        """Which tokens the organisation's members may use."""
        with self.logged_in(ADMIN, self.password) as browser:
            wanted = {"api_tokens_enabled": personal, "legacy_api_tokens_enabled": legacy}
            assert browser.post("/api/jwt/settings", json=wanted).json() == wanted

    def connection(self, token: str) -> "Connection":
        """As LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY give it."""
        from heta_annotation.studio.connection import external

        return external({"LABEL_STUDIO_URL": self.url, "LABEL_STUDIO_API_KEY": token})


@contextmanager
def own_server(
    environment: "Environment", data: Path, database: Mapping[str, str] | None = None
) -> Iterator[OwnServer]:
    """Run one on the data folder `data`; `database` are the variables of another database than SQLite."""
    from heta_annotation.studio.environment import server_environ
    from heta_annotation.studio.server import HOST, answers, free_port

    port, token, password = free_port(), secrets.token_hex(20), secrets.token_urlsafe(12)
    login = {"USERNAME": ADMIN, "PASSWORD": password, "USER_TOKEN": token}
    environ = server_environ(data) | {f"LABEL_STUDIO_{key}": value for key, value in login.items()} | (database or {})
    command = environment.command(
        "start", "--no-browser", "--data-dir", data, "--internal-host", HOST, "--port", str(port),
        "--enable-legacy-api-token", "--log-level", "WARNING",
    )  # fmt: skip
    log = data / "server.log"
    with log.open("wb") as out:
        child = subprocess.Popen(
            command, env=environ, cwd=data, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(port):
            assert child.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.1)
        yield OwnServer(f"http://{HOST}:{port}", token, password, data)
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@pytest.fixture(scope="session")
def lead_server(studio_environment: "Environment", tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    """One on SQLite, for the session."""
    from heta_annotation.studio.environment import DATABASE, ready_template

    data = tmp_path_factory.mktemp("lead-server")
    shutil.copyfile(ready_template(studio_environment), data / DATABASE)
    with own_server(studio_environment, data) as server:
        yield server


UseServer = Callable[[OwnServer, str], None]


@pytest.fixture
def use_server(monkeypatch: pytest.MonkeyPatch) -> UseServer:
    """Sets the variables that name a server of one's own, with a token of it."""

    def use(server: OwnServer, token: str) -> None:
        monkeypatch.setenv("LABEL_STUDIO_URL", server.url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", token)

    return use
