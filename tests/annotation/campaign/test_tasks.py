"""From items to tasks: suggestions, uids, payloads."""

import re
from collections.abc import Collection

import pytest

from helpers.campaigns import METHOD, MODEL, difficult_items, simple_items, text_item, words_of
from helpers.sample_records import make_attribution
from heta_annotation.campaign.client import marker
from heta_annotation.campaign.settings import CampaignSettings
from heta_annotation.campaign.tasks import (
    Frame,
    build_task,
    draw_items,
    fingerprint,
    model_version,
    payload,
    suggest_units,
    write_content,
    write_entry,
)
from heta_data.compose import label_units
from heta_data.jsonl import dump_line
from heta_data.records import Arm, AttributionRecord, Item, LabelTask, canonical_json, content_hash

ITEM = text_item(1, "one two three four five six seven", "eight nine ten", "Which number?", "three")


def scored(item: Item, values: list[float]) -> AttributionRecord:
    """An attribution whose word scores are `values`, in the order of the units."""
    base = make_attribution(item, method=METHOD, model=MODEL)
    units = {unit: value for unit, value in zip(label_units(item), values, strict=True)}
    scores = tuple(units.get(span) for span in zip(base.starts, base.ends, strict=True))
    return base.model_copy(update={"scores": scores, "components": {}})


def task_of(
    item: Item,
    arm: str = "blind",
    campaign: str = "c",
    attribution: AttributionRecord | None = None,
    settings: CampaignSettings | None = None,
    gold: Collection[str] = (),
) -> LabelTask:
    frame = Frame(
        settings=settings or CampaignSettings(),
        campaign_hash=campaign,
        guideline_hash="g",
        isolation="server",
        gold=frozenset(gold),
        probability=0.5,
    )
    return build_task(item, arm, frame, attribution)


def test_top_fifteen_percent_of_the_units_at_least_one() -> None:
    values = [float(n) for n in range(10)]
    # 0.15 x 10 units = 1.5, rounded half up to 2: the two highest, by position.
    assert suggest_units(ITEM, scored(ITEM, values), CampaignSettings()).selected == (8, 9)
    # 0.01 x 10 = 0.1, at least one.
    assert suggest_units(ITEM, scored(ITEM, values), CampaignSettings(share=0.01)).selected == (9,)
    assert len(suggest_units(ITEM, scored(ITEM, values), CampaignSettings(share=1.0)).selected) == 10


def test_signed_scores_rank_by_value() -> None:
    values = [-9.0, 0.1, *[-1.0] * 8]
    assert suggest_units(ITEM, scored(ITEM, values), CampaignSettings(share=0.1)).selected == (1,)


def test_ties_are_drawn_by_the_seed_and_not_by_position() -> None:
    equal = scored(ITEM, [1.0] * 10)
    picks = {suggest_units(ITEM, equal, CampaignSettings(share=0.1, seed=seed)).selected for seed in range(40)}
    # 40 draws of 1 in 10 hit at least 5 units except with probability below 1e-9.
    assert len(picks) >= 5
    assert suggest_units(ITEM, equal, CampaignSettings()) == suggest_units(ITEM, equal, CampaignSettings())


def test_heat_is_the_score_above_zero_over_the_highest() -> None:
    values = [-1.0, 2.0, 1.0, *[0.0] * 7]
    suggestion = suggest_units(ITEM, scored(ITEM, values), CampaignSettings(show="heat"))
    assert suggestion.heat == (0.0, 1.0, 0.5, *[0.0] * 7)
    assert suggestion.selected == ()


def test_assisted_payload_holds_one_prediction_named_by_method_config_and_model() -> None:
    values = [0.0, 3.0, -5.0, *[0.0] * 6, 1.0]
    attribution = scored(ITEM, values)
    task = task_of(ITEM, "assisted", attribution=attribution)
    sent = payload(ITEM, task, attribution)
    (prediction,) = sent["predictions"]
    assert prediction["model_version"] == model_version(task.suggestion) == f"{METHOD}-00000000@{MODEL}"
    assert prediction["result"][0]["value"]["choices"] == ["1", "9"]
    # All of the mass above zero (3 + 1) lies on the two selected units.
    assert prediction["score"] == 1.0


def test_heat_payload_marks_nothing() -> None:
    attribution = scored(ITEM, [1.0] * 10)
    task = task_of(ITEM, "assisted", attribution=attribution, settings=CampaignSettings(show="heat"))
    sent = payload(ITEM, task, attribution)
    assert sent["predictions"][0]["result"] == []
    assert "border-bottom" in sent["data"]["units"][0]["html"]


def test_blind_payload_knows_no_attribution() -> None:
    sent = payload(ITEM, task_of(ITEM))
    assert set(sent) == {"data"}
    assert set(sent["data"]) == {"uid", "question", "answer", "text", "units", "verdicts"}


def test_uid_is_stable_and_differs_by_campaign_arm_and_item() -> None:
    attribution = scored(ITEM, [1.0] * 10)
    other = simple_items(1)[0]
    uids = [
        task_of(ITEM).uid,
        task_of(ITEM, campaign="d").uid,
        task_of(ITEM, "assisted", attribution=attribution).uid,
        task_of(other).uid,
    ]
    assert len(set(uids)) == 4
    assert task_of(ITEM).uid == uids[0]


def test_fingerprint_ignores_what_the_server_adds() -> None:
    attribution = scored(ITEM, [1.0] * 10)
    sent = payload(ITEM, task_of(ITEM, "assisted", attribution=attribution), attribution)
    back = {"data": sent["data"], "predictions": [{**sent["predictions"][0], "id": 7, "created_ago": "0 minutes"}]}
    assert fingerprint(back) == fingerprint(sent)
    assert fingerprint({**sent, "predictions": []}) != fingerprint(sent)


@pytest.mark.parametrize("item", [*difficult_items(), ITEM], ids=lambda item: item.source_id)
@pytest.mark.parametrize("arm", ["blind", "assisted"])
def test_what_is_written_of_a_task_is_the_task(item: Item, arm: Arm) -> None:
    frame = Frame(CampaignSettings(), "c", "g", "server", frozenset(), 0.5)
    attribution = make_attribution(item, method=METHOD, model=MODEL) if arm == "assisted" else None
    task = build_task(item, arm, frame, attribution)
    assert write_entry(item, arm, frame, attribution) == (task.uid, dump_line(task), payload(item, task, attribution))


def test_content_is_written_once_for_request_ledger_and_hash() -> None:
    attribution = scored(ITEM, [1.0] * 10)
    for sent in (
        payload(ITEM, task_of(ITEM)),
        payload(ITEM, task_of(ITEM, "assisted", attribution=attribution), attribution),
    ):
        text, digest = write_content(sent)
        assert text == canonical_json(sent)
        assert digest == content_hash({"data": sent["data"], "predictions": sent.get("predictions", [])})


@pytest.mark.parametrize("limit", [None, 2])
def test_items_are_drawn_by_the_seed_whatever_the_order_of_the_file(limit: int | None) -> None:
    items = [*difficult_items(), *simple_items(5)]
    settings = CampaignSettings(limit=limit)
    drawn, probability = draw_items(items, settings)
    assert (drawn, probability) == draw_items(items[::-1], settings)
    assert (len(drawn), probability) == (limit or 8, (limit or 8) / 8)
    assert drawn != draw_items(items, CampaignSettings(limit=limit, seed=1))[0]


def test_gold_items_come_on_top_of_what_is_drawn() -> None:
    items = simple_items(8)
    gold = {items[0].id, items[1].id}
    drawn, probability = draw_items(items, CampaignSettings(limit=3), gold)
    # 3 of the 6 that are no gold items.
    assert (len(drawn), probability) == (5, 0.5)
    assert gold < {item.id for item in drawn}


def test_every_rater_of_the_arm_labels_a_gold_item() -> None:
    settings = CampaignSettings(raters=4, overlap=2)
    task = task_of(ITEM, settings=settings, gold=[ITEM.id])
    assert (task.gold, task.overlap, task.inclusion_probability) == (True, 4, 1.0)
    assert task_of(ITEM, settings=settings).overlap == 2
    # Nothing that is sent says which item is one.
    assert payload(ITEM, task) == payload(ITEM, task_of(ITEM, settings=settings))


def test_units_are_the_words_of_evidence_and_distractor() -> None:
    task = task_of(ITEM)
    assert [ITEM.prompt[unit.start : unit.end] for unit in task.units] == words_of(ITEM)
    assert task.overlap == 3
    assert task.inclusion_probability == 0.5


def test_a_projects_marker_tells_campaigns_and_arms_apart_and_names_neither() -> None:
    markers = {marker(campaign, arm) for campaign in ("c" * 16, "d" * 16) for arm in ("blind", "assisted")}
    assert len(markers) == 4
    for found in markers:
        # 16 hexadecimal digits and nothing that could be read as an arm or a campaign.
        assert re.fullmatch(r"[0-9a-f]{16}", found)
        assert found not in ("c" * 16, "d" * 16)
