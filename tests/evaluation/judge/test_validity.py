"""A judge held against people: figures worked out by hand, and by a judge who is one of them or knows nothing."""

import numpy as np
import pytest

from helpers.asks import drawn_attribution
from helpers.campaigns import text_item
from heta.errors import InputError
from heta_data.compose import label_units
from heta_data.records import Item, RaterKind, TokenLabels
from heta_evaluation.judge.marks import rater_name
from heta_evaluation.judge.validity import Validity, measure_validity
from heta_evaluation.metrics.base import Value


def item(number: int) -> Item:
    return text_item(number, f"Anna keeps bees {number}.", "It rained today, again.", "Who keeps bees?", "Anna")


def labels(of: Item, rater: str, marked: set[int], kind: RaterKind = "human") -> TokenLabels:
    units = label_units(of)
    return TokenLabels(
        item_id=of.id,
        task_uid=f"{of.id}-{rater}",
        rater=rater,
        kind=kind,
        arm="blind",
        segmentation="word/1",
        starts=tuple(unit.start for unit in units),
        ends=tuple(unit.end for unit in units),
        labels=tuple(int(index in marked) for index in range(len(units))),
        campaign_hash="c" * 16,
        isolation="server",
    )


JUDGE = rater_name("gpt of sorts")


def test_figures_of_one_item_by_hand() -> None:
    one = item(1)
    people = [labels(one, "a01", {0, 1}), labels(one, "a02", {0, 2})]
    found = measure_validity([one], people, [labels(one, JUDGE, {0, 1, 2, 3}, "judge")])
    # F1 with each person: 2 x 2 / (4 + 2) = 2/3. Of the two with each other: 2 x 1 / 4.
    assert found.f1 == Value(pytest.approx(2 / 3))
    assert found.f1_people == Value(0.5)
    # Eight words; marks of the judge 1 1 1 1 0 0 0 0, share of people 1 .5 .5 0 0 0 0 0. Average ranks less their mean
    # of 4.5: judge 2 four times and -2 four times, people 3.5, 2, 2 and -1.5 five times. Products: 2 (3.5 + 4 - 1.5) +
    # 2 x 4 x 1.5 = 24; squares: 32, and 12.25 + 8 + 11.25 = 31.5.
    assert found.spearman == Value(pytest.approx(24 / np.sqrt(32 * 31.5)))
    # People alone: 16 ratings, 4 marked, 2 units of 8 disagree: 1 - (2/8) x 15 x 16 / (2 x 4 x 12).
    assert found.alpha_people == Value(pytest.approx(1 - (2 / 8) * 15 * 16 / (2 * 4 * 12)))
    assert (found.judge, found.items_both, found.raters) == ("judge/gpt-of-sorts", 1, 2)
    assert found.substitute.winning_rate == Value(None, "too_few_raters")
    assert found.scores == ()


def crowd(judge_noise: float, *, people_on: int, seed: int = 0) -> Validity:
    """Four people on the first items, a judge on all 120; both see one truth, with errors of their own."""
    rng = np.random.default_rng(seed)
    items = [item(number) for number in range(120)]
    people, judged = [], []
    for number, one in enumerate(items):
        truth = rng.random(8) < 0.35
        if number < people_on:
            for rater in ("a01", "a02", "a03", "a04"):
                people.append(labels(one, rater, set(np.flatnonzero(truth ^ (rng.random(8) < 0.08)).tolist())))
        judged.append(labels(one, JUDGE, set(np.flatnonzero(truth ^ (rng.random(8) < judge_noise)).tolist()), "judge"))
    attributions = [drawn_attribution(one, method) for one in items for method in ("plumbago", "quillwort")]
    return measure_validity(items, people, judged, attributions)


def test_a_judge_who_is_one_of_them_and_one_who_knows_nothing() -> None:
    good, bad = crowd(0.08, people_on=100), crowd(0.5, people_on=100)
    assert good.f1.value == pytest.approx(good.f1_people.value, abs=0.05)
    assert bad.f1.value < good.f1.value - 0.3  # type: ignore[operator]
    assert good.alpha_with_judge.value == pytest.approx(good.alpha_people.value, abs=0.05)
    assert (good.substitute.passes, bad.substitute.passes) == (True, False)
    assert bad.alpha_with_judge.value < bad.alpha_people.value - 0.2  # type: ignore[operator]


def test_scores_are_put_right_by_what_people_labelled() -> None:
    found = crowd(0.08, people_on=40)
    assert [score.subject.partition(" ")[0] for score in found.scores] == ["plumbago", "quillwort"]
    for score in found.scores:
        fixed = score.corrected
        assert fixed.labelled + fixed.judged <= 120
        assert fixed.low < fixed.value < fixed.high
        assert fixed.high - fixed.low < fixed.people_alone[1] - fixed.people_alone[0]
    (difference,) = found.differences
    # Both draw their scores at random: nothing tells them apart.
    assert difference.corrected.low < 0 < difference.corrected.high
    assert difference.p_holm == difference.p > 0.05


def test_what_cannot_be_compared_is_refused() -> None:
    one, other = item(1), item(2)
    person, judge = labels(one, "a01", {0}), labels(other, JUDGE, {0}, "judge")
    with pytest.raises(InputError, match="no item has labels of people and of the judge"):
        measure_validity([one, other], [person], [judge])
    with pytest.raises(InputError, match="no labels by human raters"):
        measure_validity([one, other], [judge], [judge])
