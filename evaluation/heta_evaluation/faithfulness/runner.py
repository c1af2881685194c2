"""Faithfulness of a working folder: settings, model, rows and metrics brought together, run, and summed up."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import heta
from heta.errors import ConfigError, InputError
from heta_data.attribution_files import read_attributions
from heta_data.errors import IntegrityError
from heta_data.items import read_items
from heta_data.jsonl import read_records, write_records
from heta_data.records import AttributionRecord, Item, MetricResult, TokenLabels
from heta_data.sealing import seal
from heta_data.workspace import Workspace
from heta_evaluation.alignment.subjects import Subject
from heta_evaluation.faithfulness.base import FaithfulnessMetric, PairMetric, RobustnessMetric
from heta_evaluation.faithfulness.controls import random_weights
from heta_evaluation.faithfulness.files import Store
from heta_evaluation.faithfulness.pairs import read_pairs
from heta_evaluation.faithfulness.results import summary_results
from heta_evaluation.faithfulness.run import Cost, Failure, ModelMetric, Progress, Run
from heta_evaluation.faithfulness.settings import FaithfulnessSettings
from heta_evaluation.faithfulness.subjects import find_sources
from heta_evaluation.labels import Selection, select_labels
from heta_evaluation.metrics import METRICS


@dataclass(frozen=True)
class Faithfulness:
    """What a run found and did."""

    results: tuple[MetricResult, ...]
    """What faithfulness.jsonl holds."""
    subjects: tuple[Subject, ...]
    metrics: tuple[ModelMetric, ...]
    notes: tuple[str, ...]
    failures: tuple[Failure, ...]
    items: int
    done: int
    """Rows times metrics of items, computed by this run."""
    skipped: int
    """The same, there already."""
    cost: Cost
    files: tuple[Path, ...]


def measure(
    workspace: Workspace,
    *,
    limit: int | None = None,
    progress: Progress | None = None,
    loaded: heta.LoadedModel | None = None,
    narrowed: Sequence[ModelMetric] | None = None,
    **overrides: object | None,
) -> Faithfulness:
    """Measure a folder: values of items into `faithfulness/<model>/`, the summary into `faithfulness.jsonl`.

    What is there already, of exactly these settings and this model, is not computed again; the summary is over the
    items of this call. The same inputs, settings and metrics give the same bytes, interrupted or not.

    Args:
        workspace: the folder; locked while this runs.
        limit: only the first items.
        progress: called with (rows times metrics of items dealt with, all of them), first with (0, n).
        loaded: a model in memory; None loads the one that the settings name.
        narrowed: metrics with fewer variants, each in place of the registered one of its name; None for none.
        overrides: fields of `FaithfulnessSettings` over `[faithfulness]` of heta.toml; None leaves a field as it is.

    Raises:
        InputError: no items, or pairs that do not fit them.
        ConfigError, UnknownName: a setting, metric or method that cannot be used.
        IntegrityError: records that do not belong to each other.
        RecordError: a line of a file cannot be read.
        FolderBusy: another process writes here.
    """
    settings = workspace.settings("faithfulness", FaithfulnessSettings, overrides)
    fewer = {metric.name: metric for metric in narrowed or ()}
    metrics = [fewer.get(metric.name, metric) for metric in chosen_metrics(settings)]
    everything = read_items(workspace.items)
    _check_items(everything)
    items = everything[:limit]
    pairs = _pairs(workspace, settings, items)
    loaded = loaded or heta.load_model(settings.model, revision=settings.revision, device=settings.device)
    with workspace.lock():
        selection, said = _labels(workspace, everything, settings)
        shuffled = random_weights(loaded, settings.seed) if settings.random_weights else None
        records = _records(workspace, everything, items)
        found = find_sources(items, loaded, records, selection, settings.methods, shuffled)
        # As the folder of the model's attributions is called.
        folder = workspace.faithfulness / workspace.attribution_file(loaded.identity.name, "any", "").parent.name
        run = Run(loaded, items, found.sources, metrics, settings, Store(folder), pairs)
        run.go(progress)
        notes = (*found.notes, *said, *_scope_note(settings))
        results = seal(summary_results(run, notes))
        write_records(workspace.faithfulness_summary, results)
    return Faithfulness(
        results=results,
        subjects=tuple(source.subject for source in found.sources),
        metrics=tuple(metrics),
        notes=notes,
        failures=tuple(run.failures),
        items=len(items),
        done=run.done,
        skipped=run.possible - run.total,
        cost=run.cost,
        files=(workspace.faithfulness_summary, *(run.store.path(run.file(source)) for source in found.sources)),
    )


def chosen_metrics(settings: FaithfulnessSettings) -> list[ModelMetric]:
    """The metrics that the settings name.

    Raises:
        UnknownName: no metric has that name.
        ConfigError: a metric that needs no model, or `paraphrase_stability` and `pairs` without each other.
    """
    found: list[ModelMetric] = []
    for name in settings.metrics:
        metric = METRICS.get(name)
        if not isinstance(metric, FaithfulnessMetric | RobustnessMetric | PairMetric):
            raise ConfigError(
                f"metric {name!r} is one of {metric.family}, and not measured here: heta evaluate run computes it"
            )
        found.append(metric)
    paired = any(isinstance(metric, PairMetric) for metric in found)
    if paired and settings.pairs is None:
        raise ConfigError(
            "paraphrase_stability needs pairs of items: name a file with --pairs, or leave the metric out"
        )
    if not paired and settings.pairs is not None:
        raise ConfigError(
            "--pairs: no metric of this run reads pairs; add --metrics paraphrase_stability, or leave it out"
        )
    return found


def _check_items(items: Sequence[Item]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise IntegrityError(
                f"item {item.id} ({item.source}:{item.source_id}) stands twice in items.jsonl: remove one"
            )
        seen.add(item.id)


def _pairs(workspace: Workspace, settings: FaithfulnessSettings, items: Sequence[Item]) -> list[tuple[Item, Item]]:
    return [] if settings.pairs is None else read_pairs(workspace.root / settings.pairs, items)


def _records(workspace: Workspace, everything: Sequence[Item], items: Sequence[Item]) -> list[AttributionRecord]:
    """The attributions of `items`; those of other items of the folder play no part."""
    known, wanted = {item.id for item in everything}, {item.id for item in items}
    records = read_attributions(workspace)
    for record in records:
        if record.item_id not in known:
            raise IntegrityError(
                f"attribution by {record.method} ({record.model}) of item {record.item_id}: no such item in"
                " items.jsonl; restore the item or delete the record"
            )
    return [record for record in records if record.item_id in wanted]


def _labels(
    workspace: Workspace, everything: Sequence[Item], settings: FaithfulnessSettings
) -> tuple[Selection | None, list[str]]:
    """The labels that count, and why there are none where there are none."""
    if not workspace.labels.exists():
        return None, ["There are no labels, and so no row of them."]
    labels = list(read_records(workspace.labels, TokenLabels))
    try:
        return select_labels(everything, labels, settings.which_labels), []
    except InputError as error:
        return None, [f"There is no row of labels: {error}"]


def _scope_note(settings: FaithfulnessSettings) -> list[str]:
    if settings.scope == "prompt":
        return []
    return ["Masked and ranked are tokens of evidence and distractor; question and instruction stay as they are."]
