"""Progress of long work: a bar on a terminal, a line every tenth otherwise; always on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def show_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A function to call with (done, total), first with (0, total), which shows rate and time left."""
    if sys.stderr.isatty():
        with _bar(what) as report:
            yield report
    else:
        yield _lines(what)


def _lines(what: str) -> Callable[[int, int], None]:
    began = time.perf_counter()
    shown = -1

    def report(done: int, total: int) -> None:
        nonlocal shown
        if not total:
            return
        tenth = 10 * done // total
        if tenth == shown:
            return
        shown = tenth
        elapsed = time.perf_counter() - began
        if done and elapsed > 0:
            left = elapsed / done * (total - done)
            pace = f", {done / elapsed:.2f} a second, {_duration(left)} left"
        else:
            pace = ""
        click.echo(f"{what}: {done} of {total}{pace}", err=True)

    return report


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=None, rate="")
        began = time.perf_counter()

        def report(done: int, total: int) -> None:
            elapsed = time.perf_counter() - began
            rate = f"{done / elapsed:.2f}/s" if done and elapsed > 0 else ""
            progress.update(task, completed=done, total=total, rate=rate)

        yield report


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
