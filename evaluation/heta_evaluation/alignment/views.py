"""Other ways to look at the same item, each under a declared name: other scores, other units, or fewer raters.

`abs`, `clip`: signed methods by absolute value, and with negative scores at 0. `mention=without`: without the words
that are the answer itself. `scope=prompt`: question and instruction count as words that nobody marked. `arm=...`: the
raters of one arm.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from heta_evaluation.alignment.scoring import Form, form, label_need
from heta_evaluation.alignment.table import Row, Table
from heta_evaluation.metrics.base import AlignmentMetric, BoolArray, FloatArray


@dataclass(frozen=True)
class View:
    """One way to look at every item."""

    name: str
    """As it stands in records, as the variant."""
    look: Callable[[Row], Row]
    subjects: tuple[int, ...]
    """Numbers of the subjects it says something new about; `random` may be among them."""
    weigh: Callable[[Row, FloatArray], FloatArray] = lambda row, weights: weights  # noqa: ARG005 - all raters count
    """Weights of the item's raters `[P, r]` as they count here."""
    scores_only: bool = False
    """Whether units and raters are the same, and the scores alone are others."""


def views(table: Table) -> tuple[View, ...]:
    """The views of a table that differ from the main one."""
    everyone = tuple(range(len(table.subjects)))
    signed = tuple(number for number, subject in enumerate(table.subjects) if subject.signed)
    found = []
    if signed:
        found += [
            View(name, _by_scores(change), signed, scores_only=True)
            for name, change in (("abs", np.abs), ("clip", _clipped))
        ]
    if any(row.mention.any() for row in table.rows):
        found.append(View("mention=without", without_mention, everyone))
    if any(row.elsewhere.size for row in table.rows):
        found.append(View("scope=prompt", whole_prompt, everyone))
    arms = sorted({arm for row in table.rows for arm in row.arms})
    if len(arms) > 1:
        found += [View(f"arm={arm}", _same, everyone, _of_arm(arm)) for arm in arms]
    return tuple(found)


def viewed(metrics: tuple[AlignmentMetric, ...]) -> tuple[Form, ...]:
    """What is computed in each view: the metrics by which methods are compared, where raters' labels enter."""
    return tuple(form(metric) for metric in metrics if metric.compared and label_need(metric))


def _same(row: Row) -> Row:
    return row


def _clipped(scores: FloatArray) -> FloatArray:
    return np.maximum(scores, 0.0)


def _by_scores(change: Callable[[FloatArray], FloatArray]) -> Callable[[Row], Row]:
    return lambda row: replace(row, scores=change(row.scores))


def without_mention(row: Row) -> Row:
    """The item without the words that are the answer itself; the same where it is not mentioned."""
    if not row.mention.any():
        return row
    kept: BoolArray = ~row.mention
    return replace(
        row,
        units=tuple(unit for unit, keep in zip(row.units, kept.tolist(), strict=False) if keep),
        evidence=row.evidence[kept],
        distractor=row.distractor[kept],
        labels=row.labels[:, kept],
        scores=row.scores[:, kept],
        position=row.position[kept],
        mention=row.mention[kept],
        gold=None if row.gold is None else row.gold[kept],
    )


def whole_prompt(row: Row) -> Row:
    """The item with the words of question and instruction behind its units, marked by nobody."""
    if not row.elsewhere.size:
        return row
    more = row.elsewhere.shape[1]
    nowhere = np.zeros(more, dtype=bool)
    return replace(
        row,
        evidence=np.append(row.evidence, nowhere),
        distractor=np.append(row.distractor, nowhere),
        labels=np.concatenate([row.labels, np.zeros((len(row.labels), more), dtype=bool)], axis=1),
        scores=np.concatenate([row.scores, row.elsewhere], axis=1),
        position=np.append(row.position, row.elsewhere_position),
        mention=np.zeros(0, dtype=bool),
        gold=None if row.gold is None else np.append(row.gold, nowhere),
    )


def _of_arm(arm: str) -> Callable[[Row, FloatArray], FloatArray]:
    def weigh(row: Row, weights: FloatArray) -> FloatArray:
        return np.asarray(weights * np.asarray([one == arm for one in row.arms], dtype=float))

    return weigh
