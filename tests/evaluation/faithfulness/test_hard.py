"""AOPC, curves and top-k divergences: the peers' figures and closed forms."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from helpers.additive_model import case
from heta_evaluation.faithfulness.base import top
from heta_evaluation.faithfulness.hard import (
    AOPC_PERCENTS,
    COMPREHENSIVENESS,
    DELETION_AUC,
    INSERTION_AUC,
    NC_TOP_KL,
    NS_TOP_KL,
    SUFFICIENCY,
    aopc,
)


def test_aopc_is_that_of_eraser(shared_data: Path) -> None:
    golden = json.loads((shared_data.parent / "golden" / "golden_peers.json").read_text())["eraser"]
    given, found = golden["aopc_input"], golden["aopc"]
    assert tuple(round(100 * share) for share in given["thresholds"]) == AOPC_PERCENTS
    curves = given["curve"].values()
    comprehensiveness = np.mean([aopc(whole, without) for whole, without, _ in curves])
    sufficiency = np.mean([aopc(whole, only) for whole, _, only in curves])
    assert comprehensiveness == pytest.approx(found["comprehensiveness"], abs=1e-9)
    assert sufficiency == pytest.approx(found["sufficiency"], abs=1e-9)


def test_shares_are_rounded_up_and_at_least_one() -> None:
    assert [top(percent, 10) for percent in (1, 5, 10, 20, 50, 100)] == [1, 1, 1, 2, 5, 10]
    # 0.07 * 100 is 7.000000000000001 in floating point.
    assert (top(7, 100), top(30, 10), top(70, 10)) == (7, 3, 7)


def test_aopc_by_hand() -> None:
    # Ten units, weights ln 2 for unit 3 and 0 for all others; p = 0.8. Every share includes the highest unit.
    weights = [0.0] * 10
    weights[3] = math.log(2.0)
    right = case([*[0.1] * 3, 9.0, *[0.1] * 6], weights)
    right.ask.whole = 0.8
    found = COMPREHENSIVENESS.compute(right)
    # p falls to 0.4 at each share: 0.8 - 0.4; in logarithms by ln 2.
    assert found["main"].value == found["removal"].value == pytest.approx(0.4)
    assert found["masking, log p"].value == found["removal, log p"].value == pytest.approx(math.log(2.0))
    assert SUFFICIENCY.compute(right)["main"].value == pytest.approx(0.0)
    # The unit last: at shares up to 50 % it is never among the highest.
    wrong = case([*[0.1] * 3, -9.0, *[0.1] * 6], weights)
    wrong.ask.whole = 0.8
    assert COMPREHENSIVENESS.compute(wrong)["main"].value == pytest.approx(0.0)
    assert SUFFICIENCY.compute(wrong)["main"].value == pytest.approx(0.4)


def test_curves_by_hand() -> None:
    # Ten units of which unit 0 weighs 1, p = 1: log p is 0 with it and -1 without.
    weights = [1.0] + [0.0] * 9
    best, worst = case(range(10, 0, -1), weights), case(range(10), weights)
    best.ask.whole = worst.ask.whole = 1.0
    # Deleted first: 0 at share 0, -1 from share .1 on: trapezoid -0.05 - 0.9.
    assert DELETION_AUC.compute(best)["main"].value == pytest.approx(-0.95)
    # Deleted last: -1 only at share 1: -0.05. Inserted first and last mirror it.
    assert DELETION_AUC.compute(worst)["main"].value == pytest.approx(-0.05)
    assert INSERTION_AUC.compute(best)["main"].value == pytest.approx(-0.05)
    assert INSERTION_AUC.compute(worst)["main"].value == pytest.approx(-0.95)


def test_curves_of_few_units_count_each_once() -> None:
    # Two units: sizes 0, 1, 2 at shares 0, .5, 1; log p = 0, -1, -1: -(0.5 * 0.5 + 0.5).
    pair = case([2.0, 1.0], [1.0, 0.0])
    pair.ask.whole = 1.0
    assert DELETION_AUC.compute(pair)["main"].value == pytest.approx(-0.75)
    single = case([2.0], [1.0])
    single.ask.whole = 1.0
    assert DELETION_AUC.compute(single)["main"].value == pytest.approx(-0.5)


def test_top_divergences_by_hand() -> None:
    # Ten units, the highest three weigh 1, 2, 3: gone at 10, 20, 30 % are 1, 3, 6, mean 10/3; kept, 5, 3, 0: -8/3.
    found = case(range(10, 0, -1), [1.0, 2.0, 3.0, *[0.0] * 7])
    assert NC_TOP_KL.compute(found)["main"].value == pytest.approx(10 / 3)
    assert NS_TOP_KL.compute(found)["main"].value == pytest.approx(-8 / 3)


def test_ties_are_broken_alike_for_every_attribution() -> None:
    tied, other = case([1.0] * 20, [1.0] * 20), case([5.0] * 20, [1.0] * 20)
    assert tied.order().tolist() == other.order().tolist()
    assert tied.order().tolist() != list(range(20))
    seeded = case([1.0] * 20, [1.0] * 20, seed=1)
    assert seeded.order().tolist() != tied.order().tolist()
