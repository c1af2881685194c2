"""A release as submissions see it: its manifest, its items one at a time, and how large a submission can be."""

from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from heta_data.errors import IntegrityError, RecordError
from heta_data.jsonl import parse_line
from heta_data.record_file import RecordFile
from heta_data.records import Item
from heta_data.release.manifest import MANIFEST, Manifest, sha256, sha256_of
from heta_data.submission.reading import Limits

SPECIAL = 16
"""Units beside those that hold text: special tokens around a prompt."""
_A_UNIT = 64
"""Bytes of JSON for a byte of the prompt: two offsets of 7, a score of 24, a text of 15, quotes and commas."""
_AROUND = 4 << 10
"""Bytes of a line beside its columns."""
_HEADER = 16 << 10


class Release(NamedTuple):
    """What of a bundle a submission is held against."""

    root: Path
    manifest: Manifest
    manifest_sha256: str
    items: RecordFile[Item]
    limits: Limits
    """The largest submission that could fit: it follows from the prompts."""

    @property
    def title(self) -> str:
        """`lamps 1.0.0`."""
        return f"{self.manifest.name or self.manifest.title} {self.manifest.version}"

    def table(self, name: str) -> Path:
        """The rows of a table as JSON Lines, which are those that the manifest knows.

        Raises:
            RecordError: the file is missing. IntegrityError: it was changed.
        """
        return _proved(self.root, self.manifest, f"data/{name}/{name}.jsonl")


def open_release(root: Path) -> Release:
    """The manifest and the items of a bundle; of the items only where each stands is kept.

    Does not replace `heta release check`, which proves that the bundle itself is whole.

    Raises:
        RecordError: the manifest or an item cannot be read.
        IntegrityError: the items are not those that the manifest knows.
    """
    path = root / MANIFEST
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}; name the folder of a release") from None
    try:
        manifest = parse_line(content.decode("utf-8"), Manifest, str(path))
    except UnicodeDecodeError:
        raise RecordError(f"{path}: not UTF-8 text; fetch the release again") from None
    items = RecordFile(_proved(root, manifest, "data/items/items.jsonl"), Item, attrgetter("id"))
    sizes = [_line_size(item) for item in items.scan()]
    if items.problems:
        raise RecordError(items.problems[0])
    whole = Limits()
    limits = Limits(min(whole.file, sum(sizes) + _HEADER), min(whole.line, max([_HEADER, *sizes])))
    return Release(root, manifest, sha256(content), items, limits)


def most_units(item: Item) -> int:
    """The most units that an item can have: a token stands for a byte at least, or for nothing."""
    return len(item.prompt.encode("utf-8")) + SPECIAL


def _line_size(item: Item) -> int:
    return _A_UNIT * most_units(item) + _AROUND + 12 * len(item.target)


def _proved(root: Path, manifest: Manifest, name: str) -> Path:
    path = root / name
    known = {entry.path: entry.sha256 for entry in manifest.files}
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}; fetch the release again") from None
    if digest != known.get(name):
        raise IntegrityError(
            f"{path}: is not the file that {MANIFEST} knows: fetch the release again (heta release check says more)"
        )
    return path
