"""The files below `faithfulness/<model>/`: one for each row of the table, a line for each value of an item.

All values of an item are written or none: first into a journal, complete or absent, then to the end of each row's file,
then the journal goes. A run that finds a journal finishes that step before anything else, so `kill -9` at any byte
neither loses a value nor writes one twice.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from heta_data.errors import IntegrityError
from heta_data.jsonl import drop_unfinished_line, dump_line, read_records, write_records
from heta_data.records import MetricResult, Record

Key = tuple[str, int, str, str]
"""Metric, its version, variant, item id."""


class _Block(Record):
    """Lines that belong at the end of one file."""

    record: Literal["faithfulness_block"] = "faithfulness_block"
    file: str
    lines: tuple[str, ...]


def key_of(result: MetricResult) -> Key:
    """What makes two values the same work, within one file."""
    return result.metric, int(result.config["version"]), result.variant, result.item_id or ""


class Store:
    """The files of one model. Only for a process that holds the working folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._journal = folder / ".journal.jsonl"

    def recover(self) -> None:
        """Finish what a killed run had begun to write."""
        if self._journal.exists():
            self._apply(list(read_records(self._journal, _Block)))

    def read(self, file: str) -> dict[Key, MetricResult]:
        """The values of one file by key, in order; an unfinished last line is dropped with a warning.

        Raises:
            IntegrityError: a key stands twice.
            RecordError: a line cannot be read.
        """
        path = self.path(file)
        drop_unfinished_line(path)
        found: dict[Key, MetricResult] = {}
        for result in read_records(path, MetricResult) if path.exists() else ():
            if (key := key_of(result)) in found:
                raise IntegrityError(f"{path}: {key[0]}, {key[2]} of item {key[3]} stands twice: delete one line")
            found[key] = result
        return found

    def path(self, file: str) -> Path:
        """Where a file lies."""
        return self.folder / f"{file}.jsonl"

    def append(self, values: Mapping[str, Sequence[MetricResult]]) -> None:
        """Add one item's values to their files."""
        blocks = [
            _Block(file=file, lines=tuple(map(dump_line, results))) for file, results in values.items() if results
        ]
        if blocks:
            write_records(self._journal, blocks)
            self._apply(blocks)

    def _apply(self, blocks: Sequence[_Block]) -> None:
        """Add what is not there yet, make it durable, and drop the journal."""
        for block in blocks:
            path = self.path(block.file)
            drop_unfinished_line(path)
            there = set(path.read_text(encoding="utf-8").splitlines()) if path.exists() else set()
            with path.open("a", encoding="utf-8", newline="\n") as file:
                file.writelines(line + "\n" for line in block.lines if line not in there)
                file.flush()
                os.fsync(file.fileno())
        self._journal.unlink()
