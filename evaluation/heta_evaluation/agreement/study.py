"""The agreement of a folder's raters as records: over all items, by source, arm, rater, pair of raters and item."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from heta_data.inputs import inputs_fingerprint
from heta_data.jsonl import write_records
from heta_data.records import Item, MetricResult, TokenLabels
from heta_data.sealing import seal
from heta_data.workspace import Workspace
from heta_evaluation.agreement.coincidence import KRIPPENDORFF_ALPHA, PREVALENCE, coincidences
from heta_evaluation.agreement.draws import Estimate, crossed_estimates, item_draws, pair_estimates
from heta_evaluation.agreement.figures import (
    Figure,
    agreement_metrics,
    all_figures,
    coincidence_features,
    graded,
    level_figure,
    mean,
    pair_table,
    pooled,
)
from heta_evaluation.agreement.pairs import PAIRWISE_F1, PairMetric, PooledPairMetric
from heta_evaluation.agreement.results import RATERS
from heta_evaluation.alignment.table import Progress
from heta_evaluation.labels import label_notes, select_labels
from heta_evaluation.metrics.base import AgreementMetric, FloatArray, Grid, Value
from heta_evaluation.ratings import Ratings, collect_ratings
from heta_evaluation.results import EVALUATION, INTERVAL
from heta_evaluation.runner import read_labelled
from heta_evaluation.settings import EvaluateSettings
from heta_evaluation.statistics.bootstrap import FEW_RATERS

LEAVE_OUT, CHANGE, OTHERS = "leave_one_out", "leave_one_out_change", "with_others"
NEW_RATERS = "new_raters"


@dataclass(frozen=True)
class AgreementStudy:
    """What was found."""

    results: tuple[MetricResult, ...]
    ratings: Ratings
    settings: EvaluateSettings
    notes: tuple[str, ...]


def study_agreement(
    workspace: Workspace, *, progress: Progress | None = None, **overrides: object | None
) -> AgreementStudy:
    """Agreement of a folder's raters; writes agreement.jsonl, complete or not at all. Needs no attributions.

    Args:
        workspace: the folder; locked while this runs.
        progress: called with (steps done, steps).
        overrides: `kinds`, `arms`, `campaign`, `draws`, `seed` over `[evaluate]` of heta.toml; None leaves a field.

    Raises:
        InputError: no items, no labels, or none of the kinds and arms that count. ConfigError: a setting that cannot
            be used. IntegrityError: labels that do not belong to the items. RecordError: a line cannot be read.
            FolderBusy: another process writes here.
    """
    settings = workspace.settings("evaluate", EvaluateSettings, overrides)
    items, labels = read_labelled(workspace)
    with workspace.lock():
        study = study_records(items, labels, settings, progress=progress)
        write_records(workspace.agreement, seal(study.results))
    return study


def study_records(
    items: Sequence[Item],
    labels: Sequence[TokenLabels],
    settings: EvaluateSettings,
    *,
    progress: Progress | None = None,
) -> AgreementStudy:
    """The same on records in memory; nothing is written."""
    selection = select_labels(items, labels, settings)
    ratings = collect_ratings(items, selection)
    parts = [_Part(ratings, "main", settings)]
    sources = sorted({row.item.source for row in ratings.rows})
    if len(sources) > 1:
        parts += [_Part(ratings.of_source(name), f"source={name}", settings) for name in sources]
    for arm in settings.arms if len(settings.arms) > 1 else ():
        own = settings.model_copy(update={"arms": (arm,)})
        mine = (one for one in labels if one.campaign_hash.startswith(settings.campaign or ""))
        if any(one.arm == arm and one.kind in settings.kinds and one.answered for one in mine):
            parts.append(_Part(collect_ratings(items, select_labels(items, labels, own)), f"arm={arm}", settings))
    notes = (*label_notes(items, selection, settings), *_notes(ratings, selection.left_out))
    config = {
        "inputs": inputs_fingerprint(items, labels, ()),
        "notes": list(notes),
        "settings": settings.model_dump(mode="json"),
    }
    first = parts[0].record(EVALUATION, "items", Estimate(Value(float(len(items))), None, 0, len(items)), config=config)
    whole = parts[0]
    steps = [*(part.overall for part in parts), whole.new_raters, whole.by_rater, whole.by_pair, whole.by_item]
    results = [first]
    for number, step in enumerate(steps):
        results += step()
        if progress is not None:
            progress(number + 1, len(steps))
    return AgreementStudy(tuple(results), ratings, settings, notes)


class _Part:
    """The figures of some answers under one variant."""

    def __init__(self, ratings: Ratings, variant: str, settings: EvaluateSettings) -> None:
        self.ratings = ratings
        self.variant = variant
        self.settings = settings
        self.pairs = pair_table(ratings)
        self.drawn = item_draws(ratings, settings.draws, settings.seed)
        self.figures = list(all_figures(ratings))
        self.counted = coincidence_features(ratings)

    @cached_property
    def raters(self) -> int:
        """Raters with an answer among these."""
        return len({rater for row in self.ratings.rows for rater in row.raters.tolist()})

    @cached_property
    def behind(self) -> dict[str, Any]:
        """Kinds and arms of the answers, as they stand in every record."""
        return {"kinds": self.ratings.kinds, "arms": self.ratings.arms}

    def overall(self) -> Iterator[MetricResult]:
        """Every coefficient over all items."""
        for figure in self.figures:
            yield self.record(figure.metric.name, RATERS, self.drawn.estimate(figure))
        for metric in agreement_metrics():
            if isinstance(metric, PooledPairMetric):
                _, found = pair_estimates(self.pairs, metric, self.drawn)
                yield self.record(metric.name, RATERS, found)
        if graded(self.ratings):
            for level in ("ordinal", "nominal"):
                found = self.drawn.estimate(level_figure(self.ratings, KRIPPENDORFF_ALPHA, level))
                yield self.record(KRIPPENDORFF_ALPHA.name, RATERS, found, variant=self._named(f"levels {level}"))

    def new_raters(self) -> Iterator[MetricResult]:
        """The same with intervals over items and raters crossed; nothing below five raters."""
        if self.raters < FEW_RATERS:
            return
        figures = [one for one in self.figures if isinstance(one.metric, AgreementMetric | PairMetric)]
        found = crossed_estimates(self.ratings, figures, self.pairs, self.settings.draws, self.settings.seed)
        for figure, estimate in zip(figures, found, strict=True):
            yield self.record(figure.metric.name, RATERS, estimate, variant=NEW_RATERS, drawn="item groups x raters")

    def by_rater(self) -> Iterator[MetricResult]:
        """Each rater: alpha of the others, what changes without the rater, F1 with the others, share marked."""
        alpha = pooled(KRIPPENDORFF_ALPHA)
        for number, name in enumerate(self.ratings.raters):
            without = _without(self.ratings, number, self.counted)

            def change(sums: FloatArray) -> Grid:
                own, all_ = alpha(sums[:, :6]), alpha(sums[:, 6:])
                reasons = np.where(own.reasons == "", all_.reasons, own.reasons)
                return Grid(np.where(reasons == "", own.values - all_.values, 0.0), reasons)

            both = np.concatenate([without, self.counted], axis=1)
            f1 = self.pairs.item_means(PAIRWISE_F1, self.pairs.of_rater(number))
            own = np.zeros((len(self.ratings.rows), 2))
            for item, row in enumerate(self.ratings.rows):
                marks = row.labels[row.raters == number]
                own[item] = marks.sum(), marks.size
            for metric, variant, figure in (
                ("krippendorff_alpha", LEAVE_OUT, Figure(KRIPPENDORFF_ALPHA, without, alpha)),
                ("krippendorff_alpha", CHANGE, Figure(_CHANGE, both, change)),
                ("pairwise_f1", OTHERS, Figure(PAIRWISE_F1, f1, mean)),
                ("prevalence", "main", Figure(PREVALENCE, own, mean)),
            ):
                yield self.record(metric, name, self.drawn.estimate(figure), variant=variant)

    def by_pair(self) -> Iterator[MetricResult]:
        """Cohen's kappa of every two raters that share an item."""
        names = self.ratings.raters
        for metric in agreement_metrics():
            if isinstance(metric, PooledPairMetric):
                found, _ = pair_estimates(self.pairs, metric, self.drawn)
                for (first, second), estimate in found.items():
                    yield self.record(metric.name, f"{names[first]} & {names[second]}", estimate)

    def by_item(self) -> Iterator[MetricResult]:
        """Every coefficient of all raters, item by item; one item has no interval."""
        for figure in self.figures:
            cells = figure.reduce(figure.features)
            for number, row in enumerate(self.ratings.rows):
                estimate = Estimate(cells.at(number, 0), None, 0, int(cells.valid[number, 0]))
                yield self.record(figure.metric.name, RATERS, estimate, item_id=row.item.id, config={})

    def record(self, metric: str, subject: str, found: Estimate, **fields: Any) -> MetricResult:
        """One result; `config` says how its interval came about."""
        drawn = fields.pop("drawn", "item groups")
        ends, reason = found.interval, found.value.reason
        if reason == "no_pairs" and self.raters == 1:
            reason = "one_rater"
        fields.setdefault("config", self._how(found, drawn))
        fields.setdefault("variant", self.variant)
        return MetricResult(
            metric=metric,
            subject=subject,
            value=found.value.value,
            reason=reason,
            low=ends.low if ends else None,
            high=ends.high if ends else None,
            n=found.n,
            **self.behind,
            **fields,
        )

    def _how(self, found: Estimate, drawn: str) -> dict[str, Any]:
        count = self.raters
        note = {} if count >= FEW_RATERS else {"note": f"{count} raters: no claim about new raters"}
        if found.interval is None:
            return {"interval": "none", "raters": count, **note}
        return {
            "interval": f"95 % {INTERVAL}",
            "drawn": drawn,
            "bias": found.interval.bias,
            "draws": self.settings.draws,
            "lost_draws": found.lost,
            "seed": self.settings.seed,
            "raters": count,
            **note,
        }

    def _named(self, variant: str) -> str:
        return variant if self.variant == "main" else f"{self.variant}, {variant}"


def _without(ratings: Ratings, rater: int, counted: FloatArray) -> FloatArray:
    """`counted [item, 6]` with one rater's answers left out."""
    found = counted.copy()
    touched = [number for number, row in enumerate(ratings.rows) if rater in row.raters]
    tables = [ratings.rows[number].labels[ratings.rows[number].raters != rater] for number in touched]
    rest = coincidences((table.astype(float), np.ones(table.shape, dtype=bool)) for table in tables)
    found[touched] = np.concatenate([rest.pairs.reshape(len(touched), 4), rest.counts], axis=1)
    return found


def _notes(ratings: Ratings, left_out: Mapping[str, int]) -> Iterator[str]:
    """What a reader must know before believing a number."""
    count = len(ratings.raters)
    if count == 1:
        yield "One rater only: there is no agreement."
    elif count < FEW_RATERS:
        yield (
            f"{count} raters: intervals are over items, for these raters; with fewer than {FEW_RATERS} raters no claim "
            "about new raters is possible."
        )
    if missing := ratings.items - len(ratings.rows):
        yield f"{missing} of {ratings.items} items have no label that counts and play no part."
    if alone := sum(len(row.raters) == 1 for row in ratings.rows):
        yield f"{alone} of {ratings.items} items have one rater only and say nothing about agreement."
    if left_out:
        yield (
            "Labels left out: "
            + ", ".join(f"{number} {why.replace('_', ' ')}" for why, number in left_out.items())
            + "."
        )


_CHANGE = replace(KRIPPENDORFF_ALPHA, range=(-2.0, 2.0))
