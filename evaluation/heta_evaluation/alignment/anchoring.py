"""What a shown attribution does to raters: how much nearer to each method they mark with one than without."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heta.errors import InputError
from heta_data.errors import IntegrityError
from heta_data.records import AttributionRecord, Item, MetricResult, TokenLabels
from heta_data.workspace import Workspace
from heta_evaluation.alignment.scoring import item_metrics, uses_labels
from heta_evaluation.alignment.subjects import Subject
from heta_evaluation.alignment.table import Row, Table, build_table
from heta_evaluation.labels import select_labels
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import AlignmentMetric, BoolArray, FloatArray
from heta_evaluation.results import Writer
from heta_evaluation.settings import EvaluateSettings
from heta_evaluation.statistics.bootstrap import FEW_RATERS, Cells, Design, Draws, crossed_bootstrap
from heta_evaluation.statistics.intervals import IntArray

ARMS = ("blind", "assisted")
ANCHORING = "anchoring"
"""The variant of these results."""
_DEFAULT_METHOD = "heta_fast"
"""What [campaign] shows where it names no method."""


def shown_method(workspace: Workspace) -> dict[str, str]:
    """What [campaign] says that assisted raters see: `method`, and `model` and `config` where named; else nothing."""
    table = workspace.table("campaign")
    named = {str(key): str(table[key]) for key in ("method", "model", "config") if key in table}
    return {"method": _DEFAULT_METHOD, **named} if table else {}


@dataclass(frozen=True)
class _Pair:
    """The items that raters of both arms labelled, and who the raters are: those of both arms under one number."""

    blind: tuple[Row, ...]
    assisted: tuple[Row, ...]
    raters: tuple[tuple[IntArray, IntArray], ...]
    """Per item, the numbers of its raters of either arm."""
    names: tuple[tuple[str, ...], tuple[str, ...]]
    """The raters of either arm."""

    def design(self) -> Design:
        """Raters are drawn within their arm; who labelled in both is drawn for both."""
        numbers: dict[str, int] = {}
        groups = [numbers.setdefault(row.item.group, len(numbers)) for row in self.blind]
        everyone = sorted({*self.names[0], *self.names[1]})
        strata = [(name in self.names[0]) + 2 * (name in self.names[1]) for name in everyone]
        return Design(groups, [np.concatenate(both) for both in self.raters], len(everyone), tuple(strata))


def anchoring_results(
    writer: Writer,
    items: Sequence[Item],
    labels: Sequence[TokenLabels],
    attributions: Iterable[AttributionRecord],
    shown: Mapping[str, str],
) -> Iterator[MetricResult]:
    """Assisted minus blind, for each metric and method: mean over the items that raters of both arms labelled.

    In each arm the method is held against every single rater (k = what that one marked) and averaged: against a
    majority the arms would differ by their number of raters alone. Nothing where only one arm has labels.

    Args:
        writer: of the evaluation; its settings say which kinds and campaign count, here in both arms.
        items: the benchmark.
        labels: all labels of the folder.
        attributions: records of any methods.
        shown: what assisted raters saw, see `shown_method`; empty where that is not known.
    """
    settings = writer.settings
    counting = [record for record in labels if _counts(record, settings)]
    if {record.arm for record in counting} != set(ARMS):
        return
    metrics = [metric for metric in item_metrics() if metric.compared and uses_labels(metric)]
    try:
        pair, subjects = _pair(items, counting, tuple(attributions), settings)
    except (InputError, IntegrityError) as error:
        for metric in metrics:
            yield writer.record(
                metric.name, "raters", None, "arms_not_comparable", variant=ANCHORING, config={"problem": str(error)}
            )
        return
    for metric in metrics:
        yield from _metric_results(writer, metric, pair, subjects, shown)


def _counts(record: TokenLabels, settings: EvaluateSettings) -> bool:
    """Whether a label is an answer of the kinds and the campaign that count, in either arm."""
    of_campaign = settings.campaign is None or record.campaign_hash.startswith(settings.campaign)
    return record.answered and record.kind in settings.kinds and record.arm in ARMS and of_campaign


def _pair(
    items: Sequence[Item],
    labels: Sequence[TokenLabels],
    attributions: Sequence[AttributionRecord],
    settings: EvaluateSettings,
) -> tuple[_Pair, tuple[Subject, ...]]:
    """Both arms' labels on the items that have both.

    Raises:
        InputError, IntegrityError: the labels of an arm, or of both, cannot be put together.
    """
    tables: list[Table] = []
    segmentations = set()
    for arm in ARMS:
        selection = select_labels(items, labels, settings.model_copy(update={"arms": (arm,)}))
        segmentations.add(selection.segmentation)
        tables.append(build_table(items, selection, attributions, rule=settings.rule))
    if len(segmentations) > 1:
        raise InputError(f"the arms labelled different units: {', '.join(sorted(segmentations))}")
    both = [
        (blind, assisted)
        for blind, assisted in zip(tables[0].rows, tables[1].rows, strict=True)
        if len(blind.raters) and len(assisted.raters)
    ]
    if not both:
        raise InputError("no item has labels of both arms")
    names = tuple(table.raters for table in tables)
    everyone = sorted({*names[0], *names[1]})
    numbers = [np.asarray([everyone.index(name) for name in own], dtype=np.int64) for own in names]
    raters = tuple((numbers[0][blind.raters], numbers[1][assisted.raters]) for blind, assisted in both)
    rows = tuple(zip(*both, strict=True))
    # `random` has no scores of its own and stands last.
    return _Pair(rows[0], rows[1], raters, (names[0], names[1])), tables[0].subjects[:-1]


def _metric_results(
    writer: Writer, metric: AlignmentMetric, pair: _Pair, subjects: Sequence[Subject], shown: Mapping[str, str]
) -> Iterator[MetricResult]:
    count = len(subjects)

    def cells(item: int, weights: FloatArray) -> Cells:
        split = len(pair.raters[item][0])
        blind, has_blind = rater_means(pair.blind[item], metric, weights[:, :split])
        assisted, has_assisted = rater_means(pair.assisted[item], metric, weights[:, split:])
        valid = has_blind & has_assisted
        columns = [assisted - blind, blind, assisted]
        return Cells(np.concatenate([np.where(valid, one, 0.0) for one in columns], axis=1), np.tile(valid, (1, 3)))

    draws = crossed_bootstrap(pair.design(), cells, draws=writer.settings.draws, seed=writer.settings.seed)
    for number, subject in enumerate(subjects):
        yield _result(writer, metric, pair, draws, subject, (number, count + number, 2 * count + number), shown)


def _result(
    writer: Writer,
    metric: AlignmentMetric,
    pair: _Pair,
    draws: Draws,
    subject: Subject,
    columns: tuple[int, int, int],
    shown: Mapping[str, str],
) -> MetricResult:
    effect, blind, assisted = columns
    n = int(draws.n[effect])
    ends = draws.interval(effect) if n else None
    if ends is not None:
        low, high = METRICS.get(metric.name).range
        ends = ends.within(low - high, high - low)
    raters = tuple(len(names) for names in pair.names)
    config: dict[str, Any] = {**subject.description(), "raters": dict(zip(ARMS, raters, strict=True))}
    config["shown"] = _is_shown(subject, shown) if shown else None
    if n:
        config |= {"blind": float(draws.point[blind]), "assisted": float(draws.point[assisted])}
    how = writer.how(ends, draws.lost(effect), raters=max(raters) > 1)
    how.pop("note", None)
    if min(raters) < FEW_RATERS:
        how["note"] = f"{raters[0]} blind and {raters[1]} assisted raters: no claim about new raters"
    return writer.record(
        metric.name,
        subject.name,
        float(draws.point[effect]) if n else None,
        "no_common_items",
        variant=ANCHORING,
        low=ends.low if ends else None,
        high=ends.high if ends else None,
        n=n,
        arms=tuple(sorted(ARMS)),
        config={**config, **how},
    )


def _is_shown(subject: Subject, shown: Mapping[str, str]) -> bool:
    own = {"method": subject.method, "model": subject.model, "config": subject.config_hash}
    return all(own[key] == value for key, value in shown.items())


def rater_means(row: Row, metric: AlignmentMetric, weights: FloatArray) -> tuple[FloatArray, BoolArray]:
    """An item's subjects against its single raters, averaged by weight.

    Args:
        row: the item with `r` raters and `S` subjects.
        metric: a metric that uses labels.
        weights: `[P, r]`, how often each rater counts.

    Returns:
        Means `[P, S]`, and where there is one: a rater against whom the subject has no value is left out.
    """
    found = metric.compute(row.batch(row.labels, row.labels.astype(float)))
    valid = found.valid & row.present
    count = weights @ valid.astype(float)
    return weights @ np.where(valid, found.values, 0.0) / np.where(count == 0, 1.0, count), count > 0
