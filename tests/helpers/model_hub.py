"""A model hub on loopback that serves the files of one folder."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "c0ffee" * 6 + "c0ff"
"""The one commit that the hub has: 40 hexadecimal digits."""


@contextmanager
def model_hub(repo: str, folder: Path) -> Iterator[str]:
    """The address of a hub that serves `folder` as the model `repo`, while the context lasts."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            address = self.path.partition("?")[0]
            known = address.startswith((f"/{repo}/resolve/main/", f"/{repo}/resolve/{COMMIT}/", f"/api/models/{repo}/"))
            path = folder / address.rpartition("/")[2]
            there = known and path.is_file()
            content = path.read_bytes() if there else b""
            self.send_response(200 if there or address == "/" else 404)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(content)))
            if there:
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            else:
                self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_GET = do_HEAD  # noqa: N815 - so the base class calls it

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
