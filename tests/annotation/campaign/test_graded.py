"""Labels that are more than marked or not, and units that are sentences: from the settings to what is pulled."""

from pathlib import Path
from typing import Any

import pytest

from helpers.campaigns import campaign_folder, difficult_items, simple_items, start_arms, text_item, write_folder
from helpers.sample_records import SCALE
from heta.errors import ConfigError
from heta_annotation.campaign.answers import QuarantinedAnnotation, Reader, plain_annotation
from heta_annotation.campaign.ledger import Pushed, Rater, open_existing
from heta_annotation.campaign.marking import Marking, levels_given, units_of
from heta_annotation.campaign.page import render_reveal
from heta_annotation.campaign.plan import Plan, plan
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import push
from heta_annotation.campaign.results import read_result
from heta_annotation.campaign.settings import CampaignSettings, load_settings
from heta_annotation.campaign.simulate import answer, answer_units, levels_of, simulate
from heta_annotation.campaign.tasks import choices_region, fingerprint, regions
from heta_data.compose import label_units
from heta_data.jsonl import dump_line, read_records, write_records
from heta_data.records import GoldLabels, Item, TokenLabels
from heta_data.workspace import Workspace

ITEM = text_item(1, "Pim is red. The cat sleeps.", "Dogs bark! Loudly.", "What colour is Pim?", "red")
LABELS = 'labels = ["helpful", "essential"]\nmisleading = true\n'
RATER = Rater("blind", "s01", "simulated", 7)


def planned(tmp_path: Path, toml: str, items: list[Item] | None = None) -> Plan:
    return plan(write_folder(Workspace(tmp_path), items or [ITEM], 'kind = "simulated"\nraters = 1\n' + toml))


def pushed_of(found: Plan) -> Pushed:
    task, sent = found.arms[0].tasks[0], found.arms[0].payloads[0]
    return Pushed(task.uid, sent, fingerprint(sent), 11, dump_line(task))


def read(pushed: Pushed, result: object, **changes: Any) -> TokenLabels | QuarantinedAnnotation:
    annotation = {
        "id": 5, "completed_by": 7, "updated_by": 7, "was_cancelled": False, "lead_time": 9.0,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "parent_prediction": None,
    }  # fmt: skip
    reader = Reader("blind", "blind", 1, tasks={pushed.uid: pushed}, raters=[RATER], items={ITEM.id: ITEM})
    return reader.read(
        {"id": 11, "data": pushed.content["data"]}, plain_annotation({**annotation, "result": result, **changes})
    )


def chosen(*values: str, pen: str = "helpful") -> list[dict[str, Any]]:
    """What the page sends."""
    return [choices_region("pen", [pen]), choices_region("units", values)]


# Settings


def test_one_label_is_marked_or_not_and_more_make_a_scale() -> None:
    assert CampaignSettings().marking == Marking("word/1", None)
    assert CampaignSettings(labels=("needed",), unit="sentence").marking == Marking("sentence/1", None)
    assert CampaignSettings(labels=("helpful", "essential"), misleading=True).marking.scale == SCALE
    only = CampaignSettings(misleading=True).marking.scale
    assert only is not None
    assert only.names == ("important", "misleading")


@pytest.mark.parametrize(
    ("toml", "key", "says"),
    [
        ('unit = "token"', "unit", "take 'word' or 'sentence'"),
        ('unit = "paragraph"', "unit", "'word' or 'sentence'"),
        ("labels = []", "labels", "at least 1"),
        ('labels = ["a", "b", "c", "d", "e"]', "labels", "at most 4"),
        ('labels = ["a", "a"]', "labels", "each label once"),
        ('labels = ["misleading", "a"]', "labels", "misleading = true"),
        ('labels = ["a:b", "c"]', "labels", "pattern"),
    ],
)
def test_units_and_labels_that_cannot_be(tmp_path: Path, toml: str, key: str, says: str) -> None:
    (tmp_path / "heta.toml").write_text(f"[campaign]\n{toml}\n")
    with pytest.raises(ConfigError) as error:
        load_settings(Workspace(tmp_path))
    assert str(error.value).startswith(f"{tmp_path / 'heta.toml'}:campaign.{key}")
    assert says in str(error.value)


# Tasks


def test_a_task_holds_its_units_and_the_scale(tmp_path: Path) -> None:
    task = planned(tmp_path, LABELS).arms[0].tasks[0]
    assert (task.segmentation, task.scale) == ("word/1", SCALE)
    sentences = planned(tmp_path, 'unit = "sentence"')
    task = sentences.arms[0].tasks[0]
    assert (task.segmentation, task.scale) == ("sentence/1", None)
    assert [ITEM.prompt[unit.start : unit.end] for unit in task.units] == [
        "Pim is red.",
        "The cat sleeps.",
        "Dogs bark!",
        "Loudly.",
    ]
    # Words are read, sentences are marked: 9 of the text, 4 of the question and 1 of the answer.
    assert (sentences.units, sentences.words[ITEM.id]) == (4, 14)


def test_suggested_units_begin_with_the_lowest_grade(tmp_path: Path) -> None:
    found = planned(tmp_path, LABELS)
    (prediction,) = found.arms[1].payloads[0]["predictions"]
    pen, units = prediction["result"]
    assert pen["value"]["choices"] == ["helpful"]
    # 0.15 x 9 words = 1.35: one, the word with the highest score, which is the answer's.
    assert units["value"]["choices"] == ["2:helpful"]
    (prediction,) = planned(tmp_path, 'unit = "sentence"').arms[1].payloads[0]["predictions"]
    # 0.15 x 4 sentences = 0.6: one, the sentence with the answer.
    assert prediction["result"][0]["value"]["choices"] == ["0"]


def test_gold_items_need_the_campaigns_units(tmp_path: Path) -> None:
    units = units_of(ITEM, Marking("sentence/1"))
    known = GoldLabels(
        item_id=ITEM.id,
        segmentation="sentence/1",
        starts=tuple(unit.start for unit in units),
        ends=tuple(unit.end for unit in units),
        probability=(1.0, 0.0, 0.0, 0.0),
        labels=(1, 0, 0, 0),
        method="by-hand/1",
        n_raters=1,
        kinds=("human",),
        arms=("blind",),
        source="adjudicated",
    )
    write_records(tmp_path / "controls.jsonl", [known])
    toml = 'controls = "controls.jsonl"\n'
    assert planned(tmp_path, toml + 'unit = "sentence"').gold == {ITEM.id}
    (problem,) = [found for found in planned(tmp_path, toml).problems if "controls" in found]
    assert "(sentence/1) has other words than items.jsonl" in problem


# Answers


def test_each_unit_has_the_level_of_its_label(tmp_path: Path) -> None:
    pushed = pushed_of(planned(tmp_path, LABELS))
    labels = read(pushed, chosen("0:essential", "2:helpful", "6:misleading", pen="misleading"))
    assert isinstance(labels, TokenLabels)
    assert labels.levels == (2, 0, 1, 0, 0, 0, -1, 0, 0)
    # Misleading words are not needed to know the answer.
    assert labels.labels == (1, 0, 1, 0, 0, 0, 0, 0, 0)
    assert labels.scale == SCALE
    # Only a label was chosen and nothing was clicked: that is an answer, and empty.
    empty = read(pushed, [choices_region("pen", ["essential"])])
    assert isinstance(empty, TokenLabels)
    assert (empty.answered, set(empty.levels or ())) == (True, {0})
    skipped = read(pushed, chosen("0:essential"), was_cancelled=True)
    assert isinstance(skipped, TokenLabels)
    assert (skipped.skipped, set(skipped.levels or ())) == (True, {0})


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (chosen("0:essential", "0:helpful"), "two labels: unit 0 is essential and helpful"),
        (chosen("0:essential", "0:essential"), "index twice: 0"),
        (chosen("0:vital"), "unknown label: 'vital' at unit 0, labels are helpful, essential, misleading"),
        (chosen("0:"), "unknown label: ''"),
        (chosen("0"), "unknown index: '0', units are 0 to 8"),
        (chosen("9:helpful"), "unknown index: '9:helpful'"),
        (chosen("00:helpful"), "unknown index: '00:helpful'"),
        (chosen("²:helpful"), "unknown index: '²:helpful'"),
        (chosen("helpful:0"), "unknown index: 'helpful:0'"),
        (chosen("0:helpful", pen="vital"), "unknown choice: 'vital'"),
        ([{**choices_region("units", []), "value": {"choices": [["0:helpful"]]}}], "unknown index: ['0:helpful']"),
        ([{"from_name": "label", "to_name": "passage", "value": {"start": 0, "end": 3}}], "unknown region: 'label'"),
    ],
)
def test_what_no_rater_can_have_made_is_set_aside(tmp_path: Path, result: list[dict[str, Any]], reason: str) -> None:
    refused = read(pushed_of(planned(tmp_path, LABELS)), result)
    assert isinstance(refused, QuarantinedAnnotation)
    assert any(reason in found for found in refused.reasons), refused.reasons


def test_a_page_without_labels_knows_no_pen_and_no_label(tmp_path: Path) -> None:
    refused = read(pushed_of(planned(tmp_path, "")), chosen("0:helpful"))
    assert isinstance(refused, QuarantinedAnnotation)
    assert refused.reasons == ("unknown region: 'pen'", "unknown index: '0:helpful', units are 0 to 8")


def test_units_that_were_swapped_on_the_page_are_found(tmp_path: Path) -> None:
    pushed = pushed_of(planned(tmp_path, LABELS))
    entries = [dict(entry) for entry in pushed.content["data"]["units"]]
    entries[0]["value"], entries[1]["value"] = entries[1]["value"], entries[0]["value"]
    data = {**pushed.content["data"], "units": entries}
    turned = Pushed(pushed.uid, {"data": data}, pushed.hash, 11, pushed.record)
    refused = read(turned, chosen("0:helpful"))
    assert isinstance(refused, QuarantinedAnnotation)
    assert "words on the page" in refused.reasons[0]


def test_what_is_written_is_read_back() -> None:
    levels = {0: 2, 4: -1, 7: 1}
    assert read_result(regions(levels, SCALE), 9, scale=SCALE).levels == levels
    # Without a scale every level is a mark.
    assert read_result(regions(levels, None), 9).levels == {0: 1, 4: 1, 7: 1}
    assert regions({}, SCALE) == []


def test_a_first_answer_comes_back_with_its_labels(tmp_path: Path) -> None:
    labels = read(pushed_of(planned(tmp_path, LABELS)), chosen("0:essential", "6:misleading"))
    assert isinstance(labels, TokenLabels)
    assert levels_given(labels) == {0: 2, 6: -1}
    # The page on which it is revised has the same legend.
    assert 'value="essential" hotkey="2"' in render_reveal(Marking(scale=SCALE))
    marks = read(pushed_of(planned(tmp_path, "")), [choices_region("units", ["1", "3"])])
    assert isinstance(marks, TokenLabels)
    assert levels_given(marks) == {1: 1, 3: 1}


# Scripted raters


def test_scripted_raters_grade_the_answer_highest(tmp_path: Path) -> None:
    task = planned(tmp_path, LABELS).arms[0].tasks[0]
    answers, evidence = answer_units(ITEM)
    assert (answers, evidence) == ({2}, {0, 1, 2, 3, 4, 5})
    # The answer's word, another of the evidence, one of the distractor.
    assert levels_of(ITEM, [2, 0, 8], task) == {2: 2, 0: 1, 8: -1}
    plain = task.model_copy(update={"scale": None})
    assert levels_of(ITEM, [2, 0, 8], plain) == {2: 1, 0: 1, 8: 1}


def test_scripted_raters_mark_sentences(tmp_path: Path) -> None:
    items = [*simple_items(20), *difficult_items()]
    tasks = {task.item_id: task for task in planned(tmp_path, 'unit = "sentence"', items).arms[0].tasks}
    for item in items:
        marks, _ = answer(item, RATER, tasks[item.id], 0)
        assert set(marks) <= set(range(len(label_units(item, "sentence/1"))))
    answers, _ = answer_units(ITEM, Marking("sentence/1"))
    assert answers == {0}


# With real servers


@pytest.mark.server
@pytest.mark.xdist_group("server")
def test_labels_go_to_the_servers_and_come_back(tmp_path: Path, studio_workspace: Workspace) -> None:
    folder, items = campaign_folder(tmp_path, studio_workspace), [*difficult_items(), ITEM]
    raters = 'raters = {blind = ["s31"], assisted = ["anchored-31"]}'
    write_folder(folder, items, f'name = "grades"\nkind = "simulated"\n{raters}\n{LABELS}')
    arms = start_arms(studio_workspace)
    # The suggestions pass Label Studio's own validation, and are read back as they were sent.
    assert [(arm.sent, arm.predictions) for arm in push(folder, arms)] == [(4, 0), (4, 4)]
    assert [arm.given for arm in simulate(folder, arms, seed=3)] == [4, 4]
    assert [(arm.labels, arm.quarantined) for arm in pull(folder, arms).arms] == [(4, 0), (4, 0)]
    by_item = {item.id: item for item in items}
    with open_existing(folder.ledger) as ledger:
        there = {rater.pseudonym: rater for rater in ledger.raters()}
        tasks = {uid: sent.task for row in ledger.projects() for uid, sent in ledger.tasks(row.queue).items()}
    for record in read_records(folder.labels, TokenLabels):
        item, task = by_item[record.item_id], tasks[record.task_uid]
        marks, _ = answer(item, there[record.rater], task, 3)
        assert {index: level for index, level in enumerate(record.levels or ()) if level} == levels_of(
            item, marks, task
        )
        assert record.scale == SCALE
