"""Agreement of raters with each other: Krippendorff's alpha and the plain figures that belong beside it.

Everything is computed from two counts per item: the coincidence matrix of its units (how often two raters of one unit
gave values c and k) and the number of ratings of each value. Counts of resampled items are sums of counts, so a
bootstrap is one matrix product.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from heta_evaluation.metrics.base import AgreementMetric, BoolArray, FloatArray, Grid, Value, grid

Level = Literal["nominal", "ordinal", "interval", "ratio"]


@dataclass(frozen=True)
class Coincidences:
    """Counts per item, `I` items and `V` values.

    `pairs[i, c, k]`: ordered pairs of ratings (c, k) of the same unit by different raters, each unit weighted by
    1 / (its ratings - 1), so that it counts as often as it was rated; units rated once add nothing.
    `counts[i, c]`: ratings of value c, those of units rated once included.
    """

    values: FloatArray
    pairs: FloatArray
    counts: FloatArray


def coincidences(items: Iterable[tuple[FloatArray, BoolArray]], values: Sequence[float] = (0.0, 1.0)) -> Coincidences:
    """Counts of each item from `(ratings [rater, unit], present [rater, unit])`.

    Raises:
        ValueError: a rating that is present is none of `values`.
    """
    known = np.asarray(sorted(values), dtype=float)
    pairs, counts = [], []
    for ratings, present in items:
        hits = (ratings[None] == known[:, None, None]) & present[None]  # [V, rater, unit]
        if hits.sum() != present.sum():
            raise ValueError(f"a rating is none of the values {known.tolist()}")
        per_unit = hits.sum(axis=1).astype(float)  # [V, unit]
        rated = per_unit.sum(axis=0)
        weight = np.where(rated > 1, 1.0 / np.maximum(rated - 1, 1.0), 0.0)
        pairs.append((per_unit * weight) @ per_unit.T - np.diag((per_unit * weight).sum(axis=1)))
        counts.append(per_unit.sum(axis=1))
    size = len(known)
    return Coincidences(known, np.reshape(pairs, (-1, size, size)), np.reshape(counts, (-1, size)))


def _distance(values: FloatArray, marginals: FloatArray, level: Level) -> FloatArray:
    """Squared distance `[D, V, V]` between values; only `ordinal` depends on the marginals `[D, V]`."""
    left, right = values[:, None], values[None, :]
    if level == "ordinal":
        below = np.cumsum(marginals, axis=1)
        # ratings from c to k, both ends counted half
        between = np.abs(below[:, None, :] - below[:, :, None])
        ends = (marginals[:, None, :] - marginals[:, :, None]) / 2
        upper = np.triu(np.ones((len(values), len(values)), dtype=bool))
        return np.asarray(np.where(upper, between - ends, between + ends) ** 2)
    if level == "nominal":
        single = (left != right).astype(float)
    elif level == "interval":
        single = (left - right) ** 2
    else:
        total = left + right
        single = np.where(total == 0, 0.0, (left - right) / np.where(total == 0, 1.0, total)) ** 2
    return np.broadcast_to(single, (len(marginals), *single.shape))


def alpha(pairs: FloatArray, values: FloatArray, level: Level = "nominal") -> Grid:
    """Krippendorff's alpha `[D, 1]` of coincidence matrices `[D, V, V]`: 1 - D_o / D_e.

    D_o = sum o_ck d_ck / n,  D_e = sum n_c n_k d_ck / (n (n - 1)); 1 is perfect, 0 is chance, below 0 is worse than
    chance. `no_pairs` where no unit has two ratings, `no_variation` where only one value occurs (0/0).
    """
    marginals = pairs.sum(axis=2)
    total = marginals.sum(axis=1)
    distance = _distance(values, marginals, level)
    observed = np.einsum("dck,dck->d", pairs, distance) * (total - 1)
    expected = np.einsum("dc,dk,dck->d", marginals, marginals, distance)
    values_ = 1.0 - observed / np.where(expected == 0, 1.0, expected)
    return grid(values_[:, None], ((total == 0)[:, None], "no_pairs"), ((expected == 0)[:, None], "no_variation"))


def krippendorff_alpha(ratings: FloatArray, present: BoolArray | None = None, level: Level = "nominal") -> Value:
    """Krippendorff's alpha of one table of ratings.

    Args:
        ratings: `[rater, unit]`, finite where present.
        present: `[rater, unit]`, false where a rating is missing; None for a full table.
        level: what the values are: `nominal`, `ordinal`, `interval`, `ratio`.

    Returns:
        The value, or None with `one_rater`, `no_pairs` or `no_variation`.

    Source: Krippendorff 2019, Content Analysis (4th ed.), chapter 12.
    """
    there = np.ones(ratings.shape, dtype=bool) if present is None else present
    if int(there.any(axis=1).sum()) < 2:
        return Value(None, "one_rater")
    values = np.unique(ratings[there])
    table = coincidences([(ratings, there)], values.tolist())
    return alpha(table.pairs, table.values, level).at(0, 0)


def _share(part: FloatArray, whole: FloatArray, reason: str, *before: tuple[BoolArray, str]) -> Grid:
    """part / whole, `[D]` each, as `[D, 1]`: where the whole is 0, `reason`, unless one of those `before` holds."""
    none = whole == 0
    return grid((part / np.where(none, 1.0, whole))[:, None], *before, (none[:, None], reason))


def _alpha_nominal(pairs: FloatArray, counts: FloatArray) -> Grid:
    return alpha(pairs, np.arange(counts.shape[1], dtype=float), "nominal")


def _raw(pairs: FloatArray, counts: FloatArray) -> Grid:  # noqa: ARG001 - all agreement metrics are called alike
    return _share(np.trace(pairs, axis1=1, axis2=2), pairs.sum(axis=(1, 2)), "no_pairs")


def _positive(pairs: FloatArray, counts: FloatArray) -> Grid:  # noqa: ARG001 - as above
    no_pairs = (pairs.sum(axis=(1, 2)) == 0)[:, None]
    return _share(pairs[:, -1, -1], pairs[:, -1].sum(axis=1), "no_positive_labels", (no_pairs, "no_pairs"))


def _prevalence(pairs: FloatArray, counts: FloatArray) -> Grid:  # noqa: ARG001 - as above
    return _share(counts[:, -1], counts.sum(axis=1), "no_labels")


KRIPPENDORFF_ALPHA = AgreementMetric(
    name="krippendorff_alpha",
    title="agreement of raters on words, corrected for chance: 1 perfect, 0 chance",
    family="agreement",
    range=(-1.0, 1.0),
    direction="higher",
    needs=("raters",),
    reference="1 - D_o / D_e, nominal, missing ratings allowed; Krippendorff 2019, Content Analysis, chapter 12",
    empty="no value: no_variation",
    constant="no value: no_variation",
    compute=_alpha_nominal,
)
RAW_AGREEMENT = AgreementMetric(
    name="raw_agreement",
    title="how often two raters of the same word give the same answer",
    family="agreement",
    range=(0.0, 1.0),
    direction="higher",
    needs=("raters",),
    reference="sum of o_cc / n over the coincidence matrix: 1 - D_o of nominal alpha",
    empty="1: all agree that nothing matters",
    constant="1",
    compute=_raw,
)
POSITIVE_AGREEMENT = AgreementMetric(
    name="positive_agreement",
    title="probability that another rater marked a word, given that one did",
    family="agreement",
    range=(0.0, 1.0),
    direction="higher",
    needs=("raters",),
    reference="o_11 / n_1; for two raters the F1 of one against the other",
    empty="no value: no_positive_labels",
    constant="1 where all mark everything",
    compute=_positive,
)
PREVALENCE = AgreementMetric(
    name="prevalence",
    title="share of all labels that say 'marked'",
    family="agreement",
    range=(0.0, 1.0),
    direction="neutral",
    needs=("raters",),
    reference="positive labels / labels",
    empty="0",
    constant="1 where all mark everything",
    compute=_prevalence,
)
