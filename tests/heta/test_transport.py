"""Optimal transport against other ways to the same number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

from heta.transport import angular_distance, transport_distance


def plain(p: np.ndarray, q: np.ndarray, cost: np.ndarray) -> float:
    """The whole linear program: every plan with marginals p and q."""
    n = len(p)
    rows = np.concatenate([np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))])
    found = linprog(cost.reshape(-1), A_eq=rows[:-1], b_eq=np.concatenate([p, q])[:-1])
    assert found.status == 0
    return float(found.fun)


def random_pair(seed: int, points: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    random = np.random.default_rng(seed)
    p, q = random.dirichlet(np.full(points, 0.4), size=2)
    return p, q, random


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9))
def test_on_a_line_it_is_the_wasserstein_distance(seed: int, points: int) -> None:
    p, q, random = random_pair(seed, points)
    places = np.sort(random.random(points))
    cost = np.abs(places[:, None] - places)
    assert transport_distance(p, q, cost) == pytest.approx(wasserstein_distance(places, places, p, q), abs=1e-8)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 8))
def test_equals_the_whole_program_and_is_a_metric(seed: int, points: int) -> None:
    p, q, random = random_pair(seed, points)
    cost = angular_distance(random.normal(size=(points, 5)))
    got = transport_distance(p, q, cost)
    assert got == pytest.approx(plain(p, q, cost), abs=1e-8)
    assert got == pytest.approx(transport_distance(q, p, cost), abs=1e-8)
    assert 0 <= got <= cost.max()
    assert transport_distance(p, p, cost) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 33), st.integers(0, 12))
def test_however_little_moves_it_is_told_to_a_millionth(seed: int, points: int, power: int) -> None:
    # A sure model: one output near 1, the others down to nothing, and a change of 10^-power of all of them.
    random = np.random.default_rng(seed)
    p = np.exp(-np.sort(random.exponential(8.0, points)))
    p /= p.sum()
    q = p * np.exp(10.0**-power * random.normal(size=points))
    q /= q.sum()
    places = np.sort(random.random(points))
    cost = np.abs(places[:, None] - places)
    # On a line: the integral of the difference of the distribution functions.
    expected = float((np.abs(np.cumsum(p - q))[:-1] * np.diff(places)).sum())
    got = transport_distance(p, q, cost)
    assert got == pytest.approx(expected, rel=1e-5, abs=1e-6 * np.abs(p - q).sum() + 1e-14)


def test_masses_near_the_solvers_tolerance_are_solved() -> None:
    # Seeds among which every two hundredth failed with presolve.
    for seed in range(300):
        random = np.random.default_rng(seed)
        points = int(random.integers(5, 34))
        p = np.exp(-random.exponential(6, points))
        p /= p.sum()
        q = np.exp(-random.exponential(6, points)) if seed % 2 else p * np.exp(random.normal(size=points) * 1e-6)
        q /= q.sum()
        assert transport_distance(p, q, angular_distance(random.normal(size=(points, 64)))) >= 0


def test_two_points_by_hand() -> None:
    # 0.3 goes over a distance of 0.5.
    assert transport_distance(np.array([0.8, 0.2]), np.array([0.5, 0.5]), np.array([[0, 0.5], [0.5, 0]])) == (
        pytest.approx(0.15)
    )


def test_angles() -> None:
    found = angular_distance(np.array([[1.0, 0], [0, 2], [-3, 0], [1, 1]]))
    np.testing.assert_allclose(found[0], [0, 0.5, 1, 0.25], atol=1e-12)
    assert (np.diagonal(found) == 0).all()
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(angular_distance(np.array([[0.0, 0], [0, 2]])), [[0, 0.5], [0.5, 0]])
