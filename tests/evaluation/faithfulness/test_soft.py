"""Soft comprehensiveness and sufficiency: the reference's figures, closed forms, equal retention."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.additive_model import case
from heta_evaluation.faithfulness.soft import (
    RETENTIONS,
    SOFT_NC,
    SOFT_NC_PI,
    SOFT_NS,
    SOFT_NS_PI,
    at_retentions,
    hellinger,
    rank_retention,
    root_distance,
    shares,
)

P, Q = np.asarray([[0.7, 0.2, 0.1, 0.0]]), np.asarray([[0.25, 0.25, 0.3, 0.2]])
SINGLE = float(np.float32(math.sqrt(2.0)))
"""The square root of 2 as ReAGent's code holds it."""


def test_distances_are_those_of_the_reference_code(shared_data: Path) -> None:
    golden = json.loads((shared_data.parent / "golden" / "golden_peers.json").read_text())["reagent"]
    assert (golden["prob_original"], golden["prob_masked"]) == (P.tolist(), Q.tolist())

    def close(value: float, name: str) -> bool:
        return value == pytest.approx(golden[name], abs=1e-9)

    # With the divisor in double precision, as it is used here ...
    assert close(root_distance(P, Q)[0], "sum_sq/sqrt2 (=sqrt2*H^2)")
    assert close(hellinger(P, Q)[0], "true_Hellinger")
    # ... and in single precision, as the reference has it: its *hard* comprehensiveness is the Hellinger distance, both
    # its sufficiencies are 1 - D.
    distance = root_distance(P, Q, root_two=SINGLE)[0]
    assert close(distance, "SoftComprehensivenessEvaluator.get_metric")
    assert close(1.0 - distance, "SoftSufficiencyEvaluator.get_metric")
    assert close(1.0 - distance, "SufficiencyEvaluator.get_metric")
    assert close(hellinger(P, Q, root_two=SINGLE)[0], "ComprehensivenessEvaluator.get_metric")
    apart = root_distance(np.asarray([1.0, 0.0]), np.asarray([0.0, 1.0]), root_two=SINGLE)
    assert close(float(apart), "disjoint distributions -> soft comp (max)")
    assert close(1.0 - float(apart), "disjoint -> soft suff (min)")


def test_distance_by_hand() -> None:
    # p = (1, 0), q = (1/4, 3/4): (1 - 1/2)^2 + 3/4 = 1, over sqrt 2.
    value = root_distance(np.asarray([1.0, 0.0]), np.asarray([0.25, 0.75]))
    assert float(value) == pytest.approx(1 / math.sqrt(2.0), abs=1e-15)


def test_plain_values_by_hand() -> None:
    # weights 3, 1, 0; shares of the scores (2, 2, 0): a = 1/2, 1/2, 0. D(p, p_0) = sqrt 2.
    # comprehensiveness keeps 1 - a: gone is 3/2 + 1/2 = 2 of 4, D = sqrt 2 / 2, NC = 1/2.
    # sufficiency keeps a: gone is 3/2 + 1/2 + 0 = 2 of 4 too, NS = 1 - 1/2.
    found = case([2.0, 2.0, 0.0], [3.0, 1.0, 0.0])
    nc, ns = SOFT_NC.compute(found)["main"], SOFT_NS.compute(found)["main"]
    assert (nc.value, ns.value) == (pytest.approx(0.5), pytest.approx(0.5))
    # Nothing is random on an additive model, so there is no Monte-Carlo error.
    assert (nc.error, ns.error) == (pytest.approx(0.0), pytest.approx(0.0))
    assert len({change for change in found.ask.asked if hasattr(change, "draw")}) == 2 * found.settings.draws
    # All on the heavy unit: 3/4 of the effect both ways.
    peaked = case([5.0, -1.0, 0.0], [3.0, 1.0, 0.0])
    assert SOFT_NC.compute(peaked)["main"].value == pytest.approx(0.75)
    assert SOFT_NS.compute(peaked)["main"].value == pytest.approx(0.75)


def test_equal_retention_by_hand() -> None:
    # Two units, weights 1 and 0, pi = 0.3: wanted 0.6 of 2. Ranks 1, 2: c = 0.6 / 3 = 0.2, keep 0.2 and 0.4.
    assert rank_retention(np.asarray([5.0, 1.0]), 0.3).tolist() == pytest.approx([0.4, 0.2])
    # pi = 0.8: 1.6 of 2; c = 1.6 / 3 would keep the higher with 1.07, so it gets 1 and the other 0.6.
    assert rank_retention(np.asarray([5.0, 1.0]), 0.8).tolist() == pytest.approx([1.0, 0.6])
    # Ties share what their places get.
    assert rank_retention(np.asarray([2.0, 2.0, 9.0]), 0.5).tolist() == pytest.approx([0.375, 0.375, 0.75])
    # NS at pi keeps the heavy unit by the higher number, NC by the lower one: NS = keep, NC = 1 - keep of unit 0.
    found = case([5.0, 1.0], [1.0, 0.0])
    ns, nc = SOFT_NS_PI.compute(found), SOFT_NC_PI.compute(found)
    assert (ns["pi=0.3"].value, nc["pi=0.3"].value) == (pytest.approx(0.4), pytest.approx(0.8))
    assert (ns["pi=0.8"].value, nc["pi=0.8"].value) == (pytest.approx(1.0), pytest.approx(0.4))
    # Area over width: pi = .1 to .7 keep 4/3 pi (below 1 up to pi = .75), .8 and .9 keep 1; trapezoid over .1 steps:
    # (sum of 4/3 pi for .1 to .7 = 3.7333) + 2 - half of the ends (0.1333 + 1) / 2 = 5.1667 steps of .1 over .8.
    assert ns["main"].value == pytest.approx(5.166666666666667 * 0.1 / 0.8)


scores_of = st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=12)


@given(scores=scores_of, retention=st.sampled_from(RETENTIONS))
def test_every_ranking_keeps_as_much(scores: list[float], retention: float) -> None:
    given_scores = np.asarray(scores)
    keep = rank_retention(given_scores, retention)
    assert keep.min() >= 0.0
    assert keep.max() <= 1.0
    assert keep.mean() == pytest.approx(retention, abs=1e-12)
    order = np.argsort(given_scores, kind="stable")
    assert (np.diff(keep[order]) >= -1e-12).all()
    for value in set(scores):
        assert np.ptp(keep[given_scores == value]) == 0.0
    # Any increasing transformation keeps the very same numbers.
    assert (rank_retention(np.exp(given_scores) * 5 - 2, retention) == keep).all()


def test_some_retentions_are_the_same_values_without_the_area() -> None:
    asked = case([2.0, 1.0, -1.0], [1.0, 0.5, 0.0])
    for metric in (SOFT_NC_PI, SOFT_NS_PI):
        narrow, whole = at_retentions(metric.name, (0.1, 0.5)), metric.compute(asked)
        assert narrow.compute(asked) == {name: whole[name] for name in ("pi=0.1", "pi=0.5")}
        assert set(narrow.variants) == {"pi=0.1", "pi=0.5"}
        assert set(narrow.compute(case([1.0, 1.0], [1.0, 1.0]))) == {"pi=0.1", "pi=0.5"}
    with pytest.raises(ValueError, match=r"retention 0\.55 is none of"):
        at_retentions("soft_nc_pi", (0.55,))


def test_scores_without_mass_or_differences_have_no_value() -> None:
    assert shares(np.asarray([0.0, -2.0])) is None
    assert SOFT_NC.compute(case([0.0, -2.0], [1.0, 1.0]))["main"] == (None, "no_mass", None)
    assert SOFT_NS_PI.compute(case([1.0, 1.0], [1.0, 1.0]))["pi=0.5"] == (None, "constant_scores", None)
    # All units gone together change nothing: quotients by that effect mean nothing.
    blind = case([1.0, 2.0], [1.0, -1.0])
    assert SOFT_NC.compute(blind)["main"].reason == "no_effect"


def test_shares_do_not_overflow() -> None:
    found = shares(np.asarray([1e308, 1e308, -5.0]))
    assert found is not None
    assert found.tolist() == [0.5, 0.5, 0.0]
