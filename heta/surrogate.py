"""Linear models of what a model predicts under masks, and how sure they are.

All fits take `kept` `[coalition, unit]`, values `[coalition, step]` and weights `[coalition]`, and give coefficients
`[step, unit]`: what a unit adds by staying.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from heta.coalitions import Coalitions

Array = NDArray[np.float64]
REFITS = 20


def shapley_regression(kept: NDArray[np.bool_], values: Array, weight: Array, empty: Array, full: Array) -> Array:
    """Weighted least squares under sum over units = full - empty, kept exactly (Lundberg and Lee 2017, Theorem 2).

    With all coalitions and the Shapley kernel as weights these are the Shapley values. Where the coalitions leave a
    direction open, it goes the even way: the solution nearest to equal shares.

    Args:
        kept: `[coalition, unit]`.
        values: `[coalition, step]`.
        weight: `[coalition]`, >= 0.
        empty: `[step]`, the value without any unit.
        full: `[step]`, the value with all.
    """
    units = kept.shape[1]
    total = full - empty
    even = np.repeat(total[:, None] / units, units, axis=1)
    if not len(kept):
        return even
    rows = kept.astype(np.float64)
    root = np.sqrt(weight)[:, None]
    # Shares are even ones plus a part that sums to 0, which is what centring the units leaves.
    centre = np.eye(units) - 1 / units
    rest = values - empty - rows @ even.T
    part = np.linalg.lstsq(root * (rows @ centre), root * rest, rcond=None)[0]
    return np.asarray(even + (centre @ part).T)


def ridge_regression(kept: NDArray[np.bool_], values: Array, weight: Array, penalty: float) -> Array:
    """Weighted least squares with an intercept and `penalty` times the squared coefficients."""
    from sklearn.linear_model import Ridge

    fitted = Ridge(alpha=penalty, solver="svd").fit(kept.astype(np.float64), values, sample_weight=weight)
    return np.asarray(fitted.coef_, dtype=np.float64).reshape(values.shape[1], -1)


def lasso_regression(kept: NDArray[np.bool_], values: Array, weight: Array, penalty: float) -> Array:
    """LASSO with an intercept on standardised units, coefficients put back to the scale of a unit that goes or stays.

    Minimises sum of weight x squared error / 2 + `penalty` x sum of |coefficient|, with weights that sum to 1. A unit
    that always stays or always goes gets 0.
    """
    from sklearn.linear_model import Lasso

    rows = kept.astype(np.float64)
    share = weight / weight.sum()
    mean = share @ rows
    scale = np.sqrt(share @ (rows - mean) ** 2)
    scale[scale < 1e-12] = 1.0
    found = []
    for column in values.T:
        model = Lasso(alpha=penalty, max_iter=100_000).fit((rows - mean) / scale, column, sample_weight=share)
        found.append(model.coef_ / scale)
    return np.array(found)


def standard_error(coalitions: Coalitions, fit: Callable[[Array], Array], seed: int) -> Array:
    """Monte-Carlo standard error of the coefficients summed over steps, `[unit]`.

    The draws are drawn again `REFITS` times, pairs together; coalitions that were not drawn keep their weight.

    Args:
        coalitions: with at least one drawn.
        fit: from weights `[coalition]` to coefficients `[step, unit]`.
        seed: of the draws.
    """
    random = np.random.default_rng([seed, REFITS])
    groups, index = np.unique(coalitions.group[coalitions.group >= 0], return_inverse=True)
    drawn = coalitions.group >= 0
    refits = []
    for _ in range(REFITS):
        counts = np.bincount(random.integers(0, len(groups), len(groups)), minlength=len(groups))
        weight = coalitions.weight.copy()
        weight[drawn] *= counts[index]
        refits.append(fit(weight).sum(0))
    return np.asarray(np.std(refits, axis=0, ddof=1))
