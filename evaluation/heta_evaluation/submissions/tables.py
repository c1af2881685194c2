"""What a leaderboard says: the table with places, who submitted what, and which benchmark it is."""

from heta_data.records import MetricResult
from heta_evaluation.alignment.subjects import RANDOM
from heta_evaluation.report.material import Material, heading
from heta_evaluation.report.rows import count, line_style, row_label
from heta_evaluation.report.sheets import Cell, Heading, Number, Sheet, SheetRow, headings
from heta_evaluation.results import ANSWERED, HUMAN_REFERENCE, LABELS, ResultIndex
from heta_evaluation.submissions.places import first_place, places
from heta_evaluation.submissions.scoring import Scoring
from heta_evaluation.summary import COLUMNS, MAIN, Line, figure


def board_sheet(scoring: Scoring, material: Material) -> Sheet:
    """Every submission, method of the release and baseline: place, alignment, what its model answers, cost."""
    columns = (
        Heading("Place", "place"),
        Heading("Model", "model", numeric=False),
        *(Heading(heading(metric), metric) for metric in COLUMNS),
        Heading("Of crowd", "of_crowd"),
        Heading("Answers", "answers"),
        Heading("Items", "items"),
        Heading("s / item", "seconds_an_item"),
    )
    found, rows = places(material), []
    for line in material.lines:
        main, own = line.figures.get(MAIN), found.get(line.subject.name)
        cells: list[Cell] = [
            "" if line.subject.baseline else str(own) if own and len(found) > 1 else "none",
            "" if line.subject.baseline else line.subject.model,
            *(line.figures.get(metric) for metric in COLUMNS),
            line.normalised,
            _answers(line, material.index),
            count(main.n if main else 0),
            _seconds(scoring, line),
        ]
        rows.append(SheetRow((row_label(line), *cells), line_style(line)))
    return Sheet(
        "board",
        "Leaderboard",
        "Alignment of each method with raters: mean over items with 95 % interval, best F1@k first. Place: the ranks "
        "that the paired differences below leave open, corrected for all pairs; baselines have none.",
        headings("Method", *columns),
        tuple(rows),
        "Of crowd: share of the other raters’ F1@k that a method reaches against one rater at a time. Answers: items "
        "whose answer the model gives by itself, where that was told. s / item: as each submitter tells, on their own "
        "hardware; nobody measured it again.",
    )


def lead(scoring: Scoring, material: Material) -> list[str]:
    """What the page says, in sentences."""
    index, reference = material.index, scoring.reference
    own = [line for line in material.lines if not line.subject.baseline]
    beside = len(own) - len(scoring.submissions)
    with_methods = f" and {_some(beside, 'method')} of the release" if beside else ""
    used = index.get(LABELS, "raters", "used")
    raters = _some(used.n if used else 0, "rater")
    said = [
        f"{_some(len(scoring.submissions), 'submission')}{with_methods}, scored on {reference.release.title}: "
        f"{_some(len(reference.items), 'item')}, labels by {raters}. {reference.whose}",
        first_place(material),
    ]
    chance, crowd = index.get(MAIN, RANDOM), index.get(MAIN, HUMAN_REFERENCE, "held_out")
    if chance is not None and chance.value is not None:
        said.append(f"A random order of the words has F1@k {figure(chance)}.")
    if crowd is not None and crowd.value is not None:
        said.append(f"The other raters reach {figure(crowd)} against one rater at a time.")
    return said


def submission_sheet(scoring: Scoring, material: Material) -> Sheet:
    """What every submitter tells, as it stands in the header, and the hash of the file."""
    names = (
        "Version", "File", "sha256", "Model", "Revision", "Tokenizer", "Unit", "Seed", "Hardware", "Seconds in all",
    )  # fmt: skip
    rows = []
    for line in material.lines:
        one = scoring.submission(line.subject)
        if one is None:
            continue
        header = one.header
        seconds = "not measured" if header.seconds is None else f"{header.seconds:,.0f}"
        texts = (
            header.method_version, one.path.name, one.sha256[:12], header.model, header.model_revision,
            header.tokenizer, header.unit, str(header.seed), header.hardware, seconds,
        )  # fmt: skip
        rows.append(SheetRow((line.label, *texts)))
    return Sheet(
        "submissions",
        "Submissions",
        "What each submission says of itself.",
        headings("Method", *(Heading(name, name.lower().replace(" ", "_"), numeric=False) for name in names)),
        tuple(rows),
    )


def benchmark_sheet(scoring: Scoring) -> Sheet:
    """Which benchmark, whose labels, and how it was scored."""
    index, manifest = scoring.index, scoring.reference.release.manifest
    settings = scoring.evaluation.settings
    used = index.get(LABELS, "raters", "used")
    left_out = ", ".join(
        f"{number} {why.replace('_', ' ')}" for why, number in scoring.evaluation.table.left_out.items()
    )
    alpha = index.get("krippendorff_alpha", "raters")
    facts = {
        "Benchmark": f"{manifest.title}, {scoring.reference.release.title}",
        "MANIFEST.json, sha256": scoring.reference.release.manifest_sha256,
        "Content fingerprint": manifest.content_fingerprint,
        "Items": str(len(scoring.reference.items)),
        "Labels": f"{used.value if used and used.value else 0:.0f} by {used.n if used else 0} raters; "
        f"left out: {left_out or 'none'}",
        "Whose labels": scoring.reference.whose,
        "Agreement, Krippendorff’s alpha": figure(alpha),
        "Gold": settings.gold,
        "Words from tokens": f"rule {settings.rule}",
        "Intervals": f"{settings.draws:,} bootstrap draws over groups of items and raters, seed {settings.seed}",
    }
    return Sheet(
        "benchmark",
        "Benchmark",
        "What was scored, and how.",
        headings("What", Heading("Value", "value", numeric=False)),
        tuple(SheetRow((name, text)) for name, text in facts.items()),
    )


def _answers(line: Line, index: ResultIndex) -> str:
    found: MetricResult | None = index.get(ANSWERED, line.subject.model_name)
    if line.subject.baseline or line.subject.model_name == "none":
        return ""
    return "not told" if found is None or found.value is None else f"{found.value:.0f} of {found.n}"


def _seconds(scoring: Scoring, line: Line) -> Cell:
    one = scoring.submission(line.subject)
    seconds = scoring.evaluation.table.seconds.get(line.subject.name) if one is None else one.seconds
    return None if seconds is None else Number(seconds, f"{seconds:.2f}" if seconds >= 0.01 else f"{seconds:.2g}")


def _some(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
