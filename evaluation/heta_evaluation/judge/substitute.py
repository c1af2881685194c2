"""Could a judge, or an attribution method, stand in for an annotator? The alternative annotator test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from heta_evaluation.metrics.base import BoolArray, FloatArray, Value

EPSILON = 0.2
"""How much worse than an annotator a substitute may be, for what it saves: 0.2 for experts, 0.15 for skilled
annotators, 0.1 for crowd workers."""
FEWEST_RATERS, FEWEST_ITEMS = 3, 30
LEVEL = 0.05


@dataclass(frozen=True)
class Against:
    """The test against one annotator."""

    rater: str
    n: int
    """Items that both did and somebody else too."""
    substitute: float
    """Share of items on which the substitute agrees with the others at least as well as the annotator, in [0, 1]."""
    annotator: float
    """The other way round."""
    p: float
    """One-sided: of the substitute being worse by `epsilon` or more."""
    adjusted: float
    """By Benjamini and Yekutieli."""
    won: bool


@dataclass(frozen=True)
class SubstituteTest:
    """The alternative annotator test."""

    winning_rate: Value
    """Share of annotators against whom the substitute holds, in [0, 1]; `too_few_raters`, `too_few_items`."""
    advantage: Value
    """Mean over annotators of `Against.substitute`: the average advantage probability, in [0, 1]."""
    passes: bool | None
    """Whether the winning rate is at least a half; None where it has no value."""
    against: tuple[Against, ...]
    epsilon: float


def substitute_test(
    raters: Sequence[str], similarity: FloatArray, candidate: FloatArray, there: BoolArray, *, epsilon: float = EPSILON
) -> SubstituteTest:
    """Test a substitute against every annotator in turn.

    For annotator j and an item, who is nearer to the item's other annotators: j or the substitute? With W_f and W_h the
    shares of items on which the substitute, or j, is at least as near, the substitute holds against j if W_f > W_h -
    epsilon, by a one-sided t-test over items of d = W_h - W_f against epsilon, at the 5 % level after Benjamini and
    Yekutieli's correction over annotators.

    Args:
        raters: annotators' names.
        similarity: `[rater, rater, item]`, how near two annotators are on an item; higher is nearer.
        candidate: `[rater, item]`, how near the substitute is to each annotator.
        there: `[rater, item]`, whether the annotator did the item. An item where the substitute is missing must be
            left out beforehand.
        epsilon: how much worse it may be.

    Source: Calderon, Reichart and Dror 2025, "The Alternative Annotator Test for LLM-as-a-Judge", arXiv 2501.10970.
    """
    if len(raters) < FEWEST_RATERS:
        return SubstituteTest(Value(None, "too_few_raters"), Value(None, "too_few_raters"), None, (), epsilon)
    found = [_against(number, similarity, candidate, there) for number in range(len(raters))]
    if min(len(ours) for ours, _ in found) < FEWEST_ITEMS:
        return SubstituteTest(Value(None, "too_few_items"), Value(None, "too_few_items"), None, (), epsilon)
    p_values = [_p_value(theirs - ours, epsilon) for ours, theirs in found]
    adjusted = stats.false_discovery_control(p_values, method="by").tolist()
    against = tuple(
        Against(
            rater=rater,
            n=len(ours),
            substitute=float(ours.mean()),
            annotator=float(theirs.mean()),
            p=p,
            adjusted=corrected,
            won=corrected < LEVEL,
        )
        for rater, (ours, theirs), p, corrected in zip(raters, found, p_values, adjusted, strict=True)
    )
    rate = float(np.mean([one.won for one in against]))
    advantage = float(np.mean([one.substitute for one in against]))
    return SubstituteTest(Value(rate), Value(advantage), rate >= 0.5, against, epsilon)


def _against(
    number: int, similarity: FloatArray, candidate: FloatArray, there: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Per item (those of annotator `number` that others did too): whether substitute, or annotator, is as near."""
    others = there.copy()
    others[number] = False
    usable = there[number] & others.any(axis=0)
    count = others.sum(axis=0)[usable]
    substitute = np.where(others, candidate, 0.0).sum(axis=0)[usable] / count
    annotator = np.where(others, similarity[number], 0.0).sum(axis=0)[usable] / count
    near = 1e-12  # sums in another order must not decide a tie
    return (substitute >= annotator - near).astype(float), (annotator >= substitute - near).astype(float)


def _p_value(worse: FloatArray, epsilon: float) -> float:
    """One-sided p of `mean(worse) >= epsilon`; all items alike decide it outright."""
    mean, spread = float(worse.mean()), float(worse.std(ddof=1))
    if spread == 0:
        return 0.0 if mean < epsilon else 1.0
    return float(stats.t.cdf((mean - epsilon) / (spread / np.sqrt(len(worse))), df=len(worse) - 1))
