"""The import of rationales: from what a reader found to items.jsonl and labels.jsonl, whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heta.errors import ConfigError, InputError
from heta_data.attribution_files import read_attributions
from heta_data.errors import IntegrityError, Misaligned, RecordError
from heta_data.importing.rationales import Answers, Rationale, name_raters, to_labels
from heta_data.importing.writing import replace_files
from heta_data.jsonl import read_records
from heta_data.records import Item, Record, TokenLabels
from heta_data.sources import SOURCES
from heta_data.workspace import Workspace


@dataclass(frozen=True)
class ImportedRationales:
    """What an import did, or would do."""

    source: str
    sha256: str
    kind: str
    arm: str
    campaign_hash: str
    items: int
    """That the answers are about."""
    new_items: int
    labels: int
    new_labels: int
    empty: int
    """Answers that mark nothing."""
    raters: tuple[str, ...]
    renamed: bool
    """Whether the file's names for raters were no pseudonyms."""
    removed_items: int
    removed_labels: int
    """Of an earlier version of the source."""
    stray: tuple[str, ...]
    """Spans that hold no word."""
    left_out: tuple[str, ...]
    left_out_answers: int


def import_rationales(
    workspace: Workspace,
    found: Sequence[Rationale],
    answers: Answers,
    *,
    skip_misaligned: bool = False,
    replace: bool = False,
    dry_run: bool = False,
) -> ImportedRationales:
    """Put answers that were collected elsewhere into the folder. The same file again changes nothing.

    Args:
        workspace: the folder; made where there is none.
        found: from a reader.
        answers: what they are.
        skip_misaligned: leave out answers of which a span is not what the file says, instead of refusing all.
        replace: let this version of the source take the place of an earlier one.
        dry_run: write nothing.

    Raises:
        Misaligned: spans contradict the texts; lists every one. Nothing is written.
        InputError: nothing is left to import.
        IntegrityError: another version of the source is there already, and cannot or shall not be replaced.
        RecordError, ConfigError: the file cannot be used.
    """
    if answers.source in SOURCES:
        raise ConfigError(f"--source: {answers.source!r} is a source of the toolkit's own items; give another name")
    if dry_run:
        return _Import(workspace, found, answers, skip_misaligned, replace).done
    with workspace.lock():
        made = _Import(workspace, found, answers, skip_misaligned, replace)
        made.write()
    return made.done


class _Import:
    """One import, computed when it is made."""

    def __init__(
        self, workspace: Workspace, found: Sequence[Rationale], answers: Answers, skip: bool, replace: bool
    ) -> None:
        self.workspace, self.answers = workspace, answers
        self.items_before = list(read_records(workspace.items, Item)) if workspace.items.exists() else []
        self.labels_before = list(read_records(workspace.labels, TokenLabels)) if workspace.labels.exists() else []
        self.mine = [one for one in self.labels_before if one.task_uid == answers.uid(one.item_id)]
        self._read(found, skip)
        self._merge(replace)

    def _read(self, found: Sequence[Rationale], skip: bool) -> None:
        others = {one.rater for one in self.labels_before} - {one.rater for one in self.mine}
        names = name_raters([rationale.rater for rationale in found], self.answers.kind, others)
        self.renamed = any(old not in ("", new) for old, new in names.items() if not old.isdigit())
        self.labels: list[TokenLabels] = []
        self.left_out: list[str] = []
        self.stray: list[str] = []
        self.odd = 0
        places: dict[tuple[str, str], str] = {}
        firsts: dict[str, Rationale] = {}
        for rationale in found:
            first = firsts.setdefault(rationale.item.id, rationale)
            if first.item.source_id != rationale.item.source_id:
                raise RecordError(
                    f"{rationale.where}: item {rationale.item.source_id!r} has the same texts as "
                    f"{first.item.source_id!r} in {first.where}: give both rows one id, or leave one out"
                )
            labels, problems, stray = to_labels(rationale, self.answers, names[rationale.rater])
            key = (rationale.item.id, names[rationale.rater])
            if key in places:
                raise RecordError(
                    f"{rationale.where}: this rater's answer for the item stands in {places[key]} already"
                )
            places[key] = rationale.where
            self.left_out += problems
            self.stray += stray
            self.odd += labels is None
            self.labels += [labels] if labels is not None else []
        if self.left_out and not skip:
            raise Misaligned("nothing was imported; --skip-misaligned imports the other answers", self.left_out)
        if not self.labels:
            raise InputError(f"{found[0].where if found else self.answers.source}: no answer is left to import")
        used = {one.item_id for one in self.labels}
        self.items = {rationale.item.id: rationale.item for rationale in found if rationale.item.id in used}

    def _merge(self, replace: bool) -> None:
        """What both files will hold."""
        before = {one.fingerprint() for one in self.mine}
        now = {one.fingerprint() for one in self.labels}
        gone = len(before - now)
        mine = {one.task_uid for one in self.mine}
        stale = [
            item for item in self.items_before
            if item.id not in self.items and item.source == self.answers.source and self.answers.uid(item.id) in mine
        ]  # fmt: skip
        if gone and not replace:
            raise IntegrityError(
                f"{self.workspace.labels}: holds another version of the source {self.answers.source!r}; "
                "--replace puts this one in its place, --source gives it a name of its own"
            )
        others = [one for one in self.labels_before if one.task_uid != self.answers.uid(one.item_id)]
        self._check_free(stale, others)
        drop = {item.id for item in stale}
        there = {item.id for item in self.items_before}
        new = [item for name, item in self.items.items() if name not in there]
        self.all_items = [*(item for item in self.items_before if item.id not in drop), *new]
        self.all_labels = sorted(
            [*others, *self.labels],
            key=lambda one: (one.arm, one.item_id, one.rater, one.round, one.campaign_hash),
        )
        self.done = ImportedRationales(
            source=self.answers.source,
            sha256=self.answers.sha256,
            kind=self.answers.kind,
            arm=self.answers.arm,
            campaign_hash=self.answers.campaign,
            items=len(self.items),
            new_items=len(new),
            labels=len(self.labels),
            new_labels=len(now - before),
            empty=sum(not any(one.labels) for one in self.labels),
            raters=tuple(sorted({one.rater for one in self.labels})),
            renamed=self.renamed,
            removed_items=len(stale),
            removed_labels=gone,
            stray=tuple(self.stray),
            left_out=tuple(self.left_out),
            left_out_answers=self.odd,
        )

    def _check_free(self, stale: Sequence[Item], others: Sequence[TokenLabels]) -> None:
        """Refuse to take away items that other work is about."""
        used = {one.item_id for one in others}
        if stale:
            used |= {record.item_id for record in read_attributions(self.workspace)}
        for item in stale:
            if item.id in used:
                raise IntegrityError(
                    f"item {item.id} ({item.source}:{item.source_id}) is in this version no more, and other labels or "
                    "attributions are about it: delete those first, or import into another folder with -C"
                )

    def write(self) -> None:
        """Both files; nothing is touched where nothing is new."""
        files: dict[Path, Sequence[Record]] = {}
        if self.all_items != self.items_before:
            files[self.workspace.items] = self.all_items
        if self.all_labels != self.labels_before:
            files[self.workspace.labels] = self.all_labels
        replace_files(files)
