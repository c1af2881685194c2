"""Labels that are not blind, planted among blind ones: gold does not move, each is named, and nothing is released."""

import json
from pathlib import Path

import pytest

from helpers.sample_records import fill_folder, make_item, make_labels
from heta_data.errors import RecordError, ReleaseBlocked
from heta_data.jsonl import read_records, write_records
from heta_data.records import TokenLabels
from heta_data.release import build_release
from heta_data.workspace import Workspace
from heta_evaluation.runner import evaluate

DRAWS = 100


@pytest.fixture
def folder(tmp_path: Path) -> Workspace:
    folder = fill_folder(tmp_path / "folder")
    evaluate(folder, draws=DRAWS)
    return folder


def plant(folder: Workspace, **changes: object) -> list[TokenLabels]:
    """Answers of further raters who mark everything that the others leave out."""
    planted = []
    for number in (1, 2, 3):
        for rater in ("a08", "a09", "a10"):
            one = make_labels(make_item(number), rater, origin=True)
            turned = tuple(1 - mark for mark in one.labels)
            planted.append(one.model_copy(update={"labels": turned, **changes}))
    write_records(folder.labels, [*read_records(folder.labels, TokenLabels), *planted])
    return planted


def test_assisted_answers_do_not_move_gold(folder: Workspace) -> None:
    before = folder.gold.read_bytes()
    plant(folder, arm="assisted")
    evaluate(folder, draws=DRAWS)
    assert folder.gold.read_bytes() == before


def test_blind_answers_that_began_from_a_prediction_do_not_move_gold_and_are_named(folder: Workspace) -> None:
    before = folder.gold.read_bytes()
    origin = make_labels(make_item(1), "a08", origin=True).origin
    assert origin is not None
    planted = plant(folder, origin=origin.model_copy(update={"parent_prediction": 7}))
    evaluate(folder, draws=DRAWS)
    assert folder.gold.read_bytes() == before
    with pytest.raises(ReleaseBlocked) as refused:
        build_release(folder, "1.0.0")
    for one in planted:
        assert f"labels > item {one.item_id} > blind > rater {one.rater} > began from a prediction" in str(
            refused.value
        )
    assert not folder.releases.exists()


def test_an_answer_without_an_arm_is_named_and_nothing_is_written(folder: Workspace) -> None:
    before = folder.gold.read_bytes()
    lines = folder.labels.read_text(encoding="utf-8").splitlines()
    row = json.loads(lines[0])
    del row["arm"]
    folder.labels.write_text("\n".join([*lines, json.dumps({**row, "rater": "a08"})]) + "\n", encoding="utf-8")
    with pytest.raises(RecordError, match=rf"labels\.jsonl:{len(lines) + 1}:arm: Field required"):
        evaluate(folder, draws=DRAWS)
    assert folder.gold.read_bytes() == before
    with pytest.raises(ReleaseBlocked, match=rf"labels\.jsonl:{len(lines) + 1}:arm: Field required"):
        build_release(folder, "1.0.0")
