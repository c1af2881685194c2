"""`heta evaluate run`: files, figures, honesty about kinds, determinism, errors."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

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
from heta.cli import cli
from heta.errors import ConfigError, HetaError, InputError
from heta_data.errors import IntegrityError, RecordError
from heta_data.jsonl import read_records
from heta_data.records import GoldLabels, Item, MetricResult, item_id
from heta_data.workspace import Workspace
from heta_evaluation.metrics import METRICS
from heta_evaluation.results import COUNTS, ResultIndex
from heta_evaluation.runner import evaluate
from heta_evaluation.summary import _against, verdict, verdict_lines

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
    relative = ("difference", "normalised", "chance_corrected", "order_effect")
    for one in evaluation.results:
        assert one.metric in METRICS or one.metric in COUNTS
        if one.value is not None and one.metric in METRICS and one.variant not in relative:
            low, high = METRICS.get(one.metric).range
            assert low <= one.value <= high
        if one.low is not None:
            assert one.low <= one.high
            assert one.config["draws"] == 200


def test_means_over_items_are_means_of_the_item_figures(evaluated):
    _, evaluation = evaluated
    index = ResultIndex(evaluation.results)
    for metric in ("token_f1@k", "average_precision", "spearman", "dsa", "mass_outside"):
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
    assert index.get("token_f1@k", "random").config["interval"] == "95 % percentile less bias"


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


def test_settings_come_from_heta_toml_and_flags_come_first(tmp_path):
    workspace = make_folder(tmp_path)
    workspace.config.write_text('[evaluate]\nkinds = ["simulated"]\ndraws = 150\n', encoding="utf-8")
    assert evaluate(workspace).settings.draws == 150
    assert evaluate(workspace, draws=120).settings.draws == 120
    workspace.config.write_text("[evaluate]\ndrawz = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean 'draws'"):
        evaluate(workspace)


def test_a_campaign_is_chosen_recorded_and_said(tmp_path):
    items = make_items()
    labels = make_labels(items)
    again = [one.model_copy(update={"campaign_hash": "d" * 16}) for one in make_labels(items, seed=8)]
    workspace = make_folder(tmp_path, items=items, labels=[*labels, *again])
    with pytest.raises(IntegrityError, match=r"choose with --campaign c{16} or --campaign d{16}"):
        evaluate(workspace, **QUICK)
    alone = evaluate(make_folder(tmp_path / "alone", items=items, labels=again), **QUICK)
    found = invoke("run", "-C", tmp_path, "--kinds", "simulated", "--draws", "200", "--campaign", "dd")
    assert found.exit_code == 0, found.output
    assert "Labels: 18 by 3 raters; left out: 18 other campaign" in found.output
    index = ResultIndex(read_records(workspace.results, MetricResult))
    assert index.get("evaluation", "items").config["settings"]["campaign"] == "dd"
    # what the other campaign says plays no part
    mine, other = (each.get("token_f1@k", "random") for each in (index, ResultIndex(alone.results)))
    assert (mine.value, mine.low, mine.high) == (other.value, other.low, other.high)


def test_a_pseudonym_of_several_campaigns_on_different_items_is_noted(tmp_path):
    items = make_items()
    labels = make_labels(items)
    rest = [one.model_copy(update={"campaign_hash": "d" * 16}) if one.item_id == items[0].id else one for one in labels]
    evaluation = evaluate(make_folder(tmp_path, items=items, labels=rest), **QUICK)
    (note,) = [note for note in evaluation.table.notes if "several campaigns" in note]
    assert note.startswith(
        f"r0, r1, r2 labelled in several campaigns ({'c' * 16}, {'d' * 16}) and count as one rater each"
    )


# ---------------------------------------------------------------------------------------------- command line


def invoke(*arguments):
    return CliRunner().invoke(cli, ["evaluate", *map(str, arguments)])


def test_the_command_prints_banner_table_ceiling_and_counts(tmp_path):
    make_folder(tmp_path, items=make_items(twins=True))
    found = invoke("run", "-C", tmp_path, "--kinds", "simulated", "--draws", "200")
    assert found.exit_code == 0, found.output
    for text in (
        "SIMULATED LABELS",
        "careful",
        "answer_match",
        "random",
        "effect",
        "Human reference, F1@k of the other raters against each rater: 0.67 [",
        "krippendorff_alpha: 0.59 [",
        "Labels: 36 by 3 raters",
        "answers 8 of 12 items by itself",
        "no claim about new raters",
    ):
        assert text in " ".join(found.output.split()), text


def test_json_is_one_document(tmp_path):
    make_folder(tmp_path)
    found = invoke("run", "-C", tmp_path, "--kinds", "simulated", "--draws", "150", "--json")
    document = json.loads(found.output)
    assert document["banners"][0].startswith("SIMULATED LABELS")
    assert all(one["item_id"] is None for one in document["results"])
    assert {one["metric"] for one in document["results"]} >= {"token_f1@k", "krippendorff_alpha", "evaluation"}


def test_human_labels_carry_no_banner(tmp_path):
    items = make_items()
    make_folder(tmp_path, items=items, labels=make_labels(items, kind="human"))
    found = invoke("run", "-C", tmp_path, "--draws", "150")
    assert found.exit_code == 0
    assert "LABELS" not in found.output


@pytest.mark.parametrize(
    ("prepare", "arguments", "error", "expected"),
    [
        (lambda w: w.labels.unlink(), (), InputError, "labels.jsonl: no such file; collect labels first"),
        (lambda w: w.items.unlink(), (), InputError, "items.jsonl: no such file; build items first"),
        (lambda w: w.labels.write_text(""), (), InputError, "holds no records"),
        (lambda w: None, (), InputError, "there are 18 simulated/blind: add --kinds simulated"),
        (lambda w: w.labels.write_text("{"), (), RecordError, "labels.jsonl:1: not JSON"),
        (lambda w: None, ("--draws", "5"), ConfigError, "--draws: Input should be greater than or equal to 100"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, prepare, arguments, error, expected):
    workspace = make_folder(tmp_path)
    prepare(workspace)
    found = invoke("run", "-C", tmp_path, *arguments)
    assert isinstance(found.exception, error)
    assert isinstance(found.exception, HetaError)
    assert expected in str(found.exception)
    assert "\n" not in str(found.exception)
    assert not workspace.results.exists()
    assert not workspace.gold.exists()


def test_a_failed_run_keeps_the_results_of_the_last_one(tmp_path):
    workspace = make_folder(tmp_path)
    evaluate(workspace, **QUICK)
    before = workspace.results.read_bytes()
    workspace.labels.write_text("{", encoding="utf-8")
    with pytest.raises(RecordError):
        evaluate(workspace, **QUICK)
    assert workspace.results.read_bytes() == before


def test_metrics_are_listed_with_range_direction_and_reference():
    found = CliRunner().invoke(cli, ["metrics"])
    assert "token_f1@k  [0, 1], higher is better" in found.output
    listed = json.loads(CliRunner().invoke(cli, ["metrics", "--json"]).output)
    assert [one["name"] for one in listed] == METRICS.names()
    assert all(one["reference"] and one["range"] for one in listed)


def test_an_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="heta data build"):
        evaluate(Workspace(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_the_verdict_compares_with_a_rule_and_with_the_next_method(evaluated):
    _, evaluation = evaluated
    index = ResultIndex(evaluation.results)
    said = verdict(evaluation.table.subjects, index)
    assert said[0].startswith("Of 2 methods, careful has the highest F1@k")
    assert any("answer_match, a rule that reads no model" in sentence for sentence in said)
    assert any("the next method, hasty" in sentence for sentence in said)
    # the pair is stored as careful minus hasty; told the other way round it turns its sign
    lines = {line.subject.method: line for line in verdict_lines(evaluation.table.subjects, index)}
    forth = _against(lines["careful"], lines["hasty"], "x", index)
    back = _against(lines["hasty"], lines["careful"], "x", index)
    assert "difference +" in forth
    assert "difference −" in back


def test_beats_is_said_only_where_interval_and_test_agree(tmp_path):
    """Raters and method agree on 12 groups: ahead of first_words everywhere, p = 2 / 2^12 before Holm's 4 pairs."""
    items = [item for number in range(2) for item in renamed(make_items(), str(number))]
    labels = [rater_labels(item, needed_of(item), rater) for item in items for rater in "abc"]
    records = [make_attribution(item, "oracle", needed_of(item).astype(float)) for item in items]
    workspace = make_folder(tmp_path, items=items, labels=labels, attributions=records)
    evaluation = evaluate(workspace, draws=5000)
    index = ResultIndex(evaluation.results)
    difference = index.get("token_f1@k", f"{evaluation.table.subjects[0].name} minus first_words", "difference")
    assert difference.config["p"] == pytest.approx(2 / 2**12)
    assert difference.config["p_holm"] <= 4 * 2 / 2**12 + 1e-12
    assert any(sentence.startswith("It beats") for sentence in verdict(evaluation.table.subjects, index))


def needed_of(item):
    """`needed` for a renamed item."""
    return needed(item.model_copy(update={"source_id": item.source_id.rstrip("0123456789")}))


def renamed(items, suffix):
    """The same texts as rows, groups and a source of their own."""
    found = []
    for item in items:
        fields = item.model_dump(mode="json")
        fields |= {name: fields[name] + suffix for name in ("source", "source_id", "group")}
        found.append(Item.model_validate({**fields, "id": item_id(fields)}))
    return found
