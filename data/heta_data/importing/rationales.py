"""What people marked elsewhere as labels: spans proved in the text, then carried over to words by overlap."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from heta.errors import ConfigError, InputError
from heta.records import Span
from heta.words import SEGMENTATION
from heta_data.compose import label_units
from heta_data.importing.scored import bare_text, short
from heta_data.raters import name_problems
from heta_data.record_base import content_hash
from heta_data.records import Item, RaterKind, Rights, TokenLabels, item_id
from heta_data.snapping import other_encoding, snap

ImportedArm = Literal["blind", "assisted"]
_DIGITS = re.compile(r"[0-9]{1,30}")


@dataclass(frozen=True)
class Rationale:
    """One rater's answer for one item, as a file has it."""

    where: str
    """`path:line`"""
    item: Item
    rater: str
    """As the file calls them; empty where it names nobody."""
    spans: tuple[Span, ...]
    """In code points of the item's prompt; none: nothing was marked, which is an answer."""
    texts: tuple[str | None, ...] = ()
    """`[span]`, what each is said to cover; empty or None where nothing is said."""


@dataclass(frozen=True)
class Answers:
    """What an import of rationales is: together with its items it makes the labels."""

    format: str
    source: str
    sha256: str
    kind: RaterKind
    arm: ImportedArm

    @property
    def hash(self) -> str:
        """Tells the source, whatever version of it."""
        return content_hash({"format": self.format, "source": self.source, "kind": self.kind, "arm": self.arm})

    @property
    def campaign(self) -> str:
        """The campaign hash of the labels: source and content."""
        return content_hash({"import": self.hash, "sha256": self.sha256})

    def uid(self, item: str) -> str:
        """The task uid of an item: the same for every version of the source."""
        return content_hash({"import": self.hash, "item": item})


def to_labels(rationale: Rationale, answers: Answers, rater: str) -> tuple[TokenLabels | None, list[str], list[str]]:
    """The answer as labels on words, what contradicts the text, and spans that no word is in.

    Labels are None where something contradicts.
    """
    item, problems, stray = rationale.item, [], []
    units = label_units(item)
    marked: set[int] = set()
    texts = rationale.texts or (None,) * len(rationale.spans)
    for span, text in zip(rationale.spans, texts, strict=True):
        where = f"{rationale.where}: item {item.source}:{item.source_id}: span [{span.start}, {span.end})"
        if problem := _disproof(item, span, text):
            problems.append(f"{where}: {problem}")
        elif hit := snap(item.prompt, span, units):
            marked.update(hit)
        else:
            stray.append(f"{where}: {short(item.prompt[span.start : span.end])} holds no word that can be marked")
    if problems:
        return None, problems, stray
    labels = TokenLabels(
        item_id=item.id,
        task_uid=answers.uid(item.id),
        rater=rater,
        kind=answers.kind,
        arm=answers.arm,
        segmentation=SEGMENTATION,
        starts=tuple(unit.start for unit in units),
        ends=tuple(unit.end for unit in units),
        labels=tuple(1 if index in marked else 0 for index in range(len(units))),
        campaign_hash=answers.campaign,
        isolation="trust",
    )
    return labels, problems, stray


def _disproof(item: Item, span: Span, text: str | None) -> str | None:
    """Why the span is not one of the item's prompt; None where nothing speaks against it."""
    if not 0 <= span.start < span.end <= len(item.prompt):
        return f"expected one inside the prompt of {len(item.prompt)} code points, at least one long"
    there = item.prompt[span.start : span.end]
    if text is None or bare_text(text) == bare_text(there):
        return None
    counted = other_encoding(item.prompt, span.start, span.end, text)
    return f"expected {short(text)}, the prompt has {short(there)}" + (
        f" (as {counted} it would fit)" if counted else ""
    )


def name_raters(names: Sequence[str], kind: RaterKind, taken: set[str]) -> dict[str, str]:
    """What each rater of a file is called here.

    Names that are pseudonyms stay, numbers get an `r` in front. If any other is among them all become r01, r02, ... in
    the order of the file, without names that are `taken` (those of other labels): a person's name is written nowhere.
    """
    once = list(dict.fromkeys(names))
    given = {name: f"r{name}" if _DIGITS.fullmatch(name) else name for name in once}
    if len(set(given.values())) == len(once) and not any(name_problems(name, kind) for name in given.values()):
        return given
    pattern = "sim{:02d}" if kind == "simulated" else "r{:02d}"
    free = (name for number in range(1, len(once) + len(taken) + 1) if (name := pattern.format(number)) not in taken)
    return dict(zip(once, free, strict=False))


@dataclass(frozen=True)
class Texts:
    """What no file says of its texts: the licence, who made them, and how items are filed."""

    source: str
    """Name of the source, which is part of an item's identity."""
    licence: str | None
    credit: str | None
    url: str
    language: str
    split: Literal["train", "dev", "test"]

    def item(
        self,
        where: str,
        row: str,
        parts: Sequence[tuple[str, str]],
        *,
        answer: str,
        question: str,
        target: str | None = None,
        group: str | None = None,
    ) -> Item:
        """An item whose prompt is `parts` (role, text) one after the other.

        Args:
            where: `path:line`, for messages.
            row: its id in the source.
            parts: empty texts are left out.
            answer: its answer; the target is a blank and the answer where none is given.
            question: what is asked.
            target: the continuation that is explained.
            group: document; the row itself where none is given.

        Raises:
            ConfigError: nobody said under which licence the texts are and who made them.
            InputError: a text that no item can hold.
        """
        if not self.licence or not self.credit:
            raise ConfigError(
                f"{where} makes an item: say under which licence its texts are and who made them, "
                "--licence SPDX --credit NAME; nobody but you can know"
            )
        segments, position = [], 0
        for role, text in parts:
            if text:
                segments.append({"start": position, "end": position + len(text), "role": role})
                position += len(text)
        roles = dict.fromkeys(role for role, text in parts if text and role != "separator")
        fields: dict[str, object] = {
            "source": self.source,
            "source_id": row,
            "group": row if group is None else group,
            "split": self.split,
            "language": self.language,
            "prompt": "".join(text for _, text in parts),
            "target": f" {answer}" if target is None else target,
            "answer": answer,
            "question": question,
            "segments": segments,
            "rights": [
                Rights(field=role, licence=self.licence, source=self.credit, url=self.url, locator=f"row {row}")
                for role in (*roles, "answer")
            ],
        }
        return make_item(where, fields)


def make_item(where: str, fields: Mapping[str, object]) -> Item:
    """An item with its id out of everything else.

    Raises:
        InputError: a text that no item can hold, or segments that do not fit.
    """
    from pydantic import ValidationError

    try:
        item = Item.model_validate({**fields, "id": item_id(fields)})
    except UnicodeEncodeError as error:
        raise InputError(f"{where}: half of a surrogate pair at {error.start}; write whole characters") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{where}: {field + ': ' if field else ''}{first['msg'].removeprefix('Value error, ')}"
        ) from None
    if not label_units(item):
        raise InputError(f"{where}: no word of the text can be marked")
    return item
