"""A server of the user's own: settings that can be used, and what is said of one that does not answer as it should."""

import http.server
import threading
from pathlib import Path

import pytest

from helpers.studio_server import one_line
from heta.errors import ConfigError
from heta_annotation.errors import AuthError, ServerUnavailable
from heta_annotation.studio import connection as connections
from heta_annotation.studio import local, server
from heta_annotation.studio.connection import Connection
from heta_data.workspace import Workspace


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
        local.connect(Workspace(tmp_path), "external")
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
