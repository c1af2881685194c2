"""Planned campaigns: closed forms, what power and detectable differences promise, components of a pilot."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heta_evaluation.statistics.bootstrap import Cells, Design, crossed_bootstrap
from heta_evaluation.statistics.planning import DEFAULTS, declared, plan_grid
from heta_evaluation.statistics.power import (
    Campaign,
    Components,
    Error,
    anchoring_error,
    components,
    detectable,
    expected_error,
    half_width,
    power,
)

PHI = NormalDist()


def test_the_error_by_hand():
    # 0.09 / 100 + 0.04 / 5 + 0.16 / (100 x 5); df: items (0.0009 + 0.00032)^2 / 99, raters 0.008^2 / 4
    found = expected_error(Components(0.3, 0.2, 0.4), Campaign(items=100, raters=5))
    total = 0.0009 + 0.008 + 0.00032
    assert found.value == pytest.approx(np.sqrt(total))
    assert found.df == pytest.approx(total**2 / (0.00122**2 / 99 + 0.008**2 / 4))
    # two of the five for each item: the residual is averaged over two
    part = expected_error(Components(0.3, 0.2, 0.4), Campaign(items=100, raters=5, overlap=2))
    assert part.value**2 - found.value**2 == pytest.approx(0.16 / 200 - 0.16 / 500)
    # four items of each document, correlated 0.5: (1 + 3 x 0.5) times the items' variance, 25 documents
    many = expected_error(Components(0.3, 0, 0), Campaign(items=100, raters=5, per_document=4, icc=0.5))
    assert many.value**2 == pytest.approx(0.0009 * 2.5)
    assert many.df == pytest.approx(24)


def test_power_and_widths_of_many_are_the_normals():
    error = Error(0.02, 1e7)
    assert half_width(error) == pytest.approx(1.96 * 0.02, rel=1e-4)
    # Bonferroni for 5: 97.5 % becomes 99.5 %
    assert half_width(error, 5) == pytest.approx(PHI.inv_cdf(0.995) * 0.02, rel=1e-4)
    assert power(0.05, error) == pytest.approx(PHI.cdf(0.05 / 0.02 - 1.96), abs=1e-4)
    assert detectable(error) == pytest.approx((1.96 + 0.8416) * 0.02, rel=1e-4)
    assert power(0.0, error) == pytest.approx(0.025, abs=1e-4)
    assert (power(0.1, Error(0.0, 5)), power(0.0, Error(0.0, 5))) == (1.0, 0.0)


@given(st.floats(0.005, 0.2), st.floats(4, 300), st.integers(1, 20))
def test_the_detectable_difference_is_seen_with_80_percent(value, df, pairs):
    error = Error(value, df)
    assert power(detectable(error, pairs), error, pairs) == pytest.approx(0.8, abs=1e-6)


def test_anchoring_compares_two_arms_of_raters():
    # items cancel: 2 (0.01 / 5 + 0.09 / 500)
    found = anchoring_error(Components(0.3, 0.1, 0.3), Campaign(items=100, raters=5, arms=2))
    assert found.value == pytest.approx(np.sqrt(2 * (0.01 / 5 + 0.09 / 500)))


@given(
    st.tuples(*[st.floats(0.01, 0.6)] * 3).map(lambda parts: Components(*parts)),
    st.integers(10, 500),
    st.integers(5, 30),
)
def test_more_items_and_more_raters_leave_a_smaller_error(parts, items, raters):
    plain = expected_error(parts, Campaign(items=items, raters=raters)).value
    assert expected_error(parts, Campaign(items=2 * items, raters=raters)).value < plain
    assert expected_error(parts, Campaign(items=items, raters=2 * raters)).value < plain
    assert expected_error(parts, Campaign(items=items, raters=raters, overlap=2)).value >= plain


def test_components_of_a_full_table_are_those_it_was_made_with():
    rng = np.random.default_rng(1)
    items, raters = 200, 30
    table = 0.3 * rng.normal(size=(items, 1)) + 0.2 * rng.normal(size=raters) + 0.4 * rng.normal(size=(items, raters))

    def cells(item, weights):
        return Cells((weights @ table[item] / weights.sum(axis=1))[:, None], np.ones((len(weights), 1), dtype=bool))

    design = Design(range(items), [np.arange(raters)] * items, raters)
    found = components(crossed_bootstrap(design, cells, draws=500, seed=0), 0, raters)
    # 200 items know their own within 5 %, 30 raters within 15 %
    assert found.item == pytest.approx(0.3, rel=0.15)
    assert found.rater == pytest.approx(0.2, rel=0.4)
    assert found.residual == pytest.approx(0.4, rel=0.15)


def test_the_grid_counts_hours_and_money():
    assumed = replace(declared("token_f1@k"), seconds=36.0)
    one, two = plan_grid(assumed, [Campaign(100, 5), Campaign(100, 5, overlap=3, arms=2)], 0.05, wage=20.0)
    assert (one.campaign.answers, one.hours, one.cost) == (500, 5.0, 100.0)
    assert (two.campaign.answers, two.hours) == (600, 6.0)
    assert one.anchoring is None
    assert two.anchoring > 0
    assert plan_grid(assumed, [Campaign(100, 5)], 0.05)[0].cost is None
    assert not Campaign(10, 4).claims
    assert set(DEFAULTS) == {"token_f1@k", "average_precision", "spearman"}
