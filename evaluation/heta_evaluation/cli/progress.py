"""The progress bar of the evaluation commands."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heta_evaluation.alignment.table import Progress


@contextmanager
def progress_bar() -> "Iterator[Progress | None]":
    """A bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("evaluate", total=None)

        def report_steps(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report_steps
