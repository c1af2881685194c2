"""What is plotted: rows with estimate and interval, beside a reference and chance. Nothing here draws."""

from collections.abc import Callable
from dataclasses import dataclass

from heta_data.records import MetricResult
from heta_evaluation.alignment.subjects import RANDOM
from heta_evaluation.report.material import Material, about, heading
from heta_evaluation.report.paired import turned
from heta_evaluation.report.rows import row_label
from heta_evaluation.report.sheets import Heading
from heta_evaluation.results import HUMAN_REFERENCE
from heta_evaluation.summary import COLUMNS, MAIN, Line, figure


@dataclass(frozen=True)
class ForestRow:
    """One row of a plot."""

    label: str
    style: str
    """`method` or `baseline`."""
    result: MetricResult | None

    def text(self, *, sign: bool = False, whole: bool = False) -> str:
        """Value and interval, or the reason why there is none."""
        if self.result is None or self.result.value is None:
            return figure(self.result)
        return " ".join(Heading("", "", sign=sign, whole=whole).text(self.result)).strip()


@dataclass(frozen=True)
class Forest:
    """One forest plot, as data."""

    id: str
    heading: str
    axis: str
    """What the horizontal axis measures."""
    caption: str
    """Without the kinds of labels: every renderer puts these in front."""
    rows: tuple[ForestRow, ...]
    reference: MetricResult | None = None
    """What the other raters reach, drawn as a band."""
    chance: float | None = None
    """What a random order gives, drawn as a dashed line."""
    sign: bool = False
    """A difference: figures carry a plus, and 0 is drawn as a line."""
    ranks: bool = False
    """Whole numbers from 1."""

    @property
    def description(self) -> str:
        """The whole plot as text, for readers that do not see it."""
        return "; ".join(f"{row.label}: {self.text(row)}" for row in self.rows)

    def text(self, row: ForestRow) -> str:
        """What stands beside a row."""
        return row.text(sign=self.sign, whole=self.ranks)

    @property
    def values(self) -> list[float]:
        """Every value that the axis has to span."""
        results = [*(row.result for row in self.rows), self.reference]
        ends = [end for one in results if one is not None for end in (one.low, one.value, one.high)]
        return [end for end in [*ends, self.chance] if end is not None]


def forest_plots(material: Material) -> list[Forest]:
    """The plot against held-out raters with the human reference first, then one for each main metric."""
    index = material.index

    def held_out(line: Line) -> MetricResult | None:
        return index.get(MAIN, line.subject.name, "held_out")

    ceiling = index.get(MAIN, HUMAN_REFERENCE, "held_out")
    plots = [
        Forest(
            id="held-out",
            heading="F1@k against one rater at a time",
            axis="F1@k against the held-out rater",
            caption="Each rater is the target once; the band is what the other raters reach, the ceiling for any "
            "method.",
            rows=_rows(material, held_out),
            reference=ceiling if ceiling is not None and ceiling.value is not None else None,
            chance=_chance(material, held_out),
        )
    ]
    against = {
        "token_f1@k": "F1@k against the majority of raters",
        "average_precision": "Average precision against the majority of raters",
        "spearman": "Spearman with the share of raters that marked",
        "dsa_minus_uniform": "DSA minus uniform: evidence over distractor",
    }
    for metric in COLUMNS:

        def over_all(line: Line, metric: str = metric) -> MetricResult | None:
            return line.figures.get(metric)

        plots.append(
            Forest(
                id=metric.replace("@", "-"),
                heading=against[metric],
                axis=heading(metric),
                caption=about(metric),
                rows=_rows(material, over_all),
                chance=_chance(material, over_all),
            )
        )
    return [plot for plot in plots if plot.rows]


def rank_plot(material: Material) -> Forest | None:
    """Ranks of the methods with their intervals, in the main metric or the first that has any."""
    metrics = material.metrics_of("rank")
    if not metrics:
        return None
    return Forest(
        id="rank",
        heading=f"Rank by {heading(metrics[0])}",
        axis="rank, 1 is best",
        caption="Rank among those compared, 1 is best. Methods whose intervals share a rank may change places.",
        rows=_rows(material, lambda line: material.index.get(metrics[0], line.subject.name, "rank")),
        ranks=True,
    )


def anchoring_plot(material: Material) -> Forest | None:
    """Alignment with raters who saw an attribution, minus that with raters who did not."""
    metrics = material.metrics_of("anchoring")
    if not metrics:
        return None
    return Forest(
        id="anchoring",
        heading=f"Anchoring: {heading(metrics[0])}, assisted minus blind",
        axis=f"difference in {heading(metrics[0])}",
        caption="Above 0: raters who saw an attribution came closer to the method than raters who did not.",
        rows=_rows(material, lambda line: material.index.get(metrics[0], line.subject.name, "anchoring")),
        sign=True,
    )


def pair_plot(material: Material) -> Forest | None:
    """The paired differences of the best method with every other one and with every baseline."""
    scored = [line for line in material.lines if not line.subject.baseline and MAIN in line.figures]
    if not scored or scored[0].figures[MAIN].value is None:
        return None
    best = scored[0]

    def difference(line: Line) -> MetricResult | None:
        return signed_difference(material, MAIN, best.subject.name, line.subject.name)

    plot = Forest(
        id="best-minus",
        heading=f"{best.label} minus each other, {heading(MAIN)}",
        axis=f"difference in {heading(MAIN)}",
        caption=f"Paired differences over the same items, {best.label} minus the row; left of 0 the row is better.",
        rows=_rows(material, difference),
        sign=True,
    )
    return plot if plot.rows else None


def stratum_plots(material: Material) -> list[Forest]:
    """For each part of the items, methods in the main metric: for papers, where the page has a table."""
    found = []
    for dimension, values in material.strata.items():
        for number, value in enumerate(values, start=1):
            variant = f"{dimension}={value}"

            def over_part(line: Line, variant: str = variant) -> MetricResult | None:
                return material.index.get(MAIN, line.subject.name, variant)

            found.append(
                Forest(
                    id=f"strata-{dimension.replace(' ', '-')}-{number}",
                    heading=f"{heading(MAIN)}, {dimension}: {value}",
                    axis=heading(MAIN),
                    caption=f"Only items whose {dimension} is {value}.",
                    rows=_rows(material, over_part),
                    chance=_chance(material, over_part),
                )
            )
    return [plot for plot in found if plot.rows]


def signed_difference(material: Material, metric: str, first: str, second: str) -> MetricResult | None:
    """The difference `first` minus `second`; a pair is recorded once, and turned round where that is the other way."""
    found = material.index.get(metric, f"{first} minus {second}", "difference")
    if found is not None:
        return found
    other = material.index.get(metric, f"{second} minus {first}", "difference")
    return None if other is None else turned(other)


def _rows(material: Material, take: Callable[[Line], MetricResult | None]) -> tuple[ForestRow, ...]:
    """A row for each method and baseline that has the figure, best first."""
    return tuple(
        ForestRow(row_label(line), "baseline" if line.subject.baseline else "method", found)
        for line in material.lines
        if (found := take(line)) is not None
    )


def _chance(material: Material, take: Callable[[Line], MetricResult | None]) -> float | None:
    """The figure of the random baseline."""
    found = next((one for line in material.lines if line.subject.method == RANDOM and (one := take(line))), None)
    return None if found is None else found.value
