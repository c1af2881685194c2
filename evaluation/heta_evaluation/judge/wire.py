"""One request to an OpenAI-compatible endpoint, and everything that can come back."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from heta_data.judgments import Status
from heta_evaluation.judge.settings import Endpoint

if TYPE_CHECKING:
    import httpx2

LARGEST = 8_000_000
"""Bytes of a reply that are read; an endpoint that goes on is cut off."""
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""HTTP statuses that another try may get past."""


@dataclass(frozen=True)
class Reply:
    """What came back."""

    http: int | None
    """Status; None where there was no reply."""
    body: bytes = b""
    failure: str = ""
    """Why there is none, or none that is whole."""
    timed_out: bool = False
    retry_after: float | None = None
    """Seconds that the endpoint asks to wait."""
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether a model's reply may be in it."""
        return self.http == 200 and not self.failure

    @property
    def may_pass(self) -> bool:
        """Whether another try may get further."""
        return not self.complete and (self.http is None or self.http == 200 or self.http in PASSING)

    @property
    def may_have_cost(self) -> bool:
        """Whether the endpoint may have done the work: refused requests are not charged, lost replies are."""
        return self.http is None or self.http == 200

    def failed(self) -> tuple[Status, str]:
        """Status and reason of a reply that is not complete."""
        if self.timed_out:
            return "timeout", self.failure
        text = self.body[:300].decode("utf-8", "replace").replace("\n", " ").strip()
        if self.http is not None and self.http != 200:
            if self.http in (400, 403) and "content_filter" in text:
                return "content_filter", f"HTTP {self.http}: {text}"
            return "api_error", f"HTTP {self.http}: {text or 'no text'}"
        return "api_error", self.failure


class Wire:
    """An open connection to the endpoint. The client's own retries are off: ours are counted, paid for and kept."""

    def __init__(self, endpoint: Endpoint, *, timeout: float, connections: int) -> None:
        import httpx2
        from openai import AsyncOpenAI

        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._timeout = timeout
        self._http = httpx2.AsyncClient(limits=limits, timeout=httpx2.Timeout(timeout))
        self._client = AsyncOpenAI(
            base_url=endpoint.url, api_key=endpoint.key, max_retries=0, timeout=timeout, http_client=self._http
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def send(self, request: Mapping[str, Any]) -> Reply:
        """Send one chat completion request. Never raises for what an endpoint does."""
        began = time.monotonic()
        reply = await self._send(request)
        return Reply(
            reply.http,
            reply.body,
            reply.failure,
            reply.timed_out,
            reply.retry_after,
            round(time.monotonic() - began, 3),
        )

    async def _send(self, request: Mapping[str, Any]) -> Reply:
        import httpx2
        import openai

        try:
            # Over everything: a reply that trickles in byte by byte never runs into a time-out of single reads.
            async with asyncio.timeout(self._timeout):
                create = self._client.chat.completions.with_streaming_response.create
                async with create(**request) as response:
                    body = bytearray()
                    async for chunk in response.iter_bytes():
                        body += chunk
                        if len(body) > LARGEST:
                            return Reply(response.status_code, failure=f"the reply is longer than {LARGEST} bytes")
                    return Reply(response.status_code, bytes(body))
        except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException):
            return Reply(None, failure=f"no reply within {self._timeout:g} s", timed_out=True)
        except openai.APIStatusError as error:
            return Reply(error.status_code, _body(error.response), retry_after=_retry_after(error.response))
        except (openai.APIConnectionError, httpx2.HTTPError, httpx2.StreamError) as error:
            cause = error.__cause__ or error
            return Reply(None, failure=f"the connection failed: {type(cause).__name__}: {cause}"[:300])


def _body(response: "httpx2.Response") -> bytes:
    import httpx2

    try:
        return bytes(response.content[:LARGEST])
    except httpx2.StreamError:
        return b""  # an error reply that was never read to its end


def _retry_after(response: "httpx2.Response") -> float | None:
    """Seconds, from a number or a date; None where nothing readable stands there."""
    text = str(response.headers.get("retry-after", "")).strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if seconds == seconds and seconds != float("inf") else None
