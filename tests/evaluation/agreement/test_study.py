"""Agreement of a folder: records by item, rater, pair, source and arm, intervals, notes, errors."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from helpers.evaluation_folder import make_folder, make_items, make_labels, rater_labels
from heta.cli import cli
from heta.errors import InputError
from heta_data.jsonl import read_records
from heta_data.records import MetricResult
from heta_evaluation.agreement.coincidence import krippendorff_alpha
from heta_evaluation.agreement.draws import crossed_sums
from heta_evaluation.agreement.figures import coincidence_features, pair_table
from heta_evaluation.agreement.pairs import PAIRWISE_F1
from heta_evaluation.agreement.study import CHANGE, LEAVE_OUT, NEW_RATERS, OTHERS, study_agreement, study_records
from heta_evaluation.labels import select_labels
from heta_evaluation.metrics import METRICS
from heta_evaluation.ratings import collect_ratings
from heta_evaluation.results import ResultIndex
from heta_evaluation.runner import evaluate
from heta_evaluation.settings import EvaluateSettings

ITEMS = make_items()
SIX = make_labels(ITEMS, raters=6)
QUICK = EvaluateSettings(kinds=("simulated",), draws=200)


@pytest.fixture(scope="module")
def study():
    return study_records(ITEMS, SIX, QUICK)


def table(rows):
    """All answers `[rater, unit]` of items that every rater answered."""
    return np.concatenate([row.labels for row in rows], axis=1).astype(float)


def test_figures_over_all_items_are_those_of_one_big_table(study):
    index = ResultIndex(study.results)
    everything = table(study.ratings.rows)
    assert index.get("krippendorff_alpha", "raters").value == pytest.approx(krippendorff_alpha(everything).value)
    without = np.delete(everything, 2, axis=0)
    assert index.get("krippendorff_alpha", "r2", LEAVE_OUT).value == pytest.approx(krippendorff_alpha(without).value)
    change = index.get("krippendorff_alpha", "r2", LEAVE_OUT).value - index.get("krippendorff_alpha", "raters").value
    assert index.get("krippendorff_alpha", "r2", CHANGE).value == pytest.approx(change)
    assert index.get("prevalence", "r2").value == pytest.approx(everything[2].mean())


def test_means_over_items_and_over_pairs(study):
    index = ResultIndex(study.results)
    for metric in ("pairwise_f1", "pairwise_overlap", "pairwise_exact"):
        own = [one.value for one in study.results if one.item_id and one.metric == metric]
        assert len(own) == len(ITEMS)
        assert index.get(metric, "raters").value == pytest.approx(np.mean(own))
    kappas = [one.value for one in study.results if one.metric == "cohen_kappa" and "&" in one.subject]
    assert len(kappas) == 15
    assert index.get("cohen_kappa", "raters").value == pytest.approx(np.mean(kappas))
    # everybody has the same number of pairs, so the mean over raters is the mean over pairs
    mine = [index.get("pairwise_f1", rater, OTHERS).value for rater in study.ratings.raters]
    assert index.get("pairwise_f1", "raters").value == pytest.approx(np.mean(mine))


def test_every_record_is_a_registered_metric_with_its_interval_in_range(study):
    for one in study.results[1:]:
        low, high = METRICS.get(one.metric).range
        assert one.kinds == ("simulated",)
        if one.low is not None:
            assert one.low <= one.value <= one.high
            assert one.variant == CHANGE or low <= one.low <= one.high <= high + 1e-12
            assert one.config["draws"] == 200
        if one.item_id is not None:
            assert one.low is None


def test_new_raters_make_intervals_wider_and_need_five(study):
    index = ResultIndex(study.results)
    for metric in ("krippendorff_alpha", "raw_agreement", "pairwise_f1"):
        these, new = index.get(metric, "raters"), index.get(metric, "raters", NEW_RATERS)
        assert new.value == these.value
        assert new.high - new.low > these.high - these.low
        assert new.config["drawn"] == "item groups x raters"
    few = study_records(ITEMS, make_labels(ITEMS, raters=4), QUICK)
    found = ResultIndex(few.results)
    assert found.get("krippendorff_alpha", "raters", NEW_RATERS) is None
    assert any("no claim about new raters" in note for note in few.notes)
    assert "no claim about new raters" in found.get("krippendorff_alpha", "raters").config["note"]


def test_agreement_and_an_evaluation_say_the_same(tmp_path):
    # documents of two items, so that few groups widen the intervals: by sqrt(G / (G - 1)) t(G - 1) / 1.96
    items = [item.model_copy(update={"group": f"document {number // 2}"}) for number, item in enumerate(ITEMS)]
    workspace = make_folder(tmp_path, items=items, labels=make_labels(items, raters=6))
    run = ResultIndex(evaluate(workspace, kinds=("simulated",), draws=200).results)
    own = ResultIndex(study_agreement(workspace, kinds=("simulated",), draws=200).results)
    for metric in ("krippendorff_alpha", "raw_agreement", "positive_agreement", "prevalence"):
        expected, found = run.get(metric, "raters"), own.get(metric, "raters")
        assert found.value == pytest.approx(expected.value)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
        assert found.config["interval"] == expected.config["interval"]


def test_what_was_asked_for_and_is_not_there_is_told():
    asked = EvaluateSettings(kinds=("simulated", "human"), arms=("blind", "assisted"), draws=100)
    told = study_records(ITEMS, SIX, asked).notes
    assert "Asked for as well, but without a label that counts: human raters, arm assisted." in told
    one = [item.model_copy(update={"group": "the document"}) for item in ITEMS]
    assert any("of one group" in note for note in study_records(one, make_labels(one), QUICK).notes)
    assert not study_records(ITEMS, SIX, QUICK).notes


def test_raters_drawn_once_each_are_the_raters_as_they_are(monkeypatch, study):
    # With every weight 1 the crossed sums are the plain ones, for items of any number of raters.
    some = [one for one in SIX if not (one.rater in ("r4", "r5") and one.item_id == ITEMS[0].id)]
    ratings = collect_ratings(ITEMS, select_labels(ITEMS, some, QUICK))
    for name, shape in (("rater_weights", 6), ("group_weights", len(ITEMS))):
        monkeypatch.setattr(
            f"heta_evaluation.agreement.draws.{name}", lambda *_, shape=shape, **__: np.ones((3, shape), dtype=int)
        )
    pairs = pair_table(ratings)
    sums = crossed_sums(ratings, pairs, [PAIRWISE_F1], 3, 0)
    expected = np.append(coincidence_features(ratings).sum(axis=0), pairs.item_means(PAIRWISE_F1).sum(axis=0))
    np.testing.assert_allclose(sums, np.tile(expected, (3, 1)), atol=1e-9)


def test_a_rater_drawn_twice_does_not_agree_with_himself(monkeypatch):
    # Two raters who differ everywhere, one of them drawn twice: nothing agrees, though plain counts would say a third.
    units = len(SIX[0].labels)
    labels = [rater_labels(ITEMS[0], [mark] * units, f"r{mark}", "simulated") for mark in (0, 1)]
    ratings = collect_ratings(ITEMS[:1], select_labels(ITEMS[:1], labels, QUICK))
    monkeypatch.setattr("heta_evaluation.agreement.draws.rater_weights", lambda *_, **__: np.asarray([[2, 1], [3, 0]]))
    monkeypatch.setattr("heta_evaluation.agreement.draws.group_weights", lambda *_, **__: np.ones((2, 1), dtype=int))
    sums = crossed_sums(ratings, pair_table(ratings), [PAIRWISE_F1], 2, 0)
    raw = METRICS.get("raw_agreement").compute(sums[:, :4].reshape(-1, 2, 2), sums[:, 4:6])
    assert raw.at(0, 0).value == 0.0
    assert raw.at(1, 0).reason == "no_pairs"


def test_sources_and_arms_by_themselves():
    items = [*ITEMS[:3], *(item.model_copy(update={"source": "other"}) for item in make_items()[3:])]
    labels = [*make_labels(items), *make_labels(items, arm="assisted", seed=3)]
    found = study_records(items, labels, EvaluateSettings(kinds=("simulated",), arms=("blind", "assisted"), draws=150))
    index = ResultIndex(found.results)
    assert [one.variant for one in index.of("raw_agreement", "source=other")] == ["source=other"]
    blind, assisted = (
        study_records(items, labels, EvaluateSettings(kinds=("simulated",), arms=(arm,), draws=150)).results
        for arm in ("blind", "assisted")
    )
    for arm, alone in (("blind", blind), ("assisted", assisted)):
        expected = ResultIndex(alone).get("krippendorff_alpha", "raters")
        mine = index.get("krippendorff_alpha", "raters", f"arm={arm}")
        assert (mine.value, mine.low, mine.high, mine.arms) == (expected.value, expected.low, expected.high, (arm,))
    # of a rater who did an item in both arms the blind answer counts
    assert (
        index.get("krippendorff_alpha", "raters").value == index.get("krippendorff_alpha", "raters", "arm=blind").value
    )


def test_graded_labels_have_ordinal_alpha():
    scale = {"grades": ["useful", "needed"], "misleading": True}
    rng = np.random.default_rng(0)
    labels = []
    for one in make_labels(ITEMS, raters=3):
        levels = [int(rng.integers(-1, 3)) for _ in one.labels]
        data = one.model_dump() | {"levels": levels, "scale": scale, "labels": [int(level > 0) for level in levels]}
        labels.append(type(one).model_validate(data))
    found = study_records(ITEMS, labels, QUICK)
    levels = np.concatenate(
        [np.asarray([record.levels for record in row.records]) for row in found.ratings.rows], axis=1
    ).astype(float)
    index = ResultIndex(found.results)
    for level in ("ordinal", "nominal"):
        expected = krippendorff_alpha(levels, level=level).value
        assert index.get("krippendorff_alpha", "raters", f"levels {level}").value == pytest.approx(expected, abs=1e-12)


def test_unanimous_raters_and_one_rater():
    same = [one.model_copy(update={"labels": (0,) * len(one.labels)}) for one in make_labels(ITEMS, raters=5)]
    index = ResultIndex(study_records(ITEMS, same, QUICK).results)
    for metric in ("krippendorff_alpha", "fleiss_kappa", "cohen_kappa", "alpha_u"):
        assert index.get(metric, "raters").reason == "no_variation"
    assert index.get("raw_agreement", "raters").value == index.get("pairwise_f1", "raters").value == 1.0
    assert index.get("prevalence", "raters").value == 0.0
    alone = study_records(ITEMS, make_labels(ITEMS, raters=1), QUICK)
    assert alone.notes[0] == "One rater only: there is no agreement."
    index = ResultIndex(alone.results)
    for metric in ("krippendorff_alpha", "raw_agreement", "pairwise_f1", "cohen_kappa"):
        assert index.get(metric, "raters").reason == "one_rater"


def test_one_item_has_values_and_no_interval():
    found = ResultIndex(study_records(ITEMS[:1], make_labels(ITEMS[:1], raters=5), QUICK).results)
    assert found.get("krippendorff_alpha", "raters").value is not None
    assert found.get("krippendorff_alpha", "raters").low is None
    assert found.get("krippendorff_alpha", "raters").config["interval"] == "none"


def invoke(*arguments):
    return CliRunner().invoke(cli, ["evaluate", "agreement", *map(str, arguments)])


def test_the_command_writes_and_prints(tmp_path):
    workspace = make_folder(tmp_path, items=ITEMS, labels=SIX, attributions=[])
    found = invoke("-C", tmp_path, "--kinds", "simulated", "--draws", "150")
    assert found.exit_code == 0, found.output
    for text in ("SIMULATED LABELS", "Agreement of 6 raters on 6 items", "alpha_u", "new raters", "alpha without"):
        assert text in " ".join(found.output.split()), text
    first = workspace.agreement.read_bytes()
    assert len(list(read_records(workspace.agreement, MetricResult))) > 50
    document = json.loads(invoke("-C", tmp_path, "--kinds", "simulated", "--draws", "150", "--json").output)
    assert {one["metric"] for one in document["results"]} >= {"gwet_ac1", "cohen_kappa", "alpha_u"}
    assert all(one["item_id"] is None for one in document["results"])
    assert workspace.agreement.read_bytes() == first


def test_bad_input_leaves_nothing(tmp_path):
    workspace = make_folder(tmp_path, items=ITEMS, labels=SIX)
    found = invoke("-C", tmp_path)
    assert isinstance(found.exception, InputError)
    assert "add --kinds simulated" in str(found.exception)
    assert not workspace.agreement.exists()
    with pytest.raises(InputError, match="heta data build"):
        study_agreement(type(workspace)(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()
