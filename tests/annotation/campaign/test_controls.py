"""Gold items of a campaign: known, drawn by their share, and refused where they do not fit the folder."""

from pathlib import Path

import pytest

from helpers.campaigns import simple_items, write_folder
from heta_annotation.campaign.plan import Plan, plan
from heta_data.compose import label_units
from heta_data.jsonl import write_records
from heta_data.records import GoldLabels, Item
from heta_data.workspace import Workspace


def known(item: Item) -> GoldLabels:
    units = label_units(item)
    marks = tuple(1 if index == 0 else 0 for index in range(len(units)))
    return GoldLabels(
        item_id=item.id,
        segmentation="word/1",
        starts=tuple(unit.start for unit in units),
        ends=tuple(unit.end for unit in units),
        probability=tuple(float(mark) for mark in marks),
        labels=marks,
        method="by-hand/1",
        n_raters=1,
        kinds=("human",),
        arms=("blind",),
        source="adjudicated",
    )


def planned(tmp_path: Path, controls: list[GoldLabels], toml: str, items: int = 12) -> Plan:
    write_records(tmp_path / "controls.jsonl", controls)
    head = 'arms = ["blind"]\ncontrols = "controls.jsonl"\n'
    return plan(write_folder(Workspace(tmp_path), simple_items(items), head + toml))


def test_all_gold_items_go_to_every_rater(tmp_path: Path) -> None:
    items = simple_items(12)
    found = planned(tmp_path, [known(item) for item in items[:2]], "raters = 4\noverlap = 2")
    assert found.problems == ()
    assert found.gold == {items[0].id, items[1].id}
    (arm,) = found.arms
    assert {task.item_id for task in arm.tasks if task.gold} == found.gold
    # 10 others x 2 over 4 raters is 5 each, with both gold items 7.
    assert [len(queue.uids) for queue in arm.queues] == [7, 7, 7, 7]


def test_gold_share_is_of_what_a_rater_gets(tmp_path: Path) -> None:
    controls = [known(item) for item in simple_items(6)]
    # Each of 2 raters gets all 16 items, of which 2 are an eighth; 6 are known.
    found = planned(tmp_path, controls, "raters = 2\ngold_share = 0.125", items=16)
    assert found.problems == ()
    assert len(found.gold) == 2
    # The gold items that were not drawn are items like any other.
    assert [len(queue.uids) for queue in found.arms[0].queues] == [16, 16]
    assert found.campaign_hash != planned(tmp_path, controls, "raters = 2\ngold_share = 0.2", items=16).campaign_hash


@pytest.mark.parametrize(
    ("change", "toml", "says"),
    [
        ({"item_id": "0" * 16}, "", "is not in items.jsonl"),
        ({"starts": (0,), "ends": (1,), "probability": (1.0,), "labels": (1,)}, "", "has other words"),
        ({}, "gold_share = 0.5", "holds 1"),
    ],
)
def test_gold_items_that_do_not_fit(tmp_path: Path, change: dict[str, object], toml: str, says: str) -> None:
    control = known(simple_items(1)[0]).model_copy(update=change)
    problems = planned(tmp_path, [control], f"raters = 1\n{toml}").problems
    assert any(says in problem for problem in problems), problems


def test_files_of_gold_items_that_cannot_be_used(tmp_path: Path) -> None:
    item = simple_items(1)[0]
    assert "holds no gold item" in planned(tmp_path, [], "").problems[0]
    assert "stands there twice" in planned(tmp_path, [known(item)] * 2, "").problems[0]
    (tmp_path / "controls.jsonl").unlink()
    folder = Workspace(tmp_path)
    (problem,) = plan(folder).problems
    assert "no such file" in problem
    folder.config.write_text('[campaign]\narms = ["blind"]\ngold_share = 0.1\n')
    (problem,) = plan(folder).problems
    assert "`controls`" in problem
