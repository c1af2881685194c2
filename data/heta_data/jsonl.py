"""JSON Lines files of one record type: UTF-8, LF, one record a line.

Reading names `path:line:field` of the first problem (or of every one); appending survives `kill -9` at any byte.
"""

import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from heta_data.errors import RecordError
from heta_data.records import Record
from heta_data.whole import written_whole

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)
M = TypeVar("M", bound=BaseModel)

_EVALUATE = "run `heta evaluate run` again, it writes the file anew"
_REMEDIES = {
    "item": "build the items again with `heta data build` and --force (imported ones: delete this line, import again)",
    "attribution": "run `heta data attribute` again, it drops this line and computes it anew "
    "(imported ones: delete the file, import again)",
    "token_labels": "delete this line, then `heta campaign pull` fetches it again (imported ones: import again)",
    "opinion": "delete this line, then `heta campaign opinions` fetches it again",
    "judgment": "run `heta judge run` again, it writes the file anew from judge.sqlite, without asking again",
    "gold_labels": _EVALUATE,
    "metric_result": _EVALUATE,
}
"""Record type -> what to do where its file ends inside a line."""


def dump_line(record: Record) -> str:
    """The record as one line of JSON, without the line feed."""
    return record.model_dump_json(by_alias=True)


def parse_line(text: str, record_type: type[R], where: str) -> R:
    """One line as a record of `record_type`; `where` is `path:line` for the message.

    Types are taken strictly: `"3"` is no number. A key given twice, NaN and infinity are refused.

    Raises:
        RecordError: not JSON, a newer schema, another record type, or a field that does not fit.
    """
    data = parse_object(text, where)
    expected = record_type.model_fields["record"].default
    got = data.get("record", expected)
    if got != expected:
        raise RecordError(f"{where}:record: got {got!r}, this file must hold {expected!r} records")
    version = data.get("schema_version", 1)
    if type(version) is not int:  # `true` and 1.0 equal 1
        raise RecordError(f"{where}:schema_version: got {str(version)[:60]!r}, expected a whole number")
    if version > 1:
        raise RecordError(f"{where}:schema_version: got {version}, this toolkit reads up to 1: update heta-bench")
    return validate_line(text, record_type, where)


def parse_object(text: str, where: str) -> dict[str, Any]:
    """One line as a JSON object; a key given twice, NaN and infinity are refused.

    Raises:
        RecordError: anything else.
    """
    if text.startswith("\ufeff"):
        raise RecordError(f"{where}: begins with a byte order mark; save the file as UTF-8 without one")
    try:
        data = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise RecordError(f"{where}: not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{where}: not JSON that a record can hold: {error}") from None
    if not isinstance(data, dict):
        raise RecordError(f"{where}: got a JSON {type(data).__name__}, expected an object")
    return data


def validate_line(text: str, model: type[M], where: str) -> M:
    """One line of JSON as `model`, types taken strictly.

    Raises:
        RecordError: a field that does not fit.
    """
    try:
        # JSON mode: arrays become the tuples that the records hold, strict or not.
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise RecordError(f"{where}{':' + field if field else ''}: {_describe(first)}") from None


def read_records(path: Path, record_type: type[R]) -> Iterator[R]:
    """The records of a file in order.

    Raises:
        RecordError: the file is missing or not UTF-8, or a line cannot be read.
    """
    for number, _, line in _lines(path):
        yield _parse_bytes(line, record_type, f"{path}:{number}")


def collect_records(path: Path, record_type: type[R], *, remedy: str | None = None) -> tuple[list[R], list[str]]:
    """Every record of a file that can be read, and one message for every line that cannot.

    `remedy` is what to do where the file ends inside a line, if it is not the one of the working folder's own file.
    """
    records: list[R] = []
    problems: list[str] = []
    for _, found in scan_records(path, record_type, remedy=remedy):
        if isinstance(found, str):
            problems.append(found)
        else:
            records.append(found)
    return records, problems


def scan_records(path: Path, record_type: type[R], *, remedy: str | None = None) -> Iterator[tuple[int, R | str]]:
    """Every line in order: the byte at which it begins, and its record or what is wrong with it."""
    try:
        for number, start, line in _lines(path):
            try:
                yield start, _parse_bytes(line, record_type, f"{path}:{number}", remedy)
            except RecordError as error:
                yield start, str(error)
    except RecordError as error:
        yield 0, str(error)


def record_at(path: Path, record_type: type[R], start: int) -> R:
    """The record of the line that begins at that byte, as `scan_records` told it.

    Raises:
        RecordError: there is no such record any more.
    """
    try:
        with path.open("rb") as file:
            file.seek(start)
            return _parse_bytes(file.readline(), record_type, f"{path}:byte {start}")
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Write a whole file at once: complete under its name, or not there at all. Returns the number of records."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with written_whole(path) as out:
        for record in records:
            out.write((dump_line(record) + "\n").encode("utf-8"))
            count += 1
    return count


class Appender:
    """Appends records to a file, each durable once `append` returns.

    A process killed in the middle of a write leaves a last line without its line feed; opening the file again
    removes exactly that piece, with a warning, and the work it stood for is done again.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        drop_unfinished_line(path)
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


def drop_unfinished_line(path: Path) -> int:
    """Cut off what stands behind the last line feed of a file, with a warning; returns the bytes dropped.

    Only for a writer that holds the folder: for anybody else that piece may be a line in the making.
    """
    if not path.exists():
        return 0
    with path.open("rb+") as file:
        content = file.read()
        kept = content.rfind(b"\n") + 1
        dropped = len(content) - kept
        if dropped:
            log.warning("%s: dropped an unfinished last line of %d bytes", path, dropped)
            file.truncate(kept)
    return dropped


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Lines that are not blank: number, first byte, and bytes: one that is no UTF-8 then has a line number."""
    start = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, start, line
                start += len(line)
    except FileNotFoundError:
        raise RecordError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise RecordError(f"{path}: is a folder, expected a JSON Lines file") from None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None


def _parse_bytes(line: bytes, record_type: type[R], where: str, remedy: str | None = None) -> R:
    try:
        return parse_line(line.decode("utf-8"), record_type, where)
    except UnicodeDecodeError as error:
        problem = f"{where}: not UTF-8 text (byte {error.start} of the line)"
    except RecordError as error:
        problem = str(error)
    if not line.endswith(b"\n"):
        name = record_type.model_fields["record"].default
        problem += f"; the file ends inside this line: {remedy or _REMEDIES.get(name, 'write the file again')}"
    raise RecordError(problem)


def _describe(error: ErrorDetails) -> str:
    """pydantic's message, with what was got where that is one value and not the whole record."""
    message = error["msg"].removeprefix("Value error, ")
    got: Any = error["input"]
    if isinstance(got, str | int | float) or got is None:
        text = repr(got)
        message += f" (got {text if len(text) <= 60 else text[:57] + '...'})"
    return message


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; a missing value is null")
