"""Label Studio's server, with every question to its database held to the asker's organization.

Run by the Python of Label Studio's own environment, never imported: `guarded_server.py label_studio.server start ...`.
As shipped (community edition 1.23.2) organizations are separate in lists only: an account that asks for an annotation,
for a project's summary or for its tasks by number gets those of any organization, and may change them. Here every
query for something that belongs to a project gets a condition, wherever it is asked from; what belongs to another
organization is not there, so that its number answers 404. Superusers, and work outside of requests, see everything.
"""

import importlib
import re
import sys
from threading import local
from typing import Any

_here = local()
_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+\w")


def main() -> None:
    """Start what the arguments after the module's name say."""
    sys.stdout, sys.stderr = Unnamed(sys.stdout), Unnamed(sys.stderr)
    server: Any = importlib.import_module(sys.argv[1])
    sys.argv[:2] = ["label-studio"]
    set_up = server._setup_env

    def guarded() -> None:
        set_up()
        guard()

    server._setup_env = guarded
    server.main()


class Unnamed:
    """A stream that writes no e-mail address: Label Studio logs who has no task left, and the log is kept."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """As the stream does it, without addresses."""
        written: int = self._stream.write(_ADDRESS.sub("(address)", text))
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard() -> None:
    """Give every query set of a model that belongs to a project its condition, once Django knows its models."""
    models: Any = importlib.import_module("django.db.models")
    apps: Any = importlib.import_module("django.apps").apps
    current: Any = importlib.import_module("core.current_request").CurrentContext
    paths = {model: path for model in apps.get_models() if (path := organization_path(model))}
    plain = models.QuerySet.__init__

    def scoped(self: Any, model: Any = None, query: Any = None, using: Any = None, hints: Any = None) -> None:
        plain(self, model, query, using, hints)
        # A query that is handed over has its condition already, or is none of the model's rows.
        if query is None and model in paths:
            organization = acting_organization(current)
            if organization is not None:
                self._query.add_q(models.Q(**{paths[model]: organization}))

    latest_seen = models.QuerySet.latest

    def latest(self: Any, *fields: Any) -> Any:
        if fields != ("id",):
            return latest_seen(self, *fields)
        # How an import finds its next free number on SQLite: that has to be free in all organizations.
        _here.asking = True
        try:
            return latest_seen(self.model._base_manager.all(), "id")
        finally:
            _here.asking = False

    models.QuerySet.__init__ = scoped
    models.QuerySet.latest = latest
    answer_404()


def answer_404() -> None:
    """Let what is not there be not found: Label Studio takes it for an error of its own, status 500, in places."""
    missing: Any = importlib.import_module("django.core.exceptions").ObjectDoesNotExist
    not_found: Any = importlib.import_module("rest_framework.exceptions").NotFound
    settings: Any = importlib.import_module("rest_framework.settings").api_settings
    answer = settings.EXCEPTION_HANDLER

    def handled(error: Exception, context: Any) -> Any:
        return answer(not_found() if isinstance(error, missing) else error, context)

    settings.EXCEPTION_HANDLER = handled


def organization_path(model: Any) -> str | None:
    """How to get from a model to the number of its organization; None for one that belongs to no project."""
    if model._meta.label == "projects.Project":
        return "organization_id"
    relations = {field.name: field.related_model._meta.label for field in model._meta.fields if field.related_model}
    if relations.get("project") == "projects.Project":
        return "project__organization_id"
    if relations.get("task") == "tasks.Task":
        return "task__project__organization_id"
    return None


def acting_organization(current: Any) -> int | None:
    """The organization of whoever makes the request at hand; None outside of one, before log-in, for superusers."""
    request = current.get_request()
    if request is None or getattr(_here, "asking", False):
        return None
    # Who it is may itself have to be looked up.
    _here.asking = True
    try:
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated or user.is_superuser:
            return None
        return user.active_organization_id or 0
    finally:
        _here.asking = False


if __name__ == "__main__":
    main()
