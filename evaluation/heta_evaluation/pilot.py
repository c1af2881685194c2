"""What a pilot says of a campaign to be planned: how figures vary between items and raters, and how fast people are."""

from statistics import median

from heta.errors import InputError
from heta_data.workspace import Workspace
from heta_evaluation.alignment.contrasts import families
from heta_evaluation.alignment.quantities import Column, Quantities
from heta_evaluation.alignment.table import Progress, build_table
from heta_evaluation.labels import Selection, select_labels
from heta_evaluation.runner import read_inputs
from heta_evaluation.settings import EvaluateSettings
from heta_evaluation.statistics.bootstrap import Draws
from heta_evaluation.statistics.planning import SECONDS, Assumptions
from heta_evaluation.statistics.power import components

DRAWS = 1000
"""Enough for standard deviations within a few percent."""


def assumptions_of_pilot(
    workspace: Workspace,
    metric: str,
    *,
    progress: Progress | None = None,
    **overrides: object | None,
) -> Assumptions:
    """Variance components of a metric, and of the paired difference of two methods, from a folder's labels.

    Args:
        workspace: the folder, read and not written.
        metric: a metric that methods are compared by and that labels enter.
        progress: called with (items done, items).
        overrides: fields of `EvaluateSettings` over `[evaluate]`. The first of `contrasts` is the pair; without any,
            the two methods with the highest figures.

    Raises:
        InputError: no labels that count, or nothing to compare.
        ConfigError: a contrast that names no two subjects.
    """
    settings = workspace.settings("evaluate", EvaluateSettings, overrides)
    inputs = read_inputs(workspace)
    selection = select_labels(inputs.items, inputs.labels, settings)
    quantities = Quantities(build_table(inputs.items, selection, inputs.attributions, rule=settings.rule))
    declared = families(settings.contrasts, quantities.table.subjects, quantities.pairs)[0]
    draws = quantities.bootstrap(DRAWS, settings.seed, progress)
    pair = quantities.pairs[declared.pairs[0]] if settings.contrasts else _best_pair(quantities, draws, metric)
    labelled = [len(row.raters) for row in quantities.table.rows if len(row.raters)]
    raters = sum(labelled) / len(labelled)
    level, difference = (
        quantities.index[Column(metric, "main", pair[0])],
        quantities.index[Column(metric, "difference", *pair)],
    )
    if draws.n[difference] < 2:
        raise InputError(f"{workspace.root}: fewer than 2 items have a value of {metric} for both; label more items")
    names = " and ".join(quantities.table.subjects[one].name for one in pair)
    return Assumptions(
        metric,
        components(draws, level, raters),
        components(draws, difference, raters),
        _seconds(selection),
        f"pilot of {int(draws.n[difference])} items and {len(quantities.table.raters)} raters, {names}",
        per_document=float(draws.n[difference] / draws.groups[difference]),
        kinds=quantities.table.kinds,
        arms=quantities.table.arms,
    )


def _best_pair(quantities: Quantities, draws: Draws, metric: str) -> tuple[int, int]:
    methods = sorted(
        quantities.table.methods,
        key=lambda method: -draws.point[quantities.index[Column(metric, "main", method)]],
    )
    if not methods:
        raise InputError("the folder holds no attributions, so there is nothing to compare: heta data attribute")
    if len(methods) > 1:
        return min(methods[:2]), max(methods[:2])
    rivals = [pair for pair in quantities.pairs if pair[0] == methods[0]]
    return max(rivals, key=lambda pair: draws.point[quantities.index[Column(metric, "main", pair[1])]])


def _seconds(selection: Selection) -> float:
    """Median seconds of an answer; what people need in general where nothing was measured."""
    measured = [labels.seconds for labels in selection.used if labels.seconds]
    return float(median(measured)) if measured else SECONDS
