"""A submission against everything that stands beside it, and submissions against each other: paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass

from heta.errors import InputError
from heta_data.records import MetricResult
from heta_data.submission.loading import Submission
from heta_evaluation.alignment.table import Progress
from heta_evaluation.comparison.answer import recorded
from heta_evaluation.comparison.compare import Comparison, compare_results
from heta_evaluation.report.paired import Paired, paired
from heta_evaluation.submissions.scoring import Reference, Scoring, score_submissions, subject_names, unanswering
from heta_evaluation.summary import MAIN, verdict_lines


@dataclass(frozen=True)
class Difference:
    """A submission minus one other, over the same items."""

    rival: str
    """Its short name."""
    result: MetricResult
    """With the interval that holds together with those of all pairs, and p alone and after Holm in `config`."""

    @property
    def said(self) -> Paired:
        """What it says; only a difference with a value says anything."""
        return paired(self.result)


def differences(scoring: Scoring, submission: Submission, metric: str = MAIN) -> list[Difference]:
    """The submission minus each method and baseline that it was compared with, best rivals first."""
    index, own = scoring.index, scoring.subject(submission).name
    found = []
    for line in verdict_lines(scoring.evaluation.table.subjects, index):
        result = recorded(index, metric, own, line.subject.name, "difference")
        if line.subject.name != own and result is not None:
            found.append(Difference(line.label, result))
    return found


def compare_submissions(
    reference: Reference,
    submissions: Sequence[Submission],
    *,
    metric: str = MAIN,
    progress: Progress | None = None,
    **overrides: object | None,
) -> Comparison:
    """The first submission against each of the others.

    These comparisons are asked for by name, so they are the primary ones: intervals hold together, and p is corrected,
    over them alone.

    Raises:
        InputError: see `score_submissions`; or a metric without paired differences, or a model that answers no item.
    """
    names = subject_names(reference, submissions)
    for one in submissions:
        if unanswering(one, reference):
            raise InputError(
                f"{one.path}: {one.header.model} gives the answer of no item by itself; what is said of answers that a "
                "model never gives is not compared (heta submission score shows its figures apart)"
            )
    contrasts = tuple(f"{names[0]} vs {other}" for other in names[1:])
    scoring = score_submissions(reference, submissions, progress=progress, contrasts=contrasts, **overrides)
    items = {item.id: item for item in reference.items}
    return compare_results(scoring.evaluation.results, lambda: items, names[0], names[1:], metric=metric)
