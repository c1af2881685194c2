"""Whole units masked or left out: top-k divergences, AOPC, and deletion and insertion curves."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np

from heta_evaluation.faithfulness.base import Case, Estimate, Estimates, FaithfulnessMetric, Hard, Reading, top

KL_PERCENTS = (10, 20, 30)
"""Shares of units of the published HETA code's metric."""
AOPC_PERCENTS = (1, 5, 10, 20, 50)
"""Shares of units of ERASER's metric."""
CURVE_PERCENTS = tuple(range(0, 101, 10))
"""Shares of units at which curves are read; both ends are the same for every attribution."""

_UNBOUNDED, _UNIT = (-math.inf, math.inf), (-1.0, 1.0)


def aopc(whole: float, points: Sequence[float]) -> float:
    """Mean over the points of `whole` minus the point: ERASER's area over the perturbation curve."""
    return float(np.mean([whole - point for point in points]))


def _removed(case: Case, percents: Sequence[int], mask: Literal["drop"] | None = None) -> list[Hard]:
    """The highest units changed, for each share."""
    order, count = case.order(), len(case.scores)
    return [case.hard(order[: top(percent, count)], mask) for percent in percents]


def _kept(case: Case, percents: Sequence[int], mask: Literal["drop"] | None = None) -> list[Hard]:
    """All units but the highest changed, for each share."""
    order, count = case.order(), len(case.scores)
    return [case.hard(order[top(percent, count) :], mask) for percent in percents]


def nc_top_kl(case: Case) -> Estimates:
    """Mean over k of KL(p || q), the k highest units masked by zero embeddings."""
    changes = [Hard(change.units, "zero") for change in _removed(case, KL_PERCENTS)]
    return {"main": Estimate(float(np.mean([reading.kl for reading in case.ask(changes)])))}


def ns_top_kl(case: Case) -> Estimates:
    """Minus the mean over k of KL(p || q), all but the k highest units masked by zero embeddings; never above 0."""
    changes = [Hard(change.units, "zero") for change in _kept(case, KL_PERCENTS)]
    # Not minus the mean, which would be -0.0 where nothing moves.
    return {"main": Estimate(0.0 - float(np.mean([reading.kl for reading in case.ask(changes)])))}


def _probability(reading: Reading) -> float:
    return math.exp(reading.log_prob)


def _log(reading: Reading) -> float:
    return reading.log_prob


_AOPC_VARIANTS: dict[str, tuple[Literal["drop"] | None, Callable[[Reading], float], tuple[float, float]]] = {
    "main": (None, _probability, _UNIT),
    "masking, log p": (None, _log, _UNBOUNDED),
    "removal": ("drop", _probability, _UNIT),
    "removal, log p": ("drop", _log, _UNBOUNDED),
}


def _over_shares(case: Case, choose: Callable[[Case, Sequence[int], Literal["drop"] | None], list[Hard]]) -> Estimates:
    whole = case.ask([case.hard(())])[0]
    found = {}
    for variant, (mask, read, _) in _AOPC_VARIANTS.items():
        readings = case.ask(choose(case, AOPC_PERCENTS, mask))
        found[variant] = Estimate(aopc(read(whole), [read(reading) for reading in readings]))
    return found


def _area(case: Case, order: Sequence[int], *, deleted: bool) -> Estimate:
    """Mean height of log p(target) over the share of units masked or shown in `order`, by the trapezoid."""
    count = len(order)
    sizes = sorted({0 if percent == 0 else top(percent, count) for percent in CURVE_PERCENTS})
    changes = [case.hard(order[:size] if deleted else order[size:]) for size in sizes]
    heights = [reading.log_prob for reading in case.ask(changes)]
    return Estimate(float(np.trapezoid(heights, np.asarray(sizes) / count)))


def deletion_auc(case: Case) -> Estimates:
    """log p(target) while units are masked, the highest first (MoRF), mean height of the curve."""
    return {"main": _area(case, case.order().tolist(), deleted=True)}


def insertion_auc(case: Case) -> Estimates:
    """log p(target) while units are shown again, the highest first, mean height: LeRF read from its end."""
    return {"main": _area(case, case.order().tolist(), deleted=False)}


_TIES = "broken by a seeded order that is the same for every attribution of the item"
_LOWER = "rank below zero"
_EMPTY = "labels are not used"
_CONSTANT = "a random order"
_LOG_P = (-math.inf, 0.0)
_RANGES = {variant: limits for variant, (_, _, limits) in _AOPC_VARIANTS.items()}

NC_TOP_KL = FaithfulnessMetric(
    name="nc_top_kl",
    title="divergence of the prediction when the highest 10, 20 and 30 % of tokens are masked, nats",
    family="faithfulness",
    range=(0.0, math.inf),
    direction="higher",
    needs=("model",),
    reference="KL(p || q), mean over 10, 20, 30 %: what the published HETA code (arXiv:2604.13258) calls SoftNC",
    ties=_TIES,
    negative=_LOWER,
    empty=_EMPTY,
    constant=_CONSTANT,
    variants={"main": (0.0, math.inf)},
    compute=nc_top_kl,
    invariance="increasing",
)
NS_TOP_KL = FaithfulnessMetric(
    name="ns_top_kl",
    title="minus the divergence of the prediction when only the highest 10, 20 and 30 % of tokens are shown, nats",
    family="faithfulness",
    range=(-math.inf, 0.0),
    direction="higher",
    needs=("model",),
    reference="-KL(p || q), mean over 10, 20, 30 %: what the published HETA code (arXiv:2604.13258) calls SoftNS",
    ties=_TIES,
    negative=_LOWER,
    empty=_EMPTY,
    constant=_CONSTANT,
    variants={"main": (-math.inf, 0.0)},
    compute=ns_top_kl,
    invariance="increasing",
)
COMPREHENSIVENESS = FaithfulnessMetric(
    name="comprehensiveness",
    title="what the target's probability loses without the highest 1, 5, 10, 20 and 50 % of tokens",
    family="faithfulness",
    range=_UNIT,
    direction="higher",
    needs=("model",),
    reference="DeYoung et al. 2020 (ERASER), arXiv:1911.03429, AOPC: mean of p - p(without)",
    ties=_TIES,
    negative=_LOWER,
    empty=_EMPTY,
    constant=_CONSTANT,
    variants=_RANGES,
    compute=partial(_over_shares, choose=_removed),
    invariance="increasing",
)
SUFFICIENCY = FaithfulnessMetric(
    name="sufficiency",
    title="what the target's probability loses when only the highest 1, 5, 10, 20 and 50 % of tokens are there",
    family="faithfulness",
    range=_UNIT,
    direction="lower",
    needs=("model",),
    reference="DeYoung et al. 2020 (ERASER), arXiv:1911.03429, AOPC: mean of p - p(only those)",
    ties=_TIES,
    negative=_LOWER,
    empty=_EMPTY,
    constant=_CONSTANT,
    variants=_RANGES,
    compute=partial(_over_shares, choose=_kept),
    invariance="increasing",
)
DELETION_AUC = FaithfulnessMetric(
    name="deletion_auc",
    title="the target's log-probability while tokens are masked, highest first, mean over the curve, nats",
    family="faithfulness",
    range=_LOG_P,
    direction="lower",
    needs=("model",),
    reference="Samek et al. 2017, arXiv:1509.06321 (MoRF); trapezoid over steps of 10 % of the units",
    ties=_TIES,
    negative=_LOWER,
    empty=_EMPTY,
    constant=_CONSTANT,
    variants={"main": _LOG_P},
    compute=deletion_auc,
    invariance="increasing",
)
INSERTION_AUC = FaithfulnessMetric(
    name="insertion_auc",
    title="the target's log-probability while tokens are shown again, highest first, mean over the curve, nats",
    family="faithfulness",
    range=_LOG_P,
    direction="higher",
    needs=("model",),
    reference="Petsiuk et al. 2018, arXiv:1806.07421; the LeRF curve from its end; trapezoid over steps of 10 %",
    ties=_TIES,
    negative=_LOWER,
    empty=_EMPTY,
    constant=_CONSTANT,
    variants={"main": _LOG_P},
    compute=insertion_auc,
    invariance="increasing",
)
