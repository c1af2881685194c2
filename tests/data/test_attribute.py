"""Attributions in bulk: what is done is told by the whole configuration, and no crash loses or doubles a record."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heta
from helpers.sample_records import make_item
from helpers.saved_model import WINDOW, save_tiny_model
from heta.errors import ConfigError, IncompatibleModel, InputError
from heta.methods.base import Scores
from heta_data.attribute import Summary, count_missing, read_attributions, run_attributions
from heta_data.compose import compose_item
from heta_data.errors import FolderBusy, IntegrityError, RecordError
from heta_data.jsonl import read_records, write_records
from heta_data.records import AttributionRecord, Item
from heta_data.workspace import Workspace

if TYPE_CHECKING:
    from heta import LoadedModel, Method
    from heta.records import TargetPolicy

ITEMS = [make_item(number) for number in range(1, 5)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> "LoadedModel":
    return heta.load_model(str(save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "folder")


def methods(*names: str, **options: Any) -> "list[Method]":
    return [heta.create_method(name, **options) for name in names]


def lines(workspace: Workspace) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """File -> key and fingerprint of each record, in order: all that two runs must have in common."""
    return {
        path.relative_to(workspace.attributions).as_posix(): [
            (record.key, record.fingerprint()) for record in read_records(path, AttributionRecord)
        ]
        for path in sorted(workspace.attributions.rglob("*.jsonl"))
    }


def too_long() -> Item:
    """An item that fills the tiny model's window with its evidence alone."""
    item = make_item(9)
    return compose_item(
        source="sample",
        source_id="long",
        group="long",
        split="test",
        language="en",
        evidence="The lamp is violet " + "very " * (WINDOW // 5) + "bright.",
        distractor="The loaves are warm.",
        question="What colour is the lamp?",
        answer="violet",
        evidence_first=True,
        rights=item.rights[:1],
    )


def test_every_item_gets_a_record_of_every_method(workspace: Workspace, model: "LoadedModel") -> None:
    seen: list[tuple[int, int]] = []
    summary = run_attributions(
        workspace,
        ITEMS,
        model,
        methods("kl", "gradient_x_input", "random"),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert (summary.done, summary.skipped, summary.failed, summary.items) == (12, 0, 0, 4)
    assert seen == [(done, 12) for done in range(13)]
    assert {path.parent.name for path in summary.files} == {"tiny", "none"}
    records = read_attributions(workspace)
    assert [record.item_id for record in records] == [item.id for item in ITEMS] * 3
    # A random model does not know that lamps are violet.
    assert (summary.answered, summary.read) == (0, 4)


def test_a_record_holds_what_the_library_computed(workspace: Workspace, model: "LoadedModel") -> None:
    item = ITEMS[0]
    run_attributions(workspace, [item], model, methods("kl"))
    (record,) = read_attributions(workspace)
    example = item.spans("example")[0]
    alone = heta.attribute(model, item.prompt, item.target, "kl", unscored=[heta.Span(example.start, example.end)])
    assert record.scores == tuple(
        float(score) if scored else None for score, scored in zip(alone.scores, alone.scored, strict=True)
    )
    assert record.components == {"information": record.scores}
    inside = [start < example.end and end > start for start, end in zip(record.starts, record.ends, strict=True)]
    assert all(score is None for score, example_token in zip(record.scores, inside, strict=True) if example_token)
    assert sum(score is not None for score in record.scores) > 20
    assert alone.target is not None
    assert record.target is not None
    assert (record.target.text, record.target.log_probs) == (item.target, alone.target.log_probs)
    assert (record.model, record.model_revision) == ("tiny", model.identity.revision)
    assert (record.config, record.config_hash) == (dict(alone.config), alone.config_hash)
    assert set(record.versions) == {"heta-bench", "numpy", "torch", "transformers"}


def test_each_target_token_has_rows_that_add_up(workspace: Workspace, model: "LoadedModel") -> None:
    item = ITEMS[0]
    chosen = [
        *methods("heta_fast", "kl", "gradient_x_input"),
        *methods("leave_one_out", unit="word"),
        *methods("random"),
    ]
    summary = run_attributions(workspace, [item], model, chosen, policy="each")
    # The target is the whole answer, so it tells what the model answers, as under policy `answer`.
    assert (summary.done, summary.failed, summary.read, summary.answered) == (5, 0, 1, 0)
    example = item.spans("example")[0]
    prepared = heta.prepare(
        model, item.prompt, item.target, unscored=[heta.Span(example.start, example.end)], policy="each"
    )
    records = {record.method: record for record in read_attributions(workspace)}
    for method in chosen[:-1]:
        alone, record = prepared.attribute(method), records[method.name]
        assert record.key[5] == "each"
        assert record.rows is not None
        # The tokenizer's tokens are bytes: " violet" is 7 of them.
        assert len(record.rows) == 7
        scored = np.flatnonzero(alone.scored)
        found = np.array([[row[index] for index in scored] for row in record.rows], dtype=float)
        np.testing.assert_array_equal(found, alone.rows["score"][:, scored])
        assert [score for score in record.scores if score is not None] == pytest.approx(found.sum(0).tolist())
        assert record.component_rows is not None
        assert set(record.component_rows) == set(record.components)
    assert (records["random"].rows, records["random"].component_rows) == (None, None)


def test_work_of_one_policy_is_not_that_of_another(workspace: Workspace, model: "LoadedModel") -> None:
    def run(policy: "TargetPolicy") -> tuple[int, int]:
        summary = run_attributions(workspace, ITEMS[:2], model, methods("gradient_x_input"), policy=policy)
        return summary.done, summary.skipped

    def missing(policy: "TargetPolicy") -> dict[str, int]:
        return count_missing(workspace, ITEMS[:2], "tiny", methods("gradient_x_input"), policy=policy)

    assert run("answer") == (2, 0)
    (path,) = (workspace.attributions / "tiny").glob("*.jsonl")
    before = path.read_bytes()
    assert missing("each") == {"gradient_x_input": 2}
    assert run("each") == (2, 0)
    assert (run("each"), run("answer")) == ((0, 2), (0, 2))
    assert missing("each") == {"gradient_x_input": 0}
    # One file holds both, the older records byte for byte as they were.
    after = path.read_bytes().splitlines(keepends=True)
    assert b"".join(line for line in after if b'"policy":"answer"' in line) == before
    assert [record.key[5] for record in read_attributions(workspace)] == ["answer", "each"] * 2


def test_a_method_without_rows_cannot_explain_each_target_token(
    workspace: Workspace, model: "LoadedModel", monkeypatch: pytest.MonkeyPatch
) -> None:
    (method,) = methods("kl")
    score = method.score
    # As a method of another package may do that knows nothing of the policy.
    monkeypatch.setattr(method, "score", lambda prepared: Scores(score(prepared).scores.sum(0)))
    with pytest.raises(ConfigError, match="method 'kl' gives no row for each target token; take another policy"):
        run_attributions(workspace, ITEMS[:1], model, [method], policy="each")


def test_methods_without_a_model_do_not_depend_on_the_one_that_is_loaded(
    workspace: Workspace, tmp_path: Path, model: "LoadedModel"
) -> None:
    run_attributions(workspace, ITEMS, model, methods("random", "answer_match"))
    other = Workspace(tmp_path / "other")
    summary = run_attributions(other, ITEMS, None, methods("random", "answer_match"))
    assert lines(workspace) == lines(other)
    assert summary.answered is None
    assert all(record.model == "none" and record.target is None for record in read_attributions(other))


def test_methods_of_one_item_share_its_passes(
    workspace: Workspace, model: "LoadedModel", monkeypatch: pytest.MonkeyPatch
) -> None:
    import heta.perturbation

    passes = []
    real = heta.perturbation.perturb
    monkeypatch.setattr(heta.perturbation, "perturb", lambda *a, **k: passes.append(1) or real(*a, **k))
    run_attributions(workspace, ITEMS[:2], model, methods("heta_fast", "kl", "leave_one_out"))
    assert len(passes) == 2


def test_a_second_run_does_nothing_and_another_configuration_does_all(
    workspace: Workspace, tmp_path: Path, model: "LoadedModel"
) -> None:
    def run(chosen: "Sequence[Method]", on: "LoadedModel", **options: Any) -> tuple[int, int]:
        summary = run_attributions(workspace, ITEMS[:2], on, chosen, **options)
        return summary.done, summary.skipped

    assert run(methods("gradient_x_input"), model) == (2, 0)
    before = lines(workspace)
    assert run(methods("gradient_x_input"), model) == (0, 2)
    assert lines(workspace) == before
    # The same folder name with other weights: another revision, hence other work, in the same file.
    other = heta.load_model(str(save_tiny_model(tmp_path / "tiny", seed=1)))
    assert other.identity.name == model.identity.name
    assert run(methods("gradient_x_input"), other) == (2, 0)
    assert run(methods("gradient_x_input"), model, policy="first") == (2, 0)
    assert run(methods("random"), model) == (2, 0)
    assert run(methods("random", seed=1), model) == (2, 0)
    assert run([*methods("random"), *methods("random", seed=1), *methods("gradient_x_input")], model) == (0, 6)
    keys = [record.key for record in read_attributions(workspace)]
    assert len(set(keys)) == len(keys) == 10


def test_an_item_that_fails_is_named_and_the_others_go_on(workspace: Workspace, model: "LoadedModel") -> None:
    items = [ITEMS[0], too_long(), ITEMS[1]]
    for _ in range(2):  # the second run tries it again and names it again
        summary = run_attributions(workspace, items, model, methods("gradient_x_input", "kl", "answer_match"))
        (failure,) = summary.failures
        assert (failure.item, failure.row) == (items[1].id, "sample:long")
        assert failure.methods == ("gradient_x_input", "kl")
        assert f"the window of tiny is {WINDOW}" in failure.reason
        assert (summary.failed, summary.done + summary.skipped, summary.read) == (2, 7, 2)
    assert summary.done == 0
    there = [record.item_id for record in read_attributions(workspace)]
    assert there == [item.id for item in items] + [items[0].id, items[2].id] * 2


def test_a_model_that_no_method_can_use_ends_the_run(
    workspace: Workspace, model: "LoadedModel", monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise IncompatibleModel("no second derivative")

    monkeypatch.setattr("heta.information.divergence", refuse)
    with pytest.raises(IncompatibleModel):
        run_attributions(workspace, ITEMS, model, methods("random", "kl"))
    # What was finished before is kept.
    assert [record.method for record in read_attributions(workspace)] == ["random"]


def test_records_come_into_the_order_of_the_items(workspace: Workspace, tmp_path: Path) -> None:
    chosen = methods("random")
    other = Workspace(tmp_path / "other")
    run_attributions(workspace, ITEMS[2:], None, chosen)
    run_attributions(workspace, ITEMS, None, chosen)
    run_attributions(other, ITEMS, None, chosen)
    assert lines(workspace) == lines(other)
    # Items that are no longer asked for keep their records, behind the others.
    run_attributions(workspace, [ITEMS[3]], None, chosen)
    ids = [record.item_id for record in read_attributions(workspace)]
    assert ids == [ITEMS[3].id, *(item.id for item in ITEMS[:3])]


def test_a_repeated_record_is_dropped_with_a_word_and_a_contradiction_is_refused(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    run_attributions(workspace, ITEMS, None, methods("random"))
    (path,) = workspace.attributions.rglob("*.jsonl")
    records = list(read_records(path, AttributionRecord))
    again = records[1].model_copy(update={"seconds": 99.0})
    write_records(path, [*records, again])
    assert run_attributions(workspace, ITEMS, None, methods("random")).done == 0
    assert "left out 1 records that stood there twice" in caplog.text
    assert list(read_records(path, AttributionRecord)) == records
    write_records(path, [*records, records[1].model_copy(update={"notes": ("other",)})])
    with pytest.raises(IntegrityError, match="two different records of one key"):
        run_attributions(workspace, ITEMS, None, methods("random"))


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_run_killed_at_any_byte_is_completed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    base = tmp_path_factory.getbasetemp()
    chosen = methods("random", "first_words")
    whole = Workspace(base / "whole")
    run_attributions(whole, ITEMS, None, chosen)
    cut = Workspace(base / "cut")
    shutil.rmtree(cut.root, ignore_errors=True)
    shutil.copytree(whole.root, cut.root)
    for path in sorted(cut.attributions.rglob("*.jsonl")):
        content = path.read_bytes()
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    summary = run_attributions(cut, ITEMS, None, chosen)
    assert summary.done + summary.skipped == 8
    assert lines(cut) == lines(whole)


def test_a_broken_line_is_named_and_nothing_is_computed(workspace: Workspace) -> None:
    run_attributions(workspace, ITEMS, None, methods("random"))
    (path,) = workspace.attributions.rglob("*.jsonl")
    content = path.read_text().splitlines(keepends=True)
    path.write_text("".join([content[0], content[1].replace('"record"', '"recrod"'), *content[2:]]))
    before = path.read_bytes()
    with pytest.raises(RecordError, match=rf"{path.name}:2:recrod: Extra inputs"):
        run_attributions(workspace, ITEMS, None, methods("random", "first_words"))
    assert path.read_bytes() == before
    assert list(workspace.attributions.rglob("first_words*")) == []


def test_one_run_at_a_time(workspace: Workspace) -> None:
    with workspace.lock(), pytest.raises(FolderBusy):
        run_attributions(workspace, ITEMS, None, methods("random"))


@pytest.mark.parametrize(
    ("items", "names", "error", "message"),
    [
        ([], ["random"], InputError, "no items to attribute"),
        (ITEMS, [], ConfigError, "no methods given"),
        (ITEMS, ["random", "random"], ConfigError, "'random' is given twice"),
        (ITEMS, ["kl"], ConfigError, "'kl' needs a model and none is given"),
        ([ITEMS[0], ITEMS[0]], ["random"], IntegrityError, r"\(sample:row-1\) is given twice"),
    ],
)
def test_work_that_cannot_be_done(
    workspace: Workspace, items: list[Item], names: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run_attributions(workspace, items, None, methods(*names))
    assert not workspace.root.exists()


@pytest.mark.model
def test_smollm2_attributes_the_bundled_sample(workspace: Workspace, smollm2: "LoadedModel") -> None:
    from heta_data.sources.sample import sample_items

    items = sample_items()[:2]
    summary: Summary = run_attributions(workspace, items, smollm2, methods("kl", "gradient_x_input", "answer_match"))
    assert (summary.done, summary.failed, summary.read) == (6, 0, 2)
    for record in read_attributions(workspace):
        item = next(item for item in items if item.id == record.item_id)
        scored = [
            (start, end)
            for start, end, score in zip(record.starts, record.ends, record.scores, strict=True)
            if score is not None
        ]
        # Everything behind the examples is scored, and nothing in them.
        assert min(start for start, _ in scored) >= item.spans("example")[0].end
        roles = {part.role for part in item.segments for start, end in scored if part.start <= start < part.end}
        assert roles >= {"evidence", "distractor", "question"}
    assert json.loads(summary.files[0].read_text().splitlines()[0])["model"] == "smollm2"
