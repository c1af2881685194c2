"""Records as Parquet: columns and their types follow from the record type, so that every bundle has the same ones.
Fields that came later (`Record.later_fields`) have a column where a record uses them: older rows keep their bytes.

Nested records become structs and tuples become lists. An object with free keys has no column type of its own: where
its values are lists (the components of an attribution) it becomes a list of `{name, values}`, otherwise JSON text.
"""

import io
import types
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from heta_data.records import Record, canonical_json


class _Column(NamedTuple):
    type: Any
    """The pyarrow type."""
    convert: Callable[[Any], Any]
    """From the record's JSON value to the cell; never called with None."""


def to_table(records: Sequence[Record], record_type: type[Record]) -> Any:
    """The records as a `pyarrow.Table` with one row each."""
    column = _struct(record_type)
    rows = [column.convert(record.model_dump(mode="json")) for record in records]
    return pa.Table.from_pylist(rows, schema=schema_of(records, record_type))


def schema_of(records: Sequence[Record], record_type: type[Record]) -> Any:
    """The `pyarrow.Schema` of these records' table."""
    unused = {name for name in record_type.later_fields if all(getattr(row, name) is None for row in records)}
    return pa.schema([field for field in _struct(record_type).type if field.name not in unused])


def to_parquet(records: Sequence[Record], record_type: type[Record]) -> bytes:
    """The records as a Parquet file; the same records give the same bytes under one version of pyarrow."""
    out = io.BytesIO()
    pq.write_table(to_table(records, record_type), out, compression="zstd")
    return out.getvalue()


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
