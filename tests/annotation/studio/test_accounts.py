"""Raters' accounts, made on the session's server while it runs."""

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from heta.errors import InputError
from heta_annotation.errors import LabelStudioError, ServerUnavailable
from heta_annotation.studio import local, server
from heta_annotation.studio.accounts import Account, create_accounts
from heta_annotation.studio.connection import Connection
from heta_data.workspace import Workspace


@pytest.mark.parametrize(
    "email",
    ["", "a07", "a07@campaign.org", "A07@campaign.invalid", "a 7@campaign.invalid", "@x.invalid", "jané@x.invalid"],
)
def test_only_pseudonyms(tmp_path: Path, email: str) -> None:
    with pytest.raises(InputError, match=r"^account: got .*, expected a lower-case pseudonym") as raised:
        create_accounts(Workspace(tmp_path), "blind", ["a07@campaign.invalid", email])
    assert "\n" not in str(raised.value)


def test_twice_the_same(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'a07@campaign\.invalid' comes twice"):
        create_accounts(Workspace(tmp_path), "blind", ["a07@campaign.invalid", "a07@campaign.invalid"])


def test_no_such_server(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(ServerUnavailable, match="start it first"):
        create_accounts(workspace, "blind", ["a07@campaign.invalid"])
    assert not workspace.studio.exists()


def test_an_account_keeps_its_secrets_to_itself() -> None:
    shown = repr(Account(7, "a07@campaign.invalid", token="private", password="secret"))
    assert "private" not in shown and "secret" not in shown


def logs_in(connection: Connection, email: str, password: str) -> bool:
    """Through the form that raters use."""
    with httpx.Client(base_url=connection.url, trust_env=False) as browser:
        browser.get("/user/login/")
        form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"], "email": email, "password": password}
        return browser.post("/user/login/", data=form).status_code == 302 and (
            browser.get("/api/current-user/whoami").status_code == 200
        )


def as_rater(connection: Connection, account: Account) -> Connection:
    return Connection("rater", connection.url, account.token, "server", local=True)


@pytest.mark.server
@pytest.mark.xdist_group("server")
def test_accounts_on_a_running_server(studio_workspace: Workspace, label_studio: Connection) -> None:
    said: list[str] = []

    def make(*names: str) -> dict[str, Account]:
        said.clear()
        emails = [f"{name}@accounts.invalid" for name in names]
        return create_accounts(studio_workspace, "studio", emails, report=lambda stage, detail="": said.append(stage))

    folder = server.server_folder(studio_workspace.studio, "studio")
    file = folder.root / "accounts.json"

    # Killed after the passwords were written and before the database knew of them: the same password counts later.
    interrupted = {"id": 0, "email": "r0@accounts.invalid", "token": "", "password": "kept-Passw0rd"}
    server.write_secret(file, {"r0@accounts.invalid": interrupted})
    first = make("r1", "r0")
    assert (
        [account.email for account in first.values()] == list(first) == ["r1@accounts.invalid", "r0@accounts.invalid"]
    )
    assert first["r0@accounts.invalid"].password == "kept-Passw0rd"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    one, zero = first.values()
    assert len({one.token, zero.token, label_studio.token}) == 3 and one.password != zero.password
    for account in (one, zero):
        who = as_rater(label_studio, account).client().users.whoami()
        assert (who.id, who.email) == (account.id, account.email)
        assert logs_in(label_studio, account.email, account.password)
    assert not logs_in(label_studio, one.email, zero.password)
    assert logs_in(label_studio, server.ADMIN, local.password(studio_workspace, "studio"))
    # One organisation: a rater sees the administrator's projects.
    project = label_studio.client().projects.create(title="for raters").id
    assert as_rater(label_studio, one).client().projects.get(project).title == "for raters"

    assert make("r1", "r0") == first and said == [], "again, nothing is made"

    # r1's entry is lost and r2 is new. r0 stays as it was; r1 keeps account and token but the old password is dead.
    kept = json.loads(file.read_text())
    del kept[one.email]
    server.write_secret(file, kept)
    more = make("r0", "r1", "r2")
    assert said and more[zero.email] == zero
    anew = more[one.email]
    assert (anew.id, anew.token) == (one.id, one.token) and anew.password != one.password
    assert logs_in(label_studio, anew.email, anew.password) and not logs_in(label_studio, one.email, one.password)
    assert set(json.loads(file.read_text())) == {f"r{i}@accounts.invalid" for i in range(3)}

    # Removed from the organisation through the page: told, not handed out as if it worked.
    with closing(sqlite3.connect(folder.data / "label_studio.sqlite3", timeout=60)) as database, database:
        database.execute(
            "UPDATE organizations_organizationmember SET deleted_at = '2026-01-01' WHERE user_id = ?", (one.id,)
        )
    with pytest.raises(LabelStudioError, match=r"removed from the organisation of 'studio': r1@accounts\.invalid"):
        make("r1")

    file.write_text("{")
    with pytest.raises(LabelStudioError, match=r"accounts\.json: cannot be read"):
        make("r1")
    file.unlink()
    assert local.connect(studio_workspace, "studio").token == label_studio.token
