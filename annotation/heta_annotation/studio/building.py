"""Things built once by child processes: who may build, what the child says, how far it is."""

import fcntl
import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol


class Report(Protocol):
    """Is told what happens during long work: the stage, and how far it is."""

    def __call__(self, stage: str, detail: str = "") -> None:
        """Stage and detail are short phrases without a full stop; a stage comes again with each new detail."""


def silent(stage: str, detail: str = "") -> None:
    """A report that nobody reads."""


@contextmanager
def locked(path: Path, report: Report, waiting: str) -> Iterator[int]:
    """Hold an exclusive lock on the file `path`, waiting for whoever has it; the system frees it when we die.

    Yields:
        The lock's file descriptor. A child that is handed it holds the lock too: where we are killed and the child
        is not, the next builder waits for it instead of writing between its files.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(waiting)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def run_logged(
    command: Sequence[str | Path],
    *,
    log: Path,
    lock: int,
    environ: Mapping[str, str],
    on_line: Callable[[str], None] | None = None,
) -> int:
    """Run `command`, append what it says to `log`, and give its exit status.

    The child holds `lock` too, and is killed when anything is raised here (Ctrl-C among it).

    Args:
        command: program and arguments.
        log: file that gets standard output and error.
        lock: file descriptor from `locked`.
        environ: the child's whole environment.
        on_line: called with each line as it comes.
    """
    with (
        log.open("a", encoding="utf-8", buffering=1) as lines,
        subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=dict(environ),
            pass_fds=[lock],
        ) as child,
    ):
        try:
            for line in child.stdout or ():
                lines.write(line)
                if on_line:
                    on_line(line)
        except BaseException:
            child.kill()
            raise
    return child.returncode


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, indented, to end a message with."""
    try:
        with log.open(encoding="utf-8", errors="replace") as stream:
            last = deque((line.rstrip() for line in stream if line.strip()), maxlen=lines)
    except OSError as error:
        return f"  ({error.strerror})"
    return "\n".join(f"  {line[:300]}" for line in last) or "  (empty)"
