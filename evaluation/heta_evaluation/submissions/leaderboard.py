"""The leaderboard: every submission to a release in one table, with honest places, as one self-contained HTML file.

Submissions are scored together and from their own scores, so that no figure is taken on trust, and so that places rest
on paired differences over the same items.
"""

from collections import Counter
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from heta.errors import HetaError, InputError
from heta_data.errors import RecordError
from heta_data.submission.bundle import Release
from heta_data.submission.loading import Submission, SubmissionRefused, load_submission
from heta_evaluation.report.files import write_whole
from heta_evaluation.report.material import Material
from heta_evaluation.report.matrix import pair_matrix
from heta_evaluation.report.paired import paired
from heta_evaluation.report.plots import forest_plots, pair_plot
from heta_evaluation.report.sheets import Origin
from heta_evaluation.report.svg import WIDE, draw
from heta_evaluation.submissions.scoring import Scoring
from heta_evaluation.submissions.tables import benchmark_sheet, board_sheet, lead, submission_sheet
from heta_evaluation.summary import Line, figure, interval, notes, number, verdict_lines

LEADERBOARD = "Leaderboard"
TRIAL = "Trial of the tools, no leaderboard"
"""What the page is called where not all labels are people's blind judgement."""


def load_folder(folder: Path, release: Release) -> tuple[list[Submission], list[str]]:
    """Every submission of a folder, by file name, and the names of what is there besides.

    Raises:
        InputError: there is no such folder, or no submission in it.
        HetaError: one or more do not fit the release; lists the reasons for each.
    """
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}; name the folder of the submissions") from None
    paths = [path for path in found if path.suffix == ".jsonl" and not path.name.startswith(".")]
    if not paths:
        raise InputError(f"{folder}: holds no submission, a file whose name ends in .jsonl")
    submissions, refused = [], []
    for path in paths:
        try:
            submissions.append(load_submission(path, release))
        except (SubmissionRefused, RecordError) as error:
            refused.append(str(error))
    if refused:
        raise HetaError(f"{len(refused)} of {len(paths)} submissions do not fit; take them out:\n" + "\n".join(refused))
    return submissions, [path.name for path in found if path not in paths]


def write_leaderboard(scoring: Scoring, out: Path) -> Path:
    """Write the page, complete or not at all. The same submissions and labels give the same bytes.

    Raises:
        InputError: the file cannot be written.
    """
    return write_whole(out, render_leaderboard(scoring), "--out")


def render_leaderboard(scoring: Scoring) -> str:
    """The page as one string."""
    figures = scoring.index.all()
    origin = Origin.of(figures)
    material = Material(figures=figures, lines=board_lines(scoring), seconds=scoring.evaluation.table.seconds)
    best, plots = pair_plot(material), forest_plots(material)[:2]
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("heta_evaluation.submissions"), PackageLoader("heta_evaluation.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters.update(figure=figure, interval=interval, number=number, paired=paired)
    return environment.get_template("leaderboard.html.j2").render(
        heading=TRIAL if origin.banners else LEADERBOARD,
        name=scoring.reference.release.title,
        title=scoring.reference.release.manifest.title,
        origin=origin,
        style=_style(),
        lead=lead(scoring, material),
        notes=[*notes(scoring.index), *scoring.notes],
        board=board_sheet(scoring, material),
        plots=[draw(plot, WIDE) for plot in plots],
        best=draw(best, WIDE) if best else None,
        differences=pair_matrix(material),
        submissions=submission_sheet(scoring, material),
        benchmark=benchmark_sheet(scoring),
    )


def board_lines(scoring: Scoring) -> list[Line]:
    """A line for each submission, method of the release and baseline, best first, by the names of the page."""
    lines = verdict_lines(scoring.evaluation.table.subjects, scoring.index)
    labels = [""] * len(lines)
    for place in range(3):
        counts = Counter(labels)
        labels = [
            _names(line, scoring.submission(line.subject))[place] if counts[label] > 1 or place == 0 else label
            for line, label in zip(lines, labels, strict=True)
        ]
    return [replace(line, label=label) for line, label in zip(lines, labels, strict=True)]


def _names(line: Line, submission: Submission | None) -> tuple[str, str, str]:
    """From short to certainly unique."""
    subject = line.subject
    if subject.baseline:
        return subject.method, subject.method, subject.method
    if submission is None:
        return subject.method, f"{subject.method} on {subject.model}", subject.name
    header = submission.header
    versioned = f"{header.method} {header.method_version}"
    return header.method, versioned, f"{versioned} [{submission.config_hash}]"


def _style() -> Markup:
    # Our own file, and the only text that goes into the page unescaped.
    css = files("heta_evaluation.report").joinpath("templates", "report.css").read_text(encoding="utf-8")
    return Markup(css)  # noqa: S704
