"""An OpenAI-compatible endpoint on loopback that behaves as the question's text says."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

Body = dict[str, Any]
Answer = Callable[[Body], str]
"""The text of a reply to a request."""
LABELS = '{"units": [0], "cannot_tell": false}'


def completion(text: str | None, **more: Any) -> Body:
    """A chat completion with one choice."""
    message = {"role": "assistant", "content": text, **({"refusal": more.pop("refusal")} if "refusal" in more else {})}
    choice = {"index": 0, "message": message, "finish_reason": more.pop("finish_reason", "stop")}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "judge-1",
        "choices": [choice],
        "usage": usage,
        **more,
    }


class JudgeEndpoint:
    """What was asked, and what it answers.

    A question that holds `behaviour: NAME` gets that behaviour; others get what `answer` says. `begun` counts requests
    by behaviour. With `enforces=False` a schema is accepted and ignored.
    """

    def __init__(self, answer: Answer | None = None, *, enforces: bool = True) -> None:
        self.answer = answer or (lambda _: LABELS)
        self.enforces = enforces
        self.begun: Counter[str] = Counter()
        self.requests: list[Body] = []
        self.keys: set[str] = set()
        self.hold: Event | None = None
        """Where set, replies wait for it: requests are then in flight."""
        self._lock = Lock()
        self.flying = self.most_flying = 0

    def begin(self, body: Body, key: str) -> tuple[str, int]:
        """The behaviour that a request asks for, and how often it was asked for before."""
        text = json.dumps(body["messages"], ensure_ascii=False)
        found = re.search(r"behaviour: ([a-z0-9-]+)", text)
        name = found[1] if found else "plain"
        with self._lock:
            before = self.begun[name]
            self.begun[name] += 1
            self.requests.append(body)
            self.keys.add(key)
            self.flying += 1
            self.most_flying = max(self.most_flying, self.flying)
        return name, before

    def end(self) -> None:
        """A request has been answered."""
        with self._lock:
            self.flying -= 1


@contextmanager
def judge_endpoint(endpoint: JudgeEndpoint) -> Iterator[str]:
    """The endpoint's address, while it answers."""

    class Handler(_Handler):
        judge = endpoint

    server = _Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        if endpoint.hold is not None:
            endpoint.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests want."""


class _Handler(BaseHTTPRequestHandler):
    judge: JudgeEndpoint
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, before = self.judge.begin(body, self.headers.get("Authorization", ""))
        try:
            if self.judge.hold is not None:
                self.judge.hold.wait(60)
            self._behave(name, before, body)
        finally:
            self.judge.end()

    def _behave(self, name: str, before: int, body: Body) -> None:
        act = getattr(self, f"_{name.replace('-', '_')}", None)
        if act is not None:
            act(before, body)
        elif name in _STATUSES:
            self._send(_STATUSES[name], {"error": {"message": f"planted {name}"}})
        else:
            self._send(200, _REPLIES[name] if name in _REPLIES else completion(self._text(body)))

    def _text(self, body: Body) -> str:
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        if "word" in schema.get("properties", {}) or body["messages"][-1]["content"] == "Say hello.":
            enforced = self.judge.enforces and "response_format" in body
            word = '{"word": "violet-42"}' if schema else "{}"
            return word if enforced else "hello"
        return self.judge.answer(body)

    def _send(self, status: int, body: Body | bytes, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def _once_then_fine(self, before: int, status: int, **headers: str) -> None:
        if before:
            self._send(200, completion(LABELS))
        else:
            self._send(status, {"error": {"message": "planted"}}, **headers)

    def _rate_limited(self, before: int, _: Body) -> None:
        self._once_then_fine(before, 429)

    def _rate_limited_wait(self, before: int, _: Body) -> None:
        self._once_then_fine(before, 429, Retry_After="0.05")

    def _rate_limited_date(self, before: int, _: Body) -> None:
        self._once_then_fine(before, 429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")

    def _rate_limited_long(self, before: int, _: Body) -> None:
        self._send(429, {"error": {"message": "planted"}}, Retry_After="7200")

    def _server_error_once(self, before: int, _: Body) -> None:
        self._once_then_fine(before, 500)

    def _cut_connection(self, before: int, _: Body) -> None:
        self.close_connection = True
        self.connection.close()

    def _cut_reply(self, before: int, _: Body) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b'{"choices": [')
        self.wfile.flush()
        self.close_connection = True

    def _silence(self, before: int, _: Body) -> None:
        time.sleep(3)  # longer than the test's client waits

    def _trickle(self, before: int, _: Body) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _byte in range(60):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.05)

    def _huge(self, before: int, _: Body) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(40_000_000))
        self.end_headers()
        for _block in range(40):
            self.wfile.write(b"x" * 1_000_000)


_STATUSES = {"server-error": 500, "overloaded": 503, "unauthorised": 401, "gone": 404, "bad-request": 400}
_REPLIES: dict[str, Body | bytes] = {
    "empty-choices": completion(LABELS) | {"choices": []},
    "no-choices": {"id": "c", "object": "chat.completion"},
    "refusal": completion(None, refusal="I cannot help with that."),
    "length": completion('{"units": [0', finish_reason="length"),
    "content-filter": completion("", finish_reason="content_filter"),
    "fenced": completion(f"Here you are:\n```json\n{LABELS}\n```\nAnything else?"),
    "prose": completion("The first word matters most, I should think."),
    "prose-around": completion(f"Thinking about {{it}} ... so: {LABELS} is what I say."),
    "wrong-indices": completion('{"units": [0, 100000], "cannot_tell": false}'),
    "negative-indices": completion('{"units": [-1], "cannot_tell": false}'),
    "duplicate-indices": completion('{"units": [0, 0], "cannot_tell": false}'),
    "text-indices": completion('{"units": ["0"], "cannot_tell": false}'),
    "contradiction": completion('{"units": [0], "cannot_tell": true}'),
    "extra-keys": completion('{"units": [0], "cannot_tell": false, "why": "because"}'),
    "null-content": completion(None),
    "wrong-model": completion(LABELS, model="another-model"),
    "no-usage": {key: value for key, value in completion(LABELS).items() if key != "usage"},
    "odd-usage": completion(LABELS, usage={"prompt_tokens": "many"}),
    "not-utf-8": b'{"choices": [{"message": {"content": "\xff\xfe"}}]}',
    "not-json": b"<html>Bad gateway</html>",
    "empty-body": b"",
}
