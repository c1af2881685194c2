"""How far each rule for carrying token scores to words prefers words of several tokens, measured on random scores."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from heta.records import Span
from heta.words import Overlap, Rule, overlap
from heta_data.compose import label_units
from heta_data.records import AttributionRecord, Item, MetricResult
from heta_evaluation.alignment.table import Table
from heta_evaluation.metrics.base import Metric
from heta_evaluation.results import Writer

RULES: tuple[Rule, ...] = ("max", "sum", "mean", "first")
_ITEMS = 200
"""Items that are measured for each model, evenly spread."""
_DRAWS = 4_000
"""Random scores over all of them, at least ten an item."""

PROJECTION_BIAS = Metric(
    name="projection_bias",
    title="how far words of several tokens rank above the middle when every token's score is random, in per cent",
    family="attribution",
    range=(-50.0, 50.0),
    direction="neutral",
    needs=("tokens",),
    reference="100 (mean rank of words of several tokens / number of words - 1/2), ranks from 1/2; 0: no preference",
    ties="average ranks",
    empty="labels are not used",
    constant="scores are drawn",
)


@dataclass(frozen=True)
class Bias:
    """What one rule does to the words of one model's tokenizer."""

    rule: Rule
    value: float | None
    """Per cent; None where no word has several tokens, or every one does."""
    error: float
    """Monte-Carlo standard error of `value`, between items."""
    words: int
    """Words of several tokens behind it."""


def projection_biases(
    items: Mapping[str, Item], records: Iterable[AttributionRecord], segmentation: str, seed: int
) -> list[Bias]:
    """Each rule's bias on the tokens of one model: those of its records, an item once."""
    layouts = {record.item_id: record for record in records if record.unit == "token"}
    chosen = list(layouts.values())[:: max(1, len(layouts) // _ITEMS)]
    rng = np.random.default_rng(seed)
    ranks: dict[Rule, list[float]] = {rule: [] for rule in RULES}
    words, draws = 0, max(10, _DRAWS // max(len(chosen), 1))
    for record in chosen:
        found = _overlap(items[record.item_id], record, segmentation)
        several = found.counts > 1
        if not several.any() or several.all():
            continue
        words += int(several.sum())
        scores = rng.random((draws, len(record.starts)))
        for rule in RULES:
            carried = np.stack([found.carry(row, rule) for row in scores])
            place = (rankdata(carried, axis=1) - 0.5) / carried.shape[1]
            ranks[rule].append(100 * float(place[:, several].mean() - 0.5))
    return [_bias(rule, values, words) for rule, values in ranks.items()]


def _bias(rule: Rule, values: list[float], words: int) -> Bias:
    if not values:
        return Bias(rule, None, 0.0, 0)
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
    return Bias(rule, float(np.mean(values)), error, words)


def _overlap(item: Item, record: AttributionRecord, segmentation: str) -> Overlap:
    spans = [Span(start, end) for start, end in zip(record.starts, record.ends, strict=True)]
    scored = np.asarray([score is not None for score in record.scores], dtype=bool)
    return overlap(item.prompt, spans, scored, label_units(item, segmentation))


def bias_results(writer: Writer, models: Mapping[str, Sequence[Bias]]) -> Iterator[MetricResult]:
    """A figure for each model and rule: `projection_bias`, the rule as the variant."""
    for model, biases in models.items():
        for one in biases:
            config = {"monte_carlo_error": one.error, "scores": "uniform, independent by token"}
            yield writer.record(
                PROJECTION_BIAS.name,
                model,
                one.value,
                "one_token_words",
                variant=one.rule,
                n=one.words,
                config=config,
            )


def measure_models(
    table: Table, items: Sequence[Item], records: Sequence[AttributionRecord], segmentation: str, seed: int
) -> dict[str, list[Bias]]:
    """Each model's figures; two revisions of one model can cut words otherwise, so each is measured."""
    known = {item.id: item for item in items}
    found = {}
    for model in table.models:
        keys = {subject.key for subject in table.subjects if subject.model_name == model}
        own = (record for record in records if record.key[1:] in keys)
        found[model] = projection_biases(known, own, segmentation, seed)
    return found
