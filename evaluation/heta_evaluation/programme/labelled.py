"""Alignment with raters' labels: over all items, and over those that the model answers only with the evidence."""

from collections.abc import Callable, Sequence

from heta_data.records import AttributionRecord, Item, MetricResult, TokenLabels
from heta_evaluation.programme.order import GATED
from heta_evaluation.programme.settings import ProgrammeSettings
from heta_evaluation.runner import Inputs, evaluate_records
from heta_evaluation.summary import COLUMNS, MAIN

_KEPT = {*((metric, "main") for metric in COLUMNS), (MAIN, "normalised")}


def alignment_figures(
    items: Sequence[Item],
    gated: Sequence[Item],
    labels: Sequence[TokenLabels],
    records: Sequence[AttributionRecord],
    settings: ProgrammeSettings,
    progress: Callable[[int, int], None],
) -> list[MetricResult]:
    """The compared metrics and the share of the crowd, `main`; those over gated items end in `, gated`."""
    found = _figures(items, labels, records, settings, progress)
    if gated and len(gated) < len(items):
        part = _figures(gated, labels, records, settings, None)
        found += [one.model_copy(update={"variant": f"{one.variant}, {GATED}"}) for one in part]
    elif gated:
        found += [one.model_copy(update={"variant": f"{one.variant}, {GATED}"}) for one in list(found)]
    return found


def _figures(
    items: Sequence[Item],
    labels: Sequence[TokenLabels],
    records: Sequence[AttributionRecord],
    settings: ProgrammeSettings,
    progress: Callable[[int, int], None] | None,
) -> list[MetricResult]:
    kept = {item.id for item in items}
    inputs = Inputs(
        tuple(items),
        tuple(one for one in labels if one.item_id in kept),
        tuple(one for one in records if one.item_id in kept),
    )
    evaluation = evaluate_records(inputs, settings.evaluate, progress=progress)
    return [one for one in evaluation.results if one.item_id is None and (one.metric, one.variant) in _KEPT]
