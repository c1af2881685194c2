"""How a method's mass is divided: between evidence and distractor (DSA), and outside the scored words.

DSA clips at 0 (main) or takes absolute values (`abs`); evidence and distractor are segments (main) or the words that
raters marked and all others (`evidence=labelled`).
"""

from functools import partial

import numpy as np

from heta_evaluation.metrics.base import AlignmentMetric, Batch, BoolArray, FloatArray, Grid, Variant, grid
from heta_evaluation.metrics.ties import unlabelled

_CLIP = "count 0"


def _repeat(batch: Batch, row: FloatArray) -> FloatArray:
    """A value per subject `[S]` (or one for all) as `[P, S]`, for metrics that do not depend on labels."""
    return np.broadcast_to(row, batch.shape).copy()


def _one_segment(batch: Batch) -> BoolArray:
    return np.asarray(not (batch.evidence.any() and batch.distractor.any()))


def _mass(batch: Batch, *, absolute: bool) -> FloatArray:
    """`[S, n]`, at most 1: sums of the largest floats would overflow, and a power of two scales without rounding."""

    def make() -> FloatArray:
        mass = np.abs(batch.scores) if absolute else np.maximum(batch.scores, 0.0)
        return np.asarray(np.ldexp(mass, -np.frexp(mass.max(axis=1, keepdims=True))[1]))

    return batch.once(("mass", absolute), make)


def dsa(batch: Batch, *, absolute: bool = False) -> Grid:
    """Mass on evidence minus mass on distractor, as shares of the mass on both. `[P, S]` in [-1, 1]."""
    mass = _mass(batch, absolute=absolute)
    evidence, distractor = mass[:, batch.evidence].sum(axis=1), mass[:, batch.distractor].sum(axis=1)
    total = evidence + distractor
    values = _repeat(batch, (evidence - distractor) / np.where(total == 0, 1.0, total))
    return grid(values, (_one_segment(batch), "one_segment"), (total == 0, "no_mass"))


def labelled_dsa(batch: Batch) -> Grid:
    """The same with the gold units as evidence and all other units as distractor. `[P, S]` in [-1, 1]."""
    mass = _mass(batch, absolute=False)
    total = mass.sum(axis=1)
    inside = batch.gold.astype(float) @ mass.T
    values = np.clip(2 * inside / np.where(total == 0, 1.0, total) - 1, -1.0, 1.0)
    full = np.asarray(batch.gold.all(axis=1, keepdims=True))
    return grid(values, (unlabelled(batch), "empty_gold"), (full, "full_gold"), (total == 0, "no_mass"))


def uniform_dsa(batch: Batch) -> float:
    """What equal scores on all units give: (evidence units - distractor units) / (both). 0 without units."""
    evidence, distractor = int(batch.evidence.sum()), int(batch.distractor.sum())
    return (evidence - distractor) / max(evidence + distractor, 1)


def _uniform_labelled(batch: Batch) -> FloatArray:
    return np.asarray(2 * batch.gold.mean(axis=1, keepdims=True) - 1)


def dsa_minus_uniform(batch: Batch, *, absolute: bool = False) -> Grid:
    """`dsa` less the uniform attribution's value, so that segment lengths drop out. `[P, S]` in [-2, 2]."""
    raw = dsa(batch, absolute=absolute)
    return Grid(np.where(raw.valid, raw.values - uniform_dsa(batch), 0.0), raw.reasons)


def labelled_dsa_minus_uniform(batch: Batch) -> Grid:
    """`labelled_dsa` less the uniform attribution's value. `[P, S]` in [-2, 2]."""
    raw = labelled_dsa(batch)
    return Grid(np.where(raw.valid, raw.values - _uniform_labelled(batch), 0.0), raw.reasons)


def _dsa_chance(batch: Batch) -> Grid:
    # Scores drawn alike are exchangeable: each unit's expected share of the mass is the same.
    return grid(np.full((len(batch.gold), 1), uniform_dsa(batch)), (_one_segment(batch), "one_segment"))


def _zero(batch: Batch) -> Grid:
    return grid(np.zeros((len(batch.gold), 1)), (_one_segment(batch), "one_segment"))


def _labelled_chance(batch: Batch, *, minus: bool) -> Grid:
    uniform = _uniform_labelled(batch)
    full = np.asarray(batch.gold.all(axis=1, keepdims=True))
    values = np.zeros_like(uniform) if minus else uniform
    return grid(values, (unlabelled(batch), "empty_gold"), (full, "full_gold"))


def mass_outside(batch: Batch) -> Grid:
    """Share of a method's positive mass that lies on question, separators and instructions. `[P, S]` in [0, 1]."""
    if not len(batch.outside):
        return grid(np.zeros(batch.shape), (np.asarray(True), "not_known"))
    return grid(_repeat(batch, batch.outside), (batch.outside < 0, "no_mass"))


DSA = AlignmentMetric(
    name="dsa",
    title="share of mass on the evidence minus share on the distractor",
    family="alignment",
    range=(-1.0, 1.0),
    direction="higher",
    needs=("segments",),
    reference="DSA = (m_e - m_d) / (m_e + m_d) over words, arXiv:2604.13258; chance = the uniform attribution's value",
    ties="do not matter",
    negative=_CLIP,
    empty="labels are not used",
    constant="the uniform attribution's value; all zero or negative: no value, no_mass",
    compute=dsa,
    chance=_dsa_chance,
    invariance="scale",
    variants=(
        Variant("abs", partial(dsa, absolute=True), _dsa_chance),
        Variant("evidence=labelled", labelled_dsa, partial(_labelled_chance, minus=False), labels=True),
    ),
)
DSA_MINUS_UNIFORM = AlignmentMetric(
    name="dsa_minus_uniform",
    title="DSA less what equal scores on all words would give: free of the segments' lengths",
    family="alignment",
    range=(-2.0, 2.0),
    direction="higher",
    needs=("segments",),
    reference="DSA - (n_e - n_d) / (n_e + n_d); main figure of DSA",
    ties="do not matter",
    negative=_CLIP,
    empty="labels are not used",
    constant="0; all zero or negative: no value, no_mass",
    compute=dsa_minus_uniform,
    chance=_zero,
    compared=True,
    invariance="scale",
    variants=(
        Variant("abs", partial(dsa_minus_uniform, absolute=True), _zero),
        Variant("evidence=labelled", labelled_dsa_minus_uniform, partial(_labelled_chance, minus=True), labels=True),
    ),
)
MASS_OUTSIDE = AlignmentMetric(
    name="mass_outside",
    title="share of a method's mass on text that raters cannot mark (question, separators, instruction)",
    family="attribution",
    range=(0.0, 1.0),
    direction="neutral",
    needs=("mass",),
    reference="positive mass of scored tokens that overlap no word unit / positive mass of all scored tokens",
    ties="do not matter",
    negative=_CLIP,
    empty="labels are not used",
    constant="all zero or negative: no value, no_mass",
    compute=mass_outside,
    invariance="scale",
)
