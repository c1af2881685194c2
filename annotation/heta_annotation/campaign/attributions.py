"""Which attributions assisted raters see: one for each item, all of one method, model, target and configuration."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heta_annotation.campaign.settings import CampaignSettings
from heta_data.attribution_files import NO_MODEL, attribution_files
from heta_data.errors import IntegrityError, RecordError
from heta_data.jsonl import record_at, scan_records
from heta_data.options import folder_flag
from heta_data.records import AttributionRecord
from heta_data.workspace import Workspace

NO_POLICY = "none"
"""Stands for the target policy of methods that use no model."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What tells one record from others, and where it stands."""

    item_id: str
    line: tuple[str, ...]
    """Model, revision, tokenizer, policy, config: the same for all that are shown."""
    scored: bool
    end: int
    """Of its last position."""
    path: Path
    start: int

    @property
    def policy(self) -> str:
        return self.line[3]


class ShownAttributions(Mapping[str, AttributionRecord]):
    """The attribution that is shown for each item, by item id, read again whenever it is asked for."""

    def __init__(self, found: Mapping[str, _Found]) -> None:
        self._found = found

    def __getitem__(self, item_id: str) -> AttributionRecord:
        """The record, read now.

        Raises:
            KeyError: the item has none. RecordError, IntegrityError: the file was changed since.
        """
        found = self._found[item_id]
        record = record_at(found.path, AttributionRecord, found.start)
        if (record.item_id, record.key[2:]) != (item_id, found.line):
            raise IntegrityError(f"{found.path}: was changed while it was being read; run the same command again")
        return record

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def choose_attributions(
    workspace: Workspace,
    settings: CampaignSettings,
    lengths: Mapping[str, int],
    *,
    shown_by: str = "the assisted arm",
    naming: str | None = None,
) -> tuple[ShownAttributions, list[str]]:
    """One attribution for each item, of one method, model, revision, target policy and configuration.

    Args:
        workspace: the folder.
        settings: which method, and which of its attributions; model and revision choose among those that have one.
        lengths: what is shown: item id -> code points of its prompt.
        shown_by: who shows them, for messages.
        naming: how to name one of several, for messages; None: by keys under [campaign].

    Returns:
        Attributions by item id, and everything that is wrong, one line each.
    """
    nothing = ShownAttributions({})
    command = _attribute_command(workspace, settings)
    # Longer method names begin alike (`heta-...`, `heta_fast-...`): the file name's last 9 characters are the hash.
    try:
        paths = [path for path in attribution_files(workspace) if path.stem[:-9] == settings.method]
    except RecordError as error:
        return nothing, [str(error)]
    matching, problems = _read_matching(paths, settings)
    if problems:
        return nothing, problems
    found = [record for record in matching if record.policy in (settings.policy, NO_POLICY)]
    if not found:
        revision = f" ({settings.revision})" if settings.revision else ""
        wanted = (f" on {settings.model}{revision}" if settings.model else revision) + f" for policy {settings.policy}"
        others = ", ".join(sorted({record.policy for record in matching}))
        there = f" (there are for policy {others}, see `policy` under [campaign])" if others else ""
        return nothing, [
            f"{shown_by} shows {settings.method}{wanted}, and there are no such attributions{there}: run {command}"
        ]
    if several := _told_apart(found, workspace, naming):
        return nothing, [f"{settings.method} is there more than once {several}"]
    by_item = {record.item_id: record for record in found if record.item_id in lengths}
    if missing := len(lengths) - len(by_item):
        problems = [f"{missing} of {len(lengths)} items have no attribution by {settings.method}: run {command}"]
    for item_id, length in lengths.items():
        record = by_item.get(item_id)
        if record is not None and not record.scored:
            problems.append(f"item {item_id}: {settings.method} scored no token")
        elif record is not None and record.end > length:
            problems.append(f"item {item_id}: the attribution by {settings.method} is of another text: run {command}")
    return ShownAttributions(by_item), problems


def _attribute_command(workspace: Workspace, settings: CampaignSettings) -> str:
    policy = "" if settings.policy == "answer" else f" --policy {settings.policy}"
    return f"`heta data attribute{folder_flag(workspace.root)} --method {settings.method}{policy}`"


def _told_apart(records: Sequence[_Found], workspace: Workspace, naming: str | None) -> str:
    """In what the records of one method differ, and which setting chooses; nothing where they are of one kind."""
    lines = {record.line for record in records}
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


def _read_matching(paths: Sequence[Path], settings: CampaignSettings) -> tuple[list[_Found], list[str]]:
    matching: list[_Found] = []
    problems: list[str] = []
    for path in paths:
        for start, record in scan_records(path, AttributionRecord):
            if isinstance(record, str):
                problems.append(record)
            elif settings.config in (None, record.config_hash) and (
                # Methods that use no model have no revision either.
                record.model == NO_MODEL.name
                or (settings.model in (None, record.model) and settings.revision in (None, record.model_revision))
            ):
                scored = any(score is not None for score in record.scores)
                matching.append(
                    _Found(record.item_id, record.key[2:], scored, max(record.ends, default=0), path, start)
                )
    return matching, problems
