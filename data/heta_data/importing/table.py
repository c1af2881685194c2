"""Attributions as plain rows, one a token or word: `.csv`, `.tsv` or `.jsonl`."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from heta.errors import ConfigError
from heta.records import Span
from heta_data.errors import RecordError
from heta_data.importing.files import read_rows
from heta_data.importing.scored import Scored


class AttributionRow(BaseModel):
    """One score."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    item_id: str
    """An item's id, or the id of its source's row."""
    score: float
    start: int | None = None
    end: int | None = None
    """`[start, end)` in code points of the prompt; rows without them are tokens in order, placed by their texts."""
    token: str | None = None
    """Its text; beside a span it is proved to stand there."""
    method: str | None = None
    model: str | None = None
    target: str | None = None
    """What was explained; it must be the item's target."""


def read_table(path: Path, *, method: str | None, model: str | None) -> list[Scored]:
    """The scores of a file, one entry for each item, method and model.

    Args:
        path: see `heta_data.importing.files.read_rows`.
        method: of a file that names none.
        model: of a file that names none.

    Raises:
        InputError: the file cannot be read or holds no row.
        RecordError: a row that does not fit, or rows of one item that do not fit together.
        ConfigError: no method is named, or a flag names what the file names already.
    """
    groups: dict[tuple[str, str, str | None], list[tuple[str, AttributionRow]]] = {}
    for where, row in read_rows(path, AttributionRow):
        for name, value, given in (("method", row.method, method), ("model", row.model, model)):
            if value is not None and given is not None:
                raise ConfigError(f"--{name}: the file names one itself ({where}:{name}); leave the flag out")
        if (row.method or method) is None:
            raise ConfigError(f"{where}: names no method; say which one with --method")
        groups.setdefault((row.item_id, row.method or method or "", row.model), []).append((where, row))
    return [_scored(key, rows) for key, rows in groups.items()]


def _scored(key: tuple[str, str, str | None], rows: list[tuple[str, AttributionRow]]) -> Scored:
    item_id, method, model = key
    placed = [_place(where, row) for where, row in rows]
    if any((span is None) != (placed[0] is None) for span in placed):
        where = next(
            where for (where, _), span in zip(rows, placed, strict=True) if (span is None) != (placed[0] is None)
        )
        raise RecordError(
            f"{where}: some rows of this item and method have start and end, some have not; give all or none"
        )
    return Scored(
        where=rows[0][0],
        method=method,
        scores=tuple(row.score for _, row in rows),
        item_id=item_id,
        model=model,
        target=_target(rows),
        tokens=tuple(row.token for _, row in rows),
        spans=None if placed[0] is None else tuple(placed),
        lines=tuple(where for where, _ in rows),
    )


def _place(where: str, row: AttributionRow) -> Span | None:
    if row.start is not None and row.end is not None:
        if not 0 <= row.start <= row.end:
            raise RecordError(f"{where}:start: got [{row.start}, {row.end}), expected 0 <= start <= end")
        return Span(row.start, row.end)
    if row.start is not None or row.end is not None:
        raise RecordError(f"{where}: start and end: both or neither")
    if row.token is None:
        raise RecordError(f"{where}: neither start and end nor a token: one of them must say what is scored")
    return None


def _target(rows: Iterable[tuple[str, AttributionRow]]) -> str | None:
    target = None
    for where, row in rows:
        if row.target is not None and target not in (None, row.target):
            raise RecordError(f"{where}:target: got {row.target[:60]!r}, rows before have {(target or '')[:60]!r}")
        target = row.target if row.target is not None else target
    return target
