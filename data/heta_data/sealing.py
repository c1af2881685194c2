"""A seal on files of results: a figure that was changed after the run is not shown as one of the run."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from heta_data.errors import IntegrityError, RecordError
from heta_data.jsonl import dump_line, parse_line
from heta_data.records import MetricResult

SEAL = "seal"
"""Where it stands in the `config` of the first record."""


_COMMANDS = {"agreement.jsonl": "heta evaluate agreement", "faithfulness.jsonl": "heta evaluate faithfulness"}
"""File -> what writes it; any other is `heta evaluate run`'s."""


def seal(results: Sequence[MetricResult]) -> tuple[MetricResult, ...]:
    """The same results, the first of them with a hash over all."""
    first, *rest = results
    bare = {name: value for name, value in first.config.items() if name != SEAL}
    config = dict(sorted({**bare, SEAL: _hash([first.model_copy(update={"config": bare}), *rest])}.items()))
    return (first.model_copy(update={"config": config}), *rest)


def check_seal(path: Path) -> None:
    """Refuse a file that is not as a run wrote it. Reads the lines without parsing them, all but the first.

    Raises:
        RecordError: the file or its first line cannot be read.
        IntegrityError: a record was changed, added, dropped or moved.
    """
    digest, expected = hashlib.sha256(), None
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file):
                if number == 0:
                    first = parse_line(line.decode("utf-8", "replace").rstrip("\n"), MetricResult, f"{path}:1")
                    expected = first.config.get(SEAL)
                    config = {name: value for name, value in first.config.items() if name != SEAL}
                    line = dump_line(first.model_copy(update={"config": config})).encode("utf-8") + b"\n"
                digest.update(line)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None
    if expected is None or expected != digest.hexdigest()[:16]:
        command = _COMMANDS.get(path.name, "heta evaluate run")
        raise IntegrityError(f"{path}: is not as `{command}` wrote it; run it again")


def _hash(results: Sequence[MetricResult]) -> str:
    digest = hashlib.sha256()
    for result in results:
        digest.update(dump_line(result).encode("utf-8") + b"\n")
    return digest.hexdigest()[:16]
