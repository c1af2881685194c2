"""Means put right by what people labelled: against ppi_py's figures, and by simulation."""

import numpy as np
import pytest

from heta_evaluation.judge.ppi import calibration, corrected_mean, rogan_gladen
from heta_evaluation.metrics.base import FloatArray


def drawn(n: int, others: int, rho: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """People's figure around 0.5, and a judge's that goes with it by `rho`."""
    z = rng.normal(size=n)
    judge = rho * z + np.sqrt(1 - rho**2) * rng.normal(size=n)
    elsewhere = rng.normal(size=others)
    return 0.5 + 0.2 * z, 0.5 + 0.2 * judge, 0.5 + 0.2 * elsewhere


# ppi_mean_pointestimate and ppi_mean_ci(alpha=0.05) of ppi-python 0.2, on exactly these draws.
PPI_PY = (
    (2000, 6000, 0.8, 0.5027085281925345, 0.4963388707666124, 0.5090781856184566),
    (2000, 3000, 0.0, 0.49826701107076643, 0.48954385617471097, 0.5069901659668219),
    (3000, 9000, 0.4, 0.4999778399201016, 0.4932732268359126, 0.5066824530042905),
)


@pytest.mark.parametrize(("n", "others", "rho", "value", "low", "high"), PPI_PY)
def test_equal_to_ppi_py(n: int, others: int, rho: float, value: float, low: float, high: float) -> None:
    found = corrected_mean(*drawn(n, others, rho, np.random.default_rng(n + others)))
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=1e-4)


def test_worked_example() -> None:
    # Y = (1, 0, 1, 0), f = Y on them; elsewhere f = (1, 1, 0, 1). Pooled var(f) = (8 x 0.625 x 0.375) / 7 = 0.26786,
    # cov(Y, f) = 1/3: lambda = (1/3) / ((1 + 4/4) 0.26786) = 0.62222. theta = 0.5 - 0.62222 0.5 + 0.62222 0.75.
    people = np.asarray([1.0, 0.0, 1.0, 0.0])
    found = corrected_mean(people, people, np.asarray([1.0, 1.0, 0.0, 1.0]))
    assert found.weight == pytest.approx(0.62222, abs=1e-5)
    assert found.value == pytest.approx(0.5 + 0.62222 * 0.25, abs=1e-5)
    # A judge who says the same everywhere tells nothing: people alone are left.
    alone = corrected_mean(people, np.ones(4), np.ones(4))
    assert (alone.weight, alone.value) == (0.0, 0.5)
    assert (alone.low, alone.high) == pytest.approx(alone.people_alone)
    with pytest.raises(ValueError, match="two items on either side"):
        corrected_mean(people[:1], people[:1], people)


def coverage(rho: float, *, bias: float, runs: int = 2000) -> tuple[float, float]:
    """Share of intervals that hold the truth, and their length in those of people alone."""
    rng = np.random.default_rng(7)
    held, ratio = 0, 0.0
    for _ in range(runs):
        people, judge, elsewhere = drawn(100, 900, rho, rng)
        found = corrected_mean(people, judge + bias, elsewhere + bias)
        held += found.low <= 0.5 <= found.high
        ratio += (found.high - found.low) / (found.people_alone[1] - found.people_alone[0])
    return held / runs, ratio / runs


def test_intervals_cover_and_are_shorter_only_where_the_judge_knows_something() -> None:
    # 2,000 runs: the standard error of a coverage of 95 % is 0.5 %.
    good, shorter = coverage(0.9, bias=0.3)
    assert 0.93 <= good <= 0.97
    assert shorter < 0.65  # sqrt(1 - 0.81 x 900 / 1000) = 0.52 where lambda is known
    useless, same = coverage(0.0, bias=0.3)
    assert 0.93 <= useless <= 0.97
    assert 0.97 < same < 1.03


def test_inclusion_probabilities_undo_a_biased_draw() -> None:
    # Items with high figures were four times as likely to be labelled.
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(500):
        people, judge, elsewhere = drawn(1000, 1000, 0.8, rng)
        chance = np.where(people > 0.5, 0.4, 0.1)
        taken = rng.random(1000) < chance
        # What was not taken is judged as well.
        rest = np.concatenate([elsewhere, rng.permutation(elsewhere)])
        found = corrected_mean(people[taken], judge[taken], rest, inclusion=chance[taken])
        held += found.low <= 0.5 <= found.high
    assert 0.92 <= held / 500 <= 0.98


def test_rogan_gladen() -> None:
    # 30 % yes by a judge who finds 80 % of them and wrongly says yes to 10 % of the others: (0.3 + 0.9 - 1) / 0.7.
    assert rogan_gladen(0.3, 0.8, 0.9) == pytest.approx(2 / 7)
    assert rogan_gladen(0.05, 0.8, 0.9) == 0.0
    assert rogan_gladen(0.5, 0.5, 0.5) is None


def test_calibration() -> None:
    # Four units at 0 of which none is marked, two at 1 of which half is: 2 x 0.5 / 6.
    bins, error = calibration(np.asarray([0.0, 0, 0, 0, 1, 1]), np.asarray([0.0, 0, 0, 0, 1, 0]))
    assert [(one.said, one.marked, one.units) for one in bins] == [(0.0, 0.0, 4), (1.0, 0.5, 2)]
    assert error == pytest.approx(1 / 6)
    assert calibration(np.zeros(0), np.zeros(0)) == ([], None)
