"""Other coefficients from the same counts as Krippendorff's alpha: Fleiss' kappa, Gwet's AC1, negative agreement.

All differ from alpha in nothing but what they hold to be chance. Units count as often as they were rated, as in alpha:
with as many ratings for every unit that is the published definition, with missing ratings a generalisation of it.
"""

import numpy as np

from heta_evaluation.metrics.base import AgreementMetric, BoolArray, FloatArray, Grid, grid


def _corrected(observed: FloatArray, chance: FloatArray, none: BoolArray) -> Grid:
    """(observed - chance) / (1 - chance), `[D]` each, as `[D, 1]`."""
    certain = chance >= 1
    values = (observed - chance) / np.where(certain, 1.0, 1.0 - chance)
    return grid(values[:, None], (none[:, None], "no_pairs"), (certain[:, None], "no_variation"))


def _observed(pairs: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Raw agreement `[D]`, shares of values among paired ratings `[D, V]`, and where there are no pairs `[D]`."""
    total = pairs.sum(axis=(1, 2))
    none = np.asarray(total == 0, dtype=np.bool_)
    whole = np.where(none, 1.0, total)
    return np.trace(pairs, axis1=1, axis2=2) / whole, pairs.sum(axis=2) / whole[:, None], none


def _fleiss(pairs: FloatArray, counts: FloatArray) -> Grid:  # noqa: ARG001 - all agreement metrics are called alike
    observed, share, none = _observed(pairs)
    # one value only: its share is 1 up to rounding of the sum
    only = (share > 0).sum(axis=1) < 2
    return _corrected(observed, np.where(only, 1.0, (share**2).sum(axis=1)), none)


def _gwet(pairs: FloatArray, counts: FloatArray) -> Grid:
    observed, _, none = _observed(pairs)
    values = counts.shape[1]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    chance = (share * (1 - share)).sum(axis=1) / max(values - 1, 1)
    return _corrected(observed, chance, none)


def _negative(pairs: FloatArray, counts: FloatArray) -> Grid:  # noqa: ARG001 - as above
    whole = pairs[:, 0].sum(axis=1)
    none, empty = pairs.sum(axis=(1, 2)) == 0, whole == 0
    values = pairs[:, 0, 0] / np.where(empty, 1.0, whole)
    return grid(values[:, None], (none[:, None], "no_pairs"), (empty[:, None], "no_negative_labels"))


FLEISS_KAPPA = AgreementMetric(
    name="fleiss_kappa",
    title="agreement corrected for chance, chance being that all raters mark at the same overall rate",
    family="agreement",
    range=(-1.0, 1.0),
    direction="higher",
    needs=("raters",),
    reference="(P - P_e) / (1 - P_e), P_e = sum p_c^2; Fleiss 1971, equations 5-7; 1 - alpha = (1 - 1/n) (1 - kappa)",
    empty="no value: no_variation",
    constant="no value: no_variation",
    compute=_fleiss,
)
GWET_AC1 = AgreementMetric(
    name="gwet_ac1",
    title="agreement corrected for a chance that shrinks as labels become rare",
    family="agreement",
    range=(-1.0, 1.0),
    direction="higher",
    needs=("raters",),
    reference="(P - P_e) / (1 - P_e), P_e = sum p_c (1 - p_c) / (V - 1); Gwet 2008, BJMSP 61, equations 7-9",
    empty="1: all agree that nothing matters",
    constant="1 where all mark everything",
    compute=_gwet,
)
NEGATIVE_AGREEMENT = AgreementMetric(
    name="negative_agreement",
    title="probability that another rater left a word unmarked, given that one did",
    family="agreement",
    range=(0.0, 1.0),
    direction="higher",
    needs=("raters",),
    reference="o_00 / n_0",
    empty="1",
    constant="no value where all mark everything: no_negative_labels",
    compute=_negative,
)
