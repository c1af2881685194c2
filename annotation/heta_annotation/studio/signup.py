"""Raters' accounts on a server that is not ours, over HTTP alone: invited, signed up, remembered.

They are kept as those of local servers are (`studio/external/accounts.json`, for the user alone). All of them join the
organisation of the invitation, in which everybody sees everything: isolation is `trust`.
"""

import csv
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from heta.errors import ConfigError
from heta_annotation.errors import AuthError, LabelStudioError, SignUpRefused
from heta_annotation.studio.accounts import EMAIL, Account, check_emails, read_accounts, write_accounts
from heta_annotation.studio.building import Report, locked, silent
from heta_annotation.studio.connection import Connection, api_errors
from heta_annotation.studio.remote import refuse_another, remember_address
from heta_annotation.studio.visitor import Visitor
from heta_data.workspace import Workspace

COLUMNS = ("email", "password", "token")


def sign_up_accounts(
    workspace: Workspace, connection: Connection, emails: Sequence[str], *, report: Report = silent
) -> dict[str, Account]:
    """Accounts for `emails` on a server that is not ours, signed up where they are missing; by e-mail, in that order.

    An account of which we know a token that opens, or the password, is taken as it is. Calling it again changes
    nothing; after an interruption the passwords that were written down count.

    Args:
        workspace: the working folder.
        connection: the server, with a token of whoever may invite.
        emails: pseudonyms under `.invalid`.
        report: told what happens.

    Raises:
        InputError: an address is no pseudonym, or comes twice.
        ConfigError: this folder's accounts are on another server.
        SignUpRefused: naming every account that was not made, with the server's reason and what to do.
        LabelStudioError: a call failed; accounts made until then are kept.
    """
    check_emails(emails)
    refuse_another(workspace, connection)
    host = _Host.of(connection)
    folder = remember_address(workspace, connection)
    with locked(folder.root / ".accounts.lock", report, "waiting for another process that makes accounts"):
        kept = read_accounts(folder)
        # Written down before the server learns them: interrupted in between, the next call uses the same passwords.
        kept |= {e: Account(0, e, "", secrets.token_urlsafe(9)) for e in emails if e not in kept}
        write_accounts(folder, kept)
        refused: dict[str, str] = {}
        for email in emails:
            report(f"making accounts on {connection.url}", email)
            try:
                found = host.admit(kept[email])
            except SignUpRefused as error:
                refused[email] = str(error)
                continue
            if found != kept[email]:
                kept[email] = found
                write_accounts(folder, kept)
    if refused:
        raise SignUpRefused(
            f"{connection.name} ({connection.url}) has no account that opens for {', '.join(refused)}: "
            f"{next(iter(refused.values()))}; make them there by hand and push with --accounts FILE.csv (columns "
            f"{', '.join(COLUMNS)}), or take other pseudonyms"
        )
    return {email: kept[email] for email in emails}


@dataclass(frozen=True)
class _Host:
    """Who invites."""

    connection: Connection
    organization: int | None
    link: str

    @classmethod
    def of(cls, connection: Connection) -> "_Host":
        with api_errors(connection, "asking for an invitation link"):
            client = connection.client()
            organization = client.users.whoami().active_organization
            link = client.organizations.invites.get_invite_link().invite_url
        if not link:
            raise LabelStudioError(f"{connection.name} ({connection.url}) gives no invitation link")
        return cls(connection, organization, link)

    def admit(self, account: Account) -> Account:
        """The account as it is on the server, with a token that opens; signed up if it never was there."""
        if account.token and (opened := self._opened(account)):
            return opened
        if not account.password:
            raise SignUpRefused(f"the token of {account.email} is refused and its password is not known")
        with api_errors(self.connection, f"making {account.email}"), Visitor(self.connection) as visitor:
            refusal = "" if account.id else visitor.sign_up(self.link, account.email, account.password)
            # It may be there already: made by hand, in another folder, or by a call that was interrupted.
            closed = visitor.log_in(account.email, account.password) if account.id or refusal else ""
            if closed:
                raise SignUpRefused("; ".join(said.rstrip(".") for said in (refusal, closed) if said))
            here = replace(account, id=visitor.number())
            for token in (visitor.legacy_token, visitor.personal_token):
                if (found := token()) and (opened := self._opened(replace(here, token=found))):
                    return opened
        raise SignUpRefused("none of its tokens opens; allow them under Organization > API Tokens Settings")

    def _opened(self, account: Account) -> Account | None:
        """The account with its number, None where its token opens nothing or another account."""
        try:
            with api_errors(self.connection, f"log-in of {account.email}"):
                who = replace(self.connection, token=account.token).client().users.whoami()
        except AuthError:
            return None
        if who.email != account.email or who.id is None:
            return None
        if who.active_organization != self.organization:
            raise SignUpRefused(f"{account.email} is not in the organisation of the administrator's token")
        return replace(account, id=who.id)


def take_accounts(workspace: Workspace, connection: Connection, file: Path) -> list[str]:
    """Take log-ins that somebody made by hand, or that another folder's `raters.csv` holds; their e-mails.

    Args:
        workspace: the working folder.
        connection: the server that they are on.
        file: CSV with the columns `email` and `password` or `token`, and any others.

    Raises:
        ConfigError: the file cannot be used, or this folder's accounts are on another server.
    """
    given = dict(_rows(file))
    folder = remember_address(workspace, connection)
    with locked(folder.root / ".accounts.lock", silent, "waiting for another process that makes accounts"):
        kept = read_accounts(folder)
        write_accounts(folder, kept | {email: _merged(kept.get(email), account) for email, account in given.items()})
    return list(given)


def _merged(kept: Account | None, given: Account) -> Account:
    """What is known of an account: its number and token stay where the file says nothing else."""
    if kept is None or kept.password != given.password or given.token not in ("", kept.token):
        return given
    return kept


def _rows(file: Path) -> Iterator[tuple[str, Account]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read ({error})") from None
    rows = csv.DictReader(text.splitlines())
    if "email" not in (rows.fieldnames or ()):
        raise ConfigError(f"{file}: got the columns {rows.fieldnames}, needed are {', '.join(COLUMNS)}")
    for row in rows:
        email, password, token = (_cell(row, column) for column in COLUMNS)
        if not EMAIL.fullmatch(email):
            raise ConfigError(
                f"{file}:{rows.line_num}: got {email!r}, expected a pseudonym like 'a07@campaign.invalid'"
            )
        if not password and not token:
            raise ConfigError(f"{file}:{rows.line_num}: {email} has neither password nor token")
        yield email, Account(0, email, token, password)


def _cell(row: Mapping[str, str | None], column: str) -> str:
    return (row.get(column) or "").strip()
