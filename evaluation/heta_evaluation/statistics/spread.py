"""How far estimates spread over new items and new raters, from a bootstrap's variance taken apart into its sources."""

from dataclasses import dataclass

import numpy as np

from heta_evaluation.metrics.base import BoolArray, FloatArray
from heta_evaluation.statistics.intervals import IntArray

NORMAL = 1.959963984540054
"""97.5 % quantile of the normal distribution: what percentile intervals of many groups and raters reach out to."""


@dataclass(frozen=True)
class Spread:
    """Of `Q` estimates, `[Q]` each."""

    error: FloatArray
    """Standard error over new groups of items and new raters."""
    df: FloatArray
    """Degrees of freedom of that standard error, at least 1."""
    ratio: FloatArray
    """`error` by the standard deviation of the draws of items alone; 0 where those do not vary."""
    raters: FloatArray
    """Share of the variance that is the raters', in [0, 1]."""

    def stretch(self, deviate: float = NORMAL) -> FloatArray:
        """What half the width of a percentile interval of the items' draws is multiplied with, `[Q]`.

        Percentiles of draws are right for many groups and raters; for few they are too narrow, because a sample of n
        spreads by (n - 1) / n of the population's variance, and because the variance itself is estimated. Hence
        ratio x t(df) / 1.96, with t at the probability that the normal distribution has at `deviate`.

        Source: Hesterberg 2015, "What teachers should know about the bootstrap", The American Statistician 69(4),
        section 4.2 ("expanded percentile"), here for two sources of variance.
        """
        return np.asarray(self.ratio * student(deviate, self.df) / NORMAL)


def student(deviate: float, df: FloatArray) -> FloatArray:
    """Student's t with `df` degrees of freedom where the normal distribution has `deviate`, `[Q]`."""
    from scipy.special import ndtr, stdtrit

    return np.asarray(stdtrit(df, ndtr(deviate)))


def effective(counts: FloatArray) -> FloatArray:
    """Effective number of groups of sizes `counts [G, ...]`: (sum n)^2 / sum n^2, the number itself for equal sizes.

    Source: Kish 1965, Survey Sampling, section 8.2.
    """
    squares = (counts**2).sum(axis=0)
    return np.asarray(counts.sum(axis=0) ** 2 / np.where(squares == 0, 1.0, squares))


def spread(items: FloatArray, raters: FloatArray, groups: FloatArray, n_raters: float) -> Spread:
    """Standard errors from the variances `[Q]` of their two sources.

    In the model of crossed random effects, Y_ij = mu + item_i + rater_j + residual_ij, drawing items AND raters shows
    V_items + V_raters + 3 V_residual (Owen 2007, section 3): too much, and the more so for figures against a majority,
    which also fall where a draw happens to hold few distinct raters. The variance here is

        G / (G - 1) items + R / (R - 1) raters

    with G groups and R raters, each part corrected for the (n - 1) / n by which a sample spreads less. `items` holds
    the residual once; `raters` is the linear part without it. Degrees of freedom: Satterthwaite's, from G - 1 and
    R - 1.

    Args:
        items: of draws of the groups, with every rater once.
        raters: what raters do to all items alike: `linear_variance` less the part of single items.
        groups: effective number of groups, `[Q]`.
        n_raters: effective number of raters; 0 where they are not drawn.

    Source: Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2); Cameron, Gelbach and Miller 2011,
    "Robust inference with multiway clustering", Journal of Business & Economic Statistics 29(2), equation 2.11;
    Satterthwaite 1946, Biometrics Bulletin 2(6).
    """
    beyond, others = np.maximum(groups - 1.0, 1e-9), max(n_raters - 1.0, 1e-9)
    own = items * groups / beyond
    main = raters * n_raters / others if n_raters > 1 else np.zeros_like(own)
    total = own + main
    parts = own**2 / beyond + main**2 / others
    df = np.where(parts > 0, total**2 / np.where(parts > 0, parts, 1.0), beyond)
    return Spread(
        error=np.sqrt(total),
        df=np.maximum(df, 1.0),
        ratio=np.where(items > 0, np.sqrt(total / np.where(items > 0, items, 1.0)), 0.0),
        raters=main / np.where(total > 0, total, 1.0),
    )


def linear_variance(drawn: IntArray | FloatArray, values: FloatArray, valid: BoolArray) -> FloatArray:
    """Variance of what is linear in how often each rater was drawn, `[Q]`: sum over raters of cov(times, value)^2.

    Less its expected value R var / D where nothing is linear, which comes of D draws being few; not below 0.

    Args:
        drawn: `[D, R]`, how often each rater was drawn.
        values: `[D, Q]`
        valid: `[D, Q]`

    Source: Efron 2014, "Estimation and accuracy after model selection", JASA 109(507), equation 3.6 (infinitesimal
    jackknife); Wager, Hastie and Efron 2014, JMLR 15, equation 5 (correction).
    """
    count = np.maximum(valid.sum(axis=0), 1)
    mean = np.where(valid, values, 0.0).sum(axis=0) / count
    centred = np.where(valid, values - mean, 0.0)
    slopes = (drawn - 1.0).T @ centred / count
    noise = drawn.shape[1] * (centred**2).sum(axis=0) / count**2
    return np.asarray(np.maximum((slopes**2).sum(axis=0) - noise, 0.0))


def variances(values: FloatArray, valid: BoolArray) -> FloatArray:
    """Variance of each column `[D, Q]` over its valid draws, 0 where there are none."""
    count = np.maximum(valid.sum(axis=0), 1)
    mean = np.where(valid, values, 0.0).sum(axis=0) / count
    return np.asarray((np.where(valid, values - mean, 0.0) ** 2).sum(axis=0) / count)


def few_groups(groups: FloatArray | float) -> FloatArray:
    """`Spread.stretch` where groups of items alone were drawn: sqrt(G / (G - 1)) t(G - 1) / 1.96, at least one df."""
    number = np.maximum(np.asarray(groups, dtype=float), 2.0)
    return np.asarray(np.sqrt(number / (number - 1.0)) * student(NORMAL, number - 1.0) / NORMAL)
