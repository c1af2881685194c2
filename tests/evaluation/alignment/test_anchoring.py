"""What a shown attribution does to raters: effects worked out by hand, arms, honesty about what is not known."""

import numpy as np
import pytest

from helpers.evaluation_folder import make_attribution, make_folder, make_items, make_labels, needed, rater_labels
from heta_annotation.campaign.settings import CampaignSettings
from heta_data.workspace import Workspace
from heta_evaluation.alignment.anchoring import shown_method
from heta_evaluation.results import ResultIndex
from heta_evaluation.runner import evaluate
from heta_evaluation.summary import banners, verdict


def shown_scores(item):
    """A method that is right about half of the needed words: the first ones."""
    truth = needed(item)
    return np.where(truth & (np.cumsum(truth) <= truth.sum() // 2), 2.0, np.linspace(0.5, 0.1, len(truth)))


def anchored_folder(root, *, raters=2, assisted=None, show=True):
    """Blind raters mark what is needed; assisted ones mark as many words, those that the shown method ranks first."""
    items = make_items()
    labels, records = [], []
    for item in items:
        truth, scores = needed(item), shown_scores(item)
        top = np.zeros(len(truth), dtype=bool)
        top[np.argsort(-scores)[: truth.sum()]] = True
        labels += [rater_labels(item, truth, f"b{number}") for number in range(raters)]
        labels += [rater_labels(item, top, f"a{number}", arm="assisted") for number in range(assisted or raters)]
        records.append(make_attribution(item, "shown", scores))
        records.append(make_attribution(item, "other", needed(item).astype(float)))
    workspace = make_folder(root, items=items, labels=labels, attributions=records)
    if show:
        workspace.config.write_text('[campaign]\nmethod = "shown"\n', encoding="utf-8")
    return workspace


def test_effects_by_hand(tmp_path):
    workspace = anchored_folder(tmp_path)
    evaluation = evaluate(workspace, draws=300)
    index = ResultIndex(evaluation.results)
    short = {subject.method: subject.name for subject in evaluation.table.subjects}
    shown, other = (index.get("token_f1@k", short[name], "anchoring") for name in ("shown", "other"))
    # k = g words: the shown method's top k ARE the assisted raters' words, and hit half of the needed ones
    halves = []
    for item in make_items():
        truth, scores = needed(item), shown_scores(item)
        halves.append(truth[np.argsort(-scores)[: truth.sum()]].mean())
    assert shown.value == pytest.approx(1 - np.mean(halves))
    assert (shown.config["assisted"], shown.config["blind"]) == pytest.approx((1.0, np.mean(halves)))
    # the other method is right about blind raters and as far from the assisted ones as the shown method is from it
    assert other.config["blind"] == pytest.approx(1.0)
    assert other.value < 0
    assert shown.low <= shown.value <= shown.high
    assert (shown.n, shown.arms) == (6, ("assisted", "blind"))
    assert (shown.config["shown"], other.config["shown"]) == (True, False)
    assert shown.config["raters"] == {"blind": 2, "assisted": 2}
    assert "no claim about new raters" in shown.config["note"]
    assert shown.config["drawn"] == "item groups x raters"


def test_main_figures_and_banners_stay_blind(tmp_path):
    evaluation = evaluate(anchored_folder(tmp_path), draws=200)
    assert {one.arms for one in evaluation.results if one.variant != "anchoring"} == {("blind",)}
    assert banners(evaluation.results) == []
    alone = evaluate(anchored_folder(tmp_path / "alone", assisted=1), draws=200)
    main = [
        one for one in evaluation.results if one.variant == "main" and one.metric == "token_f1@k" and not one.item_id
    ]
    for one in main:
        assert ResultIndex(alone.results).get(one.metric, one.subject).value == one.value


def test_the_effect_does_not_depend_on_how_many_raters_an_arm_has(tmp_path):
    few, many = (
        ResultIndex(evaluate(anchored_folder(tmp_path / str(count), assisted=count), draws=100).results)
        for count in (2, 7)
    )
    for one in few.of("average_precision", "anchoring"):
        assert many.get(one.metric, one.subject, "anchoring").value == pytest.approx(one.value)


def test_no_effect_where_the_arms_answer_alike(tmp_path):
    items = make_items()
    labels = [
        rater_labels(item, needed(item), f"{arm}{number}", arm=arm)
        for item in items
        for number in range(5)
        for arm in ("blind", "assisted")
    ]
    evaluation = evaluate(make_folder(tmp_path, items=items, labels=labels), draws=200)
    found = ResultIndex(evaluation.results).of("token_f1@k", "anchoring")
    assert {one.value for one in found} == {0.0}
    assert "note" not in found[0].config
    assert found[0].config["shown"] is None


def test_one_arm_gives_nothing(tmp_path):
    evaluation = evaluate(make_folder(tmp_path), kinds=("simulated",), draws=100)
    assert not [one for one in evaluation.results if one.variant == "anchoring"]
    # human labels are in one arm, simulated ones in the other
    items = make_items()
    labels = [*make_labels(items, kind="human"), *make_labels(items, arm="assisted", seed=3)]
    renamed = [one.model_copy(update={"rater": f"s{one.rater}"}) if one.kind == "simulated" else one for one in labels]
    evaluation = evaluate(make_folder(tmp_path / "mixed", items=items, labels=renamed), draws=100)
    assert not [one for one in evaluation.results if one.variant == "anchoring"]


def test_arms_without_a_common_item_say_so(tmp_path):
    items = make_items()
    labels = [rater_labels(item, needed(item), "b0") for item in items[:3]]
    labels += [rater_labels(item, needed(item), "a0", arm="assisted") for item in items[3:]]
    evaluation = evaluate(make_folder(tmp_path, items=items, labels=labels), draws=100)
    (found, *_) = ResultIndex(evaluation.results).of("token_f1@k", "anchoring")
    assert (found.value, found.reason) == (None, "arms_not_comparable")
    said = verdict(evaluation.table.subjects, ResultIndex(evaluation.results))
    assert "Anchoring: not known, no item has labels of both arms." in said


def test_the_summary_says_it_in_one_sentence(tmp_path):
    for show, expected in (
        (True, "; the method that was shown: shown +0."),
        (False, "which one was shown is not known"),
    ):
        evaluation = evaluate(anchored_folder(tmp_path / str(show), show=show), draws=200)
        (said,) = [
            one for one in verdict(evaluation.table.subjects, ResultIndex(evaluation.results)) if "Anchoring" in one
        ]
        assert expected in said
        assert "over 6 items and 2 and 2 raters" in said


def test_what_was_shown_is_what_the_campaign_says(tmp_path):
    workspace = Workspace(tmp_path)
    assert shown_method(workspace) == {}
    workspace.config.write_text("[campaign]\nraters = 3\n", encoding="utf-8")
    assert shown_method(workspace) == {"method": CampaignSettings().method}
    workspace.config.write_text('[campaign]\nmethod = "kl"\nmodel = "smollm2"\n', encoding="utf-8")
    assert shown_method(workspace) == {"method": "kl", "model": "smollm2"}
