"""Raters' accounts, made on local servers here (on others: `signup.py`): pseudonyms, each with a password and a token.

Every rater can list the e-mail addresses of all others, so an account's address is a pseudonym from the start
(`a07@campaign.invalid`; `.invalid` is a domain that can never exist, RFC 2606). Passwords and tokens are kept in
`studio/<name>/accounts.json`, readable by the user alone.
"""

import json
import re
import secrets
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from heta.errors import InputError
from heta_annotation.errors import LabelStudioError, ServerUnavailable
from heta_annotation.studio.building import Report, locked, silent
from heta_annotation.studio.connection import EXTERNAL
from heta_annotation.studio.environment import DATABASE, Environment, environment_at, server_environ
from heta_annotation.studio.remote import remote_folder
from heta_annotation.studio.server import ServerFolder, server_folder, write_secret
from heta_data.workspace import Workspace

EMAIL = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}@([a-z0-9-]+\.)+invalid")
SCRIPT = Path(__file__).with_name("accounts_script.py")
SCRIPT_SECONDS = 600


@dataclass(frozen=True)
class Account:
    """A rater's account."""

    id: int
    """Label Studio's number for it, as in `completed_by`; 0 for one that the server may not have yet."""
    email: str
    token: str = field(repr=False)
    """Legacy or personal access token, which the SDK takes as `api_key`."""
    password: str = field(repr=False)


def create_accounts(
    workspace: Workspace, name: str, emails: Sequence[str], *, own: bool = False, report: Report = silent
) -> dict[str, Account]:
    """Accounts for `emails` on the local server `name`, made where they do not exist; by e-mail, in the order given.

    The server may be up or down, but must have been started once. Calling it again changes nothing.

    Args:
        workspace: the working folder.
        name: the server.
        emails: pseudonyms under `.invalid`.
        own: new accounts get an organisation of their own each, in which they see nothing of anybody else; otherwise
            they join the administrator's. An account that exists stays where it is.
        report: told what happens.

    Raises:
        InputError: an address is no pseudonym, or comes twice.
        ServerUnavailable: no such server was ever started in this folder.
        LabelStudioError: Label Studio could not make them, or a rater was removed from the organisation.
    """
    check_emails(emails)
    folder = server_folder(workspace.studio, name)
    state = folder.read()
    if state is None or not state.ready:
        raise ServerUnavailable(f"no Label Studio {name!r} was started in {workspace.root.absolute()}: start it first")
    with locked(folder.root / ".accounts.lock", report, "waiting for another process that makes accounts"):
        kept = read_accounts(folder)
        known = _known(folder, kept, emails)
        if known is None:
            report(f"making {len(emails)} accounts on {name!r}", "usually 5 to 15 s")
            known = _make(folder, environment_at(Path(state.environment), report), kept, emails, own)
        return known


def known_accounts(workspace: Workspace, name: str) -> dict[str, Account]:
    """The accounts that were made on the server `name` (local, or `external`), by e-mail; none where none was.

    Raises:
        LabelStudioError: the file that holds them cannot be read.
    """
    return read_accounts(remote_folder(workspace) if name == EXTERNAL else server_folder(workspace.studio, name))


def check_emails(emails: Sequence[str]) -> None:
    """Refuse addresses that name people.

    Raises:
        InputError: an address is no pseudonym, or comes twice.
    """
    for email in emails:
        if not EMAIL.fullmatch(email):
            raise InputError(
                f"account: got {email!r}, expected a lower-case pseudonym like 'a07@campaign.invalid': every rater can "
                "see the addresses of all others"
            )
    if len(set(emails)) < len(emails):
        twice = next(email for email in emails if list(emails).count(email) > 1)
        raise InputError(f"account: {twice!r} comes twice")


def _file(folder: ServerFolder) -> Path:
    return folder.root / "accounts.json"


def write_accounts(folder: ServerFolder, accounts: Mapping[str, Account]) -> None:
    """Keep accounts, for the user alone."""
    write_secret(_file(folder), {email: asdict(account) for email, account in accounts.items()})


def read_accounts(folder: ServerFolder) -> dict[str, Account]:
    """The accounts that are kept for a server, by e-mail.

    Raises:
        LabelStudioError: the file cannot be read.
    """
    try:
        kept = json.loads(_file(folder).read_text(encoding="utf-8"))
        return {email: Account(**account) for email, account in kept.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise LabelStudioError(
            f"{_file(folder)}: cannot be read ({error}); restore it, or move it away to get new passwords"
        ) from None


def _known(folder: ServerFolder, kept: Mapping[str, Account], emails: Sequence[str]) -> dict[str, Account] | None:
    """The accounts, where each is in our file and in the server's database with the same id and token; else None."""
    query = (
        "SELECT u.email, u.id, t.key FROM htx_user u JOIN authtoken_token t ON t.user_id = u.id "
        "JOIN organizations_organizationmember m ON m.user_id = u.id WHERE m.deleted_at IS NULL"
    )
    with closing(sqlite3.connect(f"{(folder.data / DATABASE).as_uri()}?mode=ro", uri=True, timeout=60)) as database:
        there = {email: (number, token) for email, number, token in database.execute(query)}
    known = {email: kept[email] for email in emails if email in kept}
    same = all(there.get(email) == (account.id, account.token) for email, account in known.items())
    return known if same and len(known) == len(emails) else None


def _make(
    folder: ServerFolder, environment: Environment, kept: dict[str, Account], emails: Sequence[str], own: bool
) -> dict[str, Account]:
    # Written down before the database learns them: killed in between, the next call uses the same passwords.
    wanted = {e: kept.get(e) or Account(0, e, "", secrets.token_urlsafe(9)) for e in emails}
    write_accounts(folder, kept | wanted)
    try:
        done = subprocess.run(
            [environment.python, "-I", "-X", "utf8", SCRIPT],
            input=json.dumps({"own": own, "passwords": {e: account.password for e, account in wanted.items()}}),
            env=server_environ(folder.data),
            cwd=folder.data,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=SCRIPT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabelStudioError(f"making accounts took more than {SCRIPT_SECONDS} s: run it again") from None
    answer = next((line for line in done.stdout.splitlines() if line.startswith("ACCOUNTS ")), None)
    if done.returncode != 0 or answer is None:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise LabelStudioError(f"Label Studio could not make accounts (status {done.returncode}): {' '.join(last)}")
    made = json.loads(answer.removeprefix("ACCOUNTS "))
    if removed := [e for e in emails if made[e]["removed"]]:
        raise LabelStudioError(
            f"removed from the organisation of {folder.root.name!r}: {', '.join(removed)}; take other pseudonyms"
        )
    finished = {e: replace(wanted[e], id=made[e]["id"], token=made[e]["token"]) for e in emails}
    write_accounts(folder, kept | finished)
    return finished
