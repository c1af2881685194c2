"""Many raters' labels put together to gold labels."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from heta.records import Span
from heta_data.records import Arm, GoldLabels, RaterKind
from heta_evaluation.aggregation.base import Aggregator, Fit
from heta_evaluation.aggregation.votes import Votes
from heta_evaluation.metrics.base import BoolArray, FloatArray

MAJORITY = "majority/1"
"""Version of the rule in `majority`; stands in every gold record."""


def majority(votes: FloatArray, total: FloatArray) -> BoolArray:
    """Whether MORE than half of the ratings marked the unit. A tie is not gold.

    The task asks for the smallest set of words that is needed; a word that half of the raters could do without is
    not in it. The share itself is kept beside, so that nothing is lost.

    Args:
        votes: `[..., unit]`, weight of the raters that marked each unit.
        total: `[..., 1]`, weight of all raters of the item.
    """
    return np.asarray(2 * votes > total, dtype=np.bool_)


def gold_labels(
    *,
    item_id: str,
    segmentation: str,
    units: Sequence[Span],
    labels: BoolArray,
    kinds: Sequence[RaterKind],
    arms: Sequence[Arm],
) -> GoldLabels:
    """The gold record of one item by majority.

    Args:
        item_id: the item.
        segmentation: version of the word segmentation behind `units`.
        units: what could be marked.
        labels: `[rater, unit]`, at least one rater.
        kinds: kinds of the raters, each once.
        arms: arms they worked in, each once.

    `source` is `unanimous` where two or more raters agree on every unit, `unresolved` where the vote on some unit is
    tied, `aggregated` otherwise.
    """
    votes, total = labels.sum(axis=0).astype(float), float(len(labels))
    source: Literal["unanimous", "unresolved", "aggregated"] = "aggregated"
    if (2 * votes == total).any():
        source = "unresolved"
    elif len(labels) > 1 and np.isin(votes, (0.0, total)).all():
        source = "unanimous"
    return GoldLabels(
        item_id=item_id,
        segmentation=segmentation,
        starts=tuple(unit.start for unit in units),
        ends=tuple(unit.end for unit in units),
        probability=tuple((votes / total).tolist()),
        labels=tuple(1 if mark else 0 for mark in majority(votes, np.asarray([total]))),
        method=MAJORITY,
        n_raters=len(labels),
        kinds=tuple(sorted(set(kinds))),
        arms=tuple(sorted(set(arms))),
        source=source,
    )


def fit_majority(votes: Votes, seed: int = 0) -> Fit:  # noqa: ARG001 - no draw
    """Shares as posteriors; a rater's skill is the share of own answers that the majority gives, in [0, 1].

    The rater votes in that majority, so with few raters everybody looks better than they are.
    """
    posterior = votes.clamped(votes.shares)
    hard = np.eye(votes.n_classes)[posterior.argmax(axis=1)]
    tied = (posterior == posterior.max(axis=1, keepdims=True)).sum(axis=1) > 1
    hard[tied] = np.eye(votes.n_classes)[0]
    counts = votes.counts(hard)
    answers = votes.answers.sum(axis=1)
    skill = np.trace(counts, axis1=1, axis2=2) / np.maximum(answers, 1.0)
    return Fit(posterior=posterior, counts=counts, skill=skill, iterations=1, converged=True)


AGGREGATOR = Aggregator(
    name="majority",
    title="every rater counts the same; a tie is not gold",
    skill="share of answers that the majority gives, [0, 1]",
    reference="marked by more than half of the raters",
    fit=fit_majority,
)
