"""Options that commands of every package share."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def folder_option(command: F) -> F:
    """`-C/--folder`: the working folder, the current one by default."""
    return click.option(
        "-C",
        "--folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(),
        help="Working folder (default: here).",
    )(command)


def json_option(command: F) -> F:
    """`--json`: one JSON document on standard output instead of text for people."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(command)


def folder_flag(folder: Path) -> str:
    """` -C FOLDER` as it has to be typed after a suggested command; nothing for the current folder."""
    return "" if folder == Path() else f" -C {shlex.quote(str(folder))}"
