"""Whether a submission fits a release: every problem with its line, item and field; a missing item is named."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from heta.records import Span
from heta.words import overlap
from heta_data.compose import label_units
from heta_data.records import Item
from heta_data.release.problems import EMAIL
from heta_data.submission.bundle import Release, most_units
from heta_data.submission.reading import read_submission
from heta_data.submission.records import SubmissionHeader, SubmissionScores

if TYPE_CHECKING:
    from hashlib import _Hash

MOST = 1_000
"""Problems after which reading ends: a file of nothing but line feeds has a thousand million of them."""
_LONGEST = 300
"""Characters of a message."""


Progress = Callable[[int, int], None]


class Problem(NamedTuple):
    """One thing that does not fit; `line` is None where it is about the whole file."""

    file: str
    line: int | None
    item: str | None
    field: str | None
    message: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return ": ".join(part for part in (place, self._inner, self.message) if part)

    @property
    def short(self) -> str:
        """The same without the file's name."""
        line = "" if self.line is None else f"line {self.line}"
        return ": ".join(part for part in (line, self._inner, self.message) if part)

    @property
    def _inner(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in (("item", self.item), ("field", self.field)) if value)


Found = Problem | SubmissionHeader | SubmissionScores


def check_submission(path: Path, release: Release, progress: Progress | None = None) -> Iterator[Problem]:
    """Every problem, in the order of the file; none means that the submission can be scored.

    Holds one line, one item and the ids seen, which are at most those of the release. Ends after `MOST` problems, and
    says so.

    Args:
        path: the file.
        release: what it should fit.
        progress: called with (items found to fit, items of the release).

    Raises:
        RecordError: the file cannot be opened as a submission at all.
    """
    count = fitting = 0
    for found in examine(path, release):
        if isinstance(found, Problem):
            if count == MOST:
                message = f"has more problems than these {MOST:,}; repair them and check again"
                yield Problem(str(path), None, None, None, message)
                return
            count += 1
            yield found
        elif isinstance(found, SubmissionScores) and progress is not None:
            fitting += 1
            progress(fitting, len(release.items))


def examine(path: Path, release: Release, digest: "_Hash | None" = None) -> Iterator[Found]:
    """What fits, in the order of the file, and every problem; `digest` takes in every byte.

    Raises:
        RecordError: the file cannot be opened as a submission at all.
    """
    name, state = str(path), _State(release)
    unread = number = 0
    for number, found in read_submission(path, release.limits, digest):
        if isinstance(found, str):
            unread += 1
            yield Problem(name, number, None, None, visible(found))
            continue
        item_id = found.item_id if isinstance(found, SubmissionScores) else None
        problems = state.problems(number, found)
        yield from (Problem(name, number, item_id, field, visible(message)) for field, message in problems)
        if not problems:
            yield found
    if number == 0:
        yield Problem(name, 1, None, None, "is empty; the first line must be the header")
    hint = f"; {unread} line(s) could not be read" if unread else ""
    for item_id in release.items:
        if item_id not in state.lines:
            yield Problem(name, None, item_id, None, f"has no scores; every item of the release needs a line{hint}")


class _State:
    """What of the lines before has a say in what follows."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.lines: dict[str, int] = {}
        """Item id -> the line it stands on."""
        self.model_free = False
        self.greedy: bool | None = None
        """Whether the first item tells it."""

    def problems(self, number: int, found: SubmissionHeader | SubmissionScores) -> list[tuple[str, str]]:
        """Field and message of everything that is wrong with one line."""
        if isinstance(found, SubmissionHeader):
            self.model_free = found.model == "none"
            return list(_header_problems(found, self.release))
        if found.item_id not in self.release.items:
            return [("item_id", "is no item of this release")]
        if found.item_id in self.lines:
            return [("item_id", f"stands on line {self.lines[found.item_id]} already; keep one of them")]
        self.lines[found.item_id] = number
        return [*_item_problems(found, self.release.items[found.item_id]), *self._greedy(found.greedy is not None)]

    def _greedy(self, told: bool) -> Iterator[tuple[str, str]]:
        self.greedy = told if self.greedy is None else self.greedy
        if told and self.model_free:
            yield "greedy", "is told, and the header names no model"
        if told != self.greedy:
            yield "greedy", "is told for some items and not for others; tell it for all or for none"


def visible(text: str) -> str:
    """The text in one line of bounded length, with nothing that a terminal would obey."""
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in cut)


def _header_problems(header: SubmissionHeader, release: Release) -> Iterator[tuple[str, str]]:
    manifest, benchmark = release.manifest, header.benchmark
    for field, got, expected in (
        ("benchmark.name", benchmark.name, manifest.name),
        ("benchmark.version", benchmark.version, manifest.version),
        ("benchmark.manifest_sha256", benchmark.manifest_sha256, release.manifest_sha256),
        ("benchmark.canary", benchmark.canary or manifest.canary, manifest.canary),
    ):
        if got != expected:
            yield field, f"got {got!r}, this release has {expected!r}: score the release that the file is for"
    for field, text in header.model_dump(mode="json").items():
        if isinstance(text, str) and EMAIL.search(text):
            yield field, "holds an e-mail address; a submission is judged by its scores, leave it out"


def _item_problems(scores: SubmissionScores, item: Item) -> Iterator[tuple[str, str]]:
    if scores.target != item.target:
        yield "target", f"got {scores.target[:40]!r}, the item's is {item.target[:40]!r}: explain that one"
    if len(scores.starts) > (most := most_units(item)):
        yield "starts", f"has {len(scores.starts):,} units; this prompt has at most {most:,}, one a byte"
        return
    problem = _offset_problem(scores, item.prompt)
    if problem is not None:
        yield problem  # a shift shows in every unit: the first one says it
        return
    spans = [Span(start, end) for start, end in zip(scores.starts, scores.ends, strict=True)]
    scored = np.asarray([score is not None for score in scores.scores], dtype=bool)
    words = label_units(item)
    bare = [
        word for word, count in zip(words, overlap(item.prompt, spans, scored, words).counts, strict=True) if not count
    ]
    if bare:
        start, end = bare[0]
        more = f" ({len(bare)} of {len(words)} words that raters can mark)" if len(bare) > 1 else ""
        yield (
            "scores",
            f"no score stands for {item.prompt[start:end][:40]!r} at [{start}, {end}){more}; "
            "give 0 where the method says nothing",
        )


def _offset_problem(scores: SubmissionScores, prompt: str) -> tuple[str, str] | None:
    for unit, (start, end, text) in enumerate(zip(scores.starts, scores.ends, scores.units, strict=True)):
        if end > len(prompt):
            return f"ends.{unit}", f"got {end}, the prompt has {len(prompt)} code points"
        if prompt[start:end] != text:
            return (
                f"units.{unit}",
                f"got {text[:40]!r}, the prompt has {prompt[start:end][:40]!r} at [{start}, {end}), in code points",
            )
    return None
