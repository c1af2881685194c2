"""`heta evaluate compare`: one question, one answer, from what the run recorded."""

import json
import os

import numpy as np
import pytest
from click.testing import CliRunner

from helpers.evaluation_folder import make_attribution, make_folder, make_items, make_labels, needed
from helpers.extra_results import add_extra_results, write_results
from helpers.large_folder import make_large_folder
from heta.cli import cli
from heta.errors import InputError
from heta_data.errors import IntegrityError
from heta_data.jsonl import read_records, write_records
from heta_data.records import MetricResult
from heta_evaluation.comparison.compare import compare
from heta_evaluation.comparison.terminal import answer_lines, headline
from heta_evaluation.results import ResultIndex
from heta_evaluation.runner import evaluate

F1 = "token_f1@k"


def invoke(*arguments):
    return CliRunner().invoke(cli, ["evaluate", "compare", *map(str, arguments)])


def good_and_bad(items, seed=3):
    """`good` knows the words that matter, `bad` is noise, `same` is `good` once more."""
    rng = np.random.default_rng(seed)
    records = []
    for item in items:
        truth = needed(item)
        good, bad = rng.exponential(1.0, len(truth)) + 3.0 * truth, rng.exponential(1.0, len(truth))
        records += [make_attribution(item, name, each) for name, each in (("good", good), ("bad", bad), ("same", good))]
    return records


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    items = make_items()
    workspace = make_folder(
        tmp_path_factory.mktemp("compared"),
        items=items,
        labels=make_labels(items, raters=6, kind="human"),
        attributions=good_and_bad(items),
    )
    evaluate(workspace, draws=400)
    return workspace


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    workspace = make_folder(tmp_path_factory.mktemp("simulated"))
    evaluate(workspace, kinds=("simulated",), draws=200)
    return workspace


def test_everything_is_what_the_run_recorded(folder):
    (one,) = compare(folder, "good", ["bad"]).answers
    results = list(read_records(folder.results, MetricResult))
    index = ResultIndex(results)
    good, bad = one.first, one.second
    # Subjects are sorted, so the run recorded bad minus good.
    recorded = index.get(F1, f"{bad} minus {good}", "difference")
    assert (one.difference.value, one.difference.low, one.difference.high) == (
        -recorded.value, -recorded.high, -recorded.low,
    )  # fmt: skip
    assert one.values == (index.get(F1, good), index.get(F1, bad))
    assert one.ceiling == index.get(F1, "human reference", "held_out")
    assert (one.p, one.p_family) == (recorded.config["p"], recorded.config["p_holm"])
    by_item = {}
    for result in results:
        if result.item_id and result.metric == F1 and result.value is not None:
            by_item.setdefault(result.item_id, {})[result.subject] = result.value
    gains = [found[good] - found[bad] for found in by_item.values()]
    assert (one.wins, one.ties, one.losses) == (
        sum(gain > 1e-9 for gain in gains),
        sum(abs(gain) <= 1e-9 for gain in gains),
        sum(gain < -1e-9 for gain in gains),
    )  # fmt: skip
    assert np.mean(gains) == pytest.approx(one.difference.value)
    largest = max(by_item, key=lambda item: abs(by_item[item][good] - by_item[item][bad]))
    assert one.cases[0].item_id == largest
    assert len(one.cases) == 3


def test_a_question_turned_round_has_the_turned_answer(folder):
    (there,), (back,) = compare(folder, "good", ["bad"]).answers, compare(folder, "bad", ["good"]).answers
    assert back.difference.value == -there.difference.value
    assert (back.difference.low, back.difference.high) == (-there.difference.high, -there.difference.low)
    assert (back.wins, back.losses) == (there.losses, there.wins)
    assert back.better == there.better
    assert back.p == there.p
    assert back.detectable == there.detectable


def test_a_method_against_itself_under_another_name_ties(folder):
    (one,) = compare(folder, "good", ["same"]).answers
    assert (one.difference.value, one.wins, one.losses, one.cases) == (0.0, 0, 0, ())
    assert one.better is None
    assert one.surer is None
    assert headline(one, "good", "same").startswith("Open: ")


def test_several_are_corrected_together(folder):
    found = compare(folder, "good", ["bad", "first_words"])
    p = [one.p for one in found.answers]
    # Holm over two: the smaller one doubled, the larger one at least that
    low, high = sorted(p)
    expected = {low: min(1.0, 2 * low), high: min(1.0, max(2 * low, high))}
    assert [one.p_asked for one in found.answers] == [pytest.approx(expected[one]) for one in p]
    assert compare(folder, "good", ["bad"]).answers[0].p_asked is None


def test_a_verdict_of_the_record_is_used(folder, tmp_path):
    workspace = make_folder(
        tmp_path,
        items=make_items(),
        labels=make_labels(make_items(), kind="human"),
        attributions=good_and_bad(make_items()),
    )
    evaluate(workspace, draws=100)
    results = list(read_records(workspace.results, MetricResult))
    said = {"verdict": "behind", "doubt": None, "error": 0.05, "alone": [-0.4, -0.2], "family": "primary"}
    marked = [
        one.model_copy(update={"config": {**one.config, **said}}) if " minus good" in one.subject else one
        for one in results
        if one.variant != "detectable"
    ]
    write_results(workspace, marked)
    found = compare(workspace, "good", ["bad"])
    (one,) = found.answers
    assert one.better == one.first
    assert headline(one, "good", "bad").startswith("Yes: by ")
    assert headline(compare(workspace, "bad", ["good"]).answers[0], "bad", "good").startswith("No: good is better")
    assert one.surer.half == pytest.approx(0.1)  # of the interval alone
    assert one.detectable == pytest.approx(2.8016 * 0.05, abs=1e-4)
    assert not any("any of them can be asked" in caveat for caveat in found.caveats)
    assert any("3 raters: no claim" in caveat for caveat in found.caveats)
    lines = "\n".join(answer_lines(one, "good", "bad"))
    assert "alone it is [+0.20, +0.40]" in lines


def test_strata_of_the_run_are_shown(tmp_path):
    workspace = make_folder(tmp_path)
    evaluate(workspace, kinds=("simulated",), draws=100)
    names = [part.name for part in compare(workspace, "careful", ["hasty"]).answers[0].parts]
    assert names  # parts of the items, and no other choices such as k = 5
    assert {name.partition(" = ")[0] for name in names} <= {"source", "length", "position", "disagreement"}
    add_extra_results(workspace)
    (one,) = compare(workspace, "careful", ["hasty"]).answers
    index = ResultIndex(read_records(workspace.results, MetricResult))
    part = next(part for part in one.parts if part.name == "source = river")
    values = [index.get(F1, side, "source=river").value for side in (one.first, one.second)]
    assert part.difference == pytest.approx(values[0] - values[1])
    assert one.detectable == index.get(F1, one.difference.subject, "detectable").value


def test_sources_are_parts_where_the_run_has_none(tmp_path):
    workspace = make_large_folder(tmp_path, items=8, methods=2, raters=3, words=20)
    evaluate(workspace, kinds=("simulated",), draws=100)
    results = [one for one in read_records(workspace.results, MetricResult) if "=" not in one.variant]
    write_results(workspace, results)
    (one,) = compare(workspace, "method_00", ["method_01"]).answers
    assert [part.name for part in one.parts] == [
        f"source = {name}" for name in ("archive", "market", "river", "station")
    ]
    assert sum(part.items for part in one.parts) == one.difference.n
    weighted = sum(part.difference * part.items for part in one.parts) / one.difference.n
    assert weighted == pytest.approx(one.difference.value)
    assert all(part.low < part.difference < part.high for part in one.parts if part.items > 1)


def test_one_screen_with_banner_and_caveats(simulated):
    found = invoke("careful", "hasty", "-C", simulated.root)
    assert found.exit_code == 0, found.output
    lines = found.output.splitlines()
    assert "SIMULATED LABELS" in found.output
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 110
    for said in (
        "Is careful better than hasty",
        "other raters",
        "wins",
        "Detectable",
        "Surer",
        "Most apart",
        "3 raters",
    ):
        assert said in found.output, said
    assert "nan" not in found.output.lower()


def test_json_has_it_all(simulated):
    found = invoke("careful", "hasty", "answer_match", "-C", simulated.root, "--json", "--metric", "average_precision")
    document = json.loads(found.output)
    assert document["banners"] == ["SIMULATED LABELS"]
    assert [one["metric"] for one in document["answers"]] == ["average_precision"] * 2
    one = document["answers"][0]
    assert one["difference"]["variant"] == "difference"
    assert set(one) >= {
        "better",
        "verdict",
        "p",
        "p_family",
        "p_asked",
        "wins",
        "ties",
        "losses",
        "detectable",
        "surer",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("careful", "nobody"), "is no subject"),
        (("careful", "careful"), "named twice"),
        (("first_words", "random"), "both baselines"),
        (("careful", "hasty", "--metric", "roc_auc"), "allowed: token_f1@k"),
        (("careful", "hasty", "--metric", "token_f1"), "did you mean 'token_f1@k'"),
    ],
)
def test_bad_questions_are_one_line(simulated, words, message):
    found = invoke(*words, "-C", simulated.root)
    assert isinstance(found.exception, InputError)
    assert message in str(found.exception)
    assert "\n" not in str(found.exception)


def test_nothing_evaluated_and_items_that_are_gone(tmp_path):
    workspace = make_folder(tmp_path)
    with pytest.raises(InputError, match="run the evaluation first"):
        compare(workspace, "careful", ["hasty"])
    evaluate(workspace, kinds=("simulated",), draws=100)
    write_records(workspace.items, make_items()[:1])
    with pytest.raises(IntegrityError, match="run heta evaluate run again"):
        compare(workspace, "careful", ["hasty"])


def test_figures_that_no_run_found_are_refused(tmp_path):
    workspace = make_folder(tmp_path)
    evaluate(workspace, kinds=("simulated",), draws=100)
    results = list(read_records(workspace.results, MetricResult))
    write_records(workspace.results, [*results[:-1], results[-1].model_copy(update={"metric": "other"})])
    with pytest.raises(IntegrityError, match="run it again"):
        compare(workspace, "careful", ["hasty"])


def test_newer_inputs_are_said(tmp_path, caplog):
    workspace = make_folder(tmp_path)
    evaluate(workspace, kinds=("simulated",), draws=100)
    compare(workspace, "careful", ["hasty"])
    assert caplog.messages == []
    later = workspace.results.stat().st_mtime + 10
    os.utime(workspace.labels, (later, later))
    compare(workspace, "careful", ["hasty"])
    assert len(caplog.messages) == 1
    assert "written before labels.jsonl" in caplog.messages[0]


def test_no_common_items_is_one_line(tmp_path):
    items = make_items()
    records = [
        one for one in good_and_bad(items) if (one.method == "good") == (one.item_id == items[0].id)
    ]  # fmt: skip
    workspace = make_folder(tmp_path, items=items, attributions=records)
    evaluate(workspace, kinds=("simulated",), draws=100)
    with pytest.raises(InputError, match="cannot be compared: no item has a value"):
        compare(workspace, "good", ["bad"])
