"""A submission as attributions, evaluated by what evaluates all others. One that does not fit is refused."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from heta.errors import HetaError
from heta_data.record_base import content_hash
from heta_data.records import AttributionRecord, PlainJson, TargetPart
from heta_data.submission.bundle import Release
from heta_data.submission.check import Problem, examine
from heta_data.submission.records import SubmissionHeader, SubmissionScores

PREFIX = "submitted."
"""In front of a submission's method: no method of the toolkit has a dot in its name, so none is taken for another."""
_SHOWN = 10


class SubmissionRefused(HetaError):
    """A submission does not fit the release; carries the first problems, one line each."""

    def __init__(self, path: Path, problems: list[str], root: Path) -> None:
        self.problems = tuple(problems)
        more = "the first problems" if len(problems) == _SHOWN else f"{len(problems)} problem(s)"
        super().__init__(
            f"{path}: does not fit the release, nothing was scored; {more} "
            f"(heta submission check {path} --release {root} lists all):\n"
            + "\n".join(f"  - {problem}" for problem in problems)
        )


@dataclass(frozen=True)
class Submission:
    """A submission that fits its release."""

    path: Path
    sha256: str
    """Of the file."""
    header: SubmissionHeader
    records: tuple[AttributionRecord, ...]
    """One an item, in the order of the file."""

    @property
    def method(self) -> str:
        """The method as its records name it."""
        return f"{PREFIX}{self.header.method}"

    @property
    def config_hash(self) -> str:
        """What tells it from every other submission: of the header and of the file."""
        return content_hash(_config(self.header, self.sha256), 8)

    @property
    def seconds(self) -> float | None:
        """Mean wall seconds an item: of the items that tell it, else of the whole run; None where neither does."""
        measured = [record.seconds for record in self.records if record.seconds is not None]
        if measured:
            return sum(measured) / len(measured)
        return None if self.header.seconds is None else self.header.seconds / len(self.records)


def load_submission(path: Path, release: Release) -> Submission:
    """Check a submission and read it, in one pass: what was checked is what is scored.

    The records hold at most one unit for each byte of the release's prompts.

    Raises:
        SubmissionRefused: it does not fit the release.
        RecordError: the file cannot be opened as a submission at all.
    """
    digest = hashlib.sha256()
    header: SubmissionHeader | None = None
    records: list[AttributionRecord] = []
    problems: list[Problem] = []
    for found in examine(path, release, digest):
        if isinstance(found, Problem):
            problems.append(found)
            if len(problems) == _SHOWN:
                break
        elif isinstance(found, SubmissionHeader):
            header = found
        elif header is not None and not problems:
            records.append(_to_record(found, header))
    if problems or header is None:  # a file without problems has a header
        raise SubmissionRefused(path, [one.short for one in problems], release.root)
    # The file's hash, and whether any score is below 0, are known at its end.
    config = _config(header, digest.hexdigest())
    signed = any(score is not None and score < 0 for record in records for score in record.scores)
    update = {"config": config, "config_hash": content_hash(config, 8), "signed": signed}
    named = tuple(record.model_copy(update=update) for record in records)
    return Submission(path, digest.hexdigest(), header, named)


def _config(header: SubmissionHeader, sha256: str) -> PlainJson:
    return {"submission": {**header.model_dump(mode="json"), "sha256": sha256}}


def _to_record(found: SubmissionScores, header: SubmissionHeader) -> AttributionRecord:
    return AttributionRecord(
        item_id=found.item_id,
        method=f"{PREFIX}{header.method}",
        signed=False,
        model=header.model,
        model_revision=header.model_revision,
        tokenizer=header.tokenizer,
        unit=header.unit,
        starts=found.starts,
        ends=found.ends,
        token_ids=None,
        scores=found.scores,
        components={},
        target=None if found.greedy is None else told_target(found.target, found.greedy),
        config={},
        config_hash="",
        versions={},
        seconds=found.seconds,
    )


def told_target(text: str, greedy: str) -> TargetPart:
    """What a submission tells of its target: no tokens, and whether the model gives it by itself."""
    return TargetPart(
        policy="answer",
        text=text,
        token_ids=(),
        log_probs=(),
        ranks=(),
        greedy=greedy,
        answered=greedy == text,
    )
