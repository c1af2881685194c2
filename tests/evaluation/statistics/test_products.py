"""The product behind all intervals: dense and sparse forms against a plain loop."""

import numpy as np
import pytest

from heta_evaluation.statistics.products import Given, MeanSums, add_weighted_sums, distinct_columns, number_rows


@pytest.mark.parametrize("drawings", [3, 60])
def test_sums_are_those_of_a_plain_loop(drawings):
    """Three drawings of raters for 60 draws go the dense way, 60 the sparse one."""
    rng = np.random.default_rng(1)
    draws, items, columns, height = 60, 7, 5, 4
    values = rng.normal(size=(items * height, columns))
    valid = rng.random(values.shape) < 0.8
    valid[:, 3] = valid[:, 1]
    values *= valid
    alike = rng.permutation(np.arange(draws) % drawings)
    own = rng.integers(0, height, size=(drawings, items)) + height * np.arange(items)
    rows, weights = own[alike], rng.integers(0, 3, size=(draws, items))
    found = MeanSums(np.zeros((draws, columns)), np.zeros((draws, columns)))
    add_weighted_sums(found, Given.of(values, valid), rows, weights, alike)
    for draw in range(draws):
        expected = sum(weights[draw, item] * values[rows[draw, item]] for item in range(items))
        counted = sum(weights[draw, item] * valid[rows[draw, item]].astype(float) for item in range(items))
        np.testing.assert_allclose(found.sums[draw], expected, atol=1e-12)
        np.testing.assert_array_equal(found.numbers[draw], counted)


def test_distinct_columns_and_rows():
    valid = np.asarray([[1, 0, 1, 1], [0, 0, 0, 1]], dtype=bool)
    first, which = distinct_columns(valid)
    assert which.tolist() == [0, 1, 0, 2]
    np.testing.assert_array_equal(valid[:, first][:, which], valid)
    numbers = number_rows(np.asarray([[1, 2], [0, 3], [1, 2]]))
    assert numbers[0] == numbers[2] != numbers[1]
    assert number_rows(np.zeros((4, 0))).tolist() == [0, 0, 0, 0]
