"""`heta evaluate run`: settings, campaigns, what is printed, errors."""

import json

import pytest
from click.testing import CliRunner

from helpers.evaluation_folder import make_folder, make_items, make_labels
from heta.cli import cli
from heta.errors import ConfigError, HetaError, InputError
from heta_data.errors import IntegrityError, RecordError
from heta_data.jsonl import read_records
from heta_data.records import MetricResult
from heta_data.workspace import Workspace
from heta_evaluation.metrics import METRICS
from heta_evaluation.results import ResultIndex
from heta_evaluation.runner import evaluate

QUICK = {"kinds": ("simulated",), "draws": 200}


def invoke(*arguments):
    return CliRunner().invoke(cli, ["evaluate", *map(str, arguments)])


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
