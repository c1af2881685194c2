"""Label Studio's pages for people: sign-up by the invitation link, log-in, and one's own tokens.

Its API makes accounts that cannot log in, so raters' accounts on a server that is not ours are made as a rater would
make them.
"""

import html
import re
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from heta_annotation.errors import ServerUnavailable
from heta_annotation.studio.connection import Connection, reason

FORM_TOKEN = re.compile(r'name="csrfmiddlewaretoken"\s+value="([^"]+)"')
COMPLAINT = re.compile(r'<ul class="field_errors">(.*?)</ul>|<p class="error">(.*?)</p>', re.DOTALL)
SECONDS = 60.0


class Visitor:
    """One browser's worth of cookies on a server; use as a context manager.

    Every method lets httpx's own exceptions through: call it within `api_errors`.
    """

    def __init__(self, connection: Connection) -> None:
        import httpx

        self.connection = connection
        self._http = httpx.Client(timeout=SECONDS, trust_env=not connection.local)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def sign_up(self, link: str, email: str, password: str) -> str:
        """Make an account and be logged in with it; the server's reason where it makes none, else nothing.

        Args:
            link: invitation, from `/api/invite`.
            email: of the new account.
            password: of the new account.
        """
        # Sent to the address that we were given, whatever host the link names.
        page = urlsplit(link)
        return self._submit(page.path, page.query, {"email": email, "password": password, "allow_newsletters": "false"})

    def log_in(self, email: str, password: str) -> str:
        """Log in; the server's reason where it refuses, else nothing."""
        return self._submit("/user/login/", "", {"email": email, "password": password})

    def number(self) -> int:
        """Label Studio's number of the account that is logged in.

        Raises:
            ServerUnavailable: it does not say.
        """
        _, body = self._ask("GET", "/api/current-user/whoami")
        number = body.get("id") if isinstance(body, dict) else None
        if not isinstance(number, int):
            raise ServerUnavailable(f"{self._place} does not say who is logged in: {reason(body)}")
        return number

    def legacy_token(self) -> str | None:
        """The account's legacy token, which opens nothing where the organisation has switched those off."""
        _, body = self._ask("GET", "/api/current-user/token")
        return _token(body)

    def personal_token(self) -> str | None:
        """A new personal access token of the account. It is shown once, so one that is there already is revoked."""
        status, body = self._ask("POST", "/api/token/")
        if status == 409:
            _, listed = self._ask("GET", "/api/token/")
            for entry in listed if isinstance(listed, list) else ():
                self._ask("POST", "/api/token/blacklist/", {"refresh": _token(entry)})
            status, body = self._ask("POST", "/api/token/")
        return _token(body)

    @property
    def _place(self) -> str:
        return f"{self.connection.name} ({self.connection.url})"

    def _submit(self, path: str, query: str, fields: dict[str, str]) -> str:
        """Fill in a page's form; the page's complaint, nothing where it leads on."""
        address = f"{self.connection.url}{path}" + (f"?{query}" if query else "")
        form = self._http.get(address)
        token = FORM_TOKEN.search(form.text)
        if form.status_code != 200 or token is None:
            return f"{path} shows no form (status {form.status_code})"
        # Over https Django takes a form only from a page of its own.
        sent = self._http.post(address, data={"csrfmiddlewaretoken": token[1], **fields}, headers={"Referer": address})
        if sent.is_redirect:
            return ""
        said = [" ".join(re.sub(r"<[^>]*>", " ", "".join(found)).split()) for found in COMPLAINT.findall(sent.text)]
        return html.unescape("; ".join(said)) or f"{path} refuses the form (status {sent.status_code})"

    def _ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Referer": f"{self.connection.url}/", "X-CSRFToken": self._http.cookies.get("csrftoken") or ""}
        answer = self._http.request(method, f"{self.connection.url}{path}", json=body, headers=headers)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text


def _token(body: object) -> str | None:
    token = body.get("token") if isinstance(body, dict) else None
    return token if isinstance(token, str) and token else None
