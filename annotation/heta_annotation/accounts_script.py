"""Create accounts in Label Studio's database. Run by the Python of Label Studio's own environment, never imported.

Reads `{email: password}` as JSON from standard input; prints a line `ACCOUNTS` and `{email: {id, token, removed}}`.
Works while the server runs. An account that exists keeps its id and token and gets the password given here.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

BUSY_MILLISECONDS = 60_000
"""How long to wait for the server to end its own write to the database."""


def main() -> None:
    """Do it, one transaction per account."""
    passwords: dict[str, str] = json.load(sys.stdin)
    package = importlib.import_module("label_studio").__file__
    # Label Studio imports its own modules by their short names.
    sys.path.insert(0, str(Path(str(package)).parent))
    os.environ["DJANGO_SETTINGS_MODULE"] = "label_studio.core.settings.label_studio"
    importlib.import_module("django").setup()
    database = importlib.import_module("django.db")
    users: Any = importlib.import_module("users.models").User.objects
    organization: Any = importlib.import_module("organizations.models").Organization.objects.first()
    database.connection.cursor().execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    made = {}
    for email, password in passwords.items():
        with database.transaction.atomic():
            user = users.filter(email=email).first() or users.create_user(email=email, password=password)
            if not user.check_password(password):
                user.set_password(password)
            organization.add_user(user)
            user.active_organization = organization
            user.save()
        made[email] = {"id": user.id, "token": user.auth_token.key, "removed": organization.has_deleted(user)}
    print("ACCOUNTS " + json.dumps(made))  # noqa: T201 - this is how the answer goes back


if __name__ == "__main__":
    main()
