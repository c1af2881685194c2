"""Everything that is known of a judge, read from the folder."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from heta.errors import ConfigError, HetaError, InputError
from heta_data.attribution_files import read_attributions
from heta_data.jsonl import read_records
from heta_data.judgments import Judgment
from heta_data.records import Item, TokenLabels
from heta_data.workspace import Workspace
from heta_evaluation.judge.bias import Rate, measure_biases
from heta_evaluation.judge.marks import judge_labels
from heta_evaluation.judge.material import Tops, top_words
from heta_evaluation.judge.settings import JudgeSettings
from heta_evaluation.judge.summary import Failures, Preference, failure_table, preferences
from heta_evaluation.judge.validity import Validity, measure_validity


@dataclass(frozen=True)
class JudgeReport:
    """One judge's run."""

    judge: str
    judgments: tuple[Judgment, ...]
    failures: Sequence[Failures]
    biases: Sequence[Rate]
    preferences: Sequence[Preference]
    validity: Validity | None
    why_not: str
    """Why validity is not measured; empty where it is."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "judge": self.judge,
            "calls": len(self.judgments),
            "failures": [asdict(one) for one in self.failures],
            "biases": [asdict(one) for one in self.biases],
            "preferences": [asdict(one) for one in self.preferences],
            "validity": asdict(self.validity) if self.validity else None,
            "why_not": self.why_not,
        }


def judge_settings(workspace: Workspace) -> JudgeSettings:
    """`[judge]` of heta.toml, which need not name a model to look at what one has said.

    Raises:
        ConfigError: a key that cannot be used.
    """
    overrides = {} if "model" in workspace.table("judge") else {"model": "none"}
    return workspace.settings("judge", JudgeSettings, overrides)


def read_report(workspace: Workspace, settings: JudgeSettings) -> JudgeReport:
    """The report of the folder's last run.

    Args:
        workspace: a folder with judgments.jsonl.
        settings: its `methods`, `share` and `seed` as in the run.

    Raises:
        InputError: nothing was judged yet. ConfigError: `methods` or `share` are not those of the run.
    """
    if not workspace.judgments.exists():
        raise InputError(f"{workspace.judgments}: no such file; ask a judge first (heta judge run)")
    judgments = tuple(read_records(workspace.judgments, Judgment))
    if not judgments:
        raise InputError(f"{workspace.judgments}: holds no judgment; ask a judge first (heta judge run)")
    items = list(read_records(workspace.items, Item))
    by_id = {item.id: item for item in items}
    attributions = read_attributions(workspace)
    tops = {}
    if settings.methods:
        tops = top_words(settings.methods, attributions, items, share=settings.share, seed=settings.seed)
        _check_highlights(workspace, settings, judgments, tops)
    validity, why_not = None, ""
    labels = judge_labels(judgments, items)
    people = list(read_records(workspace.labels, TokenLabels)) if workspace.labels.exists() else []
    if not labels:
        why_not = "the judge has marked nothing (pass `labels`)"
    else:
        try:
            validity = measure_validity(items, people, labels, attributions)
        except HetaError as error:
            why_not = str(error)
    return JudgeReport(
        judge=judgments[0].judge,
        judgments=judgments,
        failures=failure_table(judgments, by_id),
        biases=measure_biases(judgments, by_id, tops=tops, seed=settings.seed),
        preferences=preferences(judgments, seed=settings.seed),
        validity=validity,
        why_not=why_not,
    )


def _check_highlights(
    workspace: Workspace, settings: JudgeSettings, judgments: Sequence[Judgment], tops: Mapping[str, Tops]
) -> None:
    """Refuse to measure by other highlights than the judge saw."""
    units = {one.shown.name: one.units for one in tops.values()}
    for one in judgments:
        for method in one.shown:
            found = units.get(method.name, {}).get(one.item_id)
            if found is not None and len(found) != one.k:
                raise ConfigError(
                    f"{workspace.config}:judge.share: {settings.share:g} gives {len(found)} words of item "
                    f"{one.item_id}, and the judge saw {one.k} words of it: put it back as it was, or run the judge "
                    "again"
                )
