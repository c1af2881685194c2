"""Whether a submission fits a release: every problem with its line, item and field; a missing item is named."""

from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from heta_data.errors import RecordError
from heta_data.jsonl import parse_line
from heta_data.record_file import RecordFile
from heta_data.records import Item
from heta_data.release.manifest import MANIFEST, Manifest, sha256
from heta_data.submission.reading import Limits, read_submission
from heta_data.submission.records import SubmissionHeader, SubmissionScores


class Problem(NamedTuple):
    """One thing that does not fit; `line` is None where it is about the whole file."""

    file: str
    line: int | None
    item: str | None
    field: str | None
    message: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        inner = ", ".join(f"{name} {value}" for name, value in (("item", self.item), ("field", self.field)) if value)
        return f"{place}: {inner}: {self.message}" if inner else f"{place}: {self.message}"


class Release(NamedTuple):
    """What of a bundle a submission is checked against."""

    manifest: Manifest
    manifest_sha256: str
    items: RecordFile[Item]


def open_release(root: Path) -> Release:
    """The manifest and the items of a bundle; of the items only where each stands is kept.

    Does not replace `heta release check`, which proves that the bundle itself is whole.

    Raises:
        RecordError: the manifest or an item cannot be read.
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
    items = RecordFile(root / "data" / "items" / "items.jsonl", Item, attrgetter("id"))
    for _ in items.scan():
        pass
    if items.problems:
        raise RecordError(items.problems[0])
    return Release(manifest, sha256(content), items)


def check_submission(path: Path, release: Release, limits: Limits = Limits()) -> Iterator[Problem]:
    """Every problem, in the order of the file; none means that the submission can be scored.

    Holds one line, one item and the ids seen, which are at most those of the release.

    Raises:
        RecordError: the file cannot be opened as a submission at all.
    """
    name = str(path)
    seen: dict[str, int] = {}
    unread = 0
    number = 0
    for number, found in read_submission(path, limits):
        if isinstance(found, str):
            unread += 1
            yield Problem(name, number, None, None, found.removeprefix(f"{path}:{number}:").strip())
        elif isinstance(found, SubmissionHeader):
            for field, message in _header_problems(found, release):
                yield Problem(name, number, None, field, message)
        elif found.item_id not in release.items:
            yield Problem(name, number, found.item_id[:60], "item_id", "is no item of this release")
        elif found.item_id in seen:
            first = seen[found.item_id]
            yield Problem(name, number, found.item_id, "item_id", f"stands on line {first} already; keep one of them")
        else:
            seen[found.item_id] = number
            for field, message in _unit_problems(found, release.items[found.item_id].prompt):
                yield Problem(name, number, found.item_id, field, message)
    if number == 0:
        yield Problem(name, 1, None, None, "is empty; the first line must be the header")
    hint = f"; {unread} line(s) could not be read" if unread else ""
    for item_id in release.items:
        if item_id not in seen:
            yield Problem(name, None, item_id, None, f"has no scores; every item of the release needs a line{hint}")


def _header_problems(header: SubmissionHeader, release: Release) -> Iterator[tuple[str, str]]:
    manifest, benchmark = release.manifest, header.benchmark
    for field, got, expected in (
        ("benchmark.name", benchmark.name, manifest.name),
        ("benchmark.version", benchmark.version, manifest.version),
        ("benchmark.manifest_sha256", benchmark.manifest_sha256, release.manifest_sha256),
    ):
        if got != expected:
            yield field, f"got {got!r}, this release has {expected!r}: score the release that the file is for"
    known = [(model["name"], model["revision"], model["tokenizer"]) for model in manifest.provenance.get("models", [])]
    got_model = (header.model, header.model_revision, header.tokenizer)
    if header.model != "none" and got_model not in known:
        names = ", ".join(f"{name} at {revision}" for name, revision, _ in known) or "none at all"
        yield "model", f"got {header.model} at {header.model_revision}, this release has targets of {names}"


def _unit_problems(scores: SubmissionScores, prompt: str) -> Iterator[tuple[str, str]]:
    for unit, (start, end, text) in enumerate(zip(scores.starts, scores.ends, scores.units, strict=True)):
        if end > len(prompt):
            yield f"ends.{unit}", f"got {end}, the prompt has {len(prompt)} code points"
            return
        if prompt[start:end] != text:
            yield f"units.{unit}", f"got {text[:40]!r}, the prompt has {prompt[start:end][:40]!r} at [{start}, {end})"
            return  # a shift shows in every unit: the first one says it
    if not scores.starts:
        yield "scores", "is empty; every item needs scores"
