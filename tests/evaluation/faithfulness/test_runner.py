"""Whole runs on a tiny model: rows, resuming, bytes, what is refused."""

import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import heta
from helpers.sample_records import make_labels
from helpers.saved_model import save_tiny_model
from heta.errors import ConfigError, InputError, UnknownName
from heta_data.attribute import run_attributions
from heta_data.compose import compose_item
from heta_data.errors import IntegrityError
from heta_data.jsonl import read_records, write_records
from heta_data.records import AttributionRecord, Item, MetricResult, Rights, item_id
from heta_data.workspace import Workspace
from heta_evaluation.faithfulness.runner import Faithfulness, measure


def short_item(number: int) -> Item:
    """An item without worked examples: the tiny model's tokens are bytes."""
    return compose_item(
        source="sample",
        source_id=f"row-{number}",
        group=f"group-{number}",
        split="test",
        language="en",
        evidence=f"Lamp number {number} on the pier is violet.",
        distractor="Tea is warm.",
        question="Which colour?",
        answer="violet",
        evidence_first=number % 2 == 0,
        rights=[Rights(field="evidence", licence="CC-BY-4.0", source="test")],
        examples="",
    )


ITEMS = [short_item(number) for number in range(1, 4)]
QUICK: dict[str, Any] = {
    "metrics": ("soft_nc", "comprehensiveness", "lds"),
    "ablations": 8,
    "resamples": 200,
}
CONTROLS = ["answer_match", "first_words", "longest_words", "random"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(Path(tmp_path_factory.mktemp("models")) / "tiny")


@pytest.fixture(scope="module")
def model(tiny: Path) -> heta.LoadedModel:
    return heta.load_model(str(tiny))


@pytest.fixture
def workspace(tmp_path: Path, model: heta.LoadedModel) -> Workspace:
    workspace = Workspace(tmp_path / "folder")
    write_records(workspace.items, ITEMS)
    run_attributions(workspace, ITEMS, model, [heta.create_method("gradient_x_input"), heta.create_method("kl")])
    return workspace


def contents(workspace: Workspace) -> dict[str, bytes]:
    """Everything a run writes."""
    files = [workspace.faithfulness_summary, *workspace.faithfulness.rglob("*")]
    return {path.relative_to(workspace.root).as_posix(): path.read_bytes() for path in files if path.is_file()}


def names(found: Faithfulness) -> list[str]:
    return [subject.method for subject in found.subjects]


def test_rows_are_methods_and_controls(workspace: Workspace, model: heta.LoadedModel) -> None:
    seen: list[tuple[int, int]] = []
    found = measure(workspace, loaded=model, progress=lambda done, total: seen.append((done, total)), **QUICK)
    assert names(found) == ["gradient_x_input", "kl", *CONTROLS]
    total = 6 * 3 * 3
    assert (found.done, found.skipped, found.failures, found.items) == (total, 0, (), 3)
    assert seen == [(done, total) for done in range(total + 1)]
    assert found.cost.items == 3
    written = list(read_records(workspace.faithfulness_summary, MetricResult))
    assert tuple(written) == found.results
    first = written[0]
    assert (first.metric, first.subject, first.value) == ("faithfulness", "items", 3.0)
    assert first.config["settings"]["ablations"] == 8
    assert first.config["model"]["name"] == "tiny"
    assert "There are no labels, and so no row of them." in first.config["notes"]
    means = {(one.metric, one.variant, one.subject): one for one in written}
    assert means["lds", "main", "random"].config["error"] > 0
    assert means["comprehensiveness", "removal, log p", "kl on tiny [38ee88b5]"].n == 3
    assert means["soft_nc", "difference", "kl on tiny [38ee88b5] minus random"].value is not None
    assert means["soft_nc", "log_ratio", "kl on tiny [38ee88b5] over random"].reason is None
    again = measure(workspace, loaded=model, **QUICK)
    assert (again.done, again.skipped, again.cost.forwards) == (0, total, 0)
    assert again.results == found.results


def test_a_mask_is_one_forward_for_all(workspace: Workspace, model: heta.LoadedModel) -> None:
    quick = {**QUICK, "metrics": ("lds",)}
    alone = measure(workspace, loaded=model, limit=1, **quick)
    # Eight ablations and the full pass, whatever the number of rows.
    assert alone.cost.forwards == 1 + 8


def test_an_interrupted_run_ends_in_the_same_bytes(
    workspace: Workspace, tmp_path: Path, model: heta.LoadedModel
) -> None:
    whole = Workspace(tmp_path / "whole")
    shutil.copytree(workspace.root, whole.root)
    measure(whole, loaded=model, **QUICK)

    class Stopped(Exception):
        pass

    for stop in (1, 17, 30):

        def tell(done: int, total: int, stop: int = stop) -> None:
            if done == stop:
                raise Stopped

        with pytest.raises(Stopped):
            measure(workspace, loaded=model, progress=tell, **QUICK)
    measure(workspace, loaded=model, **QUICK)
    assert contents(workspace) == contents(whole)


def test_items_metrics_and_settings_are_added_without_doing_work_again(
    workspace: Workspace, model: heta.LoadedModel
) -> None:
    first = measure(workspace, loaded=model, limit=1, **QUICK)
    more = measure(workspace, loaded=model, **QUICK)
    assert (first.done, more.done, more.skipped) == (18, 36, 18)
    before = contents(workspace)
    added = measure(workspace, loaded=model, **{**QUICK, "metrics": ("lds", "tau_loo")})
    assert (added.done, added.skipped) == (18, 18)
    for name, content in before.items():
        assert name == "faithfulness.jsonl" or contents(workspace)[name].startswith(content)
    # Other draws are other values, in files of their own.
    other = measure(workspace, loaded=model, limit=1, **{**QUICK, "seed": 1})
    assert (other.done, other.skipped) == (18, 0)
    # How often the bootstrap draws is no matter of single values.
    assert measure(workspace, loaded=model, limit=1, **{**QUICK, "resamples": 300}).done == 0


def test_labels_are_a_row_and_say_whose_they_are(workspace: Workspace, model: heta.LoadedModel) -> None:
    labels = [make_labels(item, rater, kind="simulated") for item in ITEMS[:2] for rater in ("sim-1", "sim-2")]
    write_records(workspace.labels, labels)
    without = measure(workspace, loaded=model, **QUICK)
    assert names(without) == ["gradient_x_input", "kl", *CONTROLS]
    assert any("add --kinds simulated to count them" in note for note in without.notes)
    found = measure(workspace, loaded=model, kinds=("simulated",), **QUICK)
    assert names(found)[-1] == "labels"
    rows = [one for one in found.results if one.subject.startswith("labels")]
    assert {(one.kinds, one.arms) for one in rows} == {(("simulated",), ("blind",))}
    assert all(one.kinds == () for one in found.results if not one.subject.startswith("labels"))
    (mean,) = [one for one in rows if (one.metric, one.variant) == ("comprehensiveness", "main")]
    assert mean.n == 2  # the third item has no labels
    values = list(read_records(found.files[-1], MetricResult))
    assert {one.reason for one in values if one.item_id == ITEMS[2].id} == {"no_labels"}


def test_methods_may_be_named_run_here_and_set_beside_random_weights(
    workspace: Workspace, model: heta.LoadedModel
) -> None:
    asked = {**QUICK, "metrics": ("comprehensiveness",), "methods": ("kl", "leave_one_out"), "random_weights": True}
    # The tiny model itself is drawn with seed 0.
    found = measure(workspace, loaded=model, limit=1, seed=5, **asked)
    assert names(found) == ["kl", "leave_one_out", "kl", "leave_one_out", *CONTROLS]
    assert "kl on tiny, random weights [38ee88b5]" in [subject.name for subject in found.subjects]
    values = {one.subject: one.value for one in found.results if one.variant == "masking, log p"}
    assert values["kl on tiny [38ee88b5]"] != values["kl on tiny, random weights [38ee88b5]"]


def test_robustness_runs_methods_again_and_says_where_it_cannot(workspace: Workspace, model: heta.LoadedModel) -> None:
    pairs = workspace.root / "pairs.jsonl"
    pairs.write_text('{"first": "row-1", "second": "row-2"}\n')
    asked = {
        "metrics": ("sensitivity", "decoding_stability", "paraphrase_stability"),
        "methods": ("gradient_x_input",),
        "noise_draws": 2,
        "pairs": "pairs.jsonl",
        "resamples": 200,
    }
    found = measure(workspace, loaded=model, limit=2, **asked)
    means = {(one.metric, one.subject.split(" ")[0]): one for one in found.results if one.variant == "main"}
    sensitive = means["sensitivity", "gradient_x_input"]
    assert sensitive.value is not None
    assert 0 < sensitive.value < 1
    assert means["sensitivity", "first_words"].value == 0.0
    assert means["sensitivity", "random"].reason == "no_method"
    assert means["decoding_stability", "gradient_x_input"].value is not None
    # "Lamp number 1 on the pier is violet" and the same with 2 share enough words.
    assert means["paraphrase_stability", "first_words"].n == 1
    assert measure(workspace, loaded=model, limit=2, **asked).done == 0


def test_an_attribution_that_changed_is_not_taken_for_the_one_that_was_measured(
    workspace: Workspace, model: heta.LoadedModel
) -> None:
    measure(workspace, loaded=model, limit=1, **QUICK)
    path = workspace.attribution_file("tiny", "kl", "38ee88b5")
    records = list(read_records(path, AttributionRecord))
    scores = tuple(None if score is None else 2 * score for score in records[0].scores)
    write_records(path, [records[0].model_copy(update={"scores": scores}), *records[1:]])
    with pytest.raises(IntegrityError, match=f"item {ITEMS[0].id}: the attribution changed since this was measured"):
        measure(workspace, loaded=model, **QUICK)


def test_an_attribution_of_no_item_is_refused(workspace: Workspace, model: heta.LoadedModel) -> None:
    write_records(workspace.items, ITEMS[:2])
    with pytest.raises(IntegrityError, match=f"of item {ITEMS[2].id}: no such item in items.jsonl"):
        measure(workspace, loaded=model, **QUICK)


def test_an_item_that_fails_is_named_and_the_others_go_on(workspace: Workspace, model: heta.LoadedModel) -> None:
    long = ITEMS[1].model_dump(mode="json")
    long["prompt"] += " very" * 100
    broken = Item.model_validate({**long, "id": item_id(long)})
    write_records(workspace.items, [*ITEMS, broken])
    found = measure(workspace, loaded=model, **QUICK)
    assert {(failure.item, failure.row) for failure in found.failures} == {(broken.id, "sample:row-2")}
    assert len(found.failures) == 6
    assert "the window of tiny is 400" in found.failures[0].reason
    (mean,) = [one for one in found.results if (one.metric, one.variant, one.subject) == ("lds", "main", "random")]
    assert mean.n == 3


def test_other_models_records_are_no_rows_and_that_is_said(workspace: Workspace, tmp_path: Path) -> None:
    other = heta.load_model(str(save_tiny_model(tmp_path / "other", seed=1)))
    found = measure(workspace, loaded=other, limit=1, **QUICK)
    assert names(found) == CONTROLS
    assert found.notes[0] == "There are no attributions by this model: only controls are measured."
    assert "gradient_x_input on tiny [aec51d83]" in found.notes[1]


@pytest.mark.parametrize(
    ("flags", "error", "message"),
    [
        ({"metrics": ("sof_nc",)}, UnknownName, "unknown metric 'sof_nc'; did you mean 'soft_nc'?"),
        ({"metrics": ("token_f1@k",)}, ConfigError, "metric 'token_f1@k' is one of alignment, and not measured here"),
        ({"methods": ("klx",)}, UnknownName, "unknown method 'klx'"),
        ({"draws": 3}, ConfigError, "--draws: Input should be greater than or equal to 10"),
        ({"pairs": "x.jsonl"}, ConfigError, "--pairs: no metric of this run reads pairs"),
        ({"metrics": ("paraphrase_stability",)}, ConfigError, "paraphrase_stability needs pairs of items"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    workspace: Workspace, model: heta.LoadedModel, flags: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        measure(workspace, loaded=model, **{**QUICK, **flags})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(workspace) == {}


def test_a_folder_without_items_says_what_to_do(tmp_path: Path, model: heta.LoadedModel) -> None:
    with pytest.raises(InputError, match="build items with `heta data build sample`"):
        measure(Workspace(tmp_path / "empty"), loaded=model)
    assert not (tmp_path / "empty").exists()


# kill -9


def test_killed_in_the_middle_it_goes_on_and_ends_in_the_same_bytes(
    workspace: Workspace, tmp_path: Path, tiny: Path, model: heta.LoadedModel
) -> None:
    whole = Workspace(tmp_path / "whole")
    shutil.copytree(workspace.root, whole.root)
    metrics = [part for name in QUICK["metrics"] for part in ("--metrics", name)]
    command = [
        *(sys.executable, "-m", "heta", "evaluate", "faithfulness", "-C", str(workspace.root), "--model", str(tiny)),
        *(*metrics, "--ablations", "8", "--resamples", "200"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    # The last row's file comes with the end of the first item.
    while not list(workspace.faithfulness.rglob("random*.jsonl")) and process.poll() is None:
        assert time.monotonic() < deadline, "no value within five minutes"
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(workspace.faithfulness.rglob("random*.jsonl"))
    asked = {**QUICK, "model": str(tiny)}
    resumed = measure(workspace, loaded=model, **asked)
    measure(whole, loaded=model, **asked)
    assert resumed.done + resumed.skipped == 54
    assert resumed.skipped >= 18
    assert contents(workspace) == contents(whole)
