"""DSA and the mass outside: closed forms, variants."""

from helpers.metric_cases import value
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import Value, one_case
from heta_evaluation.metrics.mass import dsa, labelled_dsa, labelled_dsa_minus_uniform, uniform_dsa


def test_dsa_values_and_reasons():
    evidence, distractor = [True, True, False, False], [False, False, True, True]

    def of(scores):
        return value("dsa", scores, [0, 0, 0, 0], evidence=evidence, distractor=distractor)

    assert of([3, 0, 1, 0]).value == 0.5  # (3 - 1) / 4
    assert of([3, -5, 1, -7]).value == 0.5  # negative scores count 0
    assert of([1, 1, 0, 0]).value == 1.0
    assert of([0, 0, 2, 1]).value == -1.0
    assert of([0, -1, 0, 0]) == Value(None, "no_mass")
    assert value("dsa", [1, 2], [1, 0], evidence=[True, True], distractor=[False, False]) == Value(None, "one_segment")
    # scores so large that their sum overflows
    assert of([1.7e308, 1.7e308, 1.7e308, 1.7e308]).value == 0.0


def test_dsa_minus_uniform_is_zero_for_uniform_scores():
    # one evidence unit, three distractor units: the uniform value is (1 - 3) / 4
    evidence, distractor = [True, False, False, False], [False, True, True, True]
    batch = one_case([2, 2, 2, 2], [0, 0, 0, 0], evidence=evidence, distractor=distractor)
    assert uniform_dsa(batch) == -0.5
    assert dsa(batch).values[0, 0] == -0.5
    assert METRICS.get("dsa_minus_uniform").one(batch).value == 0.0


def test_absolute_and_labelled_variants_by_hand():
    evidence, distractor = [True, True, False, False], [False, False, True, True]
    batch = one_case([3, -1, 0, -4], [0, 0, 1, 0], evidence=evidence, distractor=distractor)
    assert dsa(batch).values[0, 0] == 1.0  # 3 against 0
    assert dsa(batch, absolute=True).values[0, 0] == 0.0  # 4 against 4
    # the marked word has none of the mass; uniform: one word of four
    assert labelled_dsa(batch).at(0, 0) == Value(-1.0)
    assert labelled_dsa_minus_uniform(batch).at(0, 0) == Value(-0.5)
    assert labelled_dsa(one_case([1, 2], [0, 0])).at(0, 0) == Value(None, "empty_gold")
    assert labelled_dsa(one_case([1, 2], [1, 1])).at(0, 0) == Value(None, "full_gold")
    assert labelled_dsa(one_case([-1, 0], [1, 0])).at(0, 0) == Value(None, "no_mass")


def test_mass_outside_is_what_it_was_told():
    assert value("mass_outside", [1, 0], [1, 0], outside=0.25).value == 0.25
    assert value("mass_outside", [1, 0], [1, 0], outside=-1.0) == Value(None, "no_mass")
    assert value("mass_outside", [1, 0], [1, 0]) == Value(None, "not_known")
