"""Do intervals hold the truth, do tests raise false alarms? Repeated samples of made-up data through the real code."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers.simulated_campaign import Texts, World, make_leniency, make_texts, mark, rows_of
from heta_evaluation.agreement.coincidence import alpha, coincidences
from heta_evaluation.alignment.scoring import score_item
from heta_evaluation.alignment.table import Row
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import AlignmentMetric, FloatArray
from heta_evaluation.statistics.bootstrap import Cells, Design, Draws, crossed_bootstrap, group_weights
from heta_evaluation.statistics.intervals import IntArray, Interval, shifted_intervals
from heta_evaluation.statistics.spread import effective, few_groups
from heta_evaluation.statistics.tests import sign_flip_test

MEANS = ("token_f1@k", "average_precision", "spearman", "difference in F1@k")
FIGURES = (*MEANS, "krippendorff_alpha")
METHODS: tuple[AlignmentMetric, ...] = tuple(METRICS.get(name) for name in MEANS[:3])
_NOBODY = np.zeros(0, dtype=np.int64)
_LEVELS = 40


@dataclass(frozen=True)
class Pool:
    """A finite population: documents that samples draw from, so that every truth is known exactly."""

    texts: Texts
    starts: IntArray
    """`[documents + 1]`, where each document's items begin."""
    values: FloatArray
    """`[N, 4]`: `MEANS` of each item."""
    valid: FloatArray
    """`[N, 4]`"""
    pairs: FloatArray
    """`[N, 2, 2]`, coincidences."""
    counts: dict[str, FloatArray]
    """Pooled figure -> how many words of each document are of each kind, `[documents, kinds]`; see `pooled`."""

    @property
    def truth(self) -> dict[str, float]:
        means = self.values.sum(axis=0) / self.valid.sum(axis=0)
        whole = float(alpha(self.pairs.sum(axis=0)[None], np.asarray([0.0, 1.0])).values[0, 0])
        return dict(zip(FIGURES, [*means.tolist(), whole], strict=True))

    def sample(self, rng: np.random.Generator, items: int) -> tuple[IntArray, IntArray]:
        """Documents with some `items` items in all, and the items' numbers and groups."""
        drawn = rng.integers(0, len(self.starts) - 1, items // 2)
        parts = [np.arange(self.starts[one], self.starts[one + 1]) for one in drawn]
        groups = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        return drawn, np.stack([np.concatenate(parts), groups])


def make_pool(seed: int, documents: int, *, raters: int = 5, world: World | None = None) -> Pool:
    """Every document labelled by the same raters: samples of it differ in their items alone."""
    rng, chosen = np.random.default_rng(seed), world or World()
    texts = make_texts(rng, documents, chosen)
    labels = mark(rng, texts, make_leniency(rng, raters, chosen), chosen)
    values, valid = mean_cells(rows_of(texts, labels), np.ones((1, raters)))
    found = coincidences((own.astype(float), np.ones(own.shape, dtype=bool)) for own in labels)
    starts = np.searchsorted(texts.groups, np.arange(documents + 1))
    return Pool(texts, starts, values[:, 0], valid[:, 0], found.pairs, _word_kinds(texts, labels))


def mean_cells(rows: list[Row], weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """`MEANS` of items under weightings of raters: values and whether there are any, `[N, P, 4]` each."""
    values, valid = np.zeros((2, len(rows), len(weights), len(MEANS)))
    for number, row in enumerate(rows):
        found = score_item(row, METHODS, weights)
        f1 = found["token_f1@k"]
        for column, name in enumerate(MEANS[:3]):
            values[number, :, column] = found[name].values[:, 0]
            valid[number, :, column] = found[name].valid[:, 0]
        valid[number, :, 3] = f1.valid[:, 0] & f1.valid[:, 1]
        values[number, :, 3] = (f1.values[:, 0] - f1.values[:, 1]) * valid[number, :, 3]
    return values, valid


# ------------------------------------------------------------------------------------ new items, the same raters


def bootstrap_sample(pool: Pool, chosen: IntArray, draws: int, seed: int) -> Draws:
    """The means of a sample and their draws, by `crossed_bootstrap` over documents."""
    items, groups = chosen

    def cells(number: int, weights: FloatArray) -> Cells:
        item, shape = items[number], (len(weights), 1)
        return Cells(np.tile(pool.values[item], shape), np.tile(pool.valid[item] > 0, shape))

    return crossed_bootstrap(Design(groups, [_NOBODY] * len(items), 0), cells, draws=draws, seed=seed)


def alpha_interval(pool: Pool, chosen: IntArray, draws: int, seed: int, *, stretched: bool = True) -> Interval:
    """Interval of alpha over documents."""
    items, groups = chosen
    pairs = np.zeros((int(groups.max()) + 1, 2, 2))
    np.add.at(pairs, groups, pool.pairs[items])
    weights = group_weights(len(pairs), draws, np.random.default_rng(seed))
    every = np.tensordot(np.concatenate([np.ones((1, len(pairs))), weights]), pairs, axes=1)
    found = alpha(every, np.asarray([0.0, 1.0]))
    sizes = effective(np.bincount(groups).astype(float)[:, None])
    wider = few_groups(sizes) if stretched else 1.0
    ends = shifted_intervals(found.values[1:], found.valid[1:], found.values[0], stretch=wider)[0]
    assert ends is not None
    return ends


def item_coverage(pool: Pool, items: int, runs: int, *, draws: int, seed: int) -> dict[str, dict[str, float]]:
    """Share of `runs` samples whose interval holds the truth, by figure: as reported, and as plain percentiles."""
    rng, truth = np.random.default_rng(seed), pool.truth
    hits = {name: {"reported": 0, "plain": 0} for name in FIGURES}
    for run in range(runs):
        _, chosen = pool.sample(rng, items)
        found = bootstrap_sample(pool, chosen, draws, run)
        plain = shifted_intervals(found.means, found.valid, found.point)
        for column, name in enumerate(MEANS):
            for kind, ends in (("reported", found.interval(column)), ("plain", plain[column])):
                hits[name][kind] += holds(ends, truth[name])
        for kind in ("reported", "plain"):
            ends = alpha_interval(pool, chosen, draws, run, stretched=kind == "reported")
            hits[FIGURES[-1]][kind] += holds(ends, truth[FIGURES[-1]])
    return {name: {kind: count / runs for kind, count in found.items()} for name, found in hits.items()}


def holds(ends: Interval | None, truth: float) -> bool:
    """Whether an interval is there and holds the truth."""
    return ends is not None and ends.low <= truth <= ends.high


# ------------------------------------------------------------------------------------ words drawn instead of items


def _word_kinds(texts: Texts, labels: np.ndarray) -> dict[str, FloatArray]:
    """Words by what the pooled figures need to know of them: label and predictions, marks, level of the score."""
    share = labels.sum(axis=1)
    gold = (2 * share > labels.shape[1]).astype(int)
    level = np.searchsorted(np.quantile(texts.scores[:, 0], np.linspace(0, 1, _LEVELS + 1)[1:-1]), texts.scores[:, 0])
    ranks = np.argsort(np.argsort(-texts.scores, axis=2), axis=2)
    predicted = (ranks < gold.sum(axis=1)[:, None, None]).astype(int)
    kinds = {
        "token_f1@k": (gold * 4 + predicted[:, 0] * 2 + predicted[:, 1], 8),
        "average_precision": (level * 2 + gold, 2 * _LEVELS),
        "spearman": (level * (labels.shape[1] + 1) + share, _LEVELS * (labels.shape[1] + 1)),
        "krippendorff_alpha": (share, labels.shape[1] + 1),
    }
    found = {}
    for name, (kind, size) in kinds.items():
        counts = np.zeros((int(texts.groups.max()) + 1, size))
        np.add.at(counts, (np.repeat(texts.groups, kind.shape[1]), kind.reshape(-1)), 1.0)
        found[name] = counts
    found["difference in F1@k"] = found["token_f1@k"]
    return found


def _pooled_f1(counts: FloatArray, bit: int) -> FloatArray:
    gold, predicted = np.arange(8) // 4 == 1, np.arange(8) // bit % 2 == 1
    hits = counts[:, gold & predicted].sum(axis=1)
    return np.asarray(2 * hits / np.maximum(counts[:, gold].sum(axis=1) + counts[:, predicted].sum(axis=1), 1.0))


def _pooled_precision(counts: FloatArray) -> FloatArray:
    table = counts.reshape(len(counts), _LEVELS, 2)[:, ::-1]
    hits, all_ = np.cumsum(table[:, :, 1], axis=1), np.cumsum(table.sum(axis=2), axis=1)
    return np.asarray((table[:, :, 1] * hits / np.maximum(all_, 1.0)).sum(axis=1) / hits[:, -1])


def _pooled_spearman(counts: FloatArray) -> FloatArray:
    table = counts.reshape(len(counts), _LEVELS, -1)
    total = counts.sum(axis=1)
    means = []
    for axis in (2, 1):
        margin = table.sum(axis=axis)
        means.append((np.cumsum(margin, axis=1) - margin / 2) / total[:, None] - 0.5)
    rows, columns = means
    both = np.einsum("dij,di,dj->d", table, rows, columns)
    first, second = (table.sum(axis=2) * rows**2).sum(axis=1), (table.sum(axis=1) * columns**2).sum(axis=1)
    return np.asarray(both / np.sqrt(first * second))


def _pooled_alpha(counts: FloatArray) -> FloatArray:
    raters = counts.shape[1] - 1
    marks = np.arange(raters + 1.0)
    pairs = np.zeros((len(counts), 2, 2))
    pairs[:, 1, 1] = counts @ (marks * (marks - 1)) / (raters - 1)
    pairs[:, 0, 0] = counts @ ((raters - marks) * (raters - marks - 1)) / (raters - 1)
    pairs[:, 0, 1] = pairs[:, 1, 0] = counts @ (marks * (raters - marks)) / (raters - 1)
    return np.asarray(alpha(pairs, np.asarray([0.0, 1.0])).values[:, 0])


POOLED: dict[str, Callable[[FloatArray], FloatArray]] = {
    "token_f1@k": lambda counts: _pooled_f1(counts, 2),
    "average_precision": _pooled_precision,
    "spearman": _pooled_spearman,
    "difference in F1@k": lambda counts: _pooled_f1(counts, 2) - _pooled_f1(counts, 1),
    "krippendorff_alpha": _pooled_alpha,
}
"""Figures over all words at once, from how many words `[D, kinds]` there are of each kind; scores in 40 levels."""


def token_coverage(pool: Pool, items: int, runs: int, *, draws: int, seed: int) -> dict[str, dict[str, float]]:
    """The same for figures over all words at once, with words drawn as if they were independent, and with documents.

    Drawing words with replacement draws how many there are of each kind from a multinomial distribution.
    """
    rng = np.random.default_rng(seed)
    truth = {name: float(figure(pool.counts[name].sum(axis=0)[None])[0]) for name, figure in POOLED.items()}
    hits = {name: {"words": 0, "documents": 0} for name in POOLED}
    for run in range(runs):
        drawn, _ = pool.sample(rng, items)
        own = np.random.default_rng(run)
        weights = group_weights(len(drawn), draws, own).astype(float)
        for name, figure in POOLED.items():
            sample = pool.counts[name][drawn]
            whole = sample.sum(axis=0)
            words = own.multinomial(int(whole.sum()), whole / whole.sum(), size=draws).astype(float)
            point = figure(whole[None])
            sizes = effective(sample.sum(axis=1)[:, None])
            for kind, counts, wider in (("words", words, 1.0), ("documents", weights @ sample, few_groups(sizes))):
                values = figure(counts)[:, None]
                ends = shifted_intervals(values, np.ones(values.shape, dtype=bool), point, stretch=wider)[0]
                hits[name][kind] += holds(ends, truth[name])
    return {name: {kind: count / runs for kind, count in found.items()} for name, found in hits.items()}


# ------------------------------------------------------------------------------------ false alarms of the test


def false_alarms(pool: Pool, items: int, runs: int, *, draws: int, seed: int) -> float:
    """Share of samples in which two methods that are exchangeable in every document differ with p <= 0.05.

    Each document's difference has a random sign, which is what exchangeable means; documents keep their own sizes.
    """
    rng, alarms = np.random.default_rng(seed), 0
    for run in range(runs):
        drawn, (numbers, groups) = pool.sample(rng, items)
        sums = np.zeros(len(drawn))
        np.add.at(sums, groups, pool.values[numbers, 3])
        sums *= rng.choice((-1.0, 1.0), len(drawn))
        alarms += bool(sign_flip_test(sums[:, None], draws=draws, seed=run)[0] <= 0.05)
    return alarms / runs
