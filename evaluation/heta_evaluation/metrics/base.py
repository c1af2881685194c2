"""What a metric is: a name, a declared range and direction, stated behaviour in the odd cases, and a computation.

Alignment metrics compute many cases at once, because the bootstrap asks for the same item under many label vectors:
a `Batch` holds the scores of `S` subjects and `P` label vectors on the units of ONE item, the result is a `[P, S]`
`Grid`. A cell without a value carries a reason; nothing is ever NaN.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

Direction = Literal["higher", "lower", "neutral"]
Family = Literal["alignment", "attribution", "agreement", "faithfulness", "robustness"]
Need = Literal["gold", "share", "segments", "mass", "tokens", "raters", "model", "method", "pairs"]
"""`gold`: hard labels; `share`: share of raters that marked each unit; `segments`: which units lie in evidence and
distractor; `mass`: the score mass outside the units; `tokens`: where the model's tokens lie; `raters`: every rater's
own labels; `model`: forward passes of the model; `method`: the method itself, to run it again; `pairs`: items that say
the same."""
Invariance = Literal["increasing", "affine", "scale"]
"""What may be done to a method's scores without changing a value: any increasing transformation; a positive factor and
a constant; a positive factor."""
R = TypeVar("R")


class Value(NamedTuple):
    """A number, or None with the reason why there is none."""

    value: float | None
    reason: str | None = None


_NO_REASON = np.asarray("", dtype=object)


@dataclass(frozen=True)
class Grid:
    """Values `[P, S]` of one metric on one item; where `reasons` is not empty, `values` holds 0 and means nothing."""

    values: FloatArray
    reasons: NDArray[np.object_]

    @property
    def valid(self) -> BoolArray:
        """`[P, S]`, true where there is a value."""
        return np.asarray(self.reasons == "", dtype=np.bool_)

    def at(self, pattern: int, subject: int) -> Value:
        """One cell."""
        reason = str(self.reasons[pattern, subject])
        return Value(None, reason) if reason else Value(float(self.values[pattern, subject]))


def grid(values: FloatArray, *reasons: tuple[BoolArray, str]) -> Grid:
    """A grid from values and, in order of precedence, masks (broadcast to the values) with their reasons."""
    masks = [(mask, reason) for mask, reason in reversed(reasons) if mask.any()]
    if not masks:
        return Grid(values, np.broadcast_to(_NO_REASON, values.shape))
    names = np.full(values.shape, "", dtype=object)
    for mask, reason in masks:
        names[mask if mask.shape == values.shape else np.broadcast_to(mask, values.shape)] = reason
    return Grid(np.where(names == "", values, 0.0), names)


@dataclass(frozen=True)
class Batch:
    """One item: scores of `S` subjects, and `P` label vectors, on its `n` units."""

    scores: FloatArray
    """`[S, n]`, finite; higher means more support for the target."""
    gold: BoolArray
    """`[P, n]`, hard labels."""
    share: FloatArray
    """`[P, n]`, share of raters that marked the unit, in [0, 1]."""
    evidence: BoolArray
    """`[n]`, true for units of evidence segments."""
    distractor: BoolArray
    """`[n]`, true for units of distractor segments."""
    outside: FloatArray = field(default_factory=lambda: np.zeros(0))
    """`[S]`, share of each subject's positive mass that lies outside the units; empty where it is not known."""
    position: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """`[n]`, where each unit stands: two are neighbours if their positions differ by one. Empty: all in one row."""
    _made: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    _labels_made: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)
    """What depends on labels alone: other scores of the same item share it."""

    @property
    def shape(self) -> tuple[int, int]:
        """`(P, S)`."""
        return len(self.gold), len(self.scores)

    @property
    def places(self) -> IntArray:
        """`[n]`, `position`, counted through where none is given."""
        return self.position if len(self.position) else np.arange(self.gold.shape[1])

    def once(self, key: Hashable, make: Callable[[], R]) -> R:
        """What `make` gives, made once for this batch: ranks and selections that several metrics need."""
        if key not in self._made:
            self._made[key] = make()
        found: R = self._made[key]
        return found

    def once_for_labels(self, key: Hashable, make: Callable[[], R]) -> R:
        """The same for what depends on labels alone."""
        if key not in self._labels_made:
            self._labels_made[key] = make()
        found: R = self._labels_made[key]
        return found

    def with_scores(self, scores: FloatArray, outside: FloatArray) -> "Batch":
        """The same label vectors with scores of other subjects `[S, n]`, and their shares outside `[S]`."""
        return replace(self, scores=scores, outside=outside)


def one_case(
    scores: Sequence[float],
    gold: Sequence[int | bool],
    *,
    share: Sequence[float] | None = None,
    evidence: Sequence[bool] | None = None,
    distractor: Sequence[bool] | None = None,
    outside: float | None = None,
    position: Sequence[int] | None = None,
) -> Batch:
    """A batch of a single subject and a single label vector, `[1, n]` each. `share` is `gold` unless given."""
    n = len(scores)
    hard = np.asarray(gold, dtype=bool).reshape(1, n)
    return Batch(
        scores=np.asarray(scores, dtype=float).reshape(1, n),
        gold=hard,
        share=hard.astype(float) if share is None else np.asarray(share, dtype=float).reshape(1, n),
        evidence=np.zeros(n, dtype=bool) if evidence is None else np.asarray(evidence, dtype=bool),
        distractor=np.zeros(n, dtype=bool) if distractor is None else np.asarray(distractor, dtype=bool),
        outside=np.zeros(0) if outside is None else np.asarray([outside], dtype=float),
        position=np.asarray([] if position is None else position, dtype=np.int64),
    )


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What is known of a metric without computing it: what `heta metrics` lists and the conformance tests hold."""

    name: str
    title: str
    """One line: what a value says."""
    family: Family
    range: tuple[float, float]
    direction: Direction
    needs: tuple[Need, ...]
    reference: str
    """Source with its equation, or the closed form."""
    ties: str = "none possible"
    negative: str = "no scores are used"
    """What negative scores mean to it."""
    empty: str = "no value: empty_gold"
    """What happens without any positive label."""
    constant: str = "one big tie"
    """What happens with constant scores."""
    version: int = 1


@dataclass(frozen=True)
class Variant:
    """The same metric under another declared choice, reported under its name."""

    name: str
    """As it stands in records, e.g. `k=5`."""
    compute: Callable[[Batch], Grid]
    chance: Callable[[Batch], Grid] | None = None
    labels: bool = False
    """Whether it needs labels though the metric does not."""


@dataclass(frozen=True)
class Pooling:
    """Another way from items to one figure than the mean over items: a function of the means of several parts."""

    name: str
    """As it stands in records, e.g. `micro`."""
    parts: tuple[Callable[[Batch], Grid], ...]
    """Each `[P, S]`; an item counts where all have a value."""
    combine: Callable[..., FloatArray]
    """Means of the parts, an array each, to the figure; never NaN."""
    chance: tuple[Callable[[Batch], Grid], ...] | None = None
    """`[P, 1]` each: the parts of scores drawn at random, where the figure of their means is exact."""


@dataclass(frozen=True, kw_only=True)
class AlignmentMetric(Metric):
    """A metric of one attribution against labels or segments of the same item."""

    compute: Callable[[Batch], Grid]
    chance: Callable[[Batch], Grid] | None = None
    """`[P, 1]`: the exact expected value of scores drawn independently and uniformly at random."""
    compared: bool = False
    """Whether methods are compared pairwise by it, and once more on parts of the items."""
    invariance: Invariance = "increasing"
    perfect: float | None = None
    """Value of scores that equal hard labels; None: the best end of the range."""
    variants: tuple[Variant, ...] = ()
    poolings: tuple[Pooling, ...] = ()

    def one(self, case: Batch) -> Value:
        """The value of a batch that holds one subject and one label vector."""
        return self.compute(case).at(0, 0)


@dataclass(frozen=True, kw_only=True)
class AgreementMetric(Metric):
    """A metric of raters with each other, from pooled counts of pairs of ratings."""

    compute: Callable[[FloatArray, FloatArray], Grid]
    """`(coincidences [D, V, V], counts [D, V])` to `[D, 1]`, one row a draw; see `agreement.Coincidences`."""


def per_case(function: Callable[[FloatArray, Batch, int], Value]) -> Callable[[Batch], Grid]:
    """Turns a function of one case into a computation of a whole batch, for metrics with no vector form.

    `function(scores [n], batch, pattern)` is called for each subject and label vector.
    """

    def compute(batch: Batch) -> Grid:
        values = np.zeros(batch.shape)
        reasons = np.full(batch.shape, "", dtype=object)
        for pattern in range(batch.shape[0]):
            for subject, scores in enumerate(batch.scores):
                value, reason = function(scores, batch, pattern)
                values[pattern, subject], reasons[pattern, subject] = value or 0.0, reason or ""
        return Grid(values, reasons)

    return compute
