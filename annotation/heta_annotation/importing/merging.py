"""An import among what the folder holds: what it replaces, what it must not contradict, and both files at once."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from heta_annotation.campaign.answers import QuarantinedAnnotation
from heta_annotation.importing.export import Task
from heta_annotation.importing.privacy import Account, Accounts, moment
from heta_annotation.importing.reading import Identity
from heta_data.errors import IntegrityError
from heta_data.jsonl import read_records, write_records
from heta_data.records import TokenLabels
from heta_data.workspace import Workspace

GONE = "gone: it was in an earlier export of this source, and is not in this one"


@dataclass(frozen=True)
class Authorship:
    """Who made an annotation, and when, over a whole export."""

    authors: Mapping[int, Account | None]
    """By annotation number."""
    created: Mapping[int, str]

    @classmethod
    def of(cls, tasks: Sequence[Task], accounts: Accounts) -> "Authorship":
        """From every annotation of the tasks, in their order."""
        every = [annotation for task in tasks for annotation in task["annotations"]]
        return cls(
            {annotation["id"]: accounts.account(annotation.get("completed_by")) for annotation in every},
            {annotation["id"]: moment(annotation.get("created_at")) for annotation in every},
        )


@dataclass(frozen=True)
class Before:
    """What `labels.jsonl` and `quarantine.jsonl` hold, seen from one import."""

    identity: Identity
    mine: Mapping[int, TokenLabels]
    """Labels of an earlier import of the same, by annotation number."""
    others: tuple[TokenLabels, ...]
    aside: tuple[QuarantinedAnnotation, ...]
    """What an earlier import of the same set aside."""
    others_aside: tuple[QuarantinedAnnotation, ...]

    @property
    def same_source(self) -> dict[int, TokenLabels]:
        """Labels of the same source that were imported as something else, by annotation number."""
        return {
            record.origin.annotation: record
            for record in self.others
            if record.origin is not None and record.origin.url == self.identity.url
        }

    @property
    def names(self) -> set[str]:
        """Every pseudonym that stands for somebody."""
        labels = {record.rater for record in (*self.mine.values(), *self.others)}
        return labels | {q.rater for q in (*self.aside, *self.others_aside) if q.rater is not None}

    def check(self, export: Authorship) -> None:
        """Refuse what cannot be the same source again, or not as what it is said to be.

        Raises:
            IntegrityError: the earlier import was of other annotations, or called these ones something else.
        """
        where = f"source {self.identity.source!r}"
        before = self._dates()
        shared = before.keys() & export.created.keys()
        odd = sorted(number for number in shared if before[number] != export.created[number])
        if odd or (before and not shared):
            what = f"annotation {odd[0]} was made at another time" if odd else "this export holds none of what it held"
            raise IntegrityError(
                f"an earlier import of {where} was of another project, or of another part of it ({what}): "
                "give this one a name of its own with --source"
            )
        now = (self.identity.kind, self.identity.arm)
        for number, record in self.same_source.items():
            if number in export.created and (record.kind, record.arm) != now:
                raise IntegrityError(
                    f"annotation {number} of {where} is in labels.jsonl as {record.kind}, {record.arm}, and cannot be "
                    f"{', '.join(now)} as well: delete the lines that are wrong, or name another project with --source"
                )

    def _dates(self) -> dict[int, str]:
        """When each annotation of an earlier import was made."""
        aside = {q.annotation: str((q.raw.get("origin") or q.raw).get("created_at", "")) for q in self.aside}
        labels = {number: record.origin.created_at for number, record in self.mine.items() if record.origin}
        return {**aside, **labels}

    def check_kinds(self, labels: Iterable[TokenLabels]) -> None:
        """Refuse a rater of two kinds.

        Raises:
            IntegrityError: the folder knows one of the raters as another kind.
        """
        kinds = {record.rater: record.kind for record in self.others}
        for record in labels:
            if kinds.get(record.rater, record.kind) != record.kind:
                raise IntegrityError(
                    f"rater {record.rater!r} is {kinds[record.rater]} in labels.jsonl and would be {record.kind} here: "
                    "give this one another pseudonym in the file of raters"
                )

    def pseudonyms(self, authors: Mapping[int, Account | None]) -> dict[Account, str]:
        """Accounts that have a pseudonym from an earlier import of this source, told by what they made."""
        labels = {**self.same_source, **self.mine}
        named = {number: record.rater for number, record in labels.items()}
        named |= {q.annotation: q.rater for q in self.aside if q.rater is not None}
        found: dict[Account, str] = {}
        for number, name in sorted(named.items()):
            account = authors.get(number)
            if account is not None:
                found.setdefault(account, name)
        return found

    def gone(self, export: Authorship) -> list[QuarantinedAnnotation]:
        """Annotations of an earlier import that are not in the export: deleted, or not exported this time."""
        labels = [
            QuarantinedAnnotation(
                arm=record.arm,
                task=record.origin.task if record.origin else 0,
                task_uid=record.task_uid,
                annotation=number,
                rater=record.rater,
                reasons=(GONE,),
                raw=record.model_dump(mode="json"),
                imported=self.identity.hash,
            )
            for number, record in self.mine.items()
        ]
        aside = [q if GONE in q.reasons else q.model_copy(update={"reasons": (*q.reasons, GONE)}) for q in self.aside]
        return [q for q in (*labels, *aside) if q.annotation not in export.created]

    def changed(self, labels: Iterable[TokenLabels]) -> tuple[int, ...]:
        """Numbers of annotations that were different at an earlier import."""
        now = {record.origin.annotation: record.origin for record in labels if record.origin}
        before = {number: record.origin for number, record in self.mine.items() if record.origin}
        both = now.keys() & before.keys()
        return tuple(sorted(n for n in both if now[n].content_hash != before[n].content_hash))


def read_before(workspace: Workspace, identity: Identity) -> Before:
    """What the folder holds now.

    Raises:
        RecordError: a line of `labels.jsonl` or `quarantine.jsonl` cannot be read.
    """
    labels = list(read_records(workspace.labels, TokenLabels)) if workspace.labels.exists() else []
    there = workspace.quarantine.exists()
    aside = list(read_records(workspace.quarantine, QuarantinedAnnotation)) if there else []
    mine: dict[int, TokenLabels] = {}
    others: list[TokenLabels] = []
    for record in labels:
        if record.origin is not None and record.task_uid == identity.uid(record.item_id):
            mine[record.origin.annotation] = record
        else:
            others.append(record)
    return Before(
        identity,
        mine,
        tuple(others),
        tuple(q for q in aside if q.imported == identity.hash),
        tuple(q for q in aside if q.imported != identity.hash),
    )


def write_both(
    workspace: Workspace, labels: Iterable[TokenLabels], quarantine: Iterable[QuarantinedAnnotation]
) -> None:
    """Write both files whole before either takes its name: what fails on the way changes nothing."""
    pairs = [(path, path.with_name(f".{path.name}.import")) for path in (workspace.labels, workspace.quarantine)]
    try:
        for (_, temporary), records in zip(pairs, (labels, quarantine), strict=True):
            write_records(temporary, records)
        for path, temporary in pairs:
            os.replace(temporary, path)
    finally:
        for _, temporary in pairs:
            temporary.unlink(missing_ok=True)
