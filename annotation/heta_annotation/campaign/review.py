"""A project for the lead: every item once, with what several methods and all raters marked, side by side.

Each method and each rater is one prediction of Label Studio's, named by its `model_version`. It lies on a server on
which no rater has an account, so it may be looked at while a campaign runs. Nothing is read back from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heta_annotation.campaign.attributions import choose_attributions
from heta_annotation.campaign.client import CampaignClient, ProjectPage, marker
from heta_annotation.campaign.ledger import open_existing
from heta_annotation.campaign.marking import levels_given
from heta_annotation.campaign.page import page_data, render_page
from heta_annotation.campaign.plan import CampaignBlocked, Plan, plan
from heta_annotation.campaign.settings import CampaignSettings
from heta_annotation.campaign.tasks import fingerprint, model_version, regions, suggest_units, unit_scores
from heta_annotation.errors import LabelStudioError
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records
from heta_data.records import AttributionRecord, Item, TokenLabels, content_hash
from heta_data.workspace import Workspace

BATCH = 100


@dataclass(frozen=True)
class Review:
    """The review project after it was brought up to date."""

    url: str
    project: int
    sent: int
    """Items that were new or had changed, and were sent."""
    present: int
    """Items that were there already, the same to the last mark."""
    versions: tuple[str, ...]
    """What is shown: methods, and raters with their arm."""


def review(workspace: Workspace, connection: Connection, methods: Sequence[str]) -> Review:
    """Bring the review project to what attributions and labels.jsonl say now. Repeatable: what changed is replaced.

    Args:
        workspace: the campaign's folder.
        connection: a server on which no rater has an account.
        methods: names of attribution methods; model, revision, configuration and share are those of [campaign].

    Raises:
        CampaignBlocked: a method's attributions are missing, or there are several. LabelStudioError: a call failed, or
            the server is one of the arms'.
    """
    planned = plan(workspace)
    if connection.name in planned.settings.arms or (not connection.local and planned.settings.server == "external"):
        raise LabelStudioError(
            f"{connection.name} is an arm's server, and its raters must not see other methods or raters: name another, "
            "e.g. --server review"
        )
    contents = _contents(workspace, planned, methods)
    client = CampaignClient(connection)
    page = ProjectPage(
        title=f"{planned.settings.name[:40]}: review",
        marker=marker(planned.campaign_hash, "review"),
        label_config=render_page(None, planned.settings.marking),
        instruction=planned.guideline.html,
        overlap=1,
        show_predictions=True,
    )
    project = client.find_project(page.marker)
    if project is None:
        project = client.create_project(page)
    kept = _remove_what_differs(client, project, contents)
    missing = [content for uid, content in contents.items() if uid not in kept]
    for start in range(0, len(missing), BATCH):
        client.import_tasks(project, missing[start : start + BATCH])
    left = _remove_what_differs(client, project, contents)
    if len(left) != len(contents):
        raise LabelStudioError(
            f"{connection.name}: {len(contents) - len(left)} items did not arrive as sent: try again"
        )
    versions = {prediction["model_version"] for content in contents.values() for prediction in content["predictions"]}
    return Review(connection.url, project, len(missing), len(kept), tuple(sorted(versions)))


def _remove_what_differs(
    client: CampaignClient, project: int, contents: Mapping[str, Mapping[str, Any]]
) -> frozenset[str]:
    """Uids of the tasks that are there as they should be; every other task is removed, copies too."""
    predictions = client.predictions(project)
    kept: set[str] = set()
    for task in client.tasks(project):
        held = {"data": task.data, "predictions": sorted(predictions.get(task.id, ()), key=_version)}
        wanted = contents.get(task.uid or "")
        if wanted is not None and task.uid not in kept and fingerprint(held) == fingerprint(wanted):
            kept.add(task.uid or "")
        else:
            client.delete_task(task.id)
    return frozenset(kept)


def _version(prediction: Mapping[str, Any]) -> str:
    return str(prediction["model_version"])


def _contents(
    workspace: Workspace,
    planned: Plan,
    methods: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """uid -> data and predictions of each item."""
    settings = planned.settings
    problems: list[str] = []
    by_method: dict[str, Mapping[str, AttributionRecord]] = {}
    lengths = {item.id: item.length for item in planned.items}
    for method in methods:
        chosen = settings.model_copy(update={"method": method})
        by_method[method], wrong = choose_attributions(workspace, chosen, lengths)
        problems += wrong
    if problems:
        raise CampaignBlocked(problems)
    labels = _labels(workspace)
    contents: dict[str, dict[str, Any]] = {}
    for item in map(planned.texts.__getitem__, lengths):
        uid = content_hash({"campaign": planned.campaign_hash, "review": item.id})
        shown = [_by_method(item, found[item.id], settings) for found in by_method.values()]
        shown += [_by_rater(record) for record in labels.get(item.id, ())]
        data: dict[str, Any] = {"uid": uid, **page_data(item, marking=settings.marking)}
        contents[uid] = {"data": data, "predictions": sorted(shown, key=_version)}
    return contents


def _by_method(item: Item, attribution: AttributionRecord, settings: CampaignSettings) -> dict[str, Any]:
    suggestion = suggest_units(item, attribution, settings.model_copy(update={"show": "preselected"}))
    mass = np.clip(unit_scores(item, attribution, settings.marking), 0.0, None)
    total = float(mass.sum())
    score = round(float(mass[list(suggestion.selected)].sum()) / total, 6) if total else 0.0
    result = regions(dict.fromkeys(suggestion.selected, 1), settings.marking.scale)
    return {"model_version": model_version(suggestion), "score": score, "result": result}


def _by_rater(record: TokenLabels) -> dict[str, Any]:
    again = ", revised" if record.round else ""
    unsure = ", cannot tell" if record.cannot_tell else ""
    kind = "" if record.kind == "human" else f" {record.kind}"
    return {
        "model_version": f"rater {record.rater} ({record.arm}{kind}{again}{unsure})",
        "score": 1.0,
        "result": regions(levels_given(record), record.scale),
    }


def _labels(workspace: Workspace) -> dict[str, list[TokenLabels]]:
    """The campaign's answers by item id; none before the first pull."""
    if not workspace.labels.exists() or not workspace.ledger.exists():
        return {}
    with open_existing(workspace.ledger) as ledger:
        campaign = ledger.campaign()
    found: dict[str, list[TokenLabels]] = {}
    for record in read_records(workspace.labels, TokenLabels):
        if campaign is not None and record.campaign_hash == campaign.hash and not record.skipped:
            found.setdefault(record.item_id, []).append(record)
    return found
