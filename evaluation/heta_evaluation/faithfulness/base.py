"""What a faithfulness metric is: a computation on one attribution of one item that may ask the model.

Importing this loads no model library: the registry reads ranges and directions of metrics without it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np

from heta_evaluation.faithfulness.settings import FaithfulnessSettings, HardMask
from heta_evaluation.metrics.base import FloatArray, Metric
from heta_evaluation.statistics.intervals import IntArray

if TYPE_CHECKING:
    from heta import Prepared

Invariance = Literal["increasing", "scaling"]
"""What leaves a metric's value as it is: any increasing transformation of the scores, or only a positive factor."""


class Estimate(NamedTuple):
    """A value, or None with the reason why there is none."""

    value: float | None
    reason: str | None = None
    error: float | None = None
    """Monte-Carlo standard error of the value; None where nothing was drawn."""


Estimates = dict[str, Estimate]
"""Variant -> estimate."""


@dataclass(frozen=True)
class Hard:
    """Some units changed as a whole."""

    units: tuple[int, ...]
    """Increasing numbers of units."""
    mask: HardMask | Literal["drop"]


@dataclass(frozen=True)
class Soft:
    """Every coordinate of unit i's embedding kept with probability `keep[i]`, set to zero otherwise."""

    keep: tuple[float, ...]
    """`[unit]`, in [0, 1]."""
    draw: int
    """Which random numbers: the same draw uses the same ones for every `keep`, so that methods are compared on them."""


Change = Hard | Soft


class Reading(NamedTuple):
    """What the model predicts on one changed input, against its own prediction p on the whole one."""

    log_prob: float
    """log of the target's probability, nats, summed over its tokens."""
    kl: float
    """KL(p || q) in nats, summed over the target's tokens; >= 0."""
    distance: float
    """Mean over the target's tokens of sum (sqrt p - sqrt q)^2 / sqrt 2; in [0, sqrt 2]."""


class Ask(Protocol):
    """Asks the model: one forward pass for each change that was not asked before."""

    def __call__(self, changes: Sequence[Change]) -> list[Reading]:
        """A reading for each change, in their order."""


@dataclass(frozen=True)
class Case:
    """One attribution of one item."""

    scores: FloatArray
    """`[unit]`, finite; higher means more support for the target."""
    ask: Ask
    item_seed: int
    """Number of the item: with the settings' seed it seeds everything that is drawn for it."""
    settings: FaithfulnessSettings

    @property
    def all_units(self) -> tuple[int, ...]:
        """Every unit's number."""
        return tuple(range(len(self.scores)))

    def rng(self, purpose: int) -> np.random.Generator:
        """A generator that is the same for every attribution of the item."""
        return np.random.default_rng([self.settings.seed, self.item_seed, purpose])

    def order(self) -> IntArray:
        """Units by falling score, `[unit]`; ties in a random order that is the same for every attribution."""
        return np.asarray(np.lexsort((self.rng(0).permutation(len(self.scores)), -self.scores)), dtype=np.int64)

    def hard(self, units: Sequence[int] | IntArray, mask: HardMask | Literal["drop"] | None = None) -> Hard:
        """Those units masked as the settings say, or as given."""
        return Hard(tuple(sorted(int(unit) for unit in units)), mask or self.settings.mask)


@dataclass(frozen=True, kw_only=True)
class FaithfulnessMetric(Metric):
    """A metric of one attribution of one item that asks the model about changed inputs."""

    variants: Mapping[str, tuple[float, float]]
    """Every variant that `compute` gives, with its range; `main` among them, whose range is the metric's."""
    compute: Callable[[Case], Estimates]
    invariance: Invariance
    """What the value of `main` does not depend on; the suite holds it to that, and to nothing more."""
    samples: bool = False
    """Whether it draws at random: then every value comes with a Monte-Carlo error."""


def without_value(variants: Iterable[str], reason: str) -> Estimates:
    """Every variant without a value, for one reason."""
    return {variant: Estimate(None, reason) for variant in variants}


def top(percent: int, count: int) -> int:
    """How many of `count` units are the top `percent` %: rounded up, at least one."""
    return max(1, -(-percent * count // 100))


@dataclass(frozen=True)
class Rerun:
    """A method that can be run again on one item, under other circumstances."""

    prepared: "Prepared"
    attribute: "Callable[[Prepared], FloatArray]"
    """Scores of the item's units, `[unit]`, on the item as prepared in any way."""
    reads_model: bool
    item_seed: int
    settings: FaithfulnessSettings


@dataclass(frozen=True, kw_only=True)
class RobustnessMetric(Metric):
    """A metric of how far a method's scores move when circumstances change that should not matter."""

    variants: Mapping[str, tuple[float, float]]
    compute: Callable[[Rerun], Estimates]
    samples: bool = False


@dataclass(frozen=True)
class WordScores:
    """An attribution on the words of one of two items that say the same."""

    words: tuple[str, ...]
    """Of the context, in order."""
    scores: FloatArray
    """`[word]`"""
    language: str
    """BCP 47 tag."""


@dataclass(frozen=True, kw_only=True)
class PairMetric(Metric):
    """A metric of one method's scores on two items that say the same in other words."""

    variants: Mapping[str, tuple[float, float]]
    compute: Callable[[WordScores, WordScores], Estimates]


def normalised(scores: FloatArray) -> FloatArray | None:
    """Scores over the sum of their absolute values, `[unit]`; None where all are 0."""
    largest = float(np.abs(scores).max(initial=0.0))
    if largest == 0.0:
        return None
    scaled = scores / largest  # so that no sum overflows
    return np.asarray(scaled / np.abs(scaled).sum())
