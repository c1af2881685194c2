"""An evaluation: files, figures, honesty about kinds, determinism."""

import numpy as np
import pytest

from helpers.evaluation_folder import (
    TEXTS,
    make_attribution,
    make_attributions,
    make_folder,
    make_items,
    make_labels,
    needed,
    rater_labels,
)
from heta_data.jsonl import read_records
from heta_data.records import GoldLabels, MetricResult
from heta_evaluation.metrics import METRICS
from heta_evaluation.results import COUNTS, ResultIndex
from heta_evaluation.runner import evaluate

QUICK = {"kinds": ("simulated",), "draws": 200}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A folder with both orders of each text, evaluated once."""
    workspace = make_folder(tmp_path_factory.mktemp("evaluated"), items=make_items(twins=True))
    return workspace, evaluate(workspace, **QUICK)


def test_files_hold_what_was_found(evaluated):
    workspace, evaluation = evaluated
    assert tuple(read_records(workspace.results, MetricResult)) == evaluation.results
    assert tuple(read_records(workspace.gold, GoldLabels)) == evaluation.gold
    assert len(evaluation.gold) == 12


def test_every_figure_names_the_kinds_and_arms_behind_it(evaluated):
    _, evaluation = evaluated
    assert {(one.kinds, one.arms) for one in evaluation.results} == {(("simulated",), ("blind",))}
    assert {one.kinds for one in evaluation.gold} == {("simulated",)}


def test_every_figure_is_a_registered_metric_in_its_range_or_a_count(evaluated):
    _, evaluation = evaluated
    relative = ("difference", "normalised", "chance_corrected", "order_effect", "rank", "detectable", "anchoring")
    for one in evaluation.results:
        assert one.metric in METRICS or one.metric in COUNTS
        if one.value is not None and one.metric in METRICS and one.variant not in relative:
            low, high = METRICS.get(one.metric).range
            assert low <= one.value <= high
        if one.low is not None:
            assert one.low <= one.value <= one.high
            assert one.variant == "rank" or one.config["draws"] == 200


def test_means_over_items_are_means_of_the_item_figures(evaluated):
    _, evaluation = evaluated
    index = ResultIndex(evaluation.results)
    for metric in ("token_f1@k", "average_precision", "spearman", "dsa_minus_uniform"):
        for subject in evaluation.table.subjects:
            own = [
                one.value
                for one in evaluation.results
                if one.item_id and (one.metric, one.subject) == (metric, subject.name) and one.value is not None
            ]
            found = index.get(metric, subject.name)
            assert found.n == len(own)
            if own:
                assert found.value == pytest.approx(np.mean(own), abs=1e-12)


def test_baselines_and_reference_stand_beside_every_method(evaluated):
    _, evaluation = evaluated
    index = ResultIndex(evaluation.results)
    for name in ("answer_match", "first_words", "longest_words", "random"):
        for metric in ("token_f1@k", "average_precision", "spearman", "dsa"):
            assert index.get(metric, name) is not None
    reference = index.get("token_f1@k", "human reference", "held_out")
    method = evaluation.table.subjects[0].name
    held, share = index.get("token_f1@k", method, "held_out"), index.get("token_f1@k", method, "normalised")
    # every target has a value for both here, so the crowd on the method's targets is the reference itself
    assert share.value == pytest.approx(held.value / reference.value)
    chance = index.get("token_f1@k", "random", "held_out").value
    corrected = index.get("token_f1@k", method, "chance_corrected")
    assert corrected.value == pytest.approx((held.value - chance) / (reference.value - chance))
    assert index.get("token_f1@k", "random", "chance_corrected").value == pytest.approx(0.0)


def test_order_effects_of_twins(evaluated):
    _, evaluation = evaluated
    index = ResultIndex(evaluation.results)
    first = index.get("dsa", "first_words", "order_effect")
    assert first.n == len(TEXTS)
    assert first.value < -0.3  # falls with position: prefers the evidence when it stands first
    assert index.get("dsa", "answer_match", "order_effect").value == pytest.approx(0.0, abs=1e-12)
    # over complete pairs the mean of both orders is the mean over items
    averaged = index.get("dsa_minus_uniform", "first_words", "order_averaged")
    assert averaged.value == pytest.approx(index.get("dsa_minus_uniform", "first_words").value)


def test_differences_are_paired_and_corrected(evaluated):
    _, evaluation = evaluated
    index = ResultIndex(evaluation.results)
    found = index.of("token_f1@k", "difference")
    assert len(found) == 1 + 2 * 4  # two methods with each other and with four baselines
    for one in found:
        first, second = one.subject.split(" minus ")
        expected = index.get("token_f1@k", first).value - index.get("token_f1@k", second).value
        assert one.value == pytest.approx(expected)
        assert 0 < one.config["p"] <= one.config["p_holm"] <= 1
        assert one.config["pairs"] == len(found)


def test_few_raters_are_noted_in_each_interval_over_raters(evaluated):
    _, evaluation = evaluated
    index = ResultIndex(evaluation.results)
    assert "no claim about new raters" in index.get("token_f1@k", "random").config["note"]
    assert "note" not in index.get("dsa", "random").config
    assert index.get("dsa", "random").config["drawn"] == "item groups"
    assert index.get("token_f1@k", "random").config["drawn"] == "item groups x raters"
    assert index.get("token_f1@k", "random").config["interval"].startswith("95 % percentile less bias")


def test_few_raters_are_noted_with_their_agreement(evaluated, tmp_path):
    _, evaluation = evaluated
    for name in ("krippendorff_alpha", "raw_agreement", "positive_agreement", "prevalence"):
        found = ResultIndex(evaluation.results).get(name, "raters")
        assert found.config["note"] == "3 raters: no claim about new raters"
    assert any("those of agreement included" in note for note in evaluation.table.notes)
    items = make_items()[:2]
    enough = evaluate(make_folder(tmp_path, items=items, labels=make_labels(items, raters=5)), **QUICK)
    assert "note" not in ResultIndex(enough.results).get("raw_agreement", "raters").config


def test_chance_corrected_takes_chance_on_the_same_items(tmp_path):
    """`part` has the first two items only, where raters agree on the needed words and mark as `part` does.

    Its own chance is the mean of g / n over those two; that of all items is another number.
    """
    items = make_items()
    labels = [rater_labels(item, needed(item), rater) for item in items for rater in ("a", "b")]
    order = np.random.default_rng(3)
    records = [make_attribution(item, "part", order.random(len(needed(item)))) for item in items[:2]]
    evaluation = evaluate(make_folder(tmp_path, items=items, labels=labels, attributions=records), draws=100)
    index = ResultIndex(evaluation.results)
    part = evaluation.table.subjects[0].name
    held = index.get("token_f1@k", part, "held_out").value
    chance = np.mean([needed(item).mean() for item in items[:2]])
    assert chance != pytest.approx(index.get("token_f1@k", "random", "held_out").value, abs=0.005)
    # the crowd marks what the target marks: 1
    assert index.get("token_f1@k", part, "chance_corrected").value == pytest.approx((held - chance) / (1 - chance))


def test_two_revisions_of_a_model_are_two_models(tmp_path):
    items = make_items()
    records = []
    for revision, answers in (("old", 1), ("new", 4)):
        for number, item in enumerate(items):
            one = make_attribution(item, "m", needed(item).astype(float), answered=number < answers)
            records.append(one.model_copy(update={"model_revision": revision}))
    evaluation = evaluate(make_folder(tmp_path, items=items, attributions=records), **QUICK)
    index = ResultIndex(evaluation.results)
    names = ("toy@new Toy:000000000000", "toy@old Toy:000000000000")
    assert evaluation.table.models == names
    assert [index.get("items_answered", name).value for name in names] == [4.0, 1.0]
    for name, n in zip(names, (4, 1), strict=True):
        figures = index.of("token_f1@k", f"answered by {name}")
        assert {one.subject.partition(" [")[0]: one.n for one in figures}[f"m on {name}"] == n
        assert len(figures) == 1 + 4  # its own method and four baselines


def test_counts(evaluated):
    _, evaluation = evaluated
    index = ResultIndex(evaluation.results)
    assert index.get("items_answered", "toy").value == 8
    assert index.get("items_answered", "toy").n == 12
    assert index.get("labels", "raters", "used").value == 36
    assert index.get("token_f1@k", evaluation.table.subjects[0].name, "answered by toy").n == 8


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    first, second = (make_folder(tmp_path / name) for name in "ab")
    for workspace in (first, second):
        evaluate(workspace, **QUICK)
    assert first.results.read_bytes() == second.results.read_bytes()
    assert first.gold.read_bytes() == second.gold.read_bytes()
    evaluate(second, **{**QUICK, "seed": 1})
    assert first.results.read_bytes() != second.results.read_bytes()


def test_raters_that_agree_with_the_method_give_one(tmp_path):
    items = make_items()
    labels = [rater_labels(item, needed(item), rater) for item in items for rater in ("a", "b")]
    records = [
        record.model_copy(update={"scores": (*needed(item).astype(float).tolist(), 0.0)})
        for item, record in zip(items, make_attributions(items), strict=False)
    ]
    evaluation = evaluate(make_folder(tmp_path, items=items, labels=labels, attributions=records), draws=100)
    index = ResultIndex(evaluation.results)
    method = evaluation.table.subjects[0].name
    for metric in ("token_f1@k", "average_precision", "spearman"):
        assert index.get(metric, method).value == pytest.approx(1.0)
        assert index.get(metric, "human reference", "held_out").value == pytest.approx(1.0)
    assert index.get("krippendorff_alpha", "raters").value == pytest.approx(1.0)
    assert index.get("dsa", method).value == pytest.approx(1.0)
    assert index.get("mass_outside", method).value == 0.0


@pytest.mark.parametrize("marks", [0, 1])
def test_raters_without_variation_give_reasons_and_never_nan(tmp_path, marks):
    items = make_items()[:2]
    labels = [rater_labels(item, [marks] * len(needed(item)), rater) for item in items for rater in ("a", "b")]
    evaluation = evaluate(make_folder(tmp_path, items=items, labels=labels), draws=100)
    index = ResultIndex(evaluation.results)
    assert index.get("krippendorff_alpha", "raters").reason == "no_variation"
    assert index.get("raw_agreement", "raters").value == 1.0
    method = evaluation.table.subjects[0].name
    assert index.get("spearman", method).reason == "constant_labels"
    if marks:
        assert index.get("token_f1@k", method).value == pytest.approx(1.0)
        assert index.get("roc_auc", method).reason == "full_gold"
    else:
        assert index.get("token_f1@k", method).reason == "empty_gold"
        assert any("2 of 2 items have no word that most" in note for note in evaluation.table.notes)
        assert index.get("token_f1@k", "human reference", "held_out").reason == "no_value_for_any_rater"
    assert "NaN" not in (tmp_path / "results.jsonl").read_text()


def test_one_rater_and_one_item(tmp_path):
    items = make_items()[:1]
    evaluation = evaluate(make_folder(tmp_path, items=items, labels=make_labels(items, raters=1)), **QUICK)
    index = ResultIndex(evaluation.results)
    method = evaluation.table.subjects[0].name
    for variant in ("held_out", "normalised", "chance_corrected"):
        assert index.get("token_f1@k", method, variant).reason == "one_rater"
    assert index.get("token_f1@k", "human reference", "held_out").reason == "one_rater"
    assert index.get("krippendorff_alpha", "raters").reason == "one_rater"
    found = index.get("token_f1@k", method)
    assert found.value is not None
    assert found.low is None  # one group of items says nothing about others
    assert found.config["interval"] == "none"


def test_without_attributions_baselines_and_agreement_remain(tmp_path):
    evaluation = evaluate(make_folder(tmp_path, attributions=[]), **QUICK)
    index = ResultIndex(evaluation.results)
    assert index.get("token_f1@k", "answer_match").value is not None
    assert index.get("krippendorff_alpha", "raters").value is not None
    assert index.of("token_f1@k", "difference") == []


def test_items_without_labels_are_counted_out(tmp_path):
    items = make_items()
    labels = make_labels(items[:4])
    evaluation = evaluate(make_folder(tmp_path, items=items, labels=labels), **QUICK)
    index = ResultIndex(evaluation.results)
    assert index.get("token_f1@k", "random").n == 4
    assert index.get("dsa", "random").n == 6
    assert len(evaluation.gold) == 4
    assert [one.reason for one in evaluation.results if one.item_id == items[5].id and one.metric == "spearman"] == [
        "no_labels"
    ] * 6
    assert any("2 of 6 items have no label" in note for note in evaluation.table.notes)
