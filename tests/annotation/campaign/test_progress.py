"""Pace, who changed whose answers, and how sure the agreement is."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from helpers.sample_records import make_item, make_labels
from heta_annotation.campaign.ledger import Rater
from heta_annotation.campaign.progress import answers_a_day, edits_by_others
from heta_annotation.quality.interval import agreement
from heta_data.records import TokenLabels
from heta_evaluation.agreement.coincidence import krippendorff_alpha

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def at(*hours_ago: float) -> list[TokenLabels]:
    found = []
    for hours in hours_ago:
        record = make_labels(make_item(1), origin=True)
        moment = (NOW - timedelta(hours=hours)).isoformat()
        found.append(record.model_copy(update={"origin": record.origin.model_copy(update={"created_at": moment})}))
    return found


@pytest.mark.parametrize(
    ("hours_ago", "a_day"),
    [
        # 3 answers since the first one, 12 hours ago: 6 a day.
        ((12, 6, 1), 6.0),
        # 4 answers in the last 7 days; the first one is older and does not set the beginning.
        ((300, 100, 90, 50, 2), round(4 / 7, 1)),
        ((5,), None),
        # Everything within minutes says nothing of a day.
        ((0.5, 0.4, 0.3), None),
        ((300, 299), None),
        ((), None),
    ],
)
def test_answers_a_day(hours_ago: tuple[float, ...], a_day: float | None) -> None:
    assert answers_a_day(at(*hours_ago), NOW) == a_day


def test_who_changed_whose_answers() -> None:
    raters = [Rater("blind", "a01", "human", 4), Rater("blind", "a02", "human", 5)]
    raws = [
        {"completed_by": 4, "updated_by": 4},
        {"completed_by": 4, "updated_by": 5},
        {"completed_by": 4, "updated_by": 5},
        {"completed_by": 5, "updated_by": 1},  # the administrator is no rater
        {"completed_by": 5, "updated_by": None},
    ]
    assert edits_by_others(raters, raws) == {"a02": 2}


def test_agreement_is_alpha_over_all_units_with_an_interval_over_items() -> None:
    labels, ratings = [], []
    for number in range(1, 9):
        item = make_item(number)
        one, two = make_labels(item, "a01"), make_labels(item, "a02")
        if number % 4 == 0:
            two = two.model_copy(update={"labels": tuple(1 - label for label in two.labels)})
        labels += [one, two]
        ratings.append(np.array([one.labels, two.labels], dtype=float))
    # An item with one answer, and a skipped one, compare nothing.
    labels.append(make_labels(make_item(9), "a01"))
    labels.append(
        make_labels(make_item(9), "a02").model_copy(update={"skipped": True, "labels": (0,) * len(one.labels)})
    )
    found = agreement(labels)
    assert found.alpha == pytest.approx(krippendorff_alpha(np.concatenate(ratings, axis=1)).value)
    assert found.items == 8
    assert found.low is not None
    assert found.high is not None
    # 2 of 8 items are turned round: draws with none of them have alpha 1, with three or more far less.
    assert found.low < found.alpha < found.high <= 1.0
    assert agreement(labels) == found


def test_nothing_to_compare_has_a_reason() -> None:
    assert agreement([]).reason == "no_pairs"
    item = make_item(1)
    empty = {"labels": (0,) * len(make_labels(item).labels)}
    same = [make_labels(item, name).model_copy(update=empty) for name in ("a01", "a02")]
    found = agreement(same)
    assert (found.alpha, found.low, found.reason) == (None, None, "no_variation")
