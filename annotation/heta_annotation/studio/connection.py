"""How to reach a Label Studio, and its failures in our own words."""

import ipaddress
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from heta.errors import ConfigError, HetaError
from heta_annotation.errors import AuthError, LabelStudioError, NotFound, ServerFailed, ServerUnavailable
from heta_data.records import Isolation

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

VERSION = "1.23.2"
"""The Label Studio that everything here was tried with."""
EXTERNAL = "external"
URL_VARIABLE = "LABEL_STUDIO_URL"
TOKEN_VARIABLE = "LABEL_STUDIO_API_KEY"  # noqa: S105 - the name of a variable
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Connection:
    """An address and the token that opens it."""

    name: str
    """Name of the local server, or `external`."""
    url: str
    """With scheme, without a final slash."""
    token: str = field(repr=False)
    """Legacy token or personal access token of an account that may create projects."""
    isolation: Isolation
    """`server` for a server of its own per arm; `trust` where we cannot know what else the server shows."""
    local: bool
    """Whether it is one of our own servers, on loopback."""

    def client(self, *, timeout: float = 60.0, retries: int = 0) -> "LabelStudio":
        """The SDK's client for this server.

        Args:
            timeout: seconds that one request may take; the server goes on working when it passes.
            retries: how often the SDK repeats a failed request. It repeats POSTs too, so that an import which
                had in fact arrived would come twice: keep 0 unless a repetition is harmless.
        """
        import httpx
        from label_studio_sdk import LabelStudio

        transport = httpx.Client(
            timeout=timeout,
            follow_redirects=True,
            # A proxy from the environment must not be asked for loopback addresses.
            trust_env=not self.local,
            # Nothing stays open between requests: the SDK's client cannot be closed.
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        # Without the slash the SDK would change a personal access token at the server's root, not below its path.
        return LabelStudio(base_url=f"{self.url}/", api_key=self.token, httpx_client=transport, max_retries=retries)


@contextmanager
def api_errors(connection: Connection, doing: str) -> Iterator[None]:
    """Turn the SDK's and httpx's exceptions into `LabelStudioError`s of one line.

    The SDK's own message shows every header, cookies included; ours names the server, what was tried, and the
    server's reason. After a timeout the server may still complete the request: look before sending it again.

    Args:
        connection: whom the calls go to.
        doing: what is being tried, as a noun phrase: "import of 20 tasks".

    Raises:
        AuthError: the token is refused. NotFound: status 404. ServerUnavailable: no answer, none in time, or a page of
        something else.
        ServerFailed: status 500 or above. LabelStudioError: any other status.
    """
    import httpx
    from label_studio_sdk.core.api_error import ApiError

    place = f"{connection.name} ({connection.url})"
    try:
        yield
    except ApiError as error:
        if error.status_code in (401, 403):
            raise AuthError(
                f"{place} refuses the token at {doing}: {reason(error.body)}; {_remedy(connection)}"
            ) from None
        if error.status_code == 404:
            raise NotFound(f"{place} has no such thing at {doing}: {reason(error.body)}") from None
        kind = ServerFailed if (error.status_code or 0) >= 500 else LabelStudioError
        raise kind(f"{place}: {doing} failed, status {error.status_code}: {reason(error.body)}") from None
    except httpx.TimeoutException as error:
        raise ServerUnavailable(f"{place} gave no answer in time at {doing} ({type(error).__name__})") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServerUnavailable(f"{place} cannot be reached at {doing}: {error}") from None
    except json.JSONDecodeError:
        # How the SDK takes a proxy's page where it changes a personal access token.
        raise ServerUnavailable(f"{place} answers {doing}, but not as Label Studio does") from None


def reason(body: object) -> str:
    """The server's words from an error body, in one line of at most 300 characters."""
    if isinstance(body, dict):
        found = body.get("validation_errors") or body.get("detail") or body
        text = "; ".join(f"{k}: {v}" for k, v in found.items()) if isinstance(found, dict) else str(found)
    else:
        text = str(body)
    text = " ".join(text.split())
    if text.lower().startswith(("<!doctype", "<html")):
        return "an HTML page instead of an answer"
    return text if len(text) <= 300 else text[:297] + "..."


def _remedy(connection: Connection) -> str:
    if connection.local:
        return (
            "log in and enable legacy tokens under Organization > API Tokens Settings; if the token was reset "
            "there, the old one is gone for good"
        )
    return f"set {TOKEN_VARIABLE} to a token of Account & Settings > Access Token"


def external(environ: Mapping[str, str] | None = None) -> Connection:
    """The server named by LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, not contacted yet.

    Raises:
        ConfigError: a variable is missing or the address is none.
    """
    environ = os.environ if environ is None else environ
    url, token = environ.get(URL_VARIABLE, "").strip().rstrip("/"), environ.get(TOKEN_VARIABLE, "").strip()
    for name, value in ((URL_VARIABLE, url), (TOKEN_VARIABLE, token)):
        if not value:
            raise ConfigError(f"{name} is not set: a server of your own needs {URL_VARIABLE} and {TOKEN_VARIABLE}")
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        parts, host = None, None
    if parts is None or parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{URL_VARIABLE}: got {url!r}, expected an address like http://host:8080")
    if parts.username or parts.password:
        raise ConfigError(f"{URL_VARIABLE}: holds a user name or password; the token of {TOKEN_VARIABLE} is enough")
    if not (token.isascii() and token.isprintable()):
        raise ConfigError(f"{TOKEN_VARIABLE}: has characters that no token has; copy it again")
    if parts.scheme == "http" and not _loopback(host):
        logger.warning("%s: http to another machine sends the token in clear", URL_VARIABLE)
    return Connection(EXTERNAL, url, token, "trust", local=False)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check(connection: Connection) -> str:
    """Ask the server who it is and whether the token opens it; its version comes back.

    Warns through the log where edition or version are not those that everything was tried with.

    Raises:
        ServerUnavailable: nothing answers, or no Label Studio. AuthError: the token is refused.
    """
    place = f"{connection.name} ({connection.url})"
    try:
        with api_errors(connection, "log-in"):
            client = connection.client(timeout=20)
            who = client.users.whoami()
            versions = client.versions.get()
    except HetaError as error:
        if isinstance(error, AuthError | ServerUnavailable):
            raise
        raise ServerUnavailable(f"{place} answers, but not as Label Studio does: {error}") from None
    except (ValueError, TypeError, AttributeError) as error:
        # The SDK stumbles over a reply that is no JSON or lacks what every Label Studio sends.
        raise ServerUnavailable(f"{place} answers, but not as Label Studio does: {type(error).__name__}") from None
    if not getattr(who, "id", None):
        raise ServerUnavailable(f"{place} answers, but not as Label Studio does: no account behind the token")
    release, edition = str(versions.release), str(getattr(versions, "edition", None) or "unknown")
    if release != VERSION or edition.lower() != "community":
        logger.warning(
            "%s is Label Studio %s (%s edition); tried was %s (Community edition)", place, release, edition, VERSION
        )
    return release
