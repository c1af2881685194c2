"""The handful of Label Studio calls a campaign makes, through the SDK, with our own errors and plain return values."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from heta_annotation.campaign.queues import Group, rater_of
from heta_annotation.campaign.settings import email_of
from heta_annotation.campaign.transport import again, get, get_json, in_background, post_json
from heta_annotation.errors import ExportError, NotFound, ServerFailed, ServerUnavailable
from heta_annotation.studio.accounts import Account
from heta_annotation.studio.connection import Connection, api_errors
from heta_data.records import canonical_json, content_hash

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

G = TypeVar("G", bound=Group)
IMPORT_SECONDS = 600.0
"""How long an import may take before we stop waiting; the server may still complete it."""
READ_SECONDS = 300.0
PAGE_SIZE = 250
"""Tasks a page: some 5 MB."""
IDS_PAGE_SIZE = 1000
"""Tasks a page without their data."""


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
class ProjectState:
    """What a project is on the server."""

    description: str
    """Holds the marker."""
    label_config: str


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
            return again(lambda: self._find(marker))

    def _find(self, marker: str) -> int | None:
        for project in self._sdk.projects.list(page_size=100):
            if marker in (project.description or ""):
                return int(project.id)
        return None

    def project(self, project: int) -> ProjectState:
        """A project as it is now.

        Raises:
            NotFound: it is not there.
        """
        with api_errors(self.connection, f"looking at project {project}"):
            found = again(lambda: self._sdk.projects.get(project))
        return ProjectState(str(found.description or ""), str(found.label_config or ""))

    def put_page(self, project: int, label_config: str) -> None:
        """Give a project that labelling page."""
        with api_errors(self.connection, f"changing the page of project {project}"):
            self._sdk.projects.update(project, label_config=label_config)

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
        """Every task of a project, by number, all in memory."""
        return sorted(self.each_task(project), key=lambda task: task.id)

    def each_task(self, project: int) -> Iterator[RemoteTask]:
        """Every task of a project, one after the other; a page is fetched while the one before is read."""
        return self._listed(project, "id,data,total_annotations,cancelled_annotations,total_predictions", PAGE_SIZE)

    def _listed(self, project: int, include: str, size: int) -> Iterator[RemoteTask]:
        number, seen, total = 1, 0, 0
        waiting: Future[bytes] | None = in_background(partial(self._page, project, include, size, number))
        while waiting is not None:
            content = waiting.result()
            number += 1
            following = partial(self._page, project, include, size, number)
            # The server need not wait until this page is read: the ones before said whether there is more.
            waiting = in_background(following) if (number - 1) * size < total else None
            with api_errors(self.connection, "listing tasks"):
                answer = json.loads(content)
            page, total = answer["tasks"], int(answer["total"])
            seen += len(page)
            if waiting is None and page and seen < total:
                waiting = in_background(following)
            yield from map(_remote_task, page)

    def _page(self, project: int, include: str, size: int, number: int) -> bytes:
        """One page of tasks, as JSON."""
        with api_errors(self.connection, "listing tasks"):
            return get(
                self._sdk,
                "api/tasks/",
                project=project,
                include=include,
                page=number,
                page_size=size,
                resolve_uri=False,
            )

    def predictions(self, project: int) -> dict[int, list[dict[str, Any]]]:
        """Predictions by task number: id, model_version, score and result of each."""
        with api_errors(self.connection, "listing predictions"):
            listed = get_json(self._sdk, "api/predictions/", project=project)
        found: dict[int, list[dict[str, Any]]] = {}
        for prediction in listed:
            entry = {key: prediction.get(key) for key in ("id", "model_version", "score", "result")}
            found.setdefault(int(prediction["task"]), []).append(entry)
        return found

    def import_tasks(self, project: int, payloads: Sequence[Mapping[str, Any] | str]) -> tuple[int, int]:
        """Send tasks once, as they are or as JSON; how many tasks and predictions the server says it made.

        Raises:
            ServerUnavailable: no answer, which does not mean that nothing was made.
        """
        texts = [payload if isinstance(payload, str) else canonical_json(payload) for payload in payloads]
        with api_errors(self.connection, f"sending {len(payloads)} tasks"):
            answer = post_json(
                self._sdk, f"api/projects/{project}/import", f"[{','.join(texts)}]", seconds=self.import_seconds
            )
        return int(answer.get("task_count") or 0), int(answer.get("prediction_count") or 0)

    def replace_predictions(self, task: int, there: Sequence[int], wanted: Sequence[Mapping[str, Any]]) -> None:
        """Remove the predictions `there` of a task by their numbers, and give it those it should have."""
        with api_errors(self.connection, f"replacing the predictions of task {task}"):
            for number in there:
                self._sdk.predictions.delete(number)
            for prediction in wanted:
                self._sdk.predictions.create(task=task, **prediction)

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

    def export(self, project: int, ids: Sequence[int] = ()) -> list[dict[str, Any]]:
        """Every task that has annotations, or those of them with these numbers, as Label Studio exports it.

        Raises:
            ExportError: naming the first task that the server cannot export.
        """
        try:
            return self._export(project, ids)
        except ServerFailed as error:
            task = self._unreadable(project, list(ids) or self._answered(project))
            if task is None:
                raise
            raise ExportError(
                f"of project {project} cannot be exported ({error}): an answer there holds what Label Studio cannot "
                "write; tick the task in the project's list, choose Delete Annotations, and run this again",
                task=task,
            ) from None

    def _unreadable(self, project: int, ids: list[int]) -> int | None:
        """The first of these tasks that cannot be exported, by halving; None where all can be now."""
        while ids:
            half = ids[: (len(ids) + 1) // 2]
            try:
                self._export(project, half)
            except ServerFailed:
                if len(ids) == 1:
                    return ids[0]
                ids = half
            else:
                ids = ids[len(half) :]
        return None

    def _export(self, project: int, ids: Sequence[int]) -> list[dict[str, Any]]:
        with api_errors(self.connection, "exporting annotations"):
            tasks = get_json(
                self._sdk,
                f"api/projects/{project}/export",
                **{"exportType": "JSON", "download_all_tasks": False, "ids[]": list(ids)},
            )
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise ExportError("the server's export is no list of tasks", task=f"of project {project}")
        return tasks

    def each_answered(self, project: int) -> Iterator[dict[str, Any]]:
        """The same one after the other; what is fetched while the last ones are worked on is no more than a page."""
        ids = self._answered(project)
        parts = [ids[start : start + PAGE_SIZE] for start in range(0, len(ids), PAGE_SIZE)]
        waiting = in_background(partial(self.export, project, parts[0])) if parts else None
        for following in [*parts[1:], None]:
            tasks = waiting.result() if waiting is not None else []
            waiting = in_background(partial(self.export, project, following)) if following else None
            yield from tasks

    def _answered(self, project: int) -> list[int]:
        """Numbers of the tasks that have annotations."""
        listed = self._listed(project, "id,total_annotations,cancelled_annotations", IDS_PAGE_SIZE)
        return [task.id for task in listed if task.annotations]

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


def page_hash(label_config: str) -> str:
    """What tells a labelling page from another; Label Studio takes white space off its ends."""
    return content_hash(label_config.strip())


def queue_connection(queue: str, connection: Connection, accounts: Mapping[str, Account]) -> Connection:
    """How to reach a queue: a rater's own organisation answers to nobody's token but the rater's.

    On a server that is not ours there is one organisation, in which everything is done with the given token.
    """
    rater = rater_of(queue) if connection.local else None
    return replace(connection, token=accounts[email_of(rater)].token) if rater else connection


def _remote_task(task: Mapping[str, Any]) -> RemoteTask:
    data = task.get("data")
    return RemoteTask(
        id=int(task["id"]),
        uid=_uid(data),
        data=data if isinstance(data, dict) else {},
        annotations=int(task.get("total_annotations") or 0) + int(task.get("cancelled_annotations") or 0),
        predictions=int(task.get("total_predictions") or 0),
    )


def _uid(data: object) -> str | None:
    uid = data.get("uid") if isinstance(data, dict) else None
    return uid if isinstance(uid, str) else None
