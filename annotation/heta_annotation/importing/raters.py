"""Pseudonyms of the accounts of an export: from a file, from the folder's own campaign, or given here."""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

from heta.errors import InputError
from heta_annotation.importing.privacy import Account, Accounts
from heta_data.raters import name_problems
from heta_data.records import RaterKind

COLUMNS = ("account", "pseudonym")


def read_raters(path: Path, kind: RaterKind, accounts: Accounts) -> dict[Account, str]:
    """Pseudonyms by account from a CSV file that names each by number or e-mail address. No message quotes it.

    Args:
        path: the file, with the columns `account` and `pseudonym`.
        kind: who the raters are.
        accounts: those of the export, which know the number to some addresses.

    Raises:
        InputError: the file cannot be read or lacks a column; an account or a pseudonym is none or stands there twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8 text; save it as CSV in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    table = csv.DictReader(lines)
    if not set(COLUMNS) <= set(table.fieldnames or ()):
        raise InputError(f"{path}: expected the columns {','.join(COLUMNS)} in its first line")
    found: dict[Account, str] = {}
    for row in table:
        where = f"{path}: line {table.line_num}"
        account, name = _account(row["account"], accounts), (row["pseudonym"] or "").strip()
        if account is None:
            raise InputError(f"{where}: the account is neither Label Studio's number nor an e-mail address")
        if problems := name_problems(name, kind):
            raise InputError(f"{where}: the pseudonym {'; '.join(problems)}")
        if account in found or name in found.values():
            twice = "account" if account in found else "pseudonym"
            raise InputError(f"{where}: the {twice} stands there twice; give each account one line and one pseudonym")
        found[account] = name
    return found


def _account(text: str | None, accounts: Accounts) -> Account | None:
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return int(text)
    return accounts.account(text) if "@" in text else None


class Pseudonyms:
    """Gives every account one pseudonym.

    Args:
        given: from `read_raters`; None where no file was given, and then new accounts become r01, r02, ... in the
            order in which they are asked for.
        known: accounts that have a pseudonym already, as from an earlier import.
        taken: pseudonyms that stand for somebody else.
    """

    def __init__(
        self, given: Mapping[Account, str] | None, known: Mapping[Account, str], taken: Collection[str]
    ) -> None:
        self._given = given
        self._names = dict(known) if given is None else {}
        self._taken = {*taken, *self._names.values()}

    def of(self, account: Account) -> str | None:
        """The account's pseudonym; None where a file was given and does not hold it."""
        if self._given is not None:
            return self._given.get(account)
        if account not in self._names:
            number = 1
            while (name := f"r{number:02d}") in self._taken:
                number += 1
            self._names[account] = name
            self._taken.add(name)
        return self._names[account]
