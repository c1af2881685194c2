"""Batches, and requests on a network that fails; no server."""

import time

import httpx
import pytest

from heta_annotation.campaign import queue_push
from heta_annotation.campaign.queue_push import batches
from heta_annotation.campaign.transport import PAUSES, again, in_background

REQUEST = httpx.Request("GET", "http://127.0.0.1:1")


def names(texts: list[str], most: int) -> list[str]:
    """Batches of tasks a, b, c ... as words."""
    uids = [chr(ord("a") + number) for number in range(len(texts))]
    found = list(batches(iter(texts), uids, most))
    assert [text for batch, _ in found for text in batch] == texts
    return ["".join(batch) for _, batch in found]


def test_batches_are_as_large_as_number_bytes_and_regions_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    assert names([], 2) == []
    assert names(["x"] * 5, 2) == ["ab", "cd", "e"]
    monkeypatch.setattr(queue_push, "BATCH_BYTES", 10)
    # 4 + 6 bytes fit, 1 more does not; one that is too large alone goes alone.
    assert names(["x" * 4, "x" * 6, "x", "x" * 30, "x"], 9) == ["ab", "c", "d", "e"]
    monkeypatch.setattr(queue_push, "BATCH_BYTES", 1000)
    monkeypatch.setattr(queue_push, "BATCH_REGIONS", 3)
    two = '{"from_name":"units"},{"from_name":"units"}'
    assert names([two, two, "x", '"\\"from_name\\":" in a text'], 9) == ["a", "bcd"]


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError])
def test_a_read_is_made_again_where_the_network_fails(
    error: type[httpx.TransportError], monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []
    monkeypatch.setattr(time, "sleep", paused.append)
    failures = [error("lost", request=REQUEST) for _ in PAUSES]

    def read() -> str:
        if failures:
            raise failures.pop()
        return "there"

    assert again(read) == "there"
    assert tuple(paused) == PAUSES

    def never() -> str:
        raise error("lost", request=REQUEST)

    with pytest.raises(error):
        again(never)


def test_who_waited_in_vain_does_not_wait_again() -> None:
    calls = []

    def slow() -> str:
        calls.append(1)
        raise httpx.ReadTimeout("slow", request=REQUEST)

    with pytest.raises(httpx.ReadTimeout):
        again(slow)
    assert len(calls) == 1


def test_background_gives_back_what_came_and_raises_what_was_raised() -> None:
    assert in_background(lambda: 3).result() == 3
    with pytest.raises(ZeroDivisionError):
        in_background(lambda: 1 // 0).result()
