"""Records as Parquet: columns and their types follow from the record type, so that every bundle has the same ones.
Fields that came later (`Record.later_fields`) have a column where a record uses them: older rows keep their bytes.

Nested records become structs and tuples become lists. An object with free keys has no column type of its own: where
its values are lists (the components of an attribution) it becomes a list of `{name, values}`, otherwise JSON text.
"""

import types
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from heta_data.records import Record, canonical_json

ROWS_A_GROUP = 1000
"""Rows that are held at once."""


class _Column(NamedTuple):
    type: Any
    """The pyarrow type."""
    convert: Callable[[Any], Any]
    """From the record's JSON value to the cell; never called with None."""


def to_table(records: Sequence[Record], record_type: type[Record], schema: Any = None) -> Any:
    """The records as a `pyarrow.Table` with one row each; `schema` is theirs unless they are part of a larger table."""
    column = _struct(record_type)
    rows = [column.convert(record.model_dump(mode="json")) for record in records]
    if schema is None:
        unused = {name for name in record_type.later_fields if all(row[name] is None for row in rows)}
        schema = schema_of(record_type, unused)
    return pa.Table.from_pylist(rows, schema=schema)


def schema_of(record_type: type[Record], unused: Collection[str]) -> Any:
    """The `pyarrow.Schema` of a table; `unused` are later fields that none of its records has."""
    return pa.schema([field for field in _struct(record_type).type if field.name not in unused])


class ParquetFile:
    """A Parquet file in the making, a group of rows at a time. Use as a context manager; `add` every record in turn.

    The same records give the same bytes under one version of pyarrow.
    """

    def __init__(self, path: Path, record_type: type[Record], schema: Any) -> None:
        self.record_type, self.schema = record_type, schema
        self._file = pq.ParquetWriter(path, schema, compression="zstd")
        self._waiting: list[Record] = []

    def add(self, record: Record) -> None:
        """The next row."""
        self._waiting.append(record)
        if len(self._waiting) >= ROWS_A_GROUP:
            self._write()

    def _write(self) -> None:
        self._file.write_table(to_table(self._waiting, self.record_type, self.schema))
        self._waiting = []

    def __enter__(self) -> "ParquetFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._waiting:
            self._write()
        self._file.close()


def parquet_problem(
    path: Path, records: Sequence[Record], record_type: type[Record], schema: Any, beside: str
) -> str | None:
    """What a Parquet file says otherwise than `records`, those of the file `beside`; None where it says the same."""
    try:
        # Without Arrow's threads: one that frees memory of Python's while the interpreter ends aborts the process
        # (apache/arrow#34314).
        with pa.OSFile(str(path), "rb") as source:
            found = pq.ParquetFile(source, pre_buffer=False)
            if found.metadata.num_rows != len(records):
                return f"{found.metadata.num_rows} rows, {beside} has {len(records)}"
            start = 0
            for group in range(found.num_row_groups):
                rows = found.read_row_group(group, use_threads=False)
                if not rows.equals(to_table(list(records[start : start + rows.num_rows]), record_type, schema)):
                    return f"does not say the same as {beside}"
                start += rows.num_rows
    except OSError as error:  # pyarrow's own errors of a broken file are OSErrors too
        return f"cannot be read: {str(error).splitlines()[0]}"
    except (pa.ArrowException, ValueError) as error:  # a ValueError: names that are no UTF-8
        return f"cannot be read: {str(error).splitlines()[0]}"
    return None


def _struct(model: type[BaseModel]) -> _Column:
    columns = {name: _column(info.annotation) for name, info in model.model_fields.items()}

    def convert(value: dict[str, Any]) -> dict[str, Any]:
        return {name: _cell(column, value.get(name)) for name, column in columns.items()}

    return _Column(pa.struct([pa.field(name, column.type) for name, column in columns.items()]), convert)


def _cell(column: _Column, value: Any) -> Any:
    return None if value is None else column.convert(value)


def _column(annotation: Any) -> _Column:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _column(args[0])
    if origin in (Union, types.UnionType):
        (inner,) = [arg for arg in args if arg is not types.NoneType]
        return _column(inner)
    if origin is Literal:
        return _column(type(args[0]))
    if origin is tuple:
        element = _column(args[0])
        return _Column(pa.list_(element.type), lambda values: [_cell(element, value) for value in values])
    if origin is dict and get_origin(args[1]) is tuple:
        values = _column(args[1])
        pair = pa.struct([pa.field("name", pa.string()), pa.field("values", values.type)])
        return _Column(
            pa.list_(pair), lambda data: [{"name": k, "values": _cell(values, v)} for k, v in sorted(data.items())]
        )
    if origin is dict:
        return _Column(pa.string(), canonical_json)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _struct(annotation)
    # bool before int: it is one.
    for python_type, arrow_type in ((str, pa.string()), (bool, pa.bool_()), (int, pa.int64()), (float, pa.float64())):
        if annotation is python_type:
            return _Column(arrow_type, python_type)
    raise TypeError(f"no Parquet column for {annotation!r}: teach heta_data.release.parquet about it")
