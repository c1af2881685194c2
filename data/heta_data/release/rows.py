"""The rows of a table, read from their files whenever they are asked for: a release may be larger than memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Generic, NamedTuple, TypeVar, overload

from heta_data.jsonl import scan_records, validate_line
from heta_data.records import Record

R = TypeVar("R", bound=Record)


class Place(NamedTuple):
    """Where a row stands."""

    path: Path
    start: int
    """Its first byte."""


class Rows(Sequence[R], Generic[R]):
    """Records of one type in a given order. Going through all of them reads them once more; none is kept.

    Args:
        record_type: what the rows are.
        places: where each of them stands.
        change: what is done to each before it is handed out.
    """

    def __init__(self, record_type: type[R], places: Sequence[Place], change: Callable[[R], R] | None = None) -> None:
        self.record_type = record_type
        self.places = places
        self.change = change

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, number: int) -> R: ...
    @overload
    def __getitem__(self, number: slice) -> "Rows[R]": ...
    def __getitem__(self, number: int | slice) -> "R | Rows[R]":
        """One row; or some of them, read when they are asked for in turn.

        Raises:
            RecordError: the file has changed since.
        """
        if isinstance(number, slice):
            return Rows(self.record_type, self.places[number], self.change)
        with self.places[number].path.open("rb") as file:
            return self._read(file, self.places[number])

    def __iter__(self) -> Iterator[R]:
        with ExitStack() as stack:
            files: dict[Path, BinaryIO] = {}
            for place in self.places:
                if place.path not in files:
                    files[place.path] = stack.enter_context(place.path.open("rb"))
                yield self._read(files[place.path], place)

    def _read(self, file: BinaryIO, place: Place) -> R:
        file.seek(place.start)
        line = file.readline().decode("utf-8")
        # That it is a line of this type was found out when it was indexed.
        record = validate_line(line, self.record_type, f"{place.path}:byte {place.start}")
        return record if self.change is None else self.change(record)


def index_rows(
    paths: Iterable[Path],
    record_type: type[R],
    *,
    order: Callable[[R], tuple[Any, ...]] | None = None,
    change: Callable[[R], R] | None = None,
    remedy: str | None = None,
    prints: list[str] | None = None,
) -> tuple[Rows[R], list[str]]:
    """The rows of some files, and a problem for each line that cannot be read.

    Args:
        paths: files that are there.
        record_type: what their lines are.
        order: sort key of the rows; None leaves them as they stand.
        change: see `Rows`; the key is of the changed record.
        remedy: what to do where a file ends inside a line, if it is not the one of the working folder's own file.
        prints: gets the fingerprint of every record as it stands in its file.
    """
    found: list[tuple[tuple[Any, ...], Place]] = []
    problems: list[str] = []
    for path in paths:
        for start, record in scan_records(path, record_type, remedy=remedy):
            if isinstance(record, str):
                problems.append(record)
                continue
            if prints is not None:
                prints.append(record.fingerprint())
            key = order(change(record) if change else record) if order else ()
            found.append((key, Place(path, start)))
    if order is not None:
        found.sort(key=lambda one: one[0])
    return Rows(record_type, [place for _, place in found], change), problems
