"""Which attributions assisted raters see: one for each item, all of one method, model, target and configuration."""

from collections.abc import Sequence
from pathlib import Path

from heta_annotation.campaign.settings import CampaignSettings
from heta_data.attribution_files import NO_MODEL, attribution_files
from heta_data.errors import RecordError
from heta_data.jsonl import collect_records
from heta_data.options import folder_flag
from heta_data.records import AttributionRecord, Item
from heta_data.workspace import Workspace

NO_POLICY = "none"
"""Stands for the target policy of methods that use no model."""


def choose_attributions(
    workspace: Workspace,
    settings: CampaignSettings,
    items: Sequence[Item],
    *,
    shown_by: str = "the assisted arm",
    naming: str | None = None,
) -> tuple[dict[str, AttributionRecord], list[str]]:
    """One attribution for each item, of one method, model, revision, target policy and configuration.

    Args:
        workspace: the folder.
        settings: which method, and which of its attributions; model and revision choose among those that have one.
        items: what is shown.
        shown_by: who shows them, for messages.
        naming: how to name one of several, for messages; None: by keys under [campaign].

    Returns:
        Attributions by item id, and everything that is wrong, one line each.
    """
    command = _attribute_command(workspace, settings)
    # Longer method names begin alike (`heta-...`, `heta_fast-...`): the file name's last 9 characters are the hash.
    try:
        paths = [path for path in attribution_files(workspace) if path.stem[:-9] == settings.method]
    except RecordError as error:
        return {}, [str(error)]
    matching, problems = _read_matching(paths, settings)
    if problems:
        return {}, problems
    found = [record for record in matching if _policy(record) in (settings.policy, NO_POLICY)]
    if not found:
        revision = f" ({settings.revision})" if settings.revision else ""
        wanted = (f" on {settings.model}{revision}" if settings.model else revision) + f" for policy {settings.policy}"
        others = ", ".join(sorted({_policy(record) for record in matching}))
        there = f" (there are for policy {others}, see `policy` under [campaign])" if others else ""
        return {}, [
            f"{shown_by} shows {settings.method}{wanted}, and there are no such attributions{there}: run {command}"
        ]
    if several := _told_apart(found, workspace, naming):
        return {}, [f"{settings.method} is there more than once {several}"]
    wanted_ids = {item.id for item in items}
    by_item = {record.item_id: record for record in found if record.item_id in wanted_ids}
    if missing := len(wanted_ids) - len(by_item):
        problems = [f"{missing} of {len(items)} items have no attribution by {settings.method}: run {command}"]
    for item in items:
        record = by_item.get(item.id)
        if record is not None and not any(score is not None for score in record.scores):
            problems.append(f"item {item.id}: {settings.method} scored no token")
        elif record is not None and max(record.ends, default=0) > len(item.prompt):
            problems.append(f"item {item.id}: the attribution by {settings.method} is of another text: run {command}")
    return by_item, problems


def _policy(record: AttributionRecord) -> str:
    return record.target.policy if record.target else NO_POLICY


def _attribute_command(workspace: Workspace, settings: CampaignSettings) -> str:
    policy = "" if settings.policy == "answer" else f" --policy {settings.policy}"
    return f"`heta data attribute{folder_flag(workspace.root)} --method {settings.method}{policy}`"


def _told_apart(records: Sequence[AttributionRecord], workspace: Workspace, naming: str | None) -> str:
    """In what the records of one method differ, and which setting chooses; nothing where they are of one kind."""
    lines = {record.key[2:] for record in records}
    columns = dict(zip(("model", "revision", "tokenizer", "policy", "config"), zip(*lines, strict=True), strict=True))
    differing = [name for name, values in columns.items() if len(set(values)) > 1]
    if not differing:
        return ""
    there = sorted(
        ", ".join(f"{name} {value}" for name, value in zip(columns, line, strict=True) if name in differing)
        for line in lines
    )
    settings = [name for name in differing if name != "tokenizer"]
    if settings:
        keys = f"by {' and '.join(settings)} under [campaign] of {workspace.config}"
        return f"({'; '.join(there)}): name one {naming or keys}"
    return f"({'; '.join(there)}): remove the records of all but one from {workspace.attributions}"


def _read_matching(paths: Sequence[Path], settings: CampaignSettings) -> tuple[list[AttributionRecord], list[str]]:
    found: list[AttributionRecord] = []
    problems: list[str] = []
    for path in paths:
        records, wrong = collect_records(path, AttributionRecord)
        problems += wrong
        found += [
            record
            for record in records
            if settings.config in (None, record.config_hash)
            # Methods that use no model have no revision either.
            and (
                record.model == NO_MODEL.name
                or (settings.model in (None, record.model) and settings.revision in (None, record.model_revision))
            )
        ]
    return found, problems
