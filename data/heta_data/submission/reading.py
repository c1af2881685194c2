"""Lines of a file that a stranger sent: refused by size before they are read, so memory has a bound.

At most one line is held. What its JSON may take is measured in `tests/data/submission/test_reading.py`: up to 190 times
its bytes, for an object of nothing but unknown keys.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from heta_data.errors import RecordError
from heta_data.jsonl import parse_line
from heta_data.submission.records import SubmissionHeader, SubmissionScores

if TYPE_CHECKING:
    from hashlib import _Hash

_COMPRESSED = {b"\x1f\x8b": "gzip", b"PK": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"BZ": "bzip2", b"\xfd7zXZ": "xz"}


class Limits(NamedTuple):
    """How large a submission may be, in bytes."""

    file: int = 1 << 30
    line: int = 2 << 20


class Line(NamedTuple):
    """One line: where it stands, and its record or what is wrong with it."""

    number: int
    found: SubmissionHeader | SubmissionScores | str


def read_submission(path: Path, limits: Limits = Limits(), digest: "_Hash | None" = None) -> Iterator[Line]:
    """Every line in order: the header first, then scores. A line that is too long is told and ends the reading.

    Args:
        path: the file.
        limits: what is refused unread.
        digest: takes in every byte that is read.

    Raises:
        RecordError: the file is missing, too large, compressed or no regular file.
    """
    _refuse_file(path, limits)
    left = limits.file  # it may grow while it is read
    number = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(limits.line + 1):
                number += 1
                left -= len(line)
                if len(line) > limits.line or left < 0:
                    over = (
                        f"a line of more than {limits.line:,}" if len(line) > limits.line else f"over {limits.file:,}"
                    )
                    yield Line(
                        number, f"{over} bytes; one line holds the scores of one item. Nothing behind it is read"
                    )
                    return
                if digest is not None:
                    digest.update(line)
                yield Line(number, _parse(line, number))
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None


def _refuse_file(path: Path, limits: Limits) -> None:
    try:
        if not path.is_file():
            what = "is no regular file" if path.exists() else "no such file"
            raise RecordError(f"{path}: {what}, expected a submission in JSON Lines")
        if (size := path.stat().st_size) > limits.file:
            raise RecordError(f"{path}: {size:,} bytes, a submission has at most {limits.file:,}; nothing was read")
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None
    for magic, name in _COMPRESSED.items():
        if start.startswith(magic):
            raise RecordError(f"{path}: is compressed ({name}); unpack it, a submission is plain JSON Lines")


def _parse(line: bytes, number: int) -> SubmissionHeader | SubmissionScores | str:
    try:
        text = line.decode("utf-8")
        return parse_line(text, SubmissionHeader, "") if number == 1 else parse_line(text, SubmissionScores, "")
    except UnicodeDecodeError as error:
        return f"not UTF-8 text (byte {error.start} of the line)"
    except RecordError as error:
        return str(error).removeprefix(":").strip()
