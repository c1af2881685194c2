"""Several comparisons at once: joint intervals, ranks, detectable differences, verdicts."""

from itertools import product
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heta_evaluation.statistics.bootstrap import Cells, Design, crossed_bootstrap
from heta_evaluation.statistics.comparisons import LEVEL, decide, joint_deviate, judge_together, ranks
from heta_evaluation.statistics.spread import NORMAL


def draws_of(columns, *, draws=4000):
    """Means of `[item, Q]`, items drawn."""
    shape = len(columns[0])

    def cells(item, weights):
        return Cells(np.tile(columns[item], (len(weights), 1)), np.ones((len(weights), shape), dtype=bool))

    nobody = [np.zeros(0, dtype=np.int64)] * len(columns)
    return crossed_bootstrap(Design(range(len(columns)), nobody, 0), cells, draws=draws, seed=0)


def test_the_joint_deviate_of_independent_figures_by_hand():
    columns = np.random.default_rng(1).normal(size=(300, 5))
    # (2 Phi(c) - 1)^5 = 0.95
    expected = NormalDist().inv_cdf((1 + 0.95 ** (1 / 5)) / 2)
    assert joint_deviate(draws_of(columns)) == pytest.approx(expected, abs=0.06)
    # five times the same figure is one figure, and one that never varies is none
    same = np.tile(columns[:, :1], (1, 5))
    assert joint_deviate(draws_of(same)) == pytest.approx(NORMAL, abs=0.06)
    assert joint_deviate(draws_of(np.ones((8, 3)))) == NORMAL


def test_joint_intervals_hold_those_of_each_alone():
    found = judge_together(draws_of(np.random.default_rng(2).normal(size=(40, 4))))
    for alone, together in zip(found.alone, found.together, strict=True):
        assert together.low < alone.low < alone.high < together.high


def test_the_detectable_difference_by_hand():
    columns = np.random.default_rng(3).normal(size=(900, 1))
    found = judge_together(draws_of(columns, draws=2000))
    # 900 groups: the normal's 1.96 + 0.8416 standard errors of 1 / 30, within the errors of sample and draws
    assert found.detectable(0) == pytest.approx((1.96 + 0.8416) / 30, rel=0.08)


def test_ranks_by_hand():
    # third is behind both others, which are not told apart
    assert ranks(np.asarray([0.7, 0.8, 0.2]), [(0, 2), (1, 2)]) == [(2, 1, 2), (1, 1, 2), (3, 3, 3)]
    # equal values share a rank; nothing is told apart
    assert ranks(np.asarray([0.5, 0.5, 0.1]), []) == [(1.5, 1, 3), (1.5, 1, 3), (3, 1, 3)]
    # paired on common items the second is ahead, though its mean over all of its items is lower
    assert ranks(np.asarray([0.5, 0.4]), [(1, 0)]) == [(1, 1, 2), (2, 1, 2)]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_a_rank_lies_in_its_interval_and_ranks_sum_up(values):
    found = ranks(np.asarray(values), [])
    assert all(low <= rank <= high for rank, low, high in found)
    assert sum(rank for rank, _, _ in found) == pytest.approx(len(values) * (len(values) + 1) / 2)


def test_every_verdict():
    inside, above, below = (-0.1, 0.2), (0.1, 0.2), (-0.2, -0.1)
    found = {
        (ends, p, few): decide(*ends, p, few_raters=few)
        for ends, p, few in product((inside, above, below), (0.01, 0.2), (False, True))
    }
    assert (found[above, 0.01, False].decision, found[below, 0.01, False].decision) == ("ahead", "behind")
    assert found[above, 0.01, True].doubt == found[below, 0.01, True].doubt == "few_raters"
    assert {found[ends, 0.2, few].doubt for ends in (above, below) for few in (False, True)} == {"test"}
    assert {found[inside, 0.01, few].doubt for few in (False, True)} == {"interval"}
    assert {found[inside, 0.2, few].doubt for few in (False, True)} == {"both"}
    assert decide(None, None, 0.01, few_raters=False).decision == "open"
    assert decide(0.1, 0.2, LEVEL, few_raters=False).decision == "open"
