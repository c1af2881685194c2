"""Raters' accounts, and the sheet with their log-ins for the lead to hand out."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from heta_annotation.campaign.settings import email_of
from heta_annotation.studio.accounts import Account, create_accounts
from heta_annotation.studio.connection import Connection
from heta_annotation.studio.signup import sign_up_accounts
from heta_data.workspace import Workspace


def make_accounts(
    workspace: Workspace, connection: Connection, pseudonyms: Sequence[str], *, own: bool
) -> dict[str, Account]:
    """Accounts for raters wherever their server is, made where they are missing; by e-mail, in the order given.

    `own` asks for an organisation for each, which only our own servers can give.

    Raises:
        LabelStudioError: an account could not be made.
    """
    emails = [email_of(pseudonym) for pseudonym in pseudonyms]
    if connection.local:
        return create_accounts(workspace, connection.name, emails, own=own)
    return sign_up_accounts(workspace, connection, emails)


def write_logins(
    workspace: Workspace,
    connection: Connection,
    projects: Mapping[str, int | None],
    accounts: Mapping[str, Account],
    name: str = "raters.csv",
) -> Path:
    """Write `studio/<server>/<name>`, for the user alone: rater, address, e-mail, password, and where to label.

    `projects` says for each e-mail in which project; who has several, one after the other, gets the list of them.
    `name` tells sheets of one server apart.

    The address of a local server holds its port; a push after a restart writes the sheet anew.
    """
    path = workspace.studio / connection.name / name
    text = io.StringIO()
    sheet = csv.writer(text, lineterminator="\n")
    sheet.writerow(["rater", "address", "email", "password", "label_here"])
    for email, account in accounts.items():
        if email not in projects:
            continue  # has withdrawn
        number = projects[email]
        page = f"{connection.url}/projects/" + ("" if number is None else f"{number}/data?labeling=1")
        sheet.writerow([email.partition("@")[0], connection.url, email, account.password, page])
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    # Opened with its final mode: the passwords are never readable by others, not even for a moment.
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text.getvalue())
    os.replace(temporary, path)
    return path
