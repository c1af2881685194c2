"""JSON Lines files of one record type: UTF-8, LF, one record a line.

Reading names `path:line:field` of the first problem; appending survives `kill -9` at any byte.
"""

import json
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from heta_data.errors import RecordError
from heta_data.records import Record

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)


def dump_line(record: Record) -> str:
    """The record as one line of JSON, without the line feed."""
    return record.model_dump_json(by_alias=True)


def parse_line(text: str, record_type: type[R], where: str) -> R:
    """One line as a record of `record_type`; `where` is `path:line` for the message.

    Raises:
        RecordError: not JSON, a newer schema, another record type, or a field that does not fit.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise RecordError(f"{where}: not JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(data, dict):
        raise RecordError(f"{where}: got a JSON {type(data).__name__}, expected an object")
    expected = record_type.model_fields["record"].default
    got = data.get("record", expected)
    if got != expected:
        raise RecordError(f"{where}:record: got {got!r}, this file must hold {expected!r} records")
    version = data.get("schema_version", 1)
    if isinstance(version, int) and version > 1:
        raise RecordError(f"{where}:schema_version: got {version}, this toolkit reads up to 1: update heta-bench")
    try:
        # JSON mode: arrays become the tuples that the records hold.
        return record_type.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise RecordError(
            f"{where}{':' + field if field else ''}: {first['msg'].removeprefix('Value error, ')}"
        ) from None


def read_records(path: Path, record_type: type[R]) -> Iterator[R]:
    """The records of a file in order.

    Raises:
        RecordError: the file is missing or not UTF-8, or a line cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield parse_line(line, record_type, f"{path}:{number}")
    except FileNotFoundError:
        raise RecordError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise RecordError(f"{path}: is a folder, expected a JSON Lines file") from None
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: not UTF-8 text (byte {error.start})") from None


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Write a whole file at once: complete under its name, or not there at all. Returns the number of records."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
            for record in records:
                out.write(dump_line(record) + "\n")
                count += 1
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return count


class Appender:
    """Appends records to a file, each durable once `append` returns.

    A process killed in the middle of a write leaves a last line without its line feed; opening the file again
    removes exactly that piece, with a warning, and the work it stood for is done again.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        _drop_unfinished_line(path)
        self._file = path.open("ab")

    def append(self, record: Record) -> None:
        """Add one record and flush it to the disk."""
        self._file.write((dump_line(record) + "\n").encode("utf-8"))
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> "Appender":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _drop_unfinished_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb+") as file:
        content = file.read()
        kept = content.rfind(b"\n") + 1
        if kept < len(content):
            log.warning("%s: dropped an unfinished last line of %d bytes", path, len(content) - kept)
            file.truncate(kept)
