"""Labels that count, and gold by majority."""

import numpy as np
import pytest

from helpers.evaluation_folder import make_items, make_labels, rater_labels
from heta.errors import InputError
from heta.records import Span
from heta_data.compose import label_units
from heta_data.errors import IntegrityError
from heta_evaluation.aggregation.majority import MAJORITY, gold_labels, majority
from heta_evaluation.alignment.table import build_table
from heta_evaluation.labels import select_labels
from heta_evaluation.settings import EvaluateSettings

UNITS = (Span(0, 3), Span(4, 7), Span(8, 9))


def gold(rows, **more):
    fields = {"item_id": "i", "segmentation": "word/1", "units": UNITS, "kinds": ["human"], "arms": ["blind"]}
    return gold_labels(**fields | more, labels=np.asarray(rows, dtype=bool))


def test_more_than_half_is_gold_and_a_tie_is_not():
    found = gold([[1, 1, 0], [1, 0, 0]])
    assert found.labels == (1, 0, 0)
    assert found.probability == (1.0, 0.5, 0.0)
    assert found.source == "unresolved"
    assert found.method == MAJORITY
    assert found.n_raters == 2


def test_sources():
    assert gold([[1, 0, 0], [1, 0, 0]]).source == "unanimous"
    assert gold([[1, 0, 0], [1, 0, 0], [1, 1, 0]]).source == "aggregated"
    # one rater agrees with nobody
    assert gold([[1, 0, 0]]).source == "aggregated"


def test_kinds_and_arms_are_named_once_and_sorted():
    found = gold([[1, 0, 0]] * 3, kinds=["simulated", "human", "simulated"], arms=["blind", "assisted", "blind"])
    assert found.kinds == ("human", "simulated")
    assert found.arms == ("assisted", "blind")


def test_weighted_votes():
    votes, total = np.asarray([[3.0, 2.0, 1.0]]), np.asarray([[4.0]])
    assert majority(votes, total).tolist() == [[True, False, False]]


ITEMS = make_items()[:2]
SIMULATED = EvaluateSettings(kinds=("simulated",))


def test_by_default_only_blind_human_labels_count():
    labels = [
        *make_labels(ITEMS, raters=1, kind="human"),
        *make_labels(ITEMS, raters=1, kind="simulated"),
        *make_labels(ITEMS, raters=1, kind="human", arm="assisted"),
    ]
    found = select_labels(ITEMS, labels, EvaluateSettings())
    assert {(one.kind, one.arm) for one in found.used} == {("human", "blind")}
    assert found.left_out == {"other_kind_or_arm": 4}


def test_skipped_and_cannot_tell_are_left_out_and_counted():
    units = len(make_labels(ITEMS[:1], raters=1)[0].labels)
    nothing = [0] * units
    labels = [
        rater_labels(ITEMS[0], nothing, "a", skipped=True),
        rater_labels(ITEMS[0], nothing, "b", cannot_tell=True),
        rater_labels(ITEMS[0], nothing, "c"),
    ]
    found = select_labels(ITEMS, labels, EvaluateSettings())
    assert [one.rater for one in found.used] == ["c"]
    assert found.left_out == {"cannot_tell": 1, "skipped": 1}
    assert found.by_item[ITEMS[1].id] == ()


def test_the_last_round_counts_and_blind_comes_before_assisted():
    units = len(make_labels(ITEMS[:1], raters=1)[0].labels)
    first, second = [1] + [0] * (units - 1), [0] * units
    labels = [
        rater_labels(ITEMS[0], second, "a", round=1),
        rater_labels(ITEMS[0], first, "a", round=0),
        rater_labels(ITEMS[0], first, "a", arm="assisted", round=5),
    ]
    found = select_labels(ITEMS, labels, EvaluateSettings(arms=("blind", "assisted")))
    assert [(one.arm, one.round) for one in found.used] == [("blind", 1)]
    assert found.left_out == {"superseded": 2}


def test_a_label_that_stands_twice_is_refused():
    label = make_labels(ITEMS[:1], raters=1)[0]
    with pytest.raises(IntegrityError, match="stand twice in arm blind, round 0"):
        select_labels(ITEMS, [label, label], SIMULATED)


@pytest.mark.parametrize("name", ["s01", "sim-1", "script2", "anchored1"])
@pytest.mark.parametrize("kind", ["human", "judge"])
def test_scripts_by_their_name_are_no_people_and_no_judges(name, kind):
    labels = [one.model_copy(update={"rater": name}) for one in make_labels(ITEMS[:1], raters=1, kind=kind)]
    with pytest.raises(IntegrityError) as caught:
        select_labels(ITEMS, labels, EvaluateSettings(kinds=(kind,)))
    assert str(caught.value) == (
        f"labels of rater {name!r} for item {ITEMS[0].id}: the rater is scripted by its name (s01, sim..., script..., "
        f"anchored...), but its kind is {kind!r}; scripts are never people: put kind 'simulated' back"
    )
    assert select_labels(ITEMS, [one.model_copy(update={"kind": "simulated"}) for one in labels], SIMULATED).used


def of_two_campaigns():
    """Rater a1 in both campaigns on the first item, b2 in the first campaign on the second item."""
    units = len(make_labels(ITEMS[:1], raters=1)[0].labels)
    return [
        rater_labels(ITEMS[0], [1] + [0] * (units - 1), "a1", campaign_hash="c1" * 8),
        rater_labels(ITEMS[0], [0] * units, "a1", campaign_hash="c2" * 8),
        *(one.model_copy(update={"rater": "b2"}) for one in make_labels(ITEMS[1:], raters=1, kind="human")),
    ]


@pytest.mark.parametrize("fields", [{}, {"round": 3}, {"arm": "assisted"}])
def test_one_pseudonym_in_two_campaigns_is_no_one_person(fields):
    labels = of_two_campaigns()
    labels[1] = labels[1].model_copy(update=fields)
    with pytest.raises(IntegrityError) as caught:
        select_labels(ITEMS, labels, EvaluateSettings(arms=("blind", "assisted")))
    assert str(caught.value) == (
        f"labels of rater 'a1' for item {ITEMS[0].id} are of two campaigns, and one pseudonym in both need not be one "
        "person: choose with --campaign c1c1c1c1c1c1c1c1 or --campaign c2c2c2c2c2c2c2c2"
    )


def test_the_campaign_that_is_chosen_counts_and_the_rest_is_counted_out():
    found = select_labels(ITEMS, of_two_campaigns(), EvaluateSettings(campaign="c2"))
    assert [one.campaign_hash for one in found.used] == ["c2" * 8]
    assert found.left_out == {"other_campaign": 2}


@pytest.mark.parametrize(
    ("campaign", "says"),
    [
        (
            "c",
            "--campaign: 'c' is the beginning of several campaigns; labels.jsonl holds labels of c1c1c1c1c1c1c1c1 (1)",
        ),
        ("x1", "--campaign: 'x1' is no campaign; labels.jsonl holds labels of c1c1c1c1c1c1c1c1 (1)"),
    ],
)
def test_a_campaign_that_is_not_there_or_not_one(campaign, says):
    with pytest.raises(InputError) as caught:
        select_labels(ITEMS, of_two_campaigns(), EvaluateSettings(campaign=campaign))
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_labels_of_unknown_items_and_other_units_are_refused():
    label = make_labels(ITEMS[:1], raters=1)[0]
    with pytest.raises(IntegrityError, match="no such item"):
        select_labels(ITEMS[1:], [label], SIMULATED)
    short = label.model_copy(update={name: getattr(label, name)[:-1] for name in ("starts", "ends", "labels")})
    with pytest.raises(IntegrityError, match="do not match the item's"):
        select_labels(ITEMS, [short], SIMULATED)


def in_sentences(item, marked, campaign="5" * 16):
    """A rater's answer on the item's sentences."""
    units = label_units(item, "sentence/1")
    return make_labels([item], raters=1)[0].model_copy(
        update={
            "segmentation": "sentence/1",
            "starts": tuple(unit.start for unit in units),
            "ends": tuple(unit.end for unit in units),
            "labels": tuple(int(index in marked) for index in range(len(units))),
            "campaign_hash": campaign,
        }
    )


def test_sentences_are_counted_on_their_own_units():
    found = select_labels(ITEMS, [in_sentences(ITEMS[0], [0])], SIMULATED)
    assert found.segmentation == "sentence/1"
    table = build_table(ITEMS, found, [])
    # One sentence each in evidence and distractor.
    assert [len(row.units) for row in table.rows] == [2] * len(ITEMS)
    assert table.rows[0].labels.tolist() == [[True, False]]


def test_words_and_sentences_do_not_mix():
    labels = [in_sentences(ITEMS[0], [0]), make_labels(ITEMS[1:2], raters=1)[0]]
    with pytest.raises(InputError, match=r"sentence/1 as in campaign 5{16}, word/1 as in .*choose one with --campaign"):
        select_labels(ITEMS, labels, SIMULATED)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (make_labels(ITEMS, raters=2), "there are 4 simulated/blind: add --kinds simulated"),
        (
            make_labels(ITEMS, raters=1, arm="assisted"),
            "there are 2 simulated/assisted: add --kinds simulated --arms assisted",
        ),
        (make_labels(ITEMS, raters=1, kind="human", arm="assisted"), "there are 2 human/assisted: add --arms assisted"),
        ([], "labels.jsonl is empty"),
        ([rater_labels(ITEMS[0], [0] * 30, "a", skipped=True)], "every one was skipped"),
    ],
)
def test_without_labels_the_message_says_what_there_is(labels, expected):
    with pytest.raises(InputError) as caught:
        select_labels(ITEMS, labels, EvaluateSettings())
    assert str(caught.value).startswith("no labels by human raters in arm blind")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
