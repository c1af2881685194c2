"""A report before it is written: the same figures for the page, for tables and for plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heta_data.records import MetricResult
from heta_evaluation.alignment.table import Table
from heta_evaluation.report.files import Extras
from heta_evaluation.report.material import Material
from heta_evaluation.report.raters import RaterFacts
from heta_evaluation.report.sheets import Origin
from heta_evaluation.results import ResultIndex
from heta_evaluation.settings import EvaluateSettings
from heta_evaluation.summary import MAIN, verdict_lines


@dataclass(frozen=True)
class Report:
    """Everything that is shown of one evaluation."""

    table: Table
    material: Material
    scores: Mapping[str, Mapping[str, float | None]]
    """Item id -> subject name -> F1@k, None where it has no value."""
    raters: Sequence[RaterFacts]
    settings: EvaluateSettings
    """Of the run."""
    extras: Extras
    """What other commands have found."""

    @property
    def origin(self) -> Origin:
        """Whose labels stand behind the figures."""
        return Origin.of(self.material.figures)


def material_of(table: Table, results: Sequence[MetricResult], extras: Extras) -> Material:
    """The figures over all items, by line."""
    figures = [one for one in results if one.item_id is None]
    return Material(
        figures=figures,
        lines=verdict_lines(table.subjects, ResultIndex(figures)),
        agreement=extras.agreement,
        faithfulness=extras.faithfulness,
        seconds=table.seconds,
        raters=table.raters,
    )


def item_scores(results: Sequence[MetricResult]) -> dict[str, dict[str, float | None]]:
    """Item id -> subject name -> F1@k."""
    found: dict[str, dict[str, float | None]] = {}
    for one in results:
        if one.item_id is not None and one.metric == MAIN and one.variant == "main":
            found.setdefault(one.item_id, {})[one.subject] = one.value
    return found
