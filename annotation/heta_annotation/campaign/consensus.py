"""What an item's raters make of it together: the same, a majority, or something that somebody has to decide."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from heta.records import Span
from heta_data.records import GoldLabels, TokenLabels
from heta_evaluation.aggregation.majority import gold_labels

CONTESTED_BELOW = 0.5
"""Mean F1 over pairs of raters below which an item is contested."""


@dataclass(frozen=True)
class Consensus:
    """One item's answers together."""

    item_id: str
    answers: tuple[TokenLabels, ...]
    """The answers that count, by rater."""
    cannot_tell: int
    """Raters who found no way to know the answer."""
    agreement: float | None
    """Mean F1 over pairs of raters, in [0, 1]; None with fewer than two answers."""
    outcome: Literal["unanimous", "majority", "contested", "no answer"]
    reason: str
    """Why it is contested, in words; empty otherwise."""

    def majority(self) -> GoldLabels | None:
        """The item's gold labels by majority; None without an answer."""
        if not self.answers:
            return None
        first = self.answers[0]
        return gold_labels(
            item_id=self.item_id,
            segmentation=first.segmentation,
            units=[Span(start, end) for start, end in zip(first.starts, first.ends, strict=True)],
            labels=np.array([record.labels for record in self.answers], dtype=np.bool_),
            kinds=sorted({record.kind for record in self.answers}),
            arms=sorted({record.arm for record in self.answers}),
        )


def find_consensus(labels: Iterable[TokenLabels], *, below: float = CONTESTED_BELOW) -> dict[str, Consensus]:
    """Every item's consensus, by item id, sorted.

    Args:
        labels: answers of one arm; skipped ones count for nothing.
        below: mean pairwise F1 under which an item is contested.
    """
    by_item: dict[str, list[TokenLabels]] = defaultdict(list)
    for record in labels:
        if not record.skipped:
            by_item[record.item_id].append(record)
    return {item: _consensus(item, sorted(by_item[item], key=_rater), below) for item in sorted(by_item)}


def _rater(record: TokenLabels) -> str:
    return record.rater


def _consensus(item: str, records: Sequence[TokenLabels], below: float) -> Consensus:
    answers = tuple(record for record in records if record.answered)
    unsure = len(records) - len(answers)
    agreement = mean_f1([marked(record) for record in answers])
    outcome: Literal["unanimous", "majority", "contested", "no answer"] = "majority"
    reason = ""
    if not answers:
        outcome, reason = "no answer", f"all {unsure} raters say that the text gives no way to know"
    elif unsure and 2 * unsure >= len(records):
        outcome, reason = "contested", f"{unsure} of {len(records)} raters say that the text gives no way to know"
    elif agreement is not None and agreement < below:
        outcome, reason = "contested", f"raters agree by {agreement:.2f} (mean F1 of pairs)"
    elif tied := _ties(answers):
        outcome, reason = "contested", f"the vote on {tied} words is tied"
    elif len(answers) > 1 and len({record.labels for record in answers}) == 1:
        outcome = "unanimous"
    return Consensus(item, answers, unsure, agreement, outcome, reason)


def _ties(answers: Sequence[TokenLabels]) -> int:
    votes = np.sum([record.labels for record in answers], axis=0)
    return int((2 * votes == len(answers)).sum())


def marked(record: TokenLabels) -> frozenset[int]:
    """Indices of the marked units."""
    return frozenset(index for index, label in enumerate(record.labels) if label)


def mean_f1(marks: Sequence[frozenset[int]]) -> float | None:
    """Mean F1 over pairs, in [0, 1]: two who marked nothing agree. None with fewer than two."""
    pairs = [_f1(first, second) for first, second in combinations(marks, 2)]
    return sum(pairs) / len(pairs) if pairs else None


def _f1(first: frozenset[int], second: frozenset[int]) -> float:
    size = len(first) + len(second)
    return 2 * len(first & second) / size if size else 1.0
