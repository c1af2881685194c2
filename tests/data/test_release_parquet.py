"""Columns of the Parquet files: those that records use, and no others."""

from pathlib import Path

import pytest

from helpers.sample_records import SCALE, fill_folder, make_each_attribution, make_graded_labels, make_item
from heta_data.jsonl import read_records, write_records
from heta_data.records import AttributionRecord, TokenLabels
from heta_data.release import build_release, check_release
from heta_data.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return fill_folder(tmp_path / "folder")


@pytest.fixture
def bundle(workspace: Workspace) -> Path:
    return build_release(workspace, "1.0.0").path


def test_rows_of_single_target_tokens_have_columns_of_their_own(workspace: Workspace) -> None:
    import pyarrow.parquet as pq

    items = [make_item(number) for number in (1, 2, 3)]
    path = workspace.attribution_file("tiny", "kl", "0" * 8)
    each = [make_each_attribution(item) for item in items]
    write_records(path, [*read_records(path, AttributionRecord), *each])
    built = build_release(workspace, "1.0.0")
    assert check_release(built.path).problems == ()
    table = pq.read_table(built.path / "data/attributions/attributions.parquet")
    assert str(table.schema.field("rows").type) == "list<element: list<element: double>>"
    found = {(row["item_id"], row["method"], (row["target"] or {}).get("policy")): row for row in table.to_pylist()}
    assert len(found) == 9  # 3 items x (first_words, kl for the answer, kl for each of its tokens)
    for record in each:
        row = found[record.item_id, "kl", "each"]
        assert tuple(map(tuple, row["rows"])) == record.rows
        assert row["component_rows"] == [{"name": "information", "values": row["rows"]}]
        assert found[record.item_id, "kl", "answer"]["rows"] is None
        assert found[record.item_id, "first_words", None]["component_rows"] is None


def test_levels_have_columns_of_their_own(workspace: Workspace) -> None:
    import pyarrow.parquet as pq

    plain = list(read_records(workspace.labels, TokenLabels))
    graded = make_graded_labels(make_item(1), "a03").model_copy(update={"campaign_hash": "e" * 16})
    write_records(workspace.labels, [*plain, graded])
    built = build_release(workspace, "1.0.0")
    assert check_release(built.path).problems == ()
    table = pq.read_table(built.path / "data/labels/labels.parquet")
    assert str(table.schema.field("levels").type) == "list<element: int64>"
    rows = {(row["item_id"], row["rater"]): row for row in table.to_pylist()}
    assert len(rows) == 7  # 3 items x 2 raters, and one graded answer
    row = rows[graded.item_id, "a03"]
    assert tuple(row["levels"]) == graded.levels
    assert row["scale"] == {"grades": list(SCALE.grades), "misleading": True}
    assert rows[graded.item_id, "a01"]["levels"] is None
    assert [row["labels"][index] for index, level in enumerate(graded.levels or ()) if level > 0] == [1, 1]


def test_labels_without_levels_have_the_columns_they_always_had(bundle: Path) -> None:
    import pyarrow.parquet as pq

    names = pq.read_schema(bundle / "data/labels/labels.parquet").names
    assert names == [
        "schema_version", "record", "item_id", "task_uid", "rater", "kind", "arm", "round", "segmentation", "starts",
        "ends", "labels", "cannot_tell", "skipped", "seconds", "consent_version", "campaign_hash", "isolation",
        "origin",
    ]  # fmt: skip


def test_a_bundle_without_such_rows_has_the_columns_it_always_had(bundle: Path) -> None:
    import pyarrow.parquet as pq

    names = pq.read_schema(bundle / "data/attributions/attributions.parquet").names
    # The fields of schema 1 as the first releases had them: these bundles pass the check, and build again to the same.
    assert names == [
        "schema_version", "record", "item_id", "method", "signed", "model", "model_revision", "tokenizer", "unit",
        "starts", "ends", "token_ids", "scores", "components", "target", "config", "config_hash", "versions", "notes",
        "seconds", "peak_memory",
    ]  # fmt: skip


# What must keep a release from being built: (what is changed in the folder, what the message says).
