"""Gathers what the report shows, from the records of an evaluated folder, and writes the page."""

import base64
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pydantic import ValidationError

from heta.errors import InputError
from heta_data.errors import IntegrityError
from heta_data.options import folder_flag
from heta_data.records import MetricResult
from heta_data.sealing import check_seal
from heta_data.workspace import Workspace
from heta_evaluation.aggregation.gold import choose_gold
from heta_evaluation.alignment.table import build_table
from heta_evaluation.labels import select_labels
from heta_evaluation.metrics import METRICS
from heta_evaluation.ratings import collect_ratings
from heta_evaluation.report.agreement import AGREEMENT, agreement_sheet, rater_pair_sheet, rater_sheet
from heta_evaluation.report.browser import pack_items
from heta_evaluation.report.files import NOTHING_ELSE, Extras, read_extras, read_results, write_whole
from heta_evaluation.report.matrix import pair_matrix
from heta_evaluation.report.paired import paired
from heta_evaluation.report.plots import anchoring_plot, forest_plots, pair_plot, rank_plot
from heta_evaluation.report.raters import rater_facts
from heta_evaluation.report.report import Report, item_scores, material_of
from heta_evaluation.report.sections import (
    anchoring_sheet,
    answered_sheets,
    detectable_sheet,
    faithfulness_sheet,
    pair_sheet,
    reference_sheet,
    subject_sheet,
    verdict_sheet,
)
from heta_evaluation.report.stale import check_extras
from heta_evaluation.report.strata import further_figures, main_strata, strata_sheets, view_sheet
from heta_evaluation.report.svg import WIDE, draw
from heta_evaluation.report.verdicts import judge_sheets, opinion_sheets
from heta_evaluation.results import EVALUATION, LABELS, ResultIndex
from heta_evaluation.runner import Inputs, read_inputs
from heta_evaluation.settings import EvaluateSettings
from heta_evaluation.summary import figure, interval, notes, number, verdict

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent


def read_report(workspace: Workspace) -> Report:
    """Everything a report is made of, read from an evaluated folder. See `report.build_report` for what it raises."""
    if not workspace.results.exists():
        raise InputError(f"{workspace.results}: no such file; run the evaluation first (heta evaluate run)")
    check_seal(workspace.results)
    results = read_results(workspace.results)
    report = assemble(results, read_inputs(workspace), read_extras(workspace))
    _warn_of_other_settings(workspace, results)
    return report


def write_page(report: Report, out: Path, *, name: str) -> Path:
    """Write the page of a report to `out`, complete or not at all."""
    return write_whole(out, render_page(report, name=name), "--out")


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


def render(results: Sequence[MetricResult], inputs: Inputs, extras: Extras = NOTHING_ELSE, *, name: str) -> str:
    """The page as one string.

    Raises:
        IntegrityError: the results do not belong to these inputs.
    """
    report = assemble(results, inputs, extras)
    return render_page(report, name=name)


def assemble(results: Sequence[MetricResult], inputs: Inputs, extras: Extras = NOTHING_ELSE) -> Report:
    """What the page and the files for papers are made of.

    Raises:
        IntegrityError: the results do not belong to these inputs.
    """
    evaluation = ResultIndex(results).get(EVALUATION, "items")
    if evaluation is None or evaluation.config.get("inputs") != inputs.fingerprint():
        raise IntegrityError(
            "results.jsonl was computed from other items, labels or attributions than are there now: "
            "run heta evaluate run again"
        )
    check_extras(extras, inputs)
    try:
        settings = EvaluateSettings.model_validate(evaluation.config["settings"])
    except (KeyError, ValidationError):
        raise IntegrityError("results.jsonl: names no settings that can be used: run heta evaluate run again") from None
    selection = select_labels(inputs.items, inputs.labels, settings)
    gold = choose_gold(
        collect_ratings(inputs.items, selection), settings.gold, inputs.campaign_gold, seed=settings.seed
    )
    if evaluation.config.get("gold", gold.described()) != gold.described():
        raise IntegrityError("campaign_gold.jsonl has changed since the evaluation: run heta evaluate run again")
    table = build_table(inputs.items, selection, inputs.attributions, rule=settings.rule, gold=gold.fixed)
    return Report(
        table,
        material_of(table, results, extras),
        item_scores(results),
        rater_facts(table, selection.by_item),
        settings,
        extras,
    )


def render_page(report: Report, *, name: str) -> str:
    """The page as one string."""
    material, script = report.material, _asset("report.js")
    index, facts = material.index, [one.cells() for one in report.raters]
    evaluation = index.get(EVALUATION, "items")
    strata, more_strata = main_strata(strata_sheets(material))
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(figure=figure, interval=interval, number=number, paired=paired)
    best, ranks, anchored = pair_plot(material), rank_plot(material), anchoring_plot(material)
    plots = forest_plots(material)
    return environment.get_template("report.html.j2").render(
        name=name,
        origin=report.origin,
        style=_asset("report.css"),
        script=script,
        script_hash=_hash(script),
        verdict=verdict([line.subject for line in material.lines], index),
        notes=notes(index),
        sheet=verdict_sheet(material),
        beside=reference_sheet(material),
        answered=answered_sheets(material),
        plots=[draw(plots[0], WIDE), *(draw(plot) for plot in plots[1:])],
        best=draw(best) if best else None,
        ranks=draw(ranks) if ranks else None,
        differences=pair_matrix(material),
        detectable=detectable_sheet(material),
        pairs=pair_sheet(material),
        views=view_sheet(material),
        strata=strata,
        more_strata=more_strata,
        anchoring=anchoring_sheet(material),
        anchoring_plot=draw(anchored, WIDE) if anchored else None,
        faithfulness=faithfulness_sheet(material),
        opinions=opinion_sheets(report.extras.opinions),
        judge=judge_sheets(report.extras.judge) if report.extras.judge else [],
        tiles=[(METRICS.get(key), one) for key in AGREEMENT if (one := index.get(key, "raters"))],
        agreement=agreement_sheet(material),
        labels=[one for variant in ("used", *report.table.left_out) if (one := index.get(LABELS, "raters", variant))],
        raters=rater_sheet(facts, material),
        rater_pairs=rater_pair_sheet(material),
        items=pack_items(report.table, report.scores, seed=report.settings.seed),
        subjects=subject_sheet(material),
        metrics=[METRICS.get(key) for key in METRICS],
        settings=report.settings,
        further=further_figures(material),
        inputs=evaluation.config["inputs"] if evaluation else "",
    )


def _hash(script: str) -> str:
    """As a content security policy names a script that may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"


def _asset(name: str) -> Markup:
    # Our own files, and the only text that goes into the page unescaped.
    return Markup((_HERE / "templates" / name).read_text(encoding="utf-8"))  # noqa: S704
