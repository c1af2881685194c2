"""One evaluation of a working folder: items, labels and attributions in, gold.jsonl and results.jsonl out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from heta.errors import InputError
from heta_data.attribution_files import read_attributions
from heta_data.inputs import inputs_fingerprint
from heta_data.jsonl import read_records, write_records
from heta_data.records import AttributionRecord, GoldLabels, Item, MetricResult, Record, TokenLabels
from heta_data.sealing import seal
from heta_data.workspace import Workspace
from heta_evaluation.aggregation.gold import choose_gold, keep_adjudicated, read_gold
from heta_evaluation.agreement.results import agreement_results
from heta_evaluation.alignment.anchoring import anchoring_results, shown_method
from heta_evaluation.alignment.comparisons import comparison_results
from heta_evaluation.alignment.contrasts import families, settling_notes
from heta_evaluation.alignment.orders import order_results
from heta_evaluation.alignment.pooled import pooled_results
from heta_evaluation.alignment.projection import bias_results, measure_models
from heta_evaluation.alignment.quantities import Quantities
from heta_evaluation.alignment.results import alignment_results, item_results
from heta_evaluation.alignment.table import Progress, Table, build_table
from heta_evaluation.labels import label_notes, select_labels
from heta_evaluation.ratings import collect_ratings
from heta_evaluation.results import Writer, count_results
from heta_evaluation.settings import EvaluateSettings

R = TypeVar("R", bound=Record)

_NO_ITEMS = "build items first (heta data build)"
_NO_LABELS = "collect labels first (heta campaign push, then pull)"


@dataclass(frozen=True)
class Inputs:
    """What an evaluation reads."""

    items: tuple[Item, ...]
    labels: tuple[TokenLabels, ...]
    attributions: tuple[AttributionRecord, ...]
    campaign_gold: tuple[GoldLabels, ...] | None = None
    """The campaign's own gold labels; None where there is no such file."""
    shown: Mapping[str, str] = field(default_factory=dict)
    """Whose attribution assisted raters saw; see `alignment.anchoring.shown_method`."""

    def fingerprint(self) -> str:
        """Content hash over everything read, without measured times: tells whether results are still current."""
        return inputs_fingerprint(self.items, self.labels, self.attributions)


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found."""

    results: tuple[MetricResult, ...]
    gold: tuple[GoldLabels, ...]
    table: Table
    settings: EvaluateSettings


def read_inputs(workspace: Workspace) -> Inputs:
    """Items, labels, attributions and the campaign's gold labels of the folder; the last two may be missing.

    Raises:
        InputError: there are no items or no labels yet; the message says which command makes them.
        RecordError: a line of a file cannot be read. IntegrityError: an item has gold labels twice.
    """
    items, labels = read_labelled(workspace)
    gold = tuple(read_gold(workspace.campaign_gold).values()) if workspace.campaign_gold.exists() else None
    return Inputs(items, labels, tuple(read_attributions(workspace)), gold, shown_method(workspace))


def read_labelled(workspace: Workspace) -> tuple[tuple[Item, ...], tuple[TokenLabels, ...]]:
    """Items and labels of the folder.

    Raises:
        InputError: there are no items or no labels yet. RecordError: a line of a file cannot be read.
    """
    _check_there(workspace)
    items = tuple(_read(workspace.items, Item, _NO_ITEMS))
    return items, tuple(_read(workspace.labels, TokenLabels, _NO_LABELS))


def _check_there(workspace: Workspace) -> None:
    for path, remedy in ((workspace.items, _NO_ITEMS), (workspace.labels, _NO_LABELS)):
        if not path.exists():
            raise InputError(f"{path}: no such file; {remedy}")


def _read(path: Path, kind: type[R], remedy: str) -> list[R]:
    records = list(read_records(path, kind))
    if not records:
        raise InputError(f"{path}: holds no records; {remedy}")
    return records


def evaluate(
    workspace: Workspace,
    *,
    progress: Progress | None = None,
    **overrides: object | None,
) -> Evaluation:
    """Evaluate a working folder and write gold.jsonl and results.jsonl, each complete or not at all.

    The same inputs and settings give the same bytes.

    Args:
        workspace: the folder; locked while this runs.
        progress: called with (steps done, steps), two steps an item.
        overrides: fields of `EvaluateSettings` (`kinds`, `arms`, `campaign`, `draws`, `seed`, `rule`, `gold`) over
            `[evaluate]` of heta.toml; None leaves a field as it is.

    Raises:
        InputError: no items, no labels, or none of the kinds and arms that count; or gold.jsonl holds an adjudicator's
            decisions that stand nowhere else.
        ConfigError: a setting that cannot be used.
        IntegrityError: labels or attributions that do not belong to the items.
        RecordError: a line of a file cannot be read.
        FolderBusy: another process writes here.
    """
    settings = workspace.settings("evaluate", EvaluateSettings, overrides)
    # Before the lock, which would make the folder.
    _check_there(workspace)
    with workspace.lock():
        inputs = read_inputs(workspace)
        evaluation = evaluate_records(inputs, settings, progress=progress)
        keep_adjudicated(workspace, evaluation.gold)
        write_records(workspace.gold, evaluation.gold)
        write_records(workspace.results, evaluation.results)
    return evaluation


def evaluate_records(inputs: Inputs, settings: EvaluateSettings, *, progress: Progress | None = None) -> Evaluation:
    """The same on records in memory; nothing is written."""
    selection = select_labels(inputs.items, inputs.labels, settings)
    gold = choose_gold(
        collect_ratings(inputs.items, selection), settings.gold, inputs.campaign_gold, seed=settings.seed
    )
    table = build_table(
        inputs.items,
        selection,
        inputs.attributions,
        rule=settings.rule,
        gold=gold.fixed,
        progress=_part(progress, 0),
    )
    said = label_notes(inputs.items, selection, settings)
    quantities = Quantities(table)
    compared = families(settings.contrasts, table.subjects, quantities.pairs)
    limits = settling_notes(compared, table.design().n_groups, settings.draws)
    table = replace(table, notes=(*gold.notes, *said, *table.notes, *limits))
    draws = quantities.bootstrap(settings.draws, settings.seed, _part(progress, 1))
    observed = [quantities.observed(row) for row in table.rows]
    writer = Writer(table, settings)
    results = (
        *count_results(writer, inputs.fingerprint(), gold.described()),
        *agreement_results(writer),
        *alignment_results(writer, quantities, draws, observed),
        *pooled_results(writer, quantities, draws),
        *comparison_results(writer, quantities, draws, observed, compared),
        *anchoring_results(writer, inputs.items, inputs.labels, inputs.attributions, inputs.shown),
        *order_results(writer, observed),
        *bias_results(
            writer,
            measure_models(table, inputs.items, inputs.attributions, selection.segmentation, settings.seed),
        ),
        *item_results(writer, quantities, observed),
    )
    return Evaluation(seal(results), gold.records, table, settings)


def _part(progress: Progress | None, number: int) -> Progress | None:
    """Progress of the first or the second half of the work."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, 2 * total)
