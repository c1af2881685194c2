"""What a judge is asked, word for word: a rubric is a file, and another text is another rubric."""

import difflib
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta

from heta.errors import ConfigError
from heta_data.judgments import JudgeTask
from heta_data.record_base import content_hash
from heta_data.workspace import Workspace
from heta_evaluation.judge.settings import JudgeSettings

FIELDS: dict[JudgeTask, frozenset[str]] = {
    "labels": frozenset({"question", "answer", "fence", "text", "numbered"}),
    "prefer": frozenset({"question", "answer", "fence", "first", "second"}),
}
"""What a rubric's template may name."""
NEEDED: dict[JudgeTask, frozenset[str]] = {
    "labels": frozenset({"question", "answer", "fence", "numbered"}),
    "prefer": frozenset({"question", "answer", "fence", "first", "second"}),
}
SCHEMAS: dict[JudgeTask, dict[str, Any]] = {
    "labels": {
        "type": "object",
        "properties": {
            "units": {"type": "array", "items": {"type": "integer"}},
            "cannot_tell": {"type": "boolean"},
        },
        "required": ["units", "cannot_tell"],
        "additionalProperties": False,
    },
    "prefer": {
        "type": "object",
        "properties": {"better": {"type": "string", "enum": ["first", "second", "same"]}},
        "required": ["better"],
        "additionalProperties": False,
    },
}
_PARTS = re.compile(r"\A(?P<name>[^\n]+)\n--- system\n(?P<system>.*?)\n--- user\n(?P<user>.*?)\n*\Z", re.DOTALL)
# Item text goes in as it is: it is data for a model, not markup.
_TEMPLATES = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701


@dataclass(frozen=True)
class Rubric:
    """A judge's instructions for one task."""

    task: JudgeTask
    name: str
    """Name and version, such as `labels/1`."""
    system: str
    user: str

    @cached_property
    def hash(self) -> str:
        """Over both texts and the schema of the reply."""
        return content_hash({"system": self.system, "user": self.user, "schema": SCHEMAS[self.task]})

    @cached_property
    def fields(self) -> frozenset[str]:
        """What the texts name."""
        parsed = (_TEMPLATES.parse(part) for part in (self.system, self.user))
        return frozenset().union(*(meta.find_undeclared_variables(part) for part in parsed))

    def messages(self, **fields: str) -> list[dict[str, str]]:
        """The conversation of one call."""
        return [
            {"role": role, "content": _template(text).render(**fields)}
            for role, text in (("system", self.system), ("user", self.user))
        ]


@lru_cache
def _template(text: str) -> jinja2.Template:
    return _TEMPLATES.from_string(text)


def load_rubric(workspace: Workspace, settings: JudgeSettings, task: JudgeTask) -> Rubric:
    """The rubric that the settings name, or the bundled one.

    Raises:
        ConfigError: the file cannot be read, or is no rubric for the task.
    """
    name = settings.labels_rubric if task == "labels" else settings.prefer_rubric
    return read_rubric(bundled_rubric(task) if name is None else workspace.root / name, task)


def bundled_rubric(task: JudgeTask) -> Path:
    """The file that comes with the toolkit."""
    package = Path(str(files("heta_evaluation")))
    # In an installed wheel the folder lies inside the package, in a working copy beside it.
    inside = package / "rubrics" / f"{task}.md"
    return inside if inside.exists() else package.parent / "rubrics" / f"{task}.md"


def read_rubric(path: Path, task: JudgeTask) -> Rubric:
    """A rubric file: its name in the first line, then `--- system` and `--- user`, each with its text in Jinja.

    Raises:
        ConfigError: the file cannot be read, has another form, or names what the task does not have.
    """
    text = _text(path)
    if (found := _PARTS.match(text)) is None:
        raise ConfigError(
            f"rubric {path}: expected a name in the first line, then '--- system' and '--- user' with texts"
        )
    try:
        named = set().union(
            *(meta.find_undeclared_variables(_TEMPLATES.parse(found[part])) for part in ("system", "user"))
        )
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(
            f"rubric {path}: no Jinja template: {error.message} (line {error.lineno} of the part)"
        ) from None
    if unknown := sorted(named - FIELDS[task]):
        raise ConfigError(f"rubric {path}: names {', '.join(unknown)}; {task} has {', '.join(sorted(FIELDS[task]))}")
    if missing := sorted(NEEDED[task] - named):
        raise ConfigError(f"rubric {path}: does not show {', '.join(missing)}, and nobody can judge {task} without")
    return Rubric(task, found["name"].strip(), found["system"].strip(), found["user"].strip())


def rubric_diff(first: Path, second: Path) -> str:
    """What differs between two rubric files, as a unified diff; empty where nothing does.

    Raises:
        ConfigError: one of them cannot be read.
    """
    left, right = (_text(path).splitlines(keepends=True) for path in (first, second))
    return "".join(difflib.unified_diff(left, right, fromfile=str(first), tofile=str(second)))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"rubric {path}: cannot be read as text ({error})") from None
