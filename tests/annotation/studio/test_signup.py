"""Raters' accounts on a server that is not ours, made over HTTP."""

import http.server
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.own_server import OwnServer
from helpers.studio_server import one_line
from heta.errors import ConfigError, InputError
from heta_annotation.campaign.client import CampaignClient
from heta_annotation.errors import AuthError, LabelStudioError, ServerUnavailable, SignUpRefused
from heta_annotation.studio import connection as connections
from heta_annotation.studio import server, signup
from heta_annotation.studio.accounts import Account, known_accounts
from heta_annotation.studio.connection import Connection
from heta_annotation.studio.signup import sign_up_accounts, take_accounts
from heta_data.workspace import Workspace

NOWHERE = Connection("external", "http://127.0.0.1:9", "t", "trust", local=False)
# Header and claims of a personal access token that lasts until the year 2200, with a signature that is none.
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCIsImV4cCI6NzI1ODExODQwMH0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", r"got the columns None, needed are email, password, token"),
        (b"mail,password\na,b\n", r"got the columns \['mail', 'password'\]"),
        (b"email,password\na07@campaign.org,x\n", r"file\.csv:2: got 'a07@campaign\.org', expected a pseudonym"),
        (b"email,password\na07@campaign.invalid,\n", r"file\.csv:2: a07@campaign\.invalid has neither"),
        (b"email,password\na07@campaign.invalid\n", r"file\.csv:2: a07@campaign\.invalid has neither"),
        (b"\xff", r"cannot be read"),
    ],
)
def test_files_of_log_ins_that_cannot_be_used(tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "file.csv").write_bytes(text)
    with pytest.raises(ConfigError, match=message) as raised:
        take_accounts(Workspace(tmp_path), NOWHERE, tmp_path / "file.csv")
    one_line(raised)
    assert not (tmp_path / "studio").exists()


def test_log_ins_are_taken_and_what_is_known_of_them_stays(tmp_path: Path) -> None:
    workspace, file = Workspace(tmp_path), tmp_path / "file.csv"
    # Any columns in any order, as in raters.csv, and a byte order mark as spreadsheets write it.
    file.write_text("\ufeffrater,password,email\na07,secret,a07@campaign.invalid\n")
    assert take_accounts(workspace, NOWHERE, file) == ["a07@campaign.invalid"]
    path = tmp_path / "studio" / "external" / "accounts.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (tmp_path / "studio" / ".gitignore").read_text().endswith("*\n")
    full = Account(7, "a07@campaign.invalid", "token", "secret")
    server.write_secret(path, {full.email: vars(full)})
    take_accounts(workspace, NOWHERE, file)
    assert known_accounts(workspace, "external") == {full.email: full}
    file.write_text("email,password\na07@campaign.invalid,another\n")
    take_accounts(workspace, NOWHERE, file)
    assert known_accounts(workspace, "external") == {full.email: Account(0, full.email, "", "another")}
    with pytest.raises(ConfigError, match=r"got 'http://elsewhere', and this folder's raters .* 'http://127") as raised:
        take_accounts(workspace, replace(NOWHERE, url="http://elsewhere"), file)
    one_line(raised)
    (tmp_path / "studio" / "external" / "address.json").write_text("[]")
    with pytest.raises(LabelStudioError, match=r"address\.json: cannot be read") as raised:
        take_accounts(workspace, NOWHERE, file)
    one_line(raised)


def test_only_pseudonyms(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a lower-case pseudonym"):
        sign_up_accounts(Workspace(tmp_path), NOWHERE, ["someone@example.org"])
    assert not (tmp_path / "studio").exists()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(401, b'{"detail": "no"}', AuthError), (502, b"<html>Bad Gateway", ServerUnavailable)],
)
def test_a_personal_access_token_is_changed_below_the_servers_path(
    status: int, body: bytes, error: type[Exception]
) -> None:
    asked: list[str] = []

    class Other(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.HTTPServer((server.HOST, 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with pytest.raises(error) as raised:
                CampaignClient(replace(NOWHERE, url=f"http://127.0.0.1:{other.server_port}/labels", token=JWT)).tasks(1)
        finally:
            other.shutdown()
            thread.join()
    one_line(raised)
    assert asked == ["/labels/api/token/refresh/"]


@pytest.mark.server
@pytest.mark.xdist_group("server")
class TestOnAPlainServer:
    """One plain server; every test has a working folder and pseudonyms of its own."""

    @pytest.fixture
    def lead(self, lead_server: OwnServer) -> Iterator[Connection]:
        lead_server.allow(legacy=True)
        yield lead_server.connection(lead_server.personal)
        lead_server.allow(legacy=True)

    def test_made_once_then_known(self, lead_server: OwnServer, lead: Connection, tmp_path: Path) -> None:
        workspace, emails = Workspace(tmp_path), ["p12@campaign.invalid", "p11@campaign.invalid"]
        made = sign_up_accounts(workspace, lead, emails)
        assert list(made) == emails == [account.email for account in made.values()]
        assert len({account.password for account in made.values()}) == 2
        for account in made.values():
            who = replace(lead, token=account.token).client().users.whoami()
            assert (who.id, who.email) == (account.id, account.email)
            with lead_server.logged_in(account.email, account.password) as browser:
                assert browser.get("/api/current-user/whoami").json()["allow_newsletters"] is False
        assert sign_up_accounts(workspace, lead, emails) == made == known_accounts(workspace, "external")

        # Legacy tokens are switched off: each gets a personal access token, and everything else stays.
        lead_server.allow(legacy=False)
        later = sign_up_accounts(workspace, lead, emails)
        for email in emails:
            assert later[email].token.count(".") == 2
            assert replace(later[email], token=made[email].token) == made[email]
        # It is shown once. Lost from our file, it is revoked and made anew.
        server.write_secret(
            tmp_path / "studio" / "external" / "accounts.json", {e: vars(replace(later[e], token="")) for e in emails}
        )
        anew = sign_up_accounts(workspace, lead, emails)
        assert all(anew[email].id == later[email].id and anew[email].token != later[email].token for email in emails)
        assert sign_up_accounts(workspace, lead, emails) == anew
        with pytest.raises(AuthError):
            connections.check(replace(lead, token=later[emails[0]].token))

    def test_interrupted_before_and_after_the_server_knew(self, lead: Connection, tmp_path: Path) -> None:
        workspace, emails = Workspace(tmp_path), ["p21@campaign.invalid", "p22@campaign.invalid"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signup._Host, "admit", interrupt)
            with pytest.raises(KeyboardInterrupt):
                sign_up_accounts(workspace, lead, emails)
        written = known_accounts(workspace, "external")
        assert [account.id for account in written.values()] == [0, 0]
        done = sign_up_accounts(workspace, lead, emails)
        assert [account.password for account in done.values()] == [account.password for account in written.values()]
        # The server knew the first, and we were killed before we wrote that down.
        path = tmp_path / "studio" / "external" / "accounts.json"
        server.write_secret(path, {account.email: vars(account) for account in (written[emails[0]], done[emails[1]])})
        assert sign_up_accounts(workspace, lead, emails) == done

    def test_a_password_that_is_none_of_ours(self, lead: Connection, tmp_path: Path) -> None:
        email = "p31@campaign.invalid"
        sign_up_accounts(Workspace(tmp_path / "theirs"), lead, [email])
        workspace = Workspace(tmp_path / "ours")
        with pytest.raises(
            SignUpRefused, match="already exists; The email and password you entered don't match;"
        ) as no:
            sign_up_accounts(workspace, lead, ["p32@campaign.invalid", email])
        assert f"no account that opens for {email}: " in one_line(no)
        assert known_accounts(workspace, "external")["p32@campaign.invalid"].id > 0, "what was made is kept"

    def test_an_invitation_that_is_refused_names_everybody(self, lead: Connection, tmp_path: Path) -> None:
        workspace, emails = Workspace(tmp_path), ["p41@campaign.invalid", "p42@campaign.invalid"]
        with pytest.MonkeyPatch.context() as patch:
            # As where a proxy, or a reset of the link, closes sign-up.
            patch.setattr(signup._Host, "of", lambda connection: signup._Host(connection, 1, "/user/signup/?token=old"))
            with pytest.raises(SignUpRefused, match=r"refuses the form \(status 403\)") as raised:
                sign_up_accounts(workspace, lead, emails)
        assert ", ".join(emails) in one_line(raised) and "token=old" not in str(raised.value)

        # The lead makes them by hand, with passwords and a token of their own choice.
        by_hand = sign_up_accounts(Workspace(tmp_path / "hand"), lead, emails)
        first, second = by_hand.values()
        (tmp_path / "file.csv").write_text(
            f"email,password,token\n{first.email},{first.password},\n{second.email},,{second.token}\n"
        )
        take_accounts(workspace, lead, tmp_path / "file.csv")
        taken = sign_up_accounts(workspace, lead, emails)
        assert taken == {first.email: first, second.email: replace(second, password="")}
        (tmp_path / "file.csv").write_text(f"email,token\n{second.email},{'0' * 40}\n")
        take_accounts(workspace, lead, tmp_path / "file.csv")
        with pytest.raises(SignUpRefused, match="is refused and its password is not known"):
            sign_up_accounts(workspace, lead, emails)

    def test_raters_of_another_organisation(self, lead: Connection, tmp_path: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            of = signup._Host.of
            patch.setattr(signup._Host, "of", lambda connection: replace(of(connection), organization=99))
            with pytest.raises(SignUpRefused, match="not in the organisation of the administrator's token"):
                sign_up_accounts(Workspace(tmp_path), lead, ["p51@campaign.invalid"])

    def test_no_kind_of_token_is_allowed(self, lead_server: OwnServer, lead: Connection, tmp_path: Path) -> None:
        host = signup._Host.of(lead)
        lead_server.allow(legacy=False, personal=False)
        with pytest.raises(SignUpRefused, match="none of its tokens opens; allow them under Organization"):
            host.admit(Account(0, "p61@campaign.invalid", "", "a-Passw0rd"))

    def test_a_lead_whose_token_is_refused(self, lead: Connection, tmp_path: Path) -> None:
        with pytest.raises(AuthError, match="asking for an invitation link") as raised:
            sign_up_accounts(Workspace(tmp_path), replace(lead, token="0" * 40), ["p71@campaign.invalid"])
        one_line(raised)

    def test_pages_of_something_else(self, lead: Connection) -> None:
        from heta_annotation.studio.visitor import Visitor

        with Visitor(lead) as visitor:
            assert visitor.sign_up("/version?x=1", "a@b.invalid", "x") == "/version shows no form (status 200)"


def interrupt(*_: object) -> Account:
    raise KeyboardInterrupt


def test_a_server_that_is_gone(tmp_path: Path) -> None:
    gone = replace(NOWHERE, url=f"http://127.0.0.1:{server.free_port()}")
    with pytest.raises(LabelStudioError, match="cannot be reached at asking for an invitation link"):
        sign_up_accounts(Workspace(tmp_path), gone, ["a07@campaign.invalid"])
    assert not (tmp_path / "studio").exists(), "a mistyped address is not remembered"
