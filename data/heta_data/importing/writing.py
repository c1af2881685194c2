"""Several files of a folder at once: each is written beside its place first, so that what fails changes nothing."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from heta_data.jsonl import write_records
from heta_data.records import Record


def replace_files(files: Mapping[Path, Iterable[Record]]) -> None:
    """Write every file whole before any takes its name."""
    temporary = {path: path.with_name(f".{path.name}.import") for path in files}
    try:
        for path, records in files.items():
            write_records(temporary[path], records)
        for path, made in temporary.items():
            os.replace(made, path)
    finally:
        for made in temporary.values():
            made.unlink(missing_ok=True)
