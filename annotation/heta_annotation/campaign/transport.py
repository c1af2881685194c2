"""Requests past the SDK's models, in the background where need be, and reads that are made again.

The SDK checks and copies every value of what it sends and gets: for a task of 150 words that takes longer than the
server needs for it. These requests go through the SDK's own HTTP client all the same, with its token and time limit.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

T = TypeVar("T")
PAUSES = (0.2, 1.0)
"""Seconds before a read that failed is made again."""


def again(read: Callable[[], T]) -> T:
    """What a read gives, which is made again after a moment where the network fails: reading twice harms nobody.

    A time-out counts: who waited so long need not wait once more.
    """
    import httpx

    for pause in PAUSES:
        try:
            return read()
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            time.sleep(pause)
    return read()


def in_background(call: Callable[[], T]) -> "Future[T]":
    """Start `call` in a thread of its own; `result()` of what comes back waits for it and raises what it raised.

    The thread ends with the process: who interrupts a push need not wait for a server that does not answer.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def get(sdk: "LabelStudio", path: str, **asked: object) -> bytes:
    """What a GET answers."""
    return again(lambda: _request(sdk, path, "GET", params=asked))


def get_json(sdk: "LabelStudio", path: str, **asked: object) -> Any:
    """What a GET answers, read as JSON."""
    return json.loads(get(sdk, path, **asked))


def post_json(sdk: "LabelStudio", path: str, text: str, *, seconds: float) -> Any:
    """What a POST of JSON answers, sent once."""
    answer = _request(
        sdk,
        path,
        "POST",
        content=text.encode("utf-8"),
        headers={"content-type": "application/json"},
        request_options={"timeout_in_seconds": seconds, "max_retries": 0},
    )
    return json.loads(answer)


def _request(sdk: "LabelStudio", path: str, method: str, **given: Any) -> bytes:
    import httpx
    from label_studio_sdk.core.api_error import ApiError

    response: httpx.Response = sdk._client_wrapper.httpx_client.request(path, method=method, **given)
    # Response and stream hold each other: without this, megabytes of pages wait for the collector of such cycles.
    response.stream = httpx.ByteStream(b"")
    if 200 <= response.status_code < 300:
        return response.content
    try:
        body = response.json()
    except ValueError:
        body = response.text
    raise ApiError(status_code=response.status_code, headers=dict(response.headers), body=body)
