"""The group `heta submission`: check and template are `heta_data`'s, the rest is here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from heta_data.cli.submission import check, release_option, template
from heta_data.options import json_option
from heta_evaluation.cli.options import label_options
from heta_evaluation.cli.progress import progress_bar

if TYPE_CHECKING:
    from heta_data.submission.loading import Submission
    from heta_evaluation.submissions.scoring import Scoring

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def submission() -> None:
    """Submit scores of a method on a release; check, score and compare what was submitted.

    \b
    Examples:
      heta submission template --release my-benchmark/releases/1.0.0 --out scores.jsonl
      heta submission check scores.jsonl --release my-benchmark/releases/1.0.0
      heta submission score scores.jsonl --release my-benchmark/releases/1.0.0
    """


def scoring_options(command: F) -> F:
    """What scoring has: the release, whose labels count, and the settings of the evaluation."""
    options = (
        release_option,
        click.option(
            "--labels",
            type=click.Path(dir_okay=False, path_type=Path),
            help="The organiser's labels of a hidden split (token_labels, JSON Lines) instead of the release's.",
        ),
        label_options,
        click.option("--gold", metavar="WAY", help="How labels become gold; campaign: the release's own gold labels."),
        click.option("--draws", type=int, help="Bootstrap draws (default: 10000)."),
        click.option("--seed", type=int, help="Seed of the draws (default: 0)."),
        click.option(
            "--rule",
            type=click.Choice(["max", "sum", "mean", "first"]),
            help="How a word gets its score from several tokens (default: max).",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _overrides(settings: dict[str, Any]) -> dict[str, Any]:
    """Fields of `EvaluateSettings`; what was not given stays at its default."""
    return {name: value or None if name in ("kinds", "arms") else value for name, value in settings.items()}


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@scoring_options
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write every figure, as results.jsonl."
)
@json_option
def score(path: Path, root: Path, labels: Path | None, out: Path | None, as_json: bool, **settings: Any) -> None:
    """Score the submission at PATH against the labels of a release, beside its methods and the baselines.

    The figures are those of `heta evaluate run` for the same scores. By default only labels of people who saw no
    attribution count. A submission that does not fit is refused, with the reasons.

    \b
    Examples:
      heta submission score scores.jsonl --release my-benchmark/releases/1.0.0
      heta submission score scores.jsonl --release my-benchmark/releases/1.0.0 --labels hidden.jsonl --json
    """
    from heta_data.jsonl import write_records
    from heta_data.submission.bundle import open_release
    from heta_data.submission.loading import load_submission
    from heta_evaluation.submissions.scoring import read_reference, score_submissions

    release = open_release(root)
    submitted = load_submission(path, release)
    reference = read_reference(release, labels)
    with progress_bar() as progress:
        scoring = score_submissions(reference, [submitted], progress=progress, **_overrides(settings))
    if out is not None:
        write_records(out, scoring.evaluation.results)
    if as_json:
        click.echo(json.dumps(_document(scoring, submitted), ensure_ascii=False, indent=2, allow_nan=False))
        return
    from heta_evaluation.submissions.terminal import print_scoring

    print_scoring(scoring, submitted)
    if out is not None:
        click.echo(f"Wrote {out}.")


def _document(scoring: "Scoring", submitted: "Submission") -> dict[str, Any]:
    from heta_evaluation.submissions.differences import differences
    from heta_evaluation.summary import banners, notes

    reference, figures = scoring.reference, scoring.index.all()
    plain = {"schema_version", "record"}
    return {
        "banners": [f"{banner.label}: {banner.text}" for banner in banners(figures)],
        "benchmark": submitted.header.benchmark.model_dump(mode="json"),
        "labels": reference.whose,
        "submission": {"sha256": submitted.sha256, **submitted.header.model_dump(mode="json", exclude=plain)},
        "subject": scoring.subject(submitted).name,
        "differences": [
            {**one.result.model_dump(mode="json", exclude=plain), "verdict": one.said.text}
            for one in differences(scoring, submitted)
        ],
        "notes": [*notes(scoring.index), *scoring.notes],
        "results": [one.model_dump(mode="json", exclude=plain) for one in figures],
    }


@click.command()
@click.argument("first", metavar="A", type=click.Path(path_type=Path))
@click.argument("others", metavar="B...", nargs=-1, required=True, type=click.Path(path_type=Path))
@scoring_options
@click.option("--metric", default="token_f1@k", show_default=True, help="Metric to compare by.")
@json_option
def compare(
    first: Path,
    others: tuple[Path, ...],
    root: Path,
    labels: Path | None,
    metric: str,
    as_json: bool,
    **settings: Any,
) -> None:
    """Say whether submission A is better than B, by how much, and how sure that is.

    Differences are paired: the same items, the same labels. With several Bs the intervals hold together, and p is
    corrected for their number. Whoever picks a pair after looking at a leaderboard has looked at more pairs than these:
    the leaderboard's own differences are corrected for all.

    \b
    Example:
      heta submission compare ours.jsonl theirs.jsonl --release my-benchmark/releases/1.0.0
    """
    from heta_data.submission.bundle import open_release
    from heta_data.submission.loading import load_submission
    from heta_evaluation.cli.compare import document
    from heta_evaluation.submissions.differences import compare_submissions
    from heta_evaluation.submissions.scoring import read_reference

    release = open_release(root)
    submissions = [load_submission(path, release) for path in (first, *others)]
    reference = read_reference(release, labels, beside="nothing")
    with progress_bar() as progress:
        comparison = compare_submissions(
            reference, submissions, metric=metric, progress=progress, **_overrides(settings)
        )
    if as_json:
        click.echo(json.dumps(document(comparison), ensure_ascii=False, indent=2, allow_nan=False))
        return
    from heta_evaluation.comparison.terminal import print_comparison

    print_comparison(comparison)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@scoring_options
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("leaderboard.html"),
    show_default=True,
    help="File to write.",
)
@json_option
def leaderboard(folder: Path, root: Path, labels: Path | None, out: Path, as_json: bool, **settings: Any) -> None:
    """Score every submission in FOLDER (*.jsonl) and write the leaderboard, one self-contained HTML file.

    Without blind labels by people there is no leaderboard: with --kinds or --arms the page is a trial of the tools, and
    says so in every caption. Where one submission does not fit, nothing is written.

    \b
    Example:
      heta submission leaderboard submissions --release my-benchmark/releases/1.0.0 --out leaderboard.html
    """
    from heta_data.submission.bundle import open_release
    from heta_evaluation.submissions.leaderboard import load_folder, write_leaderboard
    from heta_evaluation.submissions.scoring import read_reference, score_submissions

    release = open_release(root)
    submissions, ignored = load_folder(folder, release)
    for name in ignored:
        click.echo(f"not read, its name does not end in .jsonl: {name}", err=True)
    reference = read_reference(release, labels)
    with progress_bar() as progress:
        scoring = score_submissions(reference, submissions, progress=progress, **_overrides(settings))
    path = write_leaderboard(scoring, out)
    if as_json:
        click.echo(json.dumps({"leaderboard": str(path), "submissions": [str(one.path) for one in submissions]}))
        return
    some = f"{len(submissions)} submission{'' if len(submissions) == 1 else 's'}"
    click.echo(f"Wrote {path}: {some} to {release.title}; open it in a browser.")


for command in (check, compare, leaderboard, score, template):
    submission.add_command(command)
