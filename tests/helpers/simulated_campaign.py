"""Made-up campaigns with a known truth: documents of correlated items, raters of differing leniency, two methods.

A word's appeal is what raters and methods both see. Raters mark a word with probability
logistic(appeal + leniency of the rater + taste of the rater for the item); methods score it by its appeal, less well in
some documents and items than in others, so that words of an item and items of a document go together.
"""

from dataclasses import dataclass

import numpy as np

from helpers.evaluation_folder import make_items
from heta_evaluation.alignment.table import Row
from heta_evaluation.metrics.base import BoolArray, FloatArray
from heta_evaluation.statistics.intervals import IntArray

WORDS = 24
_ITEM = make_items()[0]


@dataclass(frozen=True)
class World:
    """What campaigns are drawn from; defaults give alpha near 0.35."""

    leniency: float = 0.35
    """Standard deviation of the raters' leniency, in logits."""
    taste: float = 0.3
    """Standard deviation of a rater's leniency from item to item."""
    gain: tuple[float, float] = (1.0, 0.8)
    """How strongly the two methods follow the appeal of words."""
    document: float = 0.4
    """Standard deviation of the methods' quality between documents, in logs; both methods share it."""
    item: float = 0.4
    """The same between items of a document, each method for itself."""
    noise: float = 1.0
    clarity: float = 0.0
    """Standard deviation, between documents and in logs, of how far the appeals of wanted and other words lie apart:
    of how well raters agree."""


@dataclass(frozen=True)
class Texts:
    """Items without raters: `N` items of `WORDS` words."""

    groups: IntArray
    """`[N]`, document of each item."""
    appeal: FloatArray
    """`[N, WORDS]`"""
    scores: FloatArray
    """`[N, 2, WORDS]`"""


def make_texts(rng: np.random.Generator, documents: int, world: World) -> Texts:
    """Documents of one to three items, two on average."""
    groups = np.repeat(np.arange(documents), rng.integers(1, 4, documents))
    n = len(groups)
    wanted = rng.integers(3, 8, (n, 1))
    place = np.argsort(np.argsort(rng.random((n, WORDS)), axis=1), axis=1)
    clear = np.exp(rng.normal(0, world.clarity, documents))[groups, None]
    appeal = np.where(place < wanted, 1.6, -1.6) * clear - 0.8 + rng.normal(0, 0.7, (n, WORDS))
    quality = rng.normal(0, world.document, documents)[groups, None] + rng.normal(0, world.item, (n, 2))
    gain = np.asarray(world.gain) * np.exp(quality)
    scores = gain[:, :, None] * appeal[:, None] + rng.normal(0, world.noise, (n, 2, WORDS))
    return Texts(groups, appeal, scores)


def make_leniency(rng: np.random.Generator, raters: int, world: World) -> FloatArray:
    """`[raters]`, in logits."""
    return np.asarray(rng.normal(0, world.leniency, raters))


def mark(rng: np.random.Generator, texts: Texts, leniency: FloatArray, world: World) -> BoolArray:
    """Labels `[N, rater, WORDS]` of every rater for every item."""
    taste = rng.normal(0, world.taste, (len(texts.appeal), len(leniency), 1))
    logits = texts.appeal[:, None] + leniency[:, None] + taste
    return np.asarray(rng.random(logits.shape) < 1 / (1 + np.exp(-logits)), dtype=np.bool_)


def rows_of(texts: Texts, labels: BoolArray) -> list[Row]:
    """The items as an evaluation holds them."""
    front = np.arange(WORDS) < WORDS // 2
    present, outside, raters = np.ones(2, dtype=np.bool_), np.zeros(2), np.arange(labels.shape[1])
    return [
        Row(_ITEM, (), front, ~front, raters, own, scores, present, outside, {})
        for own, scores in zip(labels, texts.scores, strict=True)
    ]
