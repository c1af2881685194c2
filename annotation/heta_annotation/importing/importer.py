"""The import: from an export's tasks to `labels.jsonl`, and `quarantine.jsonl` for what cannot be labels."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from heta.errors import InputError
from heta_annotation.campaign.answers import QuarantinedAnnotation
from heta_annotation.importing.export import Task, source_name
from heta_annotation.importing.matching import Match, Matcher, Unmatched, check_text_key
from heta_annotation.importing.merging import Authorship, read_before, write_both
from heta_annotation.importing.outcome import Imported, StraySpan
from heta_annotation.importing.own_campaign import own_campaign
from heta_annotation.importing.privacy import Accounts, scrub_text
from heta_annotation.importing.raters import Pseudonyms, read_raters
from heta_annotation.importing.reading import AnnotationReader, Answer, Identity, ImportedKind, set_aside
from heta_annotation.importing.vocabulary import choose_vocabulary
from heta_data.jsonl import read_records
from heta_data.records import Arm, Item, TokenLabels
from heta_data.workspace import Workspace


@dataclass(frozen=True)
class ImportSettings:
    """What an export does not say of itself."""

    arm: Arm
    """`blind` only where nobody saw anything derived from an attribution."""
    kind: ImportedKind
    labels: tuple[str, ...] = ()
    """Labels that mean marked; none given: the only one there is."""
    ignored: tuple[str, ...] = ()
    """Labels that are known and mean something else."""
    source: str | None = None
    """What the source is called; None for `project-N`."""
    text_key: str | None = None
    """The only field of a task that may hold the item's text; None for any."""
    target: str | None = None
    """`to_name` of the spans that count; needed where they lie on several texts."""
    raters: Path | None = None
    """CSV file of accounts and pseudonyms; None: pseudonyms are given."""


def import_labels(
    workspace: Workspace, tasks: Sequence[Task], settings: ImportSettings, *, dry_run: bool = False
) -> Imported:
    """Read an export as labels and put them into the folder. Holds the folder; the same export again changes nothing.

    Labels of the same source, arm, kind and label names are replaced; all others stay.

    Args:
        workspace: a folder with items.
        tasks: from `heta_annotation.importing.export`.
        settings: what the export does not say.
        dry_run: only say what would come of it; nothing is written, nothing is held.

    Raises:
        ConfigError, InputError: settings or files that cannot be used, or no task shows an item of the folder.
        IntegrityError: an earlier import of the source contradicts this one.
    """
    if not workspace.items.exists():
        raise InputError(f"{workspace.items}: no such file; build the items that were labelled with `heta data build`")
    if dry_run:
        return _Import(workspace, tasks, settings).imported
    with workspace.lock():
        done = _Import(workspace, tasks, settings)
        write_both(workspace, done.all_labels, done.all_aside)
    return done.imported


class _Import:
    """One import, computed when it is made; what it would write stands in `all_labels` and `all_aside`."""

    def __init__(self, workspace: Workspace, tasks: Sequence[Task], settings: ImportSettings) -> None:
        self.tasks, self.settings = tasks, settings
        items = list(read_records(workspace.items, Item))
        own = own_campaign(workspace)
        check_text_key(tasks, settings.text_key)
        matcher = Matcher(items, own.tasks, settings.text_key)
        matches = [(task, matcher.match(task)) for task in tasks]
        self.matched = [(task, match) for task, match in matches if isinstance(match, Match)]
        self.unmatched = [match for _, match in matches if isinstance(match, Unmatched)]
        if not self.matched:
            first = self.unmatched[0]
            raise InputError(
                f"none of the {len(tasks)} tasks shows an item of {workspace.items} (task {first.task}: {first.reason})"
            )
        shown = [task for task, _ in self.matched]
        self.vocabulary = choose_vocabulary(shown, settings.labels, settings.ignored, settings.target)
        marked = tuple(sorted(self.vocabulary.marked))
        self.identity = Identity(source_name(tasks, settings.source), settings.arm, settings.kind, marked)
        self.accounts = Accounts(tasks)
        self.export = Authorship.of(tasks, self.accounts)
        self.before = read_before(workspace, self.identity)
        self.before.check(self.export)
        self.reader = AnnotationReader(
            self.identity,
            self.identity.campaign(items),
            vocabulary=self.vocabulary,
            accounts=self.accounts,
            pseudonyms=self._pseudonyms({rater.pseudonym for rater in own.raters.values()}),
            own=own,
            authors=self.export.authors,
        )
        self._read()

    def _pseudonyms(self, taken: set[str]) -> Pseudonyms:
        path = self.settings.raters
        if path is None:
            known = self.before.pseudonyms(self.export.authors)
            return Pseudonyms(None, known, taken | self.before.names)
        given = read_raters(path, self.settings.kind, self.accounts)
        accounts = {account for account in self.export.authors.values() if account is not None}
        if accounts and not accounts & given.keys():
            numbers = ", ".join(str(number) for number in sorted(a for a in accounts if isinstance(a, int))[:20])
            hint = f"; the export names accounts by number: {numbers}" if numbers else ""
            raise InputError(f"{path}: holds none of the {len(accounts)} accounts of the export{hint}")
        return Pseudonyms(given, {}, ())

    def _read(self) -> None:
        self.repeated = 0
        twice = _different_twice(self.tasks)
        seen: set[int] = set()
        answers = []
        for task, match in self.matched:
            for annotation in task["annotations"]:
                number = annotation["id"]
                if number in seen and number not in twice:
                    self.repeated += 1
                    continue
                seen.add(number)
                odd = ["twice: the export holds other content under the same number"] if number in twice else []
                answers.append(self.reader.read(task, match, annotation, odd))
        self.answers = _with_superseded(answers, self.identity)
        self.labels = [a.record for a in self.answers if isinstance(a.record, TokenLabels)]
        self.aside = [a.record for a in self.answers if isinstance(a.record, QuarantinedAnnotation)]
        self.before.check_kinds(self.labels)
        self.gone = self.before.gone(self.export)

    @property
    def all_labels(self) -> list[TokenLabels]:
        """`labels.jsonl` as it will be, in the order in which a pull writes it."""
        return sorted(
            [*self.before.others, *self.labels],
            key=lambda record: (record.arm, record.item_id, record.rater, record.round, record.campaign_hash),
        )

    @property
    def all_aside(self) -> list[QuarantinedAnnotation]:
        """`quarantine.jsonl` as it will be: what was pulled first, then import by import."""
        pulled = [q for q in self.before.others_aside if q.imported is None]
        imported = [q for q in self.before.others_aside if q.imported is not None]
        mine = [*self.aside, *self.gone]
        return [*pulled, *sorted([*imported, *mine], key=lambda q: (q.imported or "", q.annotation))]

    @property
    def imported(self) -> Imported:
        """What to say of it."""
        counting = [a for a in self.answers if isinstance(a.record, TokenLabels)]
        reasons = Counter(kind for q in self.aside for kind in {reason.split(":")[0] for reason in q.reasons})
        answered = [record for record in self.labels if record.answered]
        return Imported(
            source=self.identity.source,
            campaign_hash=self.reader.campaign_hash,
            arm=self.identity.arm,
            kind=self.identity.kind,
            marked=tuple(map(scrub_text, self.identity.labels)),
            tasks=len(self.tasks),
            matched=len(self.matched),
            unmatched=tuple(self.unmatched),
            annotations=len(self.answers),
            labels=len(answered),
            empty=sum(not any(record.labels) for record in answered),
            cannot_tell=sum(record.cannot_tell for record in self.labels),
            skipped=sum(record.skipped for record in self.labels),
            quarantined=len(self.aside),
            reasons=dict(sorted(reasons.items())),
            drafts=sum(len(task["drafts"]) for task in self.tasks if isinstance(task.get("drafts"), list)),
            repeated=self.repeated,
            beside=dict(sorted(sum((a.marks.beside for a in counting), Counter[str]()).items())),
            unproved=sum(a.marks.unproved for a in counting),
            stray=tuple(StraySpan(a.task, a.number, *span) for a in counting for span in a.marks.stray),
            raters=tuple(sorted({record.rater for record in self.labels})),
            replaced=len(self.before.mine),
            changed=self.before.changed(self.labels),
            gone=tuple(sorted(q.annotation for q in self.gone)),
            records=len(self.before.others) + len(self.labels),
        )


def _different_twice(tasks: Sequence[Task]) -> set[int]:
    """Annotation numbers under which the export holds more than one content."""
    contents: dict[int, list[object]] = defaultdict(list)
    for task in tasks:
        for annotation in task["annotations"]:
            contents[annotation["id"]].append((task["id"], annotation))
    return {number for number, found in contents.items() if any(other != found[0] for other in found[1:])}


def _with_superseded(answers: Sequence[Answer], identity: Identity) -> list[Answer]:
    """Of several answers by one rater for one item the last one counts, be it for a copy of the task."""
    latest: dict[tuple[str, str], int] = {}
    for answer in answers:
        if isinstance(answer.record, TokenLabels):
            key = (answer.record.item_id, answer.record.rater)
            latest[key] = max(answer.number, latest.get(key, answer.number))
    found = []
    for answer in answers:
        record = answer.record
        if isinstance(record, TokenLabels) and answer.number != (last := latest[record.item_id, record.rater]):
            reason = f"superseded: the same rater answered again ({last})"
            record = set_aside(identity, answer.task, record.item_id, record.rater, [reason], answer.plain)
        found.append(replace(answer, record=record))
    return found
