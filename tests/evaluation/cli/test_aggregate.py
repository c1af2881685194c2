"""`heta evaluate aggregate`: gold.jsonl, raters' skills, known items, errors."""

import json

import pytest
from click.testing import CliRunner

from helpers.evaluation_folder import make_folder, make_items, make_labels
from heta.cli import cli
from heta.errors import HetaError, InputError, UnknownName
from heta_data.errors import RecordError
from heta_data.jsonl import read_records, write_records
from heta_data.records import GoldLabels

ITEMS = make_items()


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path, items=ITEMS, labels=make_labels(ITEMS, raters=4), attributions=[])


def invoke(folder, *arguments):
    return CliRunner().invoke(
        cli, ["evaluate", "aggregate", "-C", str(folder.root), "--kinds", "simulated", *map(str, arguments)]
    )


def test_gold_names_the_method_and_raters_are_listed(folder):
    found = invoke(folder)
    assert found.exit_code == 0, found.output
    gold = list(read_records(folder.gold, GoldLabels))
    assert {record.method for record in gold} == {"dawid_skene/1"}
    assert len(gold) == len(ITEMS)
    shown = " ".join(found.output.split())
    for text in (
        "SIMULATED LABELS",
        "Raters by dawid_skene/1",
        "r0 (simulated)",
        "Skill: sensitivity + specificity - 1",
    ):
        assert text in shown
    assert "F1 on known" not in shown
    assert f"--gold {'dawid_skene'}" in shown


def test_known_items_are_held_and_score_the_raters(folder):
    invoke(folder, "--method", "majority")
    known = [record.model_copy(update={"source": "adjudicated"}) for record in read_records(folder.gold, GoldLabels)][
        :2
    ]
    write_records(folder.campaign_gold, known)
    found = invoke(folder, "--controls", folder.campaign_gold, "--json")
    document = json.loads(found.output)
    assert document["known"] == 2
    assert document["sources"]["adjudicated"] == 2
    assert document["converged"] is True
    units = sum(len(record.labels) for record in read_records(folder.gold, GoldLabels))
    for rater in document["raters"]:
        assert rater["gold_items"] == 2
        assert 0 < rater["gold_score"] <= 1
        assert sum(map(sum, rater["confusion"])) == pytest.approx(units)
    # F1 of r0 against the known labels, by hand
    labels = [one for one in make_labels(ITEMS, raters=4) if one.rater == "r0"][:2]
    scores = []
    for one, record in zip(labels, known, strict=True):
        both = sum(mine and yes for mine, yes in zip(one.labels, record.labels, strict=True))
        scores.append(2 * both / (sum(one.labels) + sum(record.labels)))
    mine = next(rater for rater in document["raters"] if rater["rater"] == "r0")
    assert mine["gold_score"] == pytest.approx(sum(scores) / 2)


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        (("--method", "dawid_skin"), UnknownName, "did you mean 'dawid_skene'"),
        (("--controls", "nowhere.jsonl"), RecordError, "nowhere.jsonl: no such file"),
        (("--kinds", "human", "--arms", "assisted"), InputError, "no labels by"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(folder, arguments, error, expected):
    if "--kinds" in arguments:
        folder.labels.write_text("", encoding="utf-8")
        expected = "holds no records"
    found = invoke(folder, *arguments)
    assert isinstance(found.exception, error)
    assert isinstance(found.exception, HetaError)
    assert expected in str(found.exception)
    assert "\n" not in str(found.exception)
    assert not folder.gold.exists()


def test_an_adjudicators_decisions_are_not_overwritten(folder):
    invoke(folder, "--method", "majority")
    decided = [record.model_copy(update={"source": "adjudicated"}) for record in read_records(folder.gold, GoldLabels)]
    write_records(folder.gold, decided)
    before = folder.gold.read_bytes()
    found = invoke(folder)
    assert isinstance(found.exception, InputError)
    assert "would be overwritten" in str(found.exception)
    assert folder.gold.read_bytes() == before
