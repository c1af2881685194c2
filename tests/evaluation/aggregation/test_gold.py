"""Gold labels of a folder: by majority, by a model, or the campaign's own; and what is never overwritten."""

import numpy as np
import pytest
from click.testing import CliRunner

from helpers.evaluation_folder import make_folder, make_items, make_labels
from heta.cli import cli
from heta.errors import ConfigError, InputError
from heta_data.errors import IntegrityError
from heta_data.jsonl import read_records, write_records
from heta_data.records import GoldLabels
from heta_evaluation.aggregation import AGGREGATORS
from heta_evaluation.aggregation.gold import aggregate, choose_gold
from heta_evaluation.aggregation.majority import gold_labels
from heta_evaluation.labels import select_labels
from heta_evaluation.ratings import collect_ratings
from heta_evaluation.report import build_report
from heta_evaluation.results import ResultIndex
from heta_evaluation.runner import evaluate
from heta_evaluation.settings import EvaluateSettings

QUICK = {"kinds": ("simulated",), "draws": 200}
ITEMS = make_items()
LABELS = make_labels(ITEMS)


def ratings(labels=LABELS):
    return collect_ratings(ITEMS, select_labels(ITEMS, labels, EvaluateSettings(kinds=("simulated",))))


def decided(number, marks, **fields):
    """An item's majority, then decided by an adjudicator to be `marks`."""
    plain = aggregate(ratings(), "majority").gold[number]
    labels = tuple(int(index in marks) for index in range(len(plain.labels)))
    return plain.model_copy(
        update={"labels": labels, "method": "adjudicated/1", "source": "adjudicated", **fields}, deep=True
    )


@pytest.fixture
def folder(tmp_path):
    """A folder whose campaign has decided the first item and left the second open."""
    workspace = make_folder(tmp_path, items=ITEMS, labels=LABELS)
    plain = aggregate(ratings(), "majority").gold
    open_ = plain[1].model_copy(update={"source": "unresolved", "reason": "raters agree by 0.2"})
    write_records(workspace.campaign_gold, [decided(0, {0, 1}), open_, *plain[2:5]])
    return workspace


def test_majority_is_what_the_rule_of_one_item_gives():
    found = aggregate(ratings(), "majority").gold
    assert [record.item_id for record in found] == [item.id for item in ITEMS]
    for row, record in zip(ratings().rows, found, strict=True):
        assert record == gold_labels(
            item_id=row.item.id,
            segmentation="word/1",
            units=row.units,
            labels=row.labels,
            kinds=["simulated"],
            arms=["blind"],
        )


@pytest.mark.parametrize("name", AGGREGATORS.names())
def test_records_name_their_method_and_hold_posteriors(name):
    found = aggregate(ratings(), name)
    for record in found.gold:
        assert record.method == f"{name}/1"
        assert record.labels == tuple(int(share > 0.5) for share in record.probability)
        assert (record.source == "unresolved") == (0.5 in record.probability)


@pytest.mark.parametrize("name", AGGREGATORS.names())
def test_known_items_stay_what_they_are(name):
    control = decided(0, {0, 1})
    found = aggregate(ratings(), name, controls={control.item_id: control}).gold[0]
    assert found.labels == control.labels
    assert set(found.probability) == {0.0, 1.0}
    assert found.source == "adjudicated"
    # what nobody could settle is not known
    loose = aggregate(ratings(), name, controls={control.item_id: control.model_copy(update={"source": "unresolved"})})
    assert loose.gold == aggregate(ratings(), name).gold


def test_known_labels_of_other_units_are_refused():
    control = decided(0, {0})
    short = control.model_copy(
        update={name: getattr(control, name)[1:] for name in ("starts", "ends", "labels", "probability")}
    )
    with pytest.raises(IntegrityError, match=r"units .* do not match"):
        aggregate(ratings(), "majority", controls={short.item_id: short})
    with pytest.raises(IntegrityError, match=r"units .* do not match"):
        choose_gold(ratings(), "campaign", [short])


def test_a_campaigns_gold_is_used_and_kept_as_it_is(folder):
    evaluation = evaluate(folder, gold="campaign", **QUICK)
    assert folder.gold.read_bytes() == folder.campaign_gold.read_bytes()
    index = ResultIndex(evaluation.results)
    own = {(one.metric, one.item_id): one for one in evaluation.results if one.item_id and one.subject == "random"}
    # Two of the first item's words are gold: chance is 2 / n; nobody settled the second, the sixth is not in the file.
    n = len(ratings().rows[0].units)
    assert own["token_f1@k", ITEMS[0].id].value == pytest.approx(2 / n)
    assert own["token_f1@k", ITEMS[1].id].reason == "unresolved"
    assert own["token_f1@k", ITEMS[5].id].reason == "no_gold"
    assert index.get("token_f1@k", "random").n == 4
    # soft labels are still the raters' shares
    assert own["spearman", ITEMS[1].id].reason != "unresolved"
    config = index.get("token_f1@k", "careful on toy [" + evaluation.table.subjects[0].name.split("[")[1]).config
    assert config["gold"] == "campaign, the same in every draw"
    assert config["drawn"] == "item groups"
    assert index.get("token_f1@k", "human reference", "held_out").config["drawn"] == "item groups x raters"
    assert any(note.startswith("Gold is the campaign's own (1 adjudicated, ") for note in evaluation.table.notes)


def test_decisions_that_are_not_used_are_said(folder):
    evaluation = evaluate(folder, **QUICK)
    assert any("--gold campaign uses them" in note for note in evaluation.table.notes)
    assert {record.method for record in evaluation.gold} == {"majority/1"}


def test_a_model_is_fitted_once_and_said(folder):
    evaluation = evaluate(folder, gold="dawid_skene", **QUICK)
    assert {record.method for record in read_records(folder.gold, GoldLabels)} == {"dawid_skene/1"}
    assert any("fitted once" in note for note in evaluation.table.notes)
    found = ResultIndex(evaluation.results).get("evaluation", "items")
    assert found.config["gold"] == {"method": "dawid_skene/1"}
    assert found.config["settings"]["gold"] == "dawid_skene"
    for row, record in zip(evaluation.table.rows, evaluation.gold, strict=True):
        np.testing.assert_array_equal(row.gold, record.labels)


def test_adjudicated_labels_that_stand_nowhere_else_are_not_overwritten(folder):
    folder.campaign_gold.rename(folder.gold)
    before = folder.gold.read_bytes()
    with pytest.raises(InputError) as caught:
        evaluate(folder, **QUICK)
    assert "holds 1 adjudicated items that stand nowhere else" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert folder.gold.read_bytes() == before
    assert not folder.results.exists()


def test_adjudicated_labels_that_can_be_had_again_are(folder):
    evaluate(folder, gold="campaign", **QUICK)
    evaluate(folder, **QUICK)
    assert {record.method for record in read_records(folder.gold, GoldLabels)} == {"majority/1"}


def test_a_report_of_other_decisions_is_refused(folder):
    evaluate(folder, gold="campaign", **QUICK)
    assert build_report(folder).exists()
    write_records(folder.campaign_gold, [decided(0, {3})])
    with pytest.raises(IntegrityError, match=r"campaign_gold\.jsonl has changed"):
        build_report(folder)


def test_without_the_campaigns_file_or_with_an_unknown_way(tmp_path):
    workspace = make_folder(tmp_path, items=ITEMS, labels=LABELS)
    with pytest.raises(InputError, match=r"there is no campaign_gold\.jsonl; write it with heta campaign gold"):
        evaluate(workspace, gold="campaign", **QUICK)
    with pytest.raises(ConfigError, match=r"--gold: unknown way to gold; allowed: majority, dawid_skene, .*campaign"):
        evaluate(workspace, gold="median", **QUICK)
    workspace.config.write_text('[evaluate]\ngold = "glad"\n', encoding="utf-8")
    assert evaluate(workspace, **QUICK).settings.gold == "glad"


def test_an_item_that_stands_twice_is_refused(folder):
    record = decided(0, {0})
    write_records(folder.campaign_gold, [record, record])
    with pytest.raises(IntegrityError, match="stands twice"):
        evaluate(folder, **QUICK)


def test_the_flag_reaches_the_run(folder):
    arguments = ["-C", folder.root, "--kinds", "simulated", "--draws", "150", "--gold", "campaign"]
    found = CliRunner().invoke(cli, ["evaluate", "run", *map(str, arguments)])
    assert found.exit_code == 0, found.output
    assert "Gold is the campaign's own" in " ".join(found.output.split())


def test_gold_of_an_unknown_item_or_of_other_units_is_refused(folder):
    stranger = decided(0, {0}, item_id="0" * 16)
    write_records(folder.campaign_gold, [stranger])
    with pytest.raises(IntegrityError, match=r"gold labels of item 0{16}: no such item"):
        evaluate(folder, gold="campaign", **QUICK)
    # an item whose labels do not count is not rated, but its gold must fit all the same
    write_records(folder.labels, [one for one in LABELS if one.item_id != ITEMS[0].id])
    record = decided(0, {0})
    short = {name: getattr(record, name)[1:] for name in ("starts", "ends", "labels", "probability")}
    write_records(folder.campaign_gold, [record.model_copy(update=short)])
    with pytest.raises(IntegrityError, match=r"units .* do not match"):
        evaluate(folder, gold="campaign", **QUICK)


def test_gold_of_an_item_without_labels_that_count_is_used(folder):
    write_records(folder.labels, [one for one in LABELS if one.item_id != ITEMS[0].id])
    own = {(one.metric, one.item_id): one for one in evaluate(folder, gold="campaign", **QUICK).results if one.item_id}
    assert own["token_f1@k", ITEMS[0].id].value is not None
    assert own["spearman", ITEMS[0].id].reason == "no_labels"
