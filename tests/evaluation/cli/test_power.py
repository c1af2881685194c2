"""`heta evaluate power`: the table, JSON, a pilot, errors."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from helpers.evaluation_folder import make_attribution, make_folder
from helpers.many_items import many_items, many_labels, needed_in
from heta.cli import cli
from heta.errors import ConfigError, InputError


def invoke(*arguments):
    return CliRunner().invoke(cli, ["evaluate", "power", *map(str, arguments)])


def plans(*arguments):
    found = invoke(*arguments, "--json")
    assert found.exit_code == 0, found.output
    return json.loads(found.output)


def test_the_table_has_a_line_for_every_campaign_and_warns_of_few_raters():
    found = invoke("--items", 50, "--items", 100, "--raters", 3, "--raters", 6, "--wage", 15, "--arms", 2)
    assert found.exit_code == 0, found.output
    text = " ".join(found.output.split())
    for expected in ("3 x 2", "6 x 2", "anchoring", "cost", "public set (fair-rationales)", "33 s an answer"):
        assert expected in text
    assert "Warning: with fewer than 5 raters no method is said to beat another" in text
    assert "Warning" not in invoke("--raters", 5).output


def test_json_is_one_document_and_more_items_see_more():
    document = plans("--items", 50, "--items", 400, "--raters", 8, "--difference", 0.1)
    few, many = document["plans"]
    assert (few["answers"], many["answers"]) == (400, 3200)
    assert many["power"] > few["power"]
    assert many["half_width_of_difference"] < few["half_width_of_difference"]
    assert few["cost"] is None
    assert few["claims_about_new_raters"]


def test_single_assumptions_can_be_given():
    # no variance between raters, none beyond: 0.2 / sqrt(100), t with 99 df
    document = plans("--items", 100, "--raters", 5, "--item-sd", 0.2, "--rater-sd", 0, "--residual-sd", 0)
    assert document["plans"][0]["half_width_of_difference"] == pytest.approx(0.02 * 1.98422, rel=1e-4)
    wider = plans("--items", 100, "--raters", 5, "--pairs", 9)["plans"][0]
    plain = plans("--items", 100, "--raters", 5)["plans"][0]
    assert wider["detectable"] > plain["detectable"]


@pytest.fixture(scope="module")
def pilot(tmp_path_factory):
    items = many_items(3)
    rng = np.random.default_rng(2)
    records = [
        make_attribution(item, method, rng.exponential(1.0, len(needed_in(item))) + lift * needed_in(item))
        for method, lift in (("good", 2.0), ("fair", 1.0), ("poor", 0.0))
        for item in items
    ]
    root = tmp_path_factory.mktemp("pilot")
    return make_folder(root, items=items, labels=many_labels(items, 4), attributions=records)


def test_a_pilot_says_how_much_figures_vary(pilot):
    before = {path.name for path in pilot.root.iterdir()}
    document = plans("-C", pilot.root, "--items", 100, "--raters", 5)
    assumed = document["assumptions"]
    # the best two, in the order of the subjects
    assert assumed["source"].startswith("pilot of 18 items and 4 raters, fair on toy")
    assert " and good on toy" in assumed["source"]
    assert assumed["seconds"] == 20.0
    assert assumed["difference"]["item"] > 0
    assert assumed["per_document"] == 1.0
    assert {path.name for path in pilot.root.iterdir()} == before  # nothing is written
    other = plans("-C", pilot.root, "--contrasts", "good vs poor", "--items", 100, "--raters", 5)
    assert "poor" in other["assumptions"]["source"]


def test_a_pilot_of_scripts_is_never_taken_for_people(tmp_path):
    items = many_items(1)
    records = [make_attribution(item, "good", needed_in(item) + 0.5) for item in items]
    scripted = [one.model_copy(update={"kind": "simulated"}) for one in many_labels(items, 3)]
    make_folder(tmp_path, items=items, labels=scripted, attributions=records)
    arguments = ("-C", tmp_path, "--kinds", "simulated", "--items", 50)
    assert "SIMULATED LABELS" in invoke(*arguments).output
    document = plans(*arguments)
    assert document["banners"][0].startswith("SIMULATED LABELS")
    assert document["assumptions"]["kinds"] == ["simulated"]
    assert plans("--items", 50)["banners"] == []


def test_wider_intervals_with_more_items_are_explained():
    assert "more items do not narrow" in " ".join(invoke("--raters", 3).output.split())
    assert "more items do not narrow" not in " ".join(invoke("--raters", 8).output.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--kinds", "human"), "name its folder with -C"),
        (("--contrasts", "a vs b"), "name its folder with -C"),
        (("--difference", 0), "is not in the range 0<x<=2"),
        (("--items", 1), "is not in the range x>=2"),
        (("-C", "nowhere"), "does not exist"),
    ],
)
def test_wrong_usage_is_one_message(arguments, message):
    found = invoke(*arguments)
    assert found.exit_code == 2
    assert message in found.output


def test_a_pilot_that_cannot_be_used_says_why(pilot, tmp_path):
    assert "are known from the pilot" in invoke("-C", pilot.root, "--icc", 0.1).output
    assert isinstance(invoke("-C", tmp_path).exception, InputError)
    assert isinstance(invoke("-C", pilot.root, "--contrasts", "good vs bad").exception, ConfigError)
    items = many_items(1)
    make_folder(tmp_path / "bare", items=items, labels=many_labels(items, 2), attributions=[])
    found = invoke("-C", tmp_path / "bare")
    assert isinstance(found.exception, InputError)
    assert "heta data attribute" in str(found.exception)


@pytest.mark.parametrize("option", ["--difference", "--icc", "--per-document", "--item-sd", "--seconds", "--wage"])
@pytest.mark.parametrize("number", ["nan", "inf"])
def test_what_is_no_finite_number_is_refused(option, number):
    found = invoke("--items", 50, option, number)
    assert found.exit_code == 2 and f"Invalid value for '{option}'" in found.output


def test_more_raters_for_an_item_than_there_are_is_refused():
    found = invoke("--raters", 3, "--raters", 5, "--overlap", 6)
    assert found.exit_code == 2 and "--overlap: got 6" in found.output and "5 raters" in found.output
    assert invoke("--raters", 3, "--raters", 5, "--overlap", 5).exit_code == 0
