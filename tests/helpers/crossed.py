"""Made-up campaigns with new items AND new raters in each: what intervals over both hold, and what verdicts say."""

import numpy as np

from helpers.coverage import MEANS, METHODS, holds, mean_cells
from helpers.simulated_campaign import Texts, World, make_leniency, make_texts, mark, rows_of
from heta_evaluation.alignment.scoring import score_item
from heta_evaluation.metrics.base import BoolArray, FloatArray
from heta_evaluation.statistics.bootstrap import FEW_RATERS, Cells, Design, Draws, crossed_bootstrap
from heta_evaluation.statistics.comparisons import Verdict, decide, judge_together
from heta_evaluation.statistics.intervals import shifted_intervals
from heta_evaluation.statistics.tests import sign_flip_test


def own_raters(seed: int, raters: int, documents: int, world: World) -> tuple[Texts, BoolArray]:
    """Items that each have raters of their own, and their labels: what is expected over items and raters."""
    rng = np.random.default_rng(seed)
    texts = make_texts(rng, documents, world)
    size = (len(texts.appeal), raters, 1)
    logits = texts.appeal[:, None] + rng.normal(0, world.leniency, size) + rng.normal(0, world.taste, size)
    return texts, np.asarray(rng.random(logits.shape) < 1 / (1 + np.exp(-logits)))


def expected_means(seed: int, raters: int, documents: int, world: World) -> FloatArray:
    """What campaigns of so many raters estimate: `MEANS` over new items and raters, `[4]`."""
    values, valid = mean_cells(rows_of(*own_raters(seed, raters, documents, world)), np.ones((1, raters)))
    return np.asarray(values[:, 0].sum(axis=0) / valid[:, 0].sum(axis=0))


def expected_difference(seed: int, raters: int, documents: int, world: World) -> float:
    """The last of `expected_means` in a few array operations, for so many documents that its error does not matter."""
    texts, labels = own_raters(seed, raters, documents, world)
    gold = 2 * labels.sum(axis=1) > raters
    count = gold.sum(axis=1)
    ranks = np.argsort(np.argsort(-texts.scores, axis=2), axis=2)  # no two scores are equal
    hits = ((ranks < count[:, None, None]) & gold[:, None]).sum(axis=2)
    found = hits[count > 0] / count[count > 0, None]
    return float((found[:, 0] - found[:, 1]).mean())


def campaign_draws(seed: int, items: int, raters: int, world: World, *, draws: int) -> Draws:
    """One campaign of new documents and new raters, all of whom label every item."""
    rng = np.random.default_rng(seed)
    texts = make_texts(rng, items // 2, world)
    rows = rows_of(texts, mark(rng, texts, make_leniency(rng, raters, world), world))

    def cells(number: int, weights: FloatArray) -> Cells:
        values, valid = mean_cells([rows[number]], weights)
        return Cells(values[0], valid[0] > 0)

    design = Design(texts.groups, [np.arange(raters)] * len(rows), raters)
    return crossed_bootstrap(design, cells, draws=draws, seed=seed)


def crossed_coverage(
    items: int, raters: int, runs: int, *, draws: int, seed: int, world: World | None = None, texts: int = 3000
) -> dict[str, dict[str, float]]:
    """Share of campaigns whose interval holds the truth: as reported, plain percentiles, and with items alone drawn."""
    chosen = world or World()
    truth = expected_means(seed, raters, texts, chosen)
    hits = {
        name: {"reported": 0.0, "plain": 0.0, "items alone": 0.0, "share of raters": 0.0, "width": 0.0}
        for name in MEANS
    }
    for run in range(runs):
        found = campaign_draws(seed + 1 + run, items, raters, chosen, draws=draws)
        plain = shifted_intervals(found.means, found.valid, found.point)
        alone = shifted_intervals(found.alone.items, found.alone.items_valid, found.point)
        for column, name in enumerate(MEANS):
            for kind, ends in (
                ("reported", found.interval(column)),
                ("plain", plain[column]),
                ("items alone", alone[column]),
            ):
                hits[name][kind] += holds(ends, float(truth[column]))
            hits[name]["share of raters"] += found.spread.raters[column]
            ends = found.interval(column)
            hits[name]["width"] += ends.high - ends.low if ends else 0.0
    return {name: {kind: round(count / runs, 4) for kind, count in found.items()} for name, found in hits.items()}


def f1_difference(seed: int, items: int, raters: int, world: World, *, draws: int) -> tuple[Draws, FloatArray]:
    """One campaign's difference in F1@k, and its sums by document, `[documents, 1]`."""
    rng = np.random.default_rng(seed)
    texts = make_texts(rng, items // 2, world)
    rows = rows_of(texts, mark(rng, texts, make_leniency(rng, raters, world), world))
    sums = np.zeros((items // 2, 1))

    def cells(number: int, weights: FloatArray) -> Cells:
        found = score_item(rows[number], METHODS[:1], weights)["token_f1@k"]
        valid = found.valid[:, :1] & found.valid[:, 1:2]
        values = np.where(valid, found.values[:, :1] - found.values[:, 1:2], 0.0)
        sums[texts.groups[number]] += values[0]  # row 0 is what was observed
        return Cells(values, valid)

    design = Design(texts.groups, [np.arange(raters)] * len(rows), raters)
    return crossed_bootstrap(design, cells, draws=draws, seed=seed), sums


def campaign_verdict(seed: int, items: int, raters: int, world: World, *, draws: int) -> Verdict:
    """What one campaign says of the two methods, declared beforehand as the only contrast: as an evaluation decides."""
    found, sums = f1_difference(seed, items, raters, world, draws=draws)
    ends = judge_together(found).together[0]
    p = float(sign_flip_test(sums, draws=draws, seed=seed)[0])
    return decide(ends.low if ends else None, ends.high if ends else None, p, few_raters=raters < FEW_RATERS)


def verdict_shares(seed: int, items: int, raters: int, runs: int, world: World, *, draws: int) -> dict[str, float]:
    """Shares of `runs` campaigns by decision, and by doubt where the decision is open."""
    shares: dict[str, float] = {}
    for run in range(runs):
        verdict = campaign_verdict(seed + run, items, raters, world, draws=draws)
        name = verdict.decision if verdict.doubt is None else f"open: {verdict.doubt}"
        shares[name] = shares.get(name, 0.0) + 1 / runs
    return {name: round(share, 4) for name, share in sorted(shares.items())}
