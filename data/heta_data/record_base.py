"""What every record is made of: one way to write and hash a value, immutable parts, and spans."""

import hashlib
import json
from collections.abc import Sequence
from math import fsum
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    NonNegativeInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)


def canonical_json(value: object) -> str:
    """The one way a value is written before it is hashed: sorted keys, no blanks, UTF-8 kept, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(value: object, digits: int = 16) -> str:
    """First `digits` hexadecimal digits of the sha256 over `canonical_json(value)`."""
    return text_hash(canonical_json(value), digits)


def text_hash(text: str, digits: int = 16) -> str:
    """The same over canonical JSON that is written already."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:digits]


def _plain_json(value: dict[str, Any]) -> dict[str, Any]:
    """The value as it comes back from a file (tuples as lists), refused where JSON would bend it, as with NaN."""
    try:
        plain = json.loads(canonical_json(value))
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot be written as JSON: {error}") from None
    if not isinstance(plain, dict):  # pragma: no cover - a dict comes back as a dict
        raise ValueError("must be an object")
    return plain


PlainJson = Annotated[dict[str, Any], AfterValidator(_plain_json)]
"""An open-ended object whose value in memory equals the one that is read back."""


def check_units(starts: Sequence[int], ends: Sequence[int], **columns: Sequence[object]) -> None:
    """Units are spans of at least one code point, sorted, not overlapping; every column has one value a unit."""
    for name, values in {"ends": ends, **columns}.items():
        if len(values) != len(starts):
            raise ValueError(f"{name} has {len(values)} values, starts has {len(starts)}")
    position = 0
    for start, end in zip(starts, ends, strict=True):
        if start < position or end <= start:
            raise ValueError(f"unit [{start}, {end}) is empty, or starts before the one in front of it ends")
        position = end


def check_rows(
    name: str, rows: Sequence[Sequence[float | None]], steps: int, sums: Sequence[float | None], *, signed: bool
) -> None:
    """There is one row a target token, with values exactly where `sums` has them, and they add up to those."""
    if len(rows) != steps:
        raise ValueError(f"{name} has {len(rows)} rows for {steps} target tokens")
    for step, row in enumerate(rows):
        if [value is None for value in row] != [total is None for total in sums]:
            raise ValueError(f"{name}.{step} has values elsewhere than their sum has them")
    for position, (total, *parts) in enumerate(zip(sums, *rows, strict=True)):
        values = [part for part in parts if part is not None]
        if not signed and any(value < 0 for value in values):
            raise ValueError(f"{name} has {min(values)} at position {position}, where nothing is below 0")
        try:
            found, size = fsum(values), fsum(map(abs, values))
        except OverflowError:
            raise ValueError(f"{name} has values at position {position} that are too large to add up") from None
        # Summed in another order, float64 differs by an ulp of the largest partial sum a step.
        if total is not None and abs(found - total) > len(values) * 2**-50 * size:
            raise ValueError(f"{name} adds up to {found} at position {position}, the record says {total}")


class Part(BaseModel):
    """Base of everything nested in a record: immutable, no unknown field, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Record(Part):
    """Base of a record type. `record` names the type, so that a wrong file is told at its first line."""

    schema_version: Literal[1] = 1

    measured_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that differ between two equal runs (wall time, memory): left out of `fingerprint`."""

    later_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that the first records of schema 1 did not have: left out where they are None, so that a record without
    them keeps its bytes and its hash."""

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        return {name: value for name, value in written.items() if value is not None or name not in self.later_fields}

    def fingerprint(self) -> str:
        """Content hash without the measured fields: equal for equal work done twice."""
        return content_hash(self.model_dump(mode="json", exclude=set(self.measured_fields)))


class SpanPart(Part):
    """`[start, end)` in code points, at least one long."""

    start: NonNegativeInt
    end: NonNegativeInt

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"span [{self.start}, {self.end}) is empty")
        return self
