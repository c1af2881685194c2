"""A file of many records, read one at a time: what stays in memory is where each of them stands."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from heta_data.errors import IntegrityError
from heta_data.jsonl import record_at, scan_records
from heta_data.records import Record

R = TypeVar("R", bound=Record)


class RecordFile(Mapping[str, R], Generic[R]):
    """A file's records by key, each read again whenever it is asked for. Empty until `scan` has gone through the file.

    Args:
        path: the file, which must not change meanwhile.
        record_type: what its lines hold.
        key: what tells one record from the others; the first of several with one key counts.
    """

    def __init__(self, path: Path, record_type: type[R], key: Callable[[R], str]) -> None:
        self.path = path
        self.problems: list[str] = []
        """What `scan` found wrong, one message a line that cannot be read."""
        self.twice: list[str] = []
        """Keys of records that stand there again, in the order of the file."""
        self._type = record_type
        self._key = key
        self._starts: dict[str, int] = {}

    def scan(self) -> Iterator[R]:
        """Every record once, in the order of the file."""
        for start, found in scan_records(self.path, self._type):
            if isinstance(found, str):
                self.problems.append(found)
            elif (key := self._key(found)) in self._starts:
                self.twice.append(key)
            else:
                self._starts[key] = start
                yield found

    def __getitem__(self, key: str) -> R:
        """The record, read now.

        Raises:
            KeyError: no such key. RecordError, IntegrityError: the file was changed since it was gone through.
        """
        record = record_at(self.path, self._type, self._starts[key])
        if self._key(record) != key:
            raise IntegrityError(f"{self.path}: was changed while it was being read; run the same command again")
        return record

    def __iter__(self) -> Iterator[str]:
        return iter(self._starts)

    def __len__(self) -> int:
        return len(self._starts)
