"""DSA over both segment orders, for all items and for those that the model answers only with the evidence."""

from collections.abc import Sequence

from heta_data.records import AttributionRecord, Item, MetricResult
from heta_evaluation.alignment.orders import order_results
from heta_evaluation.alignment.quantities import Quantities
from heta_evaluation.alignment.table import Table, build_table
from heta_evaluation.labels import Selection
from heta_evaluation.programme.answers import Answers
from heta_evaluation.results import Writer
from heta_evaluation.settings import EvaluateSettings

GATED = "gated"
"""How the variants end of figures over items that the model answers, in both orders, and fails without the evidence."""


def order_figures(
    items: Sequence[Item], records: Sequence[AttributionRecord], answers: Answers, settings: EvaluateSettings
) -> list[MetricResult]:
    """`dsa_minus_uniform` averaged over both orders and the order effect of `dsa`, over all pairs and the gated ones.

    Empty where no item comes in both orders. Figures over gated pairs have the variants `order_averaged, gated` and
    `order_effect, gated`; there are none where no pair is gated.
    """
    gated = {item.id for item in items if answers.gated(item)}
    whole = _table(items, records, settings)
    kept = {
        item
        for first, last in whole.twins()
        for item in (whole.rows[first].item.id, whole.rows[last].item.id)
        if {whole.rows[first].item.id, whole.rows[last].item.id} <= gated
    }
    found = _figures(whole, settings)
    if kept:
        some = [item for item in items if item.id in kept]
        part = _figures(_table(some, [one for one in records if one.item_id in kept], settings), settings)
        found += [one.model_copy(update={"variant": f"{one.variant}, {GATED}"}) for one in part]
    return found


def _table(items: Sequence[Item], records: Sequence[AttributionRecord], settings: EvaluateSettings) -> Table:
    return build_table(items, Selection({item.id: () for item in items}), records, rule=settings.rule)


def _figures(table: Table, settings: EvaluateSettings) -> list[MetricResult]:
    quantities = Quantities(table)
    return list(order_results(Writer(table, settings), [quantities.observed(row) for row in table.rows]))
