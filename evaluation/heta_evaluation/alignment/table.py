"""Everything that is evaluated, on the same units: raters' labels and methods' scores for the words of each item."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from heta.records import Span
from heta.words import SEGMENTATION, Rule
from heta_data.errors import IntegrityError
from heta_data.records import WHOLE_ANSWER, Arm, AttributionRecord, GoldLabels, Item, RaterKind, TokenLabels
from heta_evaluation.alignment.carrying import NO_MASS, Carried, Carrier, find_units, mentions
from heta_evaluation.alignment.subjects import LEXICAL, RANDOM, Subject, baseline, group_records
from heta_evaluation.labels import Selection
from heta_evaluation.metrics.base import Batch, BoolArray, FloatArray
from heta_evaluation.statistics.bootstrap import FEW_RATERS, Design
from heta_evaluation.statistics.intervals import IntArray

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Row:
    """One item: `n` units, `r` raters, `S` subjects (all but `random`, which has no scores of its own)."""

    item: Item
    units: tuple[Span, ...]
    evidence: BoolArray
    """`[n]`"""
    distractor: BoolArray
    """`[n]`"""
    raters: IntArray
    """`[r]`, numbers in `Table.raters`."""
    labels: BoolArray
    """`[r, n]`"""
    scores: FloatArray
    """`[S, n]`, 0 where the subject has no attribution of this item."""
    present: BoolArray
    """`[S]`"""
    outside: FloatArray
    """`[S]`, share of positive mass outside the units, `NO_MASS` where there is none."""
    answered: Mapping[str, bool]
    """Model name -> whether its greedy continuation is the item's answer."""
    gold: BoolArray | None = None
    """`[n]`, hard labels that stand in every draw; None where the majority of the drawn raters is gold."""
    gold_reason: str = ""
    """Why there is no gold, where it is fixed and this item has none."""
    position: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """`[n]`, where each unit stands among all of the prompt, with a gap between segments; empty: all in one row."""
    mention: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """`[n]`, true for units that are the answer itself; empty where none is."""
    elsewhere: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    """`[S, m]`, scores of the units of question and instruction, which nobody can mark; empty where there are none."""
    elsewhere_position: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """`[m]`"""
    arms: tuple[Arm, ...] = ()
    """`[r]`, in which arm each rater labelled."""

    @property
    def marked(self) -> BoolArray:
        """`[n]`, gold as observed."""
        if self.gold is not None:
            return self.gold
        return np.asarray(2 * self.labels.sum(axis=0) > len(self.raters), dtype=np.bool_)

    def with_gold(self, gold: GoldLabels | None) -> "Row":
        """The same with fixed gold labels; without any, or with unresolved ones, the item has none.

        Raises:
            IntegrityError: they are of other units.
        """
        if gold is not None and tuple(zip(gold.starts, gold.ends, strict=True)) != self.units:
            raise IntegrityError(
                f"gold labels of item {self.item.id}: {len(gold.starts)} units ({gold.segmentation}) do not match the "
                f"{len(self.units)} that were labelled; take gold labels of the same items and segmentation"
            )
        reason = "no_gold" if gold is None else "unresolved" if gold.source == "unresolved" else ""
        fixed = np.zeros(len(self.units), dtype=bool) if gold is None or reason else np.asarray(gold.labels, dtype=bool)
        return replace(self, gold=fixed, gold_reason=reason)

    def only(self, subjects: Sequence[int]) -> "Row":
        """The same with some of the subjects."""
        some = np.asarray(subjects, dtype=np.int64)
        elsewhere = self.elsewhere[some] if self.elsewhere.size else self.elsewhere
        return replace(
            self, scores=self.scores[some], present=self.present[some], outside=self.outside[some], elsewhere=elsewhere
        )

    def batch(self, gold: BoolArray, share: FloatArray) -> Batch:
        """The item's scores against label vectors `[P, n]`."""
        return Batch(self.scores, gold, share, self.evidence, self.distractor, self.outside, self.position)


@dataclass(frozen=True)
class Table:
    """All items with their labels and scores."""

    rows: tuple[Row, ...]
    raters: tuple[str, ...]
    rater_kinds: tuple[RaterKind, ...]
    """One for each rater."""
    subjects: tuple[Subject, ...]
    """Methods, lexical baselines, then `random`."""
    kinds: tuple[RaterKind, ...]
    arms: tuple[Arm, ...]
    left_out: Mapping[str, int]
    rule: Rule
    seconds: Mapping[str, float]
    """Subject name -> mean wall seconds an item, of those that were measured."""
    notes: tuple[str, ...]
    fixed_gold: bool = False
    """Whether gold stands in every draw, instead of being the majority of the drawn raters."""

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the methods' models, in order; two revisions of one model are two."""
        named = (subject.model_name for subject in self.subjects if not subject.baseline)
        return tuple(model for model in dict.fromkeys(named) if model != "none")

    @property
    def methods(self) -> tuple[int, ...]:
        """Numbers of the subjects that are no baselines."""
        return tuple(number for number, subject in enumerate(self.subjects) if not subject.baseline)

    @property
    def unanswering(self) -> tuple[str, ...]:
        """Models that answer none of the items whose answer they were asked for: nothing they do is ranked."""
        known = {model: [row.answered[model] for row in self.rows if model in row.answered] for model in self.models}
        return tuple(model for model, answers in known.items() if answers and not any(answers))

    @property
    def ranked(self) -> tuple[int, ...]:
        """Numbers of the methods that are compared: those of models that answer at least one item, or are not asked."""
        silent = self.unanswering
        return tuple(number for number in self.methods if self.subjects[number].model_name not in silent)

    def design(self) -> Design:
        """Who rated what, and which items belong together."""
        numbers: dict[str, int] = {}
        groups = [numbers.setdefault(row.item.group, len(numbers)) for row in self.rows]
        return Design(groups, [row.raters for row in self.rows], len(self.raters))

    def twins(self) -> list[tuple[int, int]]:
        """Pairs of items (evidence first, evidence last) that are one source row in both segment orders."""
        orders: dict[tuple[str, str], dict[bool, int]] = defaultdict(dict)
        for number, row in enumerate(self.rows):
            if row.evidence.any() and row.distractor.any():
                first = int(np.argmax(row.evidence)) < int(np.argmax(row.distractor))
                orders[row.item.source, row.item.source_id].setdefault(first, number)
        return [(found[True], found[False]) for found in orders.values() if len(found) == 2]


def build_table(
    items: Sequence[Item],
    selection: Selection,
    attributions: Iterable[AttributionRecord],
    *,
    rule: Rule = "max",
    gold: Mapping[str, GoldLabels] | None = None,
    progress: Progress | None = None,
) -> Table:
    """Bring labels and scores of all items onto the units that were labelled, words or sentences.

    Args:
        items: the benchmark, each id once.
        selection: the labels that count.
        attributions: records of any methods and models; an item may lack some.
        rule: how a word gets its score from several model tokens.
        gold: item id -> labels that stand in every draw; None: the majority of an item's raters is gold.
        progress: called with (items done, items).

    Raises:
        IntegrityError: an item stands twice or has no word to mark; an attribution is for an unknown item, reaches
            outside its prompt or stands twice; gold labels are for an unknown item or of other units.
    """
    known = {item.id: item for item in items}
    if len(known) < len(items):
        twice = next(identifier for identifier, count in Counter(item.id for item in items).items() if count > 1)
        raise IntegrityError(f"item {twice} stands twice in items.jsonl: remove one")
    if lost := sorted(set(gold or ()) - set(known)):
        raise IntegrityError(
            f"gold labels of item {lost[0]}: no such item in items.jsonl; restore the items they were made for"
        )
    records, unused = group_records(attributions, known)
    used = selection.used
    kind_of = {labels.rater: labels.kind for labels in used}
    raters = tuple(sorted(kind_of))
    rows = []
    native = np.ones(len(records) + len(LEXICAL), dtype=bool)
    for number, item in enumerate(items):
        row, own = _row(item, selection, records, raters, rule)
        rows.append(row if gold is None else row.with_gold(gold.get(item.id)))
        native &= own
        if progress is not None:
            progress(number + 1, len(items))
    subjects = (
        *(replace(subject, native=flag) for subject, flag in zip(records, native.tolist(), strict=False)),
        *(baseline(name, native=flag) for name, flag in zip(LEXICAL, native[len(records) :].tolist(), strict=True)),
        baseline(RANDOM),
    )
    return Table(
        rows=tuple(rows),
        raters=raters,
        rater_kinds=tuple(kind_of[rater] for rater in raters),
        subjects=subjects,
        kinds=tuple(sorted({labels.kind for labels in used})),
        arms=tuple(sorted({labels.arm for labels in used})),
        left_out=selection.left_out,
        rule=rule,
        seconds={
            subject.name: float(np.mean(measured))
            for subject, found in records.items()
            if (measured := [record.seconds for record in found.values() if record.seconds is not None])
        },
        notes=(*_notes(rows, subjects, raters, unused), *_shared_names(used)),
        fixed_gold=gold is not None,
    )


def _row(
    item: Item,
    selection: Selection,
    records: Mapping[Subject, Mapping[str, AttributionRecord]],
    raters: tuple[str, ...],
    rule: Rule,
) -> tuple[Row, BoolArray]:
    """An item, and for each of `records` and of `LEXICAL` whether its scores stood on the units themselves."""
    units = find_units(item, selection.segmentation)
    marked = units.marked
    if not marked:
        raise IntegrityError(f"item {item.id}: evidence and distractor hold no word to mark; remove the item")
    labels = selection.by_item[item.id]
    carrier = Carrier(item, units, rule)
    own = [carrier.record(found[item.id]) if item.id in found else None for found in records.values()]
    nothing = Carried(np.zeros(len(marked)), np.zeros(len(units.elsewhere)), NO_MASS, True)
    carried = [each or nothing for each in (*own, *carrier.lexical())]
    row = Row(
        item=item,
        units=marked,
        evidence=_inside(item, marked, "evidence"),
        distractor=_inside(item, marked, "distractor"),
        raters=np.asarray([raters.index(record.rater) for record in labels], dtype=np.int64),
        labels=np.asarray([record.labels for record in labels], dtype=bool).reshape(len(labels), len(marked)),
        scores=np.stack([each.scores for each in carried]),
        present=np.asarray([*(each is not None for each in own), *(True for _ in LEXICAL)], dtype=bool),
        outside=np.asarray([each.outside for each in carried], dtype=float),
        answered=_answered(item, records),
        position=units.position[: len(marked)],
        mention=mentions(item, marked) if selection.segmentation == SEGMENTATION else np.zeros(0, dtype=bool),
        elsewhere=np.stack([each.elsewhere for each in carried]),
        elsewhere_position=units.position[len(marked) :],
        arms=tuple([record.arm for record in labels]),
    )
    return row, np.asarray([each.native for each in carried], dtype=bool)


def _answered(item: Item, records: Mapping[Subject, Mapping[str, AttributionRecord]]) -> dict[str, bool]:
    """Model name -> whether it gives the item's answer, from any record whose target is that answer."""
    targets = (
        (subject.model_name, found[item.id].target)
        for subject, found in records.items()
        if subject.policy in WHOLE_ANSWER and item.id in found
    )
    return {model: target.answered for model, target in targets if target is not None}


def _inside(item: Item, units: Sequence[Span], role: str) -> BoolArray:
    spans = [segment for segment in item.segments if segment.role == role]
    return np.asarray([any(span.start <= unit.start < span.end for span in spans) for unit in units], dtype=bool)


def _notes(
    rows: Sequence[Row], subjects: Sequence[Subject], raters: Sequence[str], unused: Mapping[str, int]
) -> Iterator[str]:
    """What a reader must know before believing a number."""
    if all(subject.baseline for subject in subjects):
        yield "There are no attributions: only baselines are evaluated."
    if len(raters) == 1:
        yield "One rater only: there is no human reference and no agreement, and intervals are over items."
    elif len(raters) < FEW_RATERS:
        yield (
            f"{len(raters)} raters: intervals, those of agreement included, reflect these raters and new items; with "
            f"fewer than {FEW_RATERS} raters no claim about new raters is possible."
        )
    if unlabelled := sum(not len(row.raters) for row in rows):
        yield f"{unlabelled} of {len(rows)} items have no label that counts: label metrics leave them out."
    marked = [row.marked.any() for row in rows if not row.gold_reason and (row.gold is not None or len(row.raters))]
    if empty := sum(not any_ for any_ in marked):
        whose = "is gold" if any(row.gold is not None for row in rows) else "most of their raters marked"
        yield (
            f"{empty} of {len(rows)} items have no word that {whose}: metrics against gold leave them out (empty_gold)."
        )
    for number, subject in enumerate(subjects):
        if not subject.baseline and (missing := sum(not row.present[number] for row in rows)):
            yield f"{subject.name} has no attribution of {missing} of {len(rows)} items: compare by paired differences."
    if unused:
        listed = ", ".join(f"{count} of {name}" for name, count in sorted(unused.items()))
        yield f"Baselines are computed from the items; attribution records that are not read: {listed}."


def _shared_names(used: Iterable[TokenLabels]) -> Iterator[str]:
    """A note on pseudonyms that stand for one person here, though they come from several campaigns."""
    campaigns: dict[str, set[str]] = defaultdict(set)
    for labels in used:
        campaigns[labels.rater].add(labels.campaign_hash)
    shared = {rater: found for rater, found in campaigns.items() if len(found) > 1}
    if shared:
        hashes = ", ".join(sorted(set().union(*shared.values())))
        yield (
            f"{', '.join(sorted(shared))} labelled in several campaigns ({hashes}) and count as one rater each: "
            "if they are not the same people, choose a campaign (--campaign)."
        )
