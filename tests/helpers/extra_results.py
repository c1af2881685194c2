"""Made-up records of what other commands compute, so that every section of a report has something to show."""

from collections.abc import Sequence

import numpy as np

from heta_data.jsonl import read_records, write_records
from heta_data.records import MetricResult
from heta_data.sealing import SEAL, seal
from heta_data.workspace import Workspace

STRATA = ("source=river", "source=market", "length=short", "length=long", "disagreement=high")
FAITHFUL = ("soft_nc", "soft_ns", "tau_loo")


def write_results(workspace: Workspace, results: Sequence[MetricResult]) -> None:
    """Write other results than a run found, as if it had found them: sealed again."""
    first, *rest = results
    config = {name: value for name, value in first.config.items() if name != SEAL}
    write_records(workspace.results, seal([first.model_copy(update={"config": config}), *rest]))


def _record(metric: str, subject: str, value: float, half: float, **fields: object) -> MetricResult:
    given = {"n": 20, "kinds": ("simulated",), "arms": ("blind",), **fields}
    return MetricResult.model_validate(
        {"metric": metric, "subject": subject, "value": value, "low": value - half, "high": value + half, **given}
    )


def _methods(results: Sequence[MetricResult]) -> list[str]:
    found = [one for one in results if one.metric == "token_f1@k" and one.variant == "main" and one.item_id is None]
    named = [one for one in found if " [" in one.subject]
    return [one.subject for one in sorted(named, key=lambda one: -(one.value or 0.0))]


def add_extra_results(workspace: Workspace) -> None:
    """Ranks, detectable differences, anchoring and strata into results.jsonl; agreement.jsonl; faithfulness.jsonl.

    Records that the run has itself stay as they are.
    """
    rng = np.random.default_rng(5)
    results = list(read_records(workspace.results, MetricResult))
    methods, extra = _methods(results), []
    for place, method in enumerate(methods):
        low, high = max(1, place), min(len(methods), place + 2)
        extra.append(
            MetricResult(
                metric="token_f1@k", variant="rank", subject=method, value=place + 1, low=low, high=high, n=20,
                kinds=("simulated",), arms=("blind",),
            )
        )  # fmt: skip
        effect = float(rng.normal(0.02, 0.02))
        arms = {"arms": ("assisted", "blind"), "config": {"shown": not place, "raters": {"blind": 3, "assisted": 3}}}
        extra.append(_record("token_f1@k", method, effect, 0.03, variant="anchoring", **arms))
        for metric in ("token_f1@k", "spearman"):
            for part in STRATA:
                value = float(rng.uniform(0.2, 0.6))
                extra.append(_record(metric, method, value, 0.1, variant=part))
    for one in results:
        if one.variant == "difference" and one.metric == "token_f1@k":
            extra.append(one.model_copy(update={"variant": "detectable", "value": 0.07, "low": None, "high": None}))
    there = {(one.metric, one.variant, one.subject) for one in results if one.item_id is None}
    extra = [one for one in extra if (one.metric, one.variant, one.subject) not in there]
    write_results(workspace, [*results, *extra])
    raters = sorted({one.subject for one in results if one.metric == "krippendorff_alpha"})
    agreement = [
        _record(metric, raters[0], value, 0.05, variant=variant)
        for variant, shift in (("main", 0.0), ("source=river", -0.06), ("source=market", 0.04))
        for metric, value in (("krippendorff_alpha", 0.5 + shift), ("gwet_ac1", 0.8 + shift))
    ]
    write_records(workspace.root / "agreement.jsonl", seal(agreement))
    faithful = [
        _record(metric, subject, float(rng.uniform(0.1, 0.7)), 0.06, kinds=(), arms=())
        for subject in (*methods, "random", "human labels")
        for metric in FAITHFUL
    ]
    faithful.append(MetricResult(metric="soft_nc", subject="answer_match", value=None, reason="not_computed", n=0))
    write_records(workspace.root / "faithfulness.jsonl", seal(faithful))
