"""Gathers what the report shows, from the records of an evaluated folder, and writes the page."""

import json
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from heta.errors import InputError
from heta_data.errors import IntegrityError
from heta_data.options import folder_flag
from heta_data.records import MetricResult
from heta_data.workspace import Workspace
from heta_evaluation.aggregation.gold import choose_gold
from heta_evaluation.agreement.results import rater_counts
from heta_evaluation.alignment.quantities import answered_by
from heta_evaluation.alignment.table import Table, build_table
from heta_evaluation.labels import select_labels
from heta_evaluation.metrics import METRICS
from heta_evaluation.ratings import collect_ratings
from heta_evaluation.report.browser import item_cards
from heta_evaluation.report.plots import forest_plots
from heta_evaluation.results import ANSWERED, EVALUATION, HUMAN_REFERENCE, LABELS, ResultIndex
from heta_evaluation.runner import Inputs, read_inputs
from heta_evaluation.sealing import read_sealed
from heta_evaluation.settings import EvaluateSettings
from heta_evaluation.summary import (
    COLUMNS,
    MAIN,
    Line,
    banners,
    figure,
    interval,
    notes,
    number,
    p_text,
    short_names,
    verdict,
    verdict_lines,
)

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
AGREEMENT = ("krippendorff_alpha", "positive_agreement", "raw_agreement", "prevalence")


def write_report(workspace: Workspace, out: Path) -> Path:
    """Write the report of a folder to `out`. See `report.build_report`."""
    if not workspace.results.exists():
        raise InputError(f"{workspace.results}: no such file; run the evaluation first (heta evaluate run)")
    results = read_sealed(workspace.results)
    inputs = read_inputs(workspace)
    page = render(results, inputs, name=workspace.root.resolve().name)
    _warn_of_other_settings(workspace, results)
    try:
        _write_whole(out, page)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}; give another file with --out") from None
    return out


def _warn_of_other_settings(workspace: Workspace, results: Sequence[MetricResult]) -> None:
    """Say so where heta.toml asks for other settings than the run had: by a flag, or because it changed since.

    Other inputs are refused, because the page would show them beside results of others. Settings it takes from the run.
    """
    evaluation = ResultIndex(results).get(EVALUATION, "items")
    now = workspace.settings("evaluate", EvaluateSettings, {}).model_dump(mode="json")
    had = evaluation.config["settings"] if evaluation is not None else now
    said = [
        f"{key} = {json.dumps(now[key])} (the run had {json.dumps(had.get(key))})"
        for key in workspace.table("evaluate")
        if now[key] != had.get(key)
    ]
    if said:
        log.warning(
            "%s: [evaluate] says %s; the report describes the run: heta evaluate run%s applies the file",
            *(workspace.config, ", ".join(said), folder_flag(workspace.root)),
        )


def render(results: Sequence[MetricResult], inputs: Inputs, *, name: str) -> str:
    """The page as one string.

    Raises:
        IntegrityError: the results do not belong to these inputs.
    """
    index = ResultIndex(results)
    evaluation = index.get(EVALUATION, "items")
    if evaluation is None or evaluation.config.get("inputs") != inputs.fingerprint():
        raise IntegrityError(
            "results.jsonl was computed from other items, labels or attributions than are there now: "
            "run heta evaluate run again"
        )
    settings = EvaluateSettings.model_validate(evaluation.config["settings"])
    selection = select_labels(inputs.items, inputs.labels, settings)
    gold = choose_gold(
        collect_ratings(inputs.items, selection), settings.gold, inputs.campaign_gold, seed=settings.seed
    )
    if evaluation.config.get("gold", gold.described()) != gold.described():
        raise IntegrityError("campaign_gold.jsonl has changed since the evaluation: run heta evaluate run again")
    table = build_table(inputs.items, selection, inputs.attributions, rule=settings.rule, gold=gold.fixed)
    lines = verdict_lines(table.subjects, index)
    scores: dict[str, dict[str, float | None]] = {}
    for result in results:
        if result.item_id is not None and result.metric == MAIN:
            scores.setdefault(result.item_id, {})[result.subject] = result.value
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(figure=figure, interval=interval, number=number, p=p_text)
    return environment.get_template("report.html.j2").render(
        name=name,
        style=_asset("report.css"),
        script=_asset("report.js"),
        banners=banners(results),
        kinds=table.kinds,
        arms=table.arms,
        verdict=verdict(table.subjects, index),
        notes=notes(index),
        lines=lines,
        columns=COLUMNS,
        answered=_answered(table, lines, index),
        ceiling=index.get(MAIN, HUMAN_REFERENCE, "held_out"),
        twins=any(line.order_effect for line in lines),
        seconds=table.seconds,
        plots=forest_plots(lines, index),
        comparisons=_comparisons(table, index),
        agreement=[(METRICS.get(key), index.get(key, "raters")) for key in AGREEMENT],
        raters=rater_counts(table),
        labels=[one for variant in ("used", *table.left_out) if (one := index.get(LABELS, "raters", variant))],
        cards=item_cards(table, scores),
        metrics=[METRICS.get(key) for key in METRICS],
        settings=settings,
        inputs=evaluation.config["inputs"],
    )


def _answered(
    table: Table, lines: Sequence[Line], index: ResultIndex
) -> list[tuple[MetricResult, list[tuple[Line, list[MetricResult | None]]]]]:
    """For each model: how many items it answers, and each row's figures over those items."""
    found = []
    for model in table.models:
        count = index.get(ANSWERED, model)
        if count is not None and count.value is not None:
            rows = [line for line in lines if line.subject.baseline or line.subject.model_name == model]
            variant = answered_by(model)
            figures = [(line, [index.get(metric, line.subject.name, variant) for metric in COLUMNS]) for line in rows]
            found.append((count, figures))
    return found


def _comparisons(table: Table, index: ResultIndex) -> list[tuple[str, str, MetricResult]]:
    """Paired differences in F1@k with the names of both sides, largest difference first."""
    names = short_names(table.subjects)
    found = []
    for first in (subject for subject in table.subjects if not subject.baseline):
        for second in table.subjects:
            result = index.get(MAIN, f"{first.name} minus {second.name}", "difference")
            if result is not None:
                found.append((names[first.name], names[second.name], result))
    return sorted(found, key=lambda one: -abs(one[2].value or 0.0))


def _asset(name: str) -> Markup:
    # Our own files, and the only text that goes into the page unescaped.
    return Markup((_HERE / "templates" / name).read_text(encoding="utf-8"))  # noqa: S704


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
