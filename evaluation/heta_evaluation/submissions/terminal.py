"""A scored submission on a terminal: whose scores, against what, the table of all, and its paired differences."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from heta_data.submission.loading import Submission
from heta_evaluation.submissions.differences import Difference, differences
from heta_evaluation.submissions.scoring import Scoring
from heta_evaluation.summary import MAIN, figure, p_text
from heta_evaluation.terminal import print_summary

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

_PLAIN_WIDTH = 110


def print_scoring(scoring: Scoring, submission: Submission, console: "Console | None" = None) -> None:
    """Print the evaluation with the submission in it, then the submission minus each of the others."""
    from rich.console import Console

    out = console or Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    release, header = scoring.reference.release, submission.header
    model = "no model" if header.model == "none" else f"{header.model} at {header.model_revision}"
    out.print(f"{submission.path}: {header.method} {header.method_version} on {model}", markup=False)
    out.print(f"Benchmark {release.title}. {scoring.reference.whose}", markup=False)
    out.print()
    print_summary(scoring.evaluation, out)
    for note in scoring.notes:
        out.print(f"Note: {note}", markup=False)
    found = differences(scoring, submission)
    if found:
        out.print()
        out.print(_table(submission.method, found))


def _table(name: str, found: Sequence[Difference]) -> "RichTable":
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table as RichTable

    pairs = int(found[0].result.config.get("pairs", 1))
    table = RichTable(
        title=f"{name} minus each other in {MAIN}; intervals and p hold together over {pairs} pairs",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("minus", no_wrap=True)
    for heading in ("difference", "p alone", "p corrected", "items"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for one in found:
        config = one.result.config
        tests = [p_text(config[key]) if key in config else "–" for key in ("p", "p_holm")]
        said = one.said.text if one.result.value is not None else ""
        texts = (one.rival, figure(one.result, sign=True), *tests, str(one.result.n), _named(said, name, one.rival))
        table.add_row(*map(escape, texts))
    return table


def _named(said: str, first: str, second: str) -> str:
    return said.replace("first is", f"{first} is").replace("second is", f"{second} is")
