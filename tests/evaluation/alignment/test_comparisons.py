"""Differences, detectable differences and ranks of an evaluated folder; declared contrasts."""

import numpy as np
import pytest

from helpers.evaluation_folder import make_attribution, make_folder, make_items, needed
from helpers.many_items import many_items, many_labels, needed_in
from heta.errors import ConfigError
from heta_evaluation.alignment.contrasts import families
from heta_evaluation.alignment.subjects import Subject, baseline
from heta_evaluation.results import ResultIndex
from heta_evaluation.runner import evaluate
from heta_evaluation.statistics.comparisons import LEVEL
from heta_evaluation.statistics.tests import holm
from heta_evaluation.summary import difference_sentence, verdict

METRICS = ("token_f1@k", "average_precision", "spearman")
MADE = {"good": 8.0, "fair": 1.5, "poor": 0.0}


def folder(root):
    """12 items in groups of their own, five raters, three methods."""
    items = many_items(2)
    rng = np.random.default_rng(4)
    records = [
        make_attribution(item, method, rng.exponential(1.0, len(needed_in(item))) + lift * needed_in(item))
        for method, lift in MADE.items()
        for item in items
    ]
    return make_folder(root, items=items, labels=many_labels(items, 5), attributions=records)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return folder(tmp_path_factory.mktemp("compared"))


@pytest.fixture(scope="module")
def plain(workspace):
    return evaluate(workspace, draws=4096)


@pytest.fixture(scope="module")
def declared(workspace):
    return evaluate(workspace, draws=4096, contrasts=("good vs poor", "first_words vs good"))


def names(evaluation):
    return {subject.method: subject.name for subject in evaluation.table.subjects}


def test_without_a_declaration_all_pairs_are_one_family(plain):
    found = ResultIndex(plain.results).of("token_f1@k", "difference")
    assert len(found) == 3 + 3 * 4
    assert {one.config["family"] for one in found} == {"all pairs"}
    assert [one.config["p_holm"] for one in found] == holm([one.config["p"] for one in found])


def test_holm_runs_over_declared_contrasts_alone(plain, declared):
    index, short = ResultIndex(declared.results), names(declared)
    for metric in METRICS:
        found = index.of(metric, "difference")
        primary = [one for one in found if one.config["family"] == "primary"]
        assert [one.subject for one in primary] == [
            f"{short['good']} minus {short['poor']}",
            f"{short['good']} minus first_words",
        ]
        rest = [one for one in found if one.config["family"] == "exploratory"]
        assert len(rest) == 13
        for family in (primary, rest):
            assert [one.config["p_holm"] for one in family] == holm([one.config["p"] for one in family])
            assert {one.config["pairs"] for one in family} == {len(family)}
    # fewer that hold together reach less far; each alone is as before
    one = index.get("token_f1@k", primary[0].subject, "difference")
    before = ResultIndex(plain.results).get("token_f1@k", primary[0].subject, "difference")
    assert before.low < one.low < one.high < before.high
    assert one.config["alone"] == before.config["alone"]


def test_what_is_exploratory_is_said_to_be(declared):
    found = [one for one in declared.results if one.variant == "difference" and one.value is not None]
    for one in found:
        assert difference_sentence(one, "x").startswith("Not declared") == (one.config["family"] == "exploratory")
    assert any("Not declared beforehand" in sentence for sentence in verdict_of(declared))


def verdict_of(evaluation):
    return verdict(evaluation.table.subjects, ResultIndex(evaluation.results))


def test_interval_p_value_and_verdict_never_contradict_each_other(plain, declared):
    """What is printed: the interval of the record, Holm's p, and the sentence."""
    seen = set()
    for evaluation in (plain, declared):
        for one in evaluation.results:
            if one.variant != "difference" or one.value is None:
                continue
            out, sure = one.low > 0 or one.high < 0, one.config["p_holm"] < LEVEL
            said = difference_sentence(one, "x")
            assert ("beats x" in said.split("(")[0] and "hether" not in said) == (out and sure and one.value > 0)
            assert ("falls behind x" in said.split("(")[0] and "hether" not in said) == (out and sure and one.value < 0)
            assert (one.config["verdict"] == "open") == (not (out and sure))
            if "cannot be told apart" in said:
                assert one.low <= 0 <= one.high
            if out and not sure:
                assert "is open: the interval leaves 0 out" in said
            low, high = one.config["alone"]
            assert one.low <= low <= one.value <= high <= one.high
            seen.add((one.config["verdict"], one.config["doubt"]))
    assert {("ahead", None), ("open", "both")} <= seen


def test_detectable_differences_stand_beside_every_difference(plain):
    index = ResultIndex(plain.results)
    for metric in METRICS:
        for one in index.of(metric, "difference"):
            found = index.get(metric, one.subject, "detectable")
            assert found.n == one.n
            # it is seen with 80 % power, so it lies beyond the half width of the interval
            assert found.value > (one.high - one.low) / 2 * 0.9
            assert found.config["power"] == 0.8


def test_ranks_are_those_of_the_figures_and_of_the_joint_intervals(plain):
    index, short = ResultIndex(plain.results), names(plain)
    for metric in METRICS:
        order = sorted(MADE, key=lambda method: -index.get(metric, short[method]).value)
        found = [index.get(metric, short[method], "rank") for method in order]
        assert [one.value for one in found] == [1, 2, 3]
        assert all(1 <= one.low <= one.value <= one.high <= 3 for one in found)
    best = index.get("token_f1@k", short["good"], "rank")
    worst = index.get("token_f1@k", short["poor"], "rank")
    assert (best.low, worst.high) == (1, 3)
    assert best.high < worst.low
    assert index.get("token_f1@k", "first_words", "rank") is None


def test_identical_methods_have_no_detectable_difference(tmp_path):
    items = make_items()
    records = [make_attribution(item, name, needed(item).astype(float)) for name in ("one", "two") for item in items]
    evaluation = evaluate(make_folder(tmp_path, items=items, attributions=records), kinds=("simulated",), draws=100)
    index, short = ResultIndex(evaluation.results), names(evaluation)
    pair = f"{short['one']} minus {short['two']}"
    assert index.get("token_f1@k", pair, "detectable").reason == "no_variation"
    assert [index.get("token_f1@k", short[name], "rank").value for name in ("one", "two")] == [1.5, 1.5]
    assert index.get("token_f1@k", short["one"], "rank").high == 2


def test_few_raters_get_a_warning_and_no_claim(tmp_path):
    items = many_items(2)
    records = [make_attribution(item, "good", needed_in(item).astype(float)) for item in items]
    labels = many_labels(items, 3, kind="simulated", miss=0.0)
    evaluation = evaluate(
        make_folder(tmp_path, items=items, labels=labels, attributions=records), kinds=("simulated",), draws=4096
    )
    index = ResultIndex(evaluation.results)
    found = [one for one in index.of("token_f1@k", "difference") if one.low > 0]
    assert found
    assert all(one.config["verdict"] == "open" for one in found)
    assert not any("It beats" in sentence for sentence in verdict_of(evaluation))
    # what no label enters may be claimed with any number of raters
    assert any(one.config["doubt"] != "few_raters" for one in index.of("dsa_minus_uniform", "difference"))


SUBJECTS = (
    Subject("kl on a [1]", "kl", "a"),
    Subject("kl on b [1]", "kl", "b"),
    Subject("ig on a [2]", "ig", "a"),
    baseline("first_words"),
    baseline("random"),
)
PAIRS = [(first, second) for first in range(3) for second in range(first + 1, 5)]


def test_contrasts_name_subjects_by_any_name_that_is_unique():
    found = families(("random vs ig", "kl on b vs kl on a [1]", "ig vs random"), SUBJECTS, PAIRS)
    assert [[PAIRS[pair] for pair in family.pairs] for family in found[:1]] == [[(2, 4), (0, 1)]]
    assert len(found[0].pairs) + len(found[1].pairs) == len(PAIRS)
    everything = tuple(f"{SUBJECTS[first].name} vs {SUBJECTS[second].name}" for first, second in PAIRS)
    assert [family.name for family in families(everything, SUBJECTS, PAIRS)] == ["primary"]


@pytest.mark.parametrize(
    ("contrast", "message"),
    [
        ("kl vs ig", "'kl' in 'kl vs ig' is several: kl on a [1], kl on b [1]; write one of these names in full"),
        ("igg vs random", "'igg' in 'igg vs random' is not evaluated; did you mean 'ig'?; there are kl, ig"),
        ("first_words vs random", "two baselines; name a method"),
        ("ig vs ig", "compares a subject with itself"),
    ],
)
def test_contrasts_that_name_no_pair_are_refused(contrast, message):
    with pytest.raises(ConfigError) as caught:
        families((contrast,), SUBJECTS, PAIRS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("contrast", ["a", "a vs ", "a vs b vs c", "a versus b"])
def test_contrasts_are_read_as_two_names(workspace, contrast):
    with pytest.raises(ConfigError, match="write two names and ' vs '"):
        evaluate(workspace, contrasts=(contrast,))
