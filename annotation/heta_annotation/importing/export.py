"""Label Studio's JSON export as it comes, from a file or a server: a list of tasks with their annotations."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeGuard

from heta.errors import ConfigError, InputError
from heta_annotation.campaign.client import CampaignClient
from heta_annotation.studio.connection import Connection

Task = Mapping[str, Any]
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_AGAIN = "export the project again as JSON"


def read_file(path: Path) -> tuple[Task, ...]:
    """The tasks of an export file.

    Raises:
        InputError: the file cannot be read, or is no JSON export; the message says what to export instead.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8 text; {_AGAIN}, and unpack it where it is an archive") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return parse(text, str(path))


def read_project(connection: Connection, project: int) -> tuple[Task, ...]:
    """The tasks of a project that have annotations, asked from its server.

    Raises:
        LabelStudioError: the call failed. InputError: what came is no export.
    """
    tasks = CampaignClient(connection).export(project)
    return parse(json.dumps(tasks), f"project {project} on {connection.url}")


def parse(text: str, where: str) -> tuple[Task, ...]:
    """The tasks in an export's text: each has a number, data, and annotations that have numbers.

    Args:
        text: JSON.
        where: what it is, for messages.

    Raises:
        InputError: anything else, as JSON_MIN, CSV, or tasks as they are before they are imported.
    """
    try:
        tasks = json.loads(text, parse_float=_finite, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: is no JSON ({error.msg} in line {error.lineno}); {_AGAIN}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: is no JSON that labels can be read from ({error}); {_AGAIN}") from None
    if not isinstance(tasks, list):
        raise InputError(f"{where}: got a JSON {type(tasks).__name__}, expected a list of tasks; {_AGAIN}")
    if not tasks:
        raise InputError(f"{where}: holds no task; label first, or export all tasks")
    for position, task in enumerate(tasks, start=1):
        if problem := _problem(task):
            raise InputError(f"{where}: task {position} of the list {problem}")
    return tuple(tasks)


def _problem(task: object) -> str | None:
    """Why that is no exported task; None where it is one."""
    if not isinstance(task, dict):
        return f"is a JSON {type(task).__name__}, expected an object; {_AGAIN}"
    if "annotations" not in task and ("annotation_id" in task or "annotator" in task):
        return (
            "is of a JSON_MIN export, which leaves out skipped answers and who edited what; "
            f"{_AGAIN} (Export > JSON, not JSON-MIN)"
        )
    if "completions" in task:
        return f"has 'completions': exported by a Label Studio before 1.0; import it into a newer one and {_AGAIN}"
    if not isinstance(task.get("data"), dict) or not isinstance(task.get("annotations"), list):
        return f"has no 'data' and list of 'annotations'; {_AGAIN}"
    if not is_number(task.get("id")):
        return f"has no number: a file for importing tasks, not an export; import it into Label Studio and {_AGAIN}"
    if any(not isinstance(entry, dict) or not is_number(entry.get("id")) for entry in task["annotations"]):
        return f"has an annotation without a number or without content; {_AGAIN}"
    return None


def is_number(value: object) -> TypeGuard[int]:
    """Whether a JSON value is a whole number; `true` is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def source_name(tasks: Sequence[Task], given: str | None) -> str:
    """What the import's source is called: as given, or `project-N`, the same for a file and for the server.

    Raises:
        ConfigError: the name given is none, or there is none and the tasks are not of one project.
    """
    if given is not None:
        if not _SOURCE.fullmatch(given):
            raise ConfigError("--source: expected up to 60 letters, digits, '.', '_' and '-', e.g. clinic-pilot")
        return given
    projects = {task["project"] for task in tasks if is_number(task.get("project"))}
    if len(projects) != 1 or any(not is_number(task.get("project")) for task in tasks):
        found = f"of {len(projects)} projects" if projects else "of no project"
        raise ConfigError(f"the tasks are {found}, so their source has no name of its own: give it one with --source")
    return f"project-{projects.pop()}"
