"""The handful of Label Studio calls a campaign makes, through the SDK, with our own errors and plain return values."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from heta_annotation.campaign.queues import Group, rater_of
from heta_annotation.campaign.settings import email_of
from heta_annotation.errors import ExportError, NotFound, ServerUnavailable
from heta_annotation.studio.accounts import Account
from heta_annotation.studio.connection import Connection, api_errors
from heta_data.records import content_hash

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

G = TypeVar("G", bound=Group)
IMPORT_SECONDS = 600.0
"""How long an import may take before we stop waiting; the server may still complete it."""
READ_SECONDS = 300.0
PAGE_SIZE = 1000


@dataclass(frozen=True)
class RemoteTask:
    """A task as the server lists it."""

    id: int
    uid: str | None
    """None for a task that somebody else made."""
    data: Mapping[str, Any]
    annotations: int
    """Submitted and skipped ones."""
    predictions: int


@dataclass(frozen=True)
class ProjectPage:
    """What a project is made from."""

    title: str
    marker: str
    """Stands in the description and identifies the project, see `marker`."""
    label_config: str
    instruction: str
    overlap: int
    show_predictions: bool


class CampaignClient:
    """One server, seen as a campaign needs it. Every call raises `LabelStudioError`s only.

    Nothing is ever repeated by itself: after a time-out the server goes on, so that a second import would come twice.
    """

    def __init__(self, connection: Connection, *, import_seconds: float = IMPORT_SECONDS) -> None:
        self.connection = connection
        self.import_seconds = import_seconds

    @cached_property
    def _sdk(self) -> "LabelStudio":
        return self.connection.client(timeout=READ_SECONDS, retries=0)

    def find_project(self, marker: str) -> int | None:
        """The project that holds `marker` in its description, None where there is none."""
        with api_errors(self.connection, "listing projects"):
            for project in self._sdk.projects.list(page_size=100):
                if marker in (project.description or ""):
                    return int(project.id)
        return None

    def project_marker(self, project: int) -> str:
        """The description of a project.

        Raises:
            NotFound: it is not there.
        """
        with api_errors(self.connection, f"looking at project {project}"):
            return str(self._sdk.projects.get(project).description or "")

    def create_project(self, page: ProjectPage) -> int:
        """A new project; its number."""
        with api_errors(self.connection, "making the project"):
            made = self._sdk.projects.create(
                title=page.title,
                description=page.marker,
                label_config=page.label_config,
                expert_instruction=page.instruction,
                show_instruction=True,
                show_skip_button=True,
                enable_empty_annotation=True,
                maximum_annotations=page.overlap,
                show_collab_predictions=page.show_predictions,
                sampling="Sequential sampling",
            )
        return int(made.id)

    def tasks(self, project: int) -> list[RemoteTask]:
        """Every task of a project, by number."""
        with api_errors(self.connection, "listing tasks"):
            pager = self._sdk.tasks.list(
                project=project,
                include="id,data,total_annotations,cancelled_annotations,total_predictions",
                page_size=PAGE_SIZE,
            )
            found = [
                RemoteTask(
                    id=int(task.id),
                    uid=_uid(task.data),
                    data=task.data if isinstance(task.data, dict) else {},
                    annotations=int(task.total_annotations or 0) + int(task.cancelled_annotations or 0),
                    predictions=int(task.total_predictions or 0),
                )
                for task in pager
            ]
        return sorted(found, key=lambda task: task.id)

    def predictions(self, project: int) -> dict[int, list[dict[str, Any]]]:
        """Predictions by task number: model_version, score and result of each."""
        with api_errors(self.connection, "listing predictions"):
            listed = self._sdk.predictions.list(project=project)
        found: dict[int, list[dict[str, Any]]] = {}
        for prediction in listed:
            plain = prediction.model_dump(mode="json")
            entry = {key: plain.get(key) for key in ("id", "model_version", "score", "result")}
            found.setdefault(int(plain["task"]), []).append(entry)
        return found

    def import_tasks(self, project: int, payloads: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
        """Send tasks once; how many tasks and predictions the server says it made.

        Raises:
            ServerUnavailable: no answer, which does not mean that nothing was made.
        """
        with api_errors(self.connection, f"sending {len(payloads)} tasks"):
            answer = self._sdk.projects.import_tasks(
                project,
                request=list(payloads),
                request_options={"timeout_in_seconds": self.import_seconds, "max_retries": 0},
            )
        return int(answer.task_count or 0), int(getattr(answer, "prediction_count", 0) or 0)

    def delete_task(self, task: int) -> None:
        """Remove one task."""
        with api_errors(self.connection, f"removing task {task}"):
            self._sdk.tasks.delete(str(task))

    def delete_project(self, project: int) -> None:
        """Remove a project with all that is in it; nothing where it is gone already."""
        with suppress(NotFound), api_errors(self.connection, f"removing project {project}"):
            self._sdk.projects.delete(project)

    def delete_annotation(self, annotation: int) -> None:
        """Remove one annotation; nothing where it is gone already."""
        with suppress(NotFound), api_errors(self.connection, f"removing annotation {annotation}"):
            self._sdk.annotations.delete(annotation)

    def export(self, project: int) -> list[dict[str, Any]]:
        """Every task that has annotations, with them and its data, as Label Studio exports it."""
        with api_errors(self.connection, "exporting annotations"):
            content = b"".join(
                self._sdk.projects.exports.download_sync(project, export_type="JSON", download_all_tasks=False)
            )
        try:
            tasks = json.loads(content)
        except ValueError:
            tasks = None
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise ExportError("the server's export is no list of tasks", task=f"of project {project}")
        return tasks

    def annotate(
        self,
        task: int,
        result: Sequence[Mapping[str, Any]],
        *,
        seconds: float,
        skipped: bool = False,
        parent_prediction: int | None = None,
    ) -> int:
        """Label a task as the account behind this connection's token; the annotation's number."""
        fields: dict[str, Any] = {"result": list(result), "lead_time": seconds, "was_cancelled": skipped}
        if parent_prediction is not None:
            fields["parent_prediction"] = parent_prediction
        with api_errors(self.connection, f"labelling task {task}"):
            return int(self._sdk.annotations.create(task, **fields).id)


def require_servers(arms: Sequence[G], connections: Mapping[G, Connection]) -> None:
    """Refuse to go on with an arm that has no server.

    Raises:
        ServerUnavailable: naming every such arm.
    """
    if missing := [arm for arm in arms if arm not in connections]:
        raise ServerUnavailable(f"no server for arm {', '.join(missing)}: `heta studio start {' '.join(missing)}`")


def marker(campaign_hash: str, queue: str) -> str:
    """What identifies a queue's project on a server. Raters can read it, so it names neither campaign nor arm."""
    return content_hash({"campaign": campaign_hash, "queue": queue})


def queue_connection(queue: str, connection: Connection, accounts: Mapping[str, Account]) -> Connection:
    """How to reach a queue: a rater's own organisation answers to nobody's token but the rater's.

    On a server that is not ours there is one organisation, in which everything is done with the given token.
    """
    rater = rater_of(queue) if connection.local else None
    return replace(connection, token=accounts[email_of(rater)].token) if rater else connection


def _uid(data: object) -> str | None:
    uid = data.get("uid") if isinstance(data, dict) else None
    return uid if isinstance(uid, str) else None
