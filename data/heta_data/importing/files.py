"""Files of outside work: read whole, as UTF-8, and told by their content."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from heta.errors import ConfigError, InputError, suggest
from heta_data.errors import RecordError
from heta_data.jsonl import parse_object, validate_line

M = TypeVar("M", bound=BaseModel)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def read_text(path: Path) -> str:
    """The text of a file without its byte order mark; line ends stay as they are.

    Raises:
        InputError: it cannot be read. RecordError: it is no UTF-8.
    """
    content = read_bytes(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RecordError(f"{path}:{line}: not UTF-8 text (byte {error.start} of the file); save it as UTF-8") from None


def files_hash(paths: Sequence[Path]) -> str:
    """sha256 over the files' contents, 64 hexadecimal digits: over the one file's bytes, or over all their hashes."""
    hashes = [hashlib.sha256(read_bytes(path)).hexdigest() for path in paths]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode("ascii")).hexdigest()


def source_name(path: Path, given: str | None) -> str:
    """What a source is called: as given, or as its file without the ending.

    Raises:
        ConfigError: the name given is none, or the file's name makes none.
    """
    name = path.name.removesuffix(".gz").rpartition(".")[0] if given is None else given
    if not _NAME.fullmatch(name):
        got = "the file's name gives none" if given is None else f"got {given!r}"
        raise ConfigError(f"--source: {got}; expected up to 60 letters, digits, '.', '_' and '-', e.g. pilot-2")
    return name


def read_rows(path: Path, model: type[M]) -> Iterator[tuple[str, M]]:
    """The rows of a `.csv`, `.tsv` or `.jsonl` file as `model`, each with its `path:line`.

    An empty cell of a table is a missing value. Columns that `model` does not have are refused.

    Raises:
        InputError: the file cannot be read, has another ending or holds no row.
        RecordError: a row that does not fit.
    """
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv"):
        rows = _table(path, model, "," if kind == ".csv" else "\t")
    elif kind in (".jsonl", ".ndjson"):
        rows = _json_lines(path, model)
    else:
        raise InputError(f"{path}: got the ending {kind!r}, expected .csv, .tsv or .jsonl")
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise InputError(f"{path}: holds no row")


def _json_lines(path: Path, model: type[M]) -> Iterator[tuple[str, M]]:
    # Not splitlines: U+2028 and others are no line ends of JSON Lines.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            where = f"{path}:{number}"
            parse_object(line, where)
            yield where, validate_line(line, model, where)


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSON Lines file that somebody else laid out, each with its `path:line`.

    Raises:
        InputError: the file cannot be read or holds no line. RecordError: a line is no object.
    """
    empty = True
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            empty = False
            yield f"{path}:{number}", parse_object(line, f"{path}:{number}")
    if empty:
        raise InputError(f"{path}: holds no line")


def as_model(data: Mapping[str, Any], model: type[M], where: str) -> M:
    """The object as `model`, types taken strictly; fields that `model` leaves open stay out of it.

    Raises:
        RecordError: a field that does not fit.
    """
    try:
        text = json.dumps(data, allow_nan=False)
    except ValueError as error:  # 1e999 reads as infinity
        raise RecordError(f"{where}: not JSON that a record can hold: {error}") from None
    return validate_line(text, model, where)


def _table(path: Path, model: type[M], delimiter: str) -> Iterator[tuple[str, M]]:
    text = read_text(path)
    if text and not text.endswith(("\n", "\r")):
        line = len(text.splitlines())
        raise RecordError(f"{path}:{line}: the last line has no line end, so it may be cut off; add one if it is whole")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        where = f"{path}:{reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise RecordError(f"{path}:{reader.line_num}: no table: {error}") from None
        if not cells:
            continue
        if header is None:
            header = _checked(cells, model, where)
            continue
        if len(cells) != len(header):
            raise RecordError(f"{where}: got {len(cells)} cells, the header has {len(header)} columns")
        values = {name: _value(name, cell, model, where) for name, cell in zip(header, cells, strict=True) if cell}
        yield where, as_model(values, model, where)


def _checked(names: list[str], model: type[BaseModel], where: str) -> list[str]:
    known = list(model.model_fields)
    for name in names:
        if name not in known:
            raise RecordError(f"{where}: unknown column {name!r}{suggest(name, known)}; allowed: {', '.join(known)}")
        if names.count(name) > 1:
            raise RecordError(f"{where}: column {name!r} stands twice")
    return names


def _value(name: str, cell: str, model: type[BaseModel], where: str) -> object:
    """A cell as the JSON value that its column holds."""
    wanted = str(model.model_fields[name].annotation)
    if "int" in wanted:
        if not _WHOLE.fullmatch(cell):
            raise RecordError(f"{where}:{name}: got {cell[:40]!r}, expected a whole number")
        return int(cell)
    if "float" in wanted:
        if not _NUMBER.fullmatch(cell):
            raise RecordError(f"{where}:{name}: got {cell[:40]!r}, expected a number such as 0.25 or -1e-3")
        return float(cell)
    return cell
