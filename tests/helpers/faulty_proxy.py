"""A network between client and server that fails where a test says so."""

from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Literal

Fate = Literal["arrives", "lost on the way", "reply lost"]
Rule = Callable[[int, str, str], Fate]
"""Says what becomes of a request, by its number from 1, method and path."""


class FaultyProxy:
    """Passes requests on, or does not; `calls` and `failed` count them.

    Args:
        url: the server's.
        rule: what becomes of each request.
        on_the_way: called with method and path when the server has a request and has not answered yet.
    """

    def __init__(self, url: str, rule: Rule, on_the_way: Callable[[str, str], None] | None = None) -> None:
        self.calls = self.failed = 0
        self._rule = rule
        self._on_the_way = on_the_way
        self._host = url.removeprefix("http://")
        self._counting = Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def _pass_on(self) -> None:
                proxy.handle(self)

            do_GET = do_POST = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - names that http.server looks for

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """One request."""
        with self._counting:
            self.calls += 1
            fate = self._rule(self.calls, request.command, request.path)
            self.failed += fate != "arrives"
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        request.close_connection = True
        if fate == "lost on the way":
            return
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "connection")}
        upstream = HTTPConnection(self._host, timeout=120)
        try:
            upstream.request(request.command, request.path, body or None, {**headers, "Connection": "close"})
            if self._on_the_way is not None:
                self._on_the_way(request.command, request.path)
            reply = upstream.getresponse()
            content = reply.read()
        except (OSError, HTTPException):
            return  # the server is gone: so is the connection
        finally:
            upstream.close()
        if fate == "reply lost":
            return
        request.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def __enter__(self) -> "FaultyProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
