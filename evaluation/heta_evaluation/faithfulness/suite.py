"""The metrics on trial: attributions whose truth is known, their random and permuted twins, and rescaled scores.

A metric that cannot tell the truth about a planted model from a random order measures nothing; one that moves when the
same ranking is written in other numbers compares methods by how they write. Plug-in metrics are tried like the others.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from heta_evaluation.faithfulness.asking import ModelAsker
from heta_evaluation.faithfulness.base import (
    Case,
    Estimates,
    FaithfulnessMetric,
    PairMetric,
    Rerun,
    RobustnessMetric,
    WordScores,
)
from heta_evaluation.faithfulness.planted import Planted, planted_prompts
from heta_evaluation.faithfulness.settings import FaithfulnessSettings
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import FloatArray, Metric

_SURE = 3.0
"""Standard errors by which means must differ to count as different, and within which they count as alike."""
_TWINS = ("truth", "permuted", "random", "x7", "cubed")


@dataclass(frozen=True)
class Check:
    """One property of one metric, with the figures that show it."""

    metric: str
    check: str
    passed: bool
    detail: str


def run_suite(prompts: int = 12, seed: int = 0, progress: Callable[[int, int], None] | None = None) -> list[Check]:
    """Try every registered metric of faithfulness and robustness.

    Args:
        prompts: planted prompts, at least 2; a mean over fewer than 10 may fail for want of them.
        seed: of prompts, twins and draws; the same seed gives the same figures.
        progress: called with (prompts tried, prompts).
    """
    found = [METRICS.get(name) for name in METRICS]
    planted = planted_prompts(prompts, seed)
    return [
        *_faithfulness([one for one in found if isinstance(one, FaithfulnessMetric)], planted, seed, progress),
        *(check for one in found if isinstance(one, RobustnessMetric) for check in _robustness(one, planted, seed)),
        *(check for one in found if isinstance(one, PairMetric) for check in _pairs(one, planted, seed)),
    ]


def _faithfulness(
    metrics: Sequence[FaithfulnessMetric],
    planted: Sequence[Planted],
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> Iterator[Check]:
    settings = FaithfulnessSettings(seed=seed)
    values = {metric.name: np.zeros((len(planted), len(_TWINS))) for metric in metrics}
    for number, one in enumerate(planted):
        prepared = one.prepare()
        ask = ModelAsker(prepared, prepared.positions, (seed, number))
        for column, scores in enumerate(_twins(one.truth, np.random.default_rng([seed, number, 6]))):
            case = Case(scores, ask, number, settings)
            for metric in metrics:
                values[metric.name][number, column] = _main(metric.compute(case))
        if progress is not None:
            progress(number + 1, len(planted))
    for metric in metrics:
        yield from _verdicts(metric, values[metric.name])


def _twins(truth: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, ...]:
    """Scores `[unit]` for each of `_TWINS`. The permuted ones get an order among equals, as the random ones have."""
    permuted = rng.permutation(truth) + 1e-6 * rng.random(len(truth))
    return truth, permuted, rng.random(len(truth)), 7.0 * truth, truth**3


def _main(estimates: Estimates) -> float:
    value = estimates["main"].value
    if value is None:
        raise ValueError(f"no value on a planted prompt: {estimates['main'].reason}")
    return value


def _verdicts(metric: FaithfulnessMetric, values: FloatArray) -> Iterator[Check]:
    truth, permuted, random, scaled, cubed = values.T
    mean = dict(zip(_TWINS, values.mean(axis=0).tolist(), strict=True))
    beats = all(_better(metric, truth - twin) for twin in (permuted, random))
    yield Check(
        metric.name,
        "the truth beats random and permuted scores",
        beats,
        f"{mean['truth']:.3f} against {mean['random']:.3f} and {mean['permuted']:.3f}",
    )
    if metric.invariance == "increasing":
        apart = _standard_errors(permuted - random)
        yield Check(
            metric.name,
            "permuted scores are as good as random ones",
            abs(apart) <= _SURE,
            f"{mean['permuted']:.3f} against {mean['random']:.3f}, {abs(apart):.1f} standard errors apart",
        )
    same = bool(np.allclose(truth, scaled, rtol=1e-9, atol=1e-9))
    yield Check(metric.name, "a factor of 7 changes nothing", same, f"{mean['truth']:.3f} becomes {mean['x7']:.3f}")
    bends = not np.allclose(truth, cubed, rtol=1e-9, atol=1e-9)
    ranks_alone = metric.invariance == "increasing"
    yield Check(
        metric.name,
        "the same ranking in other numbers changes nothing" if ranks_alone else "how peaked scores are changes it",
        bends != ranks_alone,
        f"{mean['truth']:.3f} becomes {mean['cubed']:.3f} with every score cubed",
    )


def _better(metric: Metric, gain: FloatArray) -> bool:
    """Whether the mean gain is surely on the metric's better side."""
    return _standard_errors(gain if metric.direction == "higher" else -gain) > _SURE


def _standard_errors(values: FloatArray) -> float:
    """The mean over its standard error; 0 where nothing differs."""
    mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
    if error == 0.0:
        return 0.0 if mean == 0.0 else math.copysign(math.inf, mean)
    return mean / error


def _robustness(metric: RobustnessMetric, planted: Sequence[Planted], seed: int) -> Iterator[Check]:
    """Scores that keep still against scores drawn anew whenever the method is run."""
    still, restless = np.zeros(len(planted)), np.zeros(len(planted))
    settings = FaithfulnessSettings(seed=seed)
    for number, one in enumerate(planted):
        prepared = one.prepare()
        rng = np.random.default_rng([seed, number, 7])
        for values, attribute in (
            (still, lambda _, truth=one.truth: truth),
            (restless, lambda _, truth=one.truth, rng=rng: rng.permutation(truth)),
        ):
            values[number] = _main(metric.compute(Rerun(prepared, attribute, True, number, settings)))
    perfect = metric.range[0] if metric.direction == "lower" else metric.range[1]
    yield Check(
        metric.name,
        "scores that keep still are perfect",
        bool(np.allclose(still, perfect, rtol=0.0, atol=1e-12)),
        f"{still.mean():.3f}",
    )
    yield Check(
        metric.name,
        "scores drawn anew each time are worse",
        _better(metric, still - restless),
        f"{restless.mean():.3f} against {still.mean():.3f}",
    )


def _pairs(metric: PairMetric, planted: Sequence[Planted], seed: int) -> Iterator[Check]:
    """The same words in another order: with their own scores, and with scores that belong to none."""
    own, permuted = np.zeros(len(planted)), np.zeros(len(planted))
    for number, one in enumerate(planted):
        rng = np.random.default_rng([seed, number, 8])
        words = one.prompt.split()[:-1]
        order = rng.permutation(len(words))
        first = WordScores(tuple(words), one.truth, "und")
        for values, scores in ((own, one.truth[order]), (permuted, rng.permutation(one.truth))):
            second = WordScores(tuple(words[place] for place in order), scores, "und")
            values[number] = _main(metric.compute(first, second))
    yield Check(
        metric.name,
        "words that keep their scores are perfect",
        bool(np.allclose(own, metric.range[1], rtol=0.0, atol=1e-12)),
        f"{own.mean():.3f}",
    )
    yield Check(
        metric.name,
        "permuted scores are worse",
        _better(metric, own - permuted),
        f"{permuted.mean():.3f} against {own.mean():.3f}",
    )
