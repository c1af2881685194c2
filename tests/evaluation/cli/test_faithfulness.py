"""`heta evaluate faithfulness` and `heta evaluate suite`: what they print and how they end."""

import json

import pytest
from click.testing import CliRunner

from helpers.sample_records import make_item, make_labels
from helpers.saved_model import save_tiny_model
from heta.cli import cli
from heta_data.jsonl import write_records
from heta_data.workspace import Workspace
from heta_evaluation.faithfulness.suite import Check


def invoke(*arguments):
    return CliRunner().invoke(cli, ["evaluate", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path):
    workspace = Workspace(tmp_path / "folder")
    items = [make_item(number) for number in (1, 2)]
    write_records(workspace.items, items)
    write_records(workspace.labels, [make_labels(item, "sim-1", kind="simulated") for item in items])
    save_tiny_model(tmp_path / "tiny")
    return workspace


def test_the_table_has_rows_intervals_errors_and_a_banner(folder, tmp_path):
    arguments = ("faithfulness", "-C", folder.root, "--model", tmp_path / "tiny", "--metrics", "comprehensiveness")
    more = ("--metrics", "lds", "--ablations", 8, "--methods", "gradient_x_input", "--kinds", "simulated")
    found = invoke(*arguments, *more, "--resamples", 200)
    assert found.exit_code == 0, found.output
    assert "SIMULATED LABELS" in found.output
    assert "Faithfulness over 2 items: mean, 95 % interval, Monte-Carlo error" in found.output
    for row in ("gradient_x_input", "answer_match", "first_words", "longest_words", "random", "labels"):
        assert row in found.output
    assert "lds ↑" in found.output
    assert "±0." in found.output
    assert "24 row and metric pairs computed, 0 there already, 0 failed." in found.output
    assert "forward passes for metrics on 2 items" in found.output
    report = json.loads(invoke(*arguments, *more, "--resamples", 200, "--json").stdout)
    assert (report["done"], report["skipped"], report["cost"]["forwards"]) == (0, 24, 0)
    assert len(report["files"]) == 7
    assert {one["metric"] for one in report["results"]} == {"faithfulness", "comprehensiveness", "lds"}


def test_settings_come_from_heta_toml_and_flags_come_first(folder, tmp_path):
    folder.config.write_text(f"[faithfulness]\nmodel = '{tmp_path / 'tiny'}'\nmetrics = ['lds']\nablations = 8\n")
    report = json.loads(invoke("faithfulness", "-C", folder.root, "--limit", 1, "--resamples", 200, "--json").stdout)
    settings = report["results"][0]["config"]["settings"]
    assert (settings["metrics"], settings["ablations"], settings["resamples"]) == (["lds"], 8, 200)


def test_failures_are_named_and_exit_code_1_says_so(folder, tmp_path):
    config = json.loads((tmp_path / "tiny" / "config.json").read_text())
    (tmp_path / "tiny" / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 100}))
    found = invoke("faithfulness", "-C", folder.root, "--model", tmp_path / "tiny", "--metrics", "lds")
    assert found.exit_code == 1
    assert "failed: item" in found.output
    assert "the window of tiny is 100" in found.output


def test_metrics_lists_open_ends_as_null():
    rows = json.loads(CliRunner().invoke(cli, ["metrics", "--json"]).stdout)
    ranges = {row["name"]: row["range"] for row in rows}
    assert ranges["soft_nc"] == [0.0, None]
    assert ranges["deletion_auc"] == [None, 0.0]
    assert ranges["lds"] == [-1.0, 1.0]


@pytest.mark.parametrize("passed", [True, False])
def test_the_suite_says_each_verdict_and_ends_by_it(monkeypatch, passed):
    checks = [Check("lds", "a factor of 7 changes nothing", True, "0.9"), Check("soft_nc", "the truth", passed, "1")]
    monkeypatch.setattr("heta_evaluation.faithfulness.suite.run_suite", lambda prompts, seed, progress: checks)
    found = invoke("suite", "--prompts", 10)
    assert found.exit_code == (0 if passed else 1)
    assert f"{'pass' if passed else 'FAIL'}  soft_nc: the truth: 1" in found.output
    assert f"{1 + passed} of 2 checks passed on 10 planted prompts" in found.output
    assert json.loads(invoke("suite", "--json").stdout)["passed"] is passed
