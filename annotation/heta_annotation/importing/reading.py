"""One annotation of an export as labels, or the reasons why it cannot be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from heta.words import SEGMENTATION
from heta_annotation.campaign.answers import QuarantinedAnnotation, working_time
from heta_annotation.importing.export import Task, is_number
from heta_annotation.importing.matching import Match
from heta_annotation.importing.own_campaign import OwnCampaign, OwnTask
from heta_annotation.importing.privacy import Account, Accounts, plain_annotation
from heta_annotation.importing.raters import Pseudonyms
from heta_annotation.importing.regions import Marks, read_regions
from heta_annotation.importing.vocabulary import Vocabulary
from heta_data.records import Arm, Item, LabelOrigin, TokenLabels, content_hash

ImportedKind = Literal["human", "simulated"]


@dataclass(frozen=True)
class Identity:
    """What makes two imports the same, so that the later one replaces the earlier one."""

    source: str
    arm: Arm
    kind: ImportedKind
    labels: tuple[str, ...]
    """Those that mean marked, sorted."""

    @property
    def hash(self) -> str:
        """Content hash over all of it."""
        return content_hash({"source": self.source, "arm": self.arm, "kind": self.kind, "labels": self.labels})

    @property
    def url(self) -> str:
        """What stands as `url` in the origin of labels."""
        return f"import:{self.source}"

    def campaign(self, items: Sequence[Item]) -> str:
        """The campaign hash: the identity and the items that could be labelled, whether they are yet or not."""
        return content_hash({"import": self.hash, "items": sorted(item.id for item in items)})

    def uid(self, item_id: str) -> str:
        """The task uid of an item. It knows no other item, so that it tells this import's labels when items come in."""
        return content_hash({"import": self.hash, "item": item_id})


@dataclass(frozen=True)
class Answer:
    """One annotation, read."""

    task: int
    """Label Studio's number of the task."""
    record: TokenLabels | QuarantinedAnnotation
    plain: Mapping[str, Any]
    """The annotation without what must not be written down."""
    marks: Marks

    @property
    def number(self) -> int:
        """Label Studio's number of the annotation."""
        return int(self.plain["id"])


def set_aside(
    identity: Identity, task: int, item_id: str, rater: str | None, reasons: Sequence[str], plain: Mapping[str, Any]
) -> QuarantinedAnnotation:
    """An annotation that gives no labels, with the reasons, as it goes to quarantine."""
    return QuarantinedAnnotation(
        arm=identity.arm,
        task=task,
        task_uid=identity.uid(item_id),
        annotation=plain["id"],
        rater=rater,
        reasons=tuple(reasons),
        raw=dict(plain),
        imported=identity.hash,
    )


class AnnotationReader:
    """Turns the annotations of matched tasks into labels.

    Args:
        identity: what the import is.
        campaign_hash: of the import.
        vocabulary: what labels mean.
        accounts: who is who in the export.
        pseudonyms: what they are called.
        own: the folder's own campaign, whose raters keep their pseudonyms.
        authors: annotation number -> its account, over the whole export.
    """

    def __init__(
        self,
        identity: Identity,
        campaign_hash: str,
        *,
        vocabulary: Vocabulary,
        accounts: Accounts,
        pseudonyms: Pseudonyms,
        own: OwnCampaign,
        authors: Mapping[int, Account | None],
    ) -> None:
        self.identity = identity
        self.campaign_hash = campaign_hash
        self.vocabulary = vocabulary
        self.accounts = accounts
        self.pseudonyms = pseudonyms
        self.own = own
        self.authors = authors

    def read(self, task: Task, match: Match, annotation: Mapping[str, Any], odd: Sequence[str] = ()) -> Answer:
        """Labels, or the annotation with every reason that speaks against it; `odd` are reasons known before."""
        plain = plain_annotation(annotation)
        rater, by_author = self._author(match, annotation)
        reasons = [*odd, *by_author, *self._prejudice(annotation)]
        marks = Marks()
        if not annotation.get("was_cancelled"):
            # What was marked before Skip was pressed is kept by Label Studio, and is no answer.
            marks = read_regions(task, match, annotation.get("result"), self.vocabulary, self.identity.arm)
            reasons += marks.problems
            if marks.stray and not marks.units and not marks.problems:
                reasons.append("no word: its spans cover none, and it would read as an empty answer")
        record: TokenLabels | QuarantinedAnnotation
        if reasons or rater is None:
            record = set_aside(self.identity, task["id"], match.item.id, rater, reasons, plain)
        else:
            record = self._labels(task, match, rater, marks, plain)
        return Answer(task["id"], record, plain, marks)

    def _author(self, match: Match, annotation: Mapping[str, Any]) -> tuple[str | None, list[str]]:
        """Whose answer it is, and what speaks against that; accounts are named by pseudonym alone."""
        account = self.accounts.account(annotation.get("completed_by"))
        if account is None:
            return None, ["deleted account: nobody is named as its author"]
        reasons = []
        by = annotation.get("updated_by")
        if by is not None and self.accounts.account(by) != account:
            reasons.append("edited by another: its last change is by another account than its author's")
        if match.own is not None:
            name, odd = self._own_rater(match.own, account)
            return name, [*reasons, *odd]
        name = self.pseudonyms.of(account)
        return name, reasons if name else [*reasons, "unknown rater: the account is not in the file of raters"]

    def _own_rater(self, own: OwnTask, account: Account) -> tuple[str | None, list[str]]:
        """The rater of a task that our own campaign sent: called as there, and nothing else than there."""
        rater = self.own.raters.get((own.arm, account)) if isinstance(account, int) else None
        reasons = []
        if own.phase == "adjudicate":
            reasons.append("adjudication: the page shows what the raters marked")
        if own.arm != self.identity.arm:
            reasons.append(f"other arm: this folder sent the task to arm {own.arm}")
        if rater is None:
            return None, [*reasons, "unknown rater: the account is no rater of the campaign that sent the task"]
        if rater.kind != self.identity.kind:
            reasons.append(f"other kind: this folder's campaign knows the rater as {rater.kind}")
        return rater.pseudonym, reasons

    def _prejudice(self, annotation: Mapping[str, Any]) -> list[str]:
        """What the rater had before them besides the text."""
        reasons = []
        if self.identity.arm == "blind" and annotation.get("parent_prediction") is not None:
            reasons.append("pre-annotated: it began from a prediction, and nobody in a blind arm has seen one")
        elif self.identity.arm == "blind" and annotation.get("prediction"):
            reasons.append("pre-annotated: a prediction stood beside it, and nobody in a blind arm has seen one")
        parent = annotation.get("parent_annotation")
        if parent is not None:
            author = self.accounts.account(annotation.get("completed_by"))
            if not is_number(parent) or self.authors.get(parent) != author:
                reasons.append("copied: it began from an annotation that is not known to be the same rater's")
        return reasons

    def _labels(self, task: Task, match: Match, rater: str, marks: Marks, plain: Mapping[str, Any]) -> TokenLabels:
        item, units = match.item, match.units
        return TokenLabels(
            item_id=item.id,
            task_uid=self.identity.uid(item.id),
            rater=rater,
            kind=self.identity.kind,
            arm=self.identity.arm,
            segmentation=SEGMENTATION,
            starts=tuple(unit.start for unit in units),
            ends=tuple(unit.end for unit in units),
            labels=tuple(1 if index in marks.units else 0 for index in range(len(units))),
            cannot_tell=marks.cannot_tell,
            skipped=bool(plain["was_cancelled"]),
            seconds=working_time(plain["lead_time"]),
            campaign_hash=self.campaign_hash,
            isolation="trust",
            origin=LabelOrigin(
                url=self.identity.url,
                project=task["project"] if is_number(task.get("project")) else 0,
                task=task["id"],
                annotation=plain["id"],
                parent_prediction=plain["parent_prediction"] if is_number(plain["parent_prediction"]) else None,
                content_hash=content_hash(plain),
                created_at=plain["created_at"],
                updated_at=plain["updated_at"],
            ),
        )
