"""Create accounts in Label Studio's database. Run by the Python of Label Studio's own environment, never imported.

Reads `{own, passwords: {email: password}}` as JSON from standard input; prints a line `ACCOUNTS` and
`{email: {id, token, removed}}`. Works while the server runs. With `own` each new account gets an organisation of its
own, otherwise it joins the first one. An account that exists keeps its id, token and organisation, and gets the
password given here.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

BUSY_MILLISECONDS = 60_000
"""How long to wait for the server to end its own write to the database."""
OWN_ORGANIZATION = """
CREATE TRIGGER IF NOT EXISTS heta_own_organization BEFORE UPDATE OF active_organization_id ON htx_user
WHEN NEW.active_organization_id IS NOT OLD.active_organization_id
AND NEW.active_organization_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM organizations_organizationmember
    WHERE user_id = NEW.id AND organization_id = NEW.active_organization_id AND deleted_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'no member of that organization'); END
"""
"""As shipped, any account may act in any organization: the API takes its number and asks for no membership."""


def main() -> None:
    """Do it, one transaction per account."""
    wanted: dict[str, Any] = json.load(sys.stdin)
    package = importlib.import_module("label_studio").__file__
    # Label Studio imports its own modules by their short names.
    sys.path.insert(0, str(Path(str(package)).parent))
    os.environ["DJANGO_SETTINGS_MODULE"] = "label_studio.core.settings.label_studio"
    importlib.import_module("django").setup()
    database = importlib.import_module("django.db")
    users: Any = importlib.import_module("users.models").User.objects
    organizations: Any = importlib.import_module("organizations.models").Organization
    first = organizations.objects.order_by("id").first()
    database.connection.cursor().execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    database.connection.cursor().execute(OWN_ORGANIZATION)
    made = {}
    for email, password in wanted["passwords"].items():
        with database.transaction.atomic():
            user = users.filter(email=email).first() or users.create_user(email=email, password=password)
            if not user.check_password(password):
                user.set_password(password)
            organization = user.active_organization or user.organizations.first()
            if organization is None and wanted["own"]:
                organization = organizations.create_organization(
                    created_by=user, title=email.partition("@")[0], legacy_api_tokens_enabled=True
                )
            organization = organization or first
            organization.add_user(user)
            user.active_organization = organization
            user.save()
        made[email] = {"id": user.id, "token": user.auth_token.key, "removed": organization.has_deleted(user)}
    print("ACCOUNTS " + json.dumps(made))  # noqa: T201 - this is how the answer goes back


if __name__ == "__main__":
    main()
