"""Scores submissions by the evaluation itself: they stand beside a release's own attributions, nothing else differs.

So a submission has the figures that `heta evaluate run` gives for the same scores, intervals included.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from heta.errors import ConfigError, InputError
from heta_data.errors import IntegrityError
from heta_data.jsonl import read_records
from heta_data.records import AttributionRecord, GoldLabels, Item, Record, TokenLabels
from heta_data.release.manifest import sha256_of
from heta_data.submission.bundle import Release
from heta_data.submission.loading import Submission
from heta_data.workspace import Workspace
from heta_evaluation.aggregation.gold import CAMPAIGN
from heta_evaluation.alignment.subjects import Subject, group_records
from heta_evaluation.alignment.table import Progress
from heta_evaluation.results import ResultIndex
from heta_evaluation.runner import Evaluation, Inputs, evaluate_records
from heta_evaluation.settings import EvaluateSettings
from heta_evaluation.submissions.answers import Answers, overruled, released_answers, settled_records

R = TypeVar("R", bound=Record)
Beside = Literal["methods", "nothing"]
"""What submissions stand beside: the release's own attributions, or only the baselines that always do."""


@dataclass(frozen=True)
class Reference:
    """What submissions are scored on and against."""

    release: Release
    items: tuple[Item, ...]
    labels: tuple[TokenLabels, ...]
    attributions: tuple[AttributionRecord, ...]
    gold: tuple[GoldLabels, ...]
    """Of the release; empty where the labels are the organiser's."""
    answers: Answers
    """What the release says that its own models answer."""
    labels_sha256: str | None = None
    """Of the organiser's file of labels; None where the labels are the release's own."""

    @property
    def whose(self) -> str:
        """Where the labels come from, in a sentence."""
        if self.labels_sha256 is None:
            return "The labels are the release’s own."
        return (
            f"Labels that the organiser holds (sha256 {self.labels_sha256[:12]}): "
            f"the {len(self.items)} of {len(self.release.items)} items that they are about."
        )


@dataclass(frozen=True)
class Scoring:
    """Submissions, evaluated together."""

    reference: Reference
    submissions: tuple[Submission, ...]
    evaluation: Evaluation

    @cached_property
    def index(self) -> ResultIndex:
        """Figures over all items."""
        return ResultIndex(one for one in self.evaluation.results if one.item_id is None)

    @property
    def notes(self) -> list[str]:
        """What a reader must know beside the notes of the evaluation."""
        said = []
        for one in self.submissions:
            if count := overruled(one, self.reference.answers):
                said.append(
                    f"{one.header.method} tells other answers of {one.header.model} than the release in {count} items: "
                    "the release's count."
                )
        decided = sum(gold.source == "adjudicated" for gold in self.reference.gold)
        way = self.evaluation.settings.gold
        if decided and way != CAMPAIGN:
            said.append(
                f"An adjudicator decided {decided} items of the release's gold labels, and these figures do not use "
                f"that: they take gold by {way}. --gold {CAMPAIGN} uses the release's."
            )
        return said

    def subject(self, submission: Submission) -> Subject:
        """What the evaluation made of a submission."""
        return next(
            one for one in self.evaluation.table.subjects if (one.method, one.config_hash) == _identity(submission)
        )

    def submission(self, subject: Subject) -> Submission | None:
        """The submission behind a subject; None where it is the release's own or a baseline."""
        found = (one for one in self.submissions if (subject.method, subject.config_hash) == _identity(one))
        return next(found, None)


def read_reference(release: Release, labels: Path | None = None, *, beside: Beside = "methods") -> Reference:
    """Items, labels and attributions of a release, each proved to be what its manifest knows.

    Args:
        release: the bundle.
        labels: the organiser's labels, which take the place of the release's: only the items that they are about count.
        beside: what submissions stand beside.

    Raises:
        RecordError: a line cannot be read. IntegrityError: a file was changed.
        InputError: there are no labels.
    """
    items = tuple(release.items.values())
    path = release.table("labels") if labels is None else labels
    found = _read(path, TokenLabels)
    if not found:
        raise InputError(f"{path}: holds no labels, and nothing can be scored; the organiser's file goes to --labels")
    if labels is not None:
        about = {record.item_id for record in found}
        items = tuple(item for item in items if item.id in about)
    known = {item.id for item in items}
    attributions = [one for one in _read(release.table("attributions"), AttributionRecord) if one.item_id in known]
    return Reference(
        release,
        items,
        found,
        tuple(attributions) if beside == "methods" else (),
        _read(release.table("gold"), GoldLabels) if labels is None else (),
        released_answers(attributions, known),
        None if labels is None else sha256_of(labels),
    )


def score_submissions(
    reference: Reference,
    submissions: Sequence[Submission],
    *,
    progress: Progress | None = None,
    **overrides: object | None,
) -> Scoring:
    """Evaluate submissions together with what they stand beside; nothing is written.

    Args:
        reference: what they are scored against.
        submissions: one or more, all different.
        progress: called with (steps done, steps), two steps an item.
        overrides: fields of `EvaluateSettings`; None leaves a field at its default.

    Raises:
        InputError: one stands there twice; two disagree on what a model answers; or no label of the kinds and arms that
            count.
        ConfigError: a setting that cannot be used. IntegrityError: labels that do not belong to the items.
    """
    settings = Workspace(reference.release.root).settings("evaluate", EvaluateSettings, overrides)
    inputs = Inputs(
        reference.items,
        reference.labels,
        (*reference.attributions, *_submitted(reference, submissions)),
        _campaign_gold(reference) if settings.gold == CAMPAIGN else None,
    )
    return Scoring(reference, tuple(submissions), evaluate_records(inputs, settings, progress=progress))


def subject_names(reference: Reference, submissions: Sequence[Submission]) -> list[str]:
    """How the evaluation of these submissions will call each of them.

    Raises:
        InputError: one stands there twice; or two disagree on what a model answers.
    """
    records = (*reference.attributions, *_submitted(reference, submissions))
    subjects, _ = group_records(records, {item.id: item for item in reference.items})
    by_identity = {(subject.method, subject.config_hash): subject.name for subject in subjects}
    return [by_identity[_identity(submission)] for submission in submissions]


def unanswering(submission: Submission, reference: Reference) -> bool:
    """Whether its model is known to answer none of the items that count."""
    targets = [record.target for record in _submitted(reference, [submission])]
    known = [target.answered for target in targets if target is not None]
    return bool(known) and not any(known)


def _submitted(reference: Reference, submissions: Sequence[Submission]) -> list[AttributionRecord]:
    """What is submitted for the items that count."""
    by_file: dict[str, Submission] = {}
    for one in submissions:
        if one.sha256 in by_file:
            raise InputError(f"{by_file[one.sha256].path} and {one.path} are the same file: take one of them away")
        by_file[one.sha256] = one
    return settled_records(submissions, {item.id for item in reference.items}, reference.answers)


def _campaign_gold(reference: Reference) -> tuple[GoldLabels, ...]:
    """The release's own gold labels, one an item."""
    if reference.labels_sha256 is not None:
        raise ConfigError("--gold campaign: the gold labels of the release are not of the labels given by --labels")
    if twice := _repeated(gold.item_id for gold in reference.gold):
        raise IntegrityError(f"--gold campaign: item {twice} has gold labels by several methods in this release")
    return reference.gold


def _repeated(ids: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            return one
        seen.add(one)
    return None


def _read(path: Path, kind: type[R]) -> tuple[R, ...]:
    return tuple(read_records(path, kind))


def _identity(submission: Submission) -> tuple[str, str]:
    return submission.method, submission.config_hash
