"""Our same-named metrics on the inputs on which ERASER, ferret, Quantus and the published HETA code were run."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.metric_cases import pooled, value
from heta_evaluation.metrics.base import Batch, one_case
from heta_evaluation.metrics.overlap import iou, micro_f1, precision, token_f1
from heta_evaluation.metrics.ranking import eraser_auprc
from heta_evaluation.metrics.spans import eraser_iou_f1, eraser_macro, matched, micro_spans, span_overlaps

# Fixed inputs on which ERASER, ferret, Quantus and the published HETA code were run.
PEERS = {
    "i1": ([0.9, 0.1, -0.4, 0.5, 0.5, 0.0, 0.2, 0.5, -0.1, 0.3], [1, 0, 0, 1, 0, 0, 1, 0, 0, 0]),
    "i2": ([-0.2, -0.1, 0.0, 0.05, 0.6, 0.6, 0.6, -0.9], [0, 0, 0, 0, 1, 1, 0, 1]),
    "i3": ([0.3, 0.2, 0.1, 0.0, -0.1, -0.2], [0, 0, 0, 0, 1, 1]),
}


def peer_mean(name: str) -> float:
    return float(np.mean([value(name, *case).value for case in PEERS.values()]))


def hard(predicted, gold) -> Batch:
    """A peer's own selection of three units, so that its way to break ties does not matter."""
    assert sum(predicted) == 3
    return one_case(predicted, gold)


# What ferret selects (only_pos=True, K = 3); ERASER was given the same, as spans.
SELECTED = {
    "i1": [1, 0, 0, 1, 0, 0, 0, 1, 0, 0],
    "i2": [0, 0, 0, 0, 1, 1, 1, 0],
    "i3": [1, 1, 1, 0, 0, 0],
}
CHOSEN = [hard(SELECTED[item], PEERS[item][1]) for item in PEERS]


def test_average_precision_equals_erasers():
    assert peer_mean("average_precision") == pytest.approx(0.5009259259259259, abs=1e-9)


def test_eraser_auprc_equals_erasers_and_ferrets():
    assert peer_mean("eraser_auprc") == pytest.approx(0.5274470899470899, abs=1e-9)
    # ferret, only_pos=False, item by item
    for item, expected in (("i1", 0.7333333333333333), ("i2", 0.6656746031746031), ("i3", 0.18333333333333335)):
        assert value("eraser_auprc", *PEERS[item]).value == pytest.approx(expected, abs=1e-9)


def test_roc_auc_equals_erasers_and_quantuss():
    assert peer_mean("roc_auc") == pytest.approx(0.4698412698412698, abs=1e-9)
    for item, expected in (("i1", 0.8095238095238095), ("i2", 0.6), ("i3", 0.0)):
        assert value("roc_auc", *PEERS[item]).value == pytest.approx(expected, abs=1e-9)


def test_token_f1_equals_peers_where_no_tie_decides():
    # i2: the three tied units are exactly the top three; i3: no ties. ferret, Quantus and the published code agree.
    assert value("token_f1@k", *PEERS["i2"]).value == pytest.approx(2 / 3, abs=1e-9)
    assert value("token_f1@k", *PEERS["i3"]).value == pytest.approx(0.0, abs=1e-9)


def test_token_f1_is_the_expectation_where_a_tie_decides():
    # i1: 0.9 is in; three units share 0.5 and one of them is gold: two places, so E[hits] = 1 + 2/3 and
    # F1 = 2 (5/3) / (3 + 3) = 5/9. The peers take the first or the last of the tied units and print 2/3.
    assert value("token_f1@k", *PEERS["i1"]).value == pytest.approx(5 / 9, abs=1e-9)


def test_mass_difference_of_the_published_code_is_ours_without_the_clip():
    # It divides by the signed sum: (1.6 - 0.9) / 2.5 = 0.28 in float32. Ours clips: (2.0 - 1.0) / 3.0.
    scores = np.asarray(PEERS["i1"][0])
    evidence = np.arange(10) < 5
    signed = (scores[evidence].sum() - scores[~evidence].sum()) / scores.sum()
    assert signed == pytest.approx(0.2800000309944153, abs=1e-7)
    found = value("dsa", scores, PEERS["i1"][1], evidence=evidence, distractor=~evidence)
    assert found.value == pytest.approx(1 / 3, abs=1e-9)


def test_token_iou_equals_ferrets():
    for batch, expected in zip(CHOSEN, (0.5, 0.5, 0.0), strict=True):
        # K = 3 of ferret is the mean number of gold units; i3 has two of them
        assert iou(batch, k=3).values[0, 0] == pytest.approx(expected, abs=1e-9)
    # i1 by expectation: 2 of 4 with probability 2/3, 1 of 5 with 1/3
    assert value("iou", *PEERS["i1"]).value == pytest.approx(2 / 3 * 0.5 + 1 / 3 * 0.2, abs=1e-9)


def test_token_f1_micro_and_macro_equal_ferrets_and_erasers():
    # 4 hits, 9 taken, 8 gold: 8 / 17; macro 2/3, 2/3, 0
    assert pooled(micro_f1(k=3), CHOSEN) == pytest.approx(0.47058823529411764, abs=1e-9)
    assert np.mean([token_f1(batch, k=3).values[0, 0] for batch in CHOSEN]) == pytest.approx(
        0.4444444444444444, abs=1e-9
    )
    assert np.mean([precision(batch, k=3).values[0, 0] for batch in CHOSEN]) == pytest.approx(
        0.4444444444444444, abs=1e-9
    )


def test_top_k_intersection_and_relevance_rank_accuracy_equal_quantuss():
    for batch, expected in zip(CHOSEN, (2 / 3, 2 / 3, 0.0), strict=True):
        assert precision(batch, k=3).values[0, 0] == pytest.approx(expected, abs=1e-9)


def test_auprc_of_clipped_scores_equals_ferrets_positive_one():
    for item, expected in (("i1", 0.7333333333333334), ("i2", 0.7013888888888888), ("i3", 0.16666666666666666)):
        scores, gold = PEERS[item]
        found = eraser_auprc(one_case(np.maximum(scores, 0.0), gold)).values[0, 0]
        assert found == pytest.approx(expected, abs=1e-9)


def test_eraser_iou_f1_equals_erasers():
    # matched 2 of 3 and 3, 1 of 1 and 2, 0 of 1 and 1
    assert pooled(eraser_macro(k=3), CHOSEN) == pytest.approx(0.457516339869281, abs=1e-9)
    assert pooled(micro_spans(1, k=3), CHOSEN) == pytest.approx(0.5454545454545454, abs=1e-9)
    for threshold in (0.1, 0.5):
        values = [eraser_iou_f1(batch, k=3, threshold=threshold).values[0, 0] for batch in CHOSEN]
        assert values == pytest.approx([2 / 3, 2 / 3, 0.0], abs=1e-9)


def test_two_predicted_spans_count_twice_in_eraser_and_once_here():
    # [0, 1) and [1, 2) each overlap [0, 2) by half: ERASER's P = 2/2, R = 2/1, F1 = 4/3; one to one: 1 of 2 and 1, 2/3.
    one, any_ = matched(span_overlaps([(0, 1), (1, 2)], [(0, 2)]), 0.5)
    assert (2 * any_ / 3, 2 * one / 3) == pytest.approx((4 / 3, 2 / 3))


def test_the_figures_here_are_those_of_the_golden_file(shared_data: Path):
    path = shared_data.parent / "golden" / "golden_peers.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    golden = json.loads(path.read_text(encoding="utf-8"))
    assert {name: tuple(case.values()) for name, case in golden["fixture"].items()} == PEERS
    ferret, eraser = golden["ferret"]["only_pos=True"], golden["eraser"]
    assert {name: ferret[name]["topk_onehot"] for name in PEERS} == SELECTED
    assert [ferret[name]["token_iou"] for name in PEERS] == pytest.approx([0.5, 0.5, 0.0], abs=1e-9)
    own = [eraser_auprc(one_case(np.maximum(scores, 0.0), gold)).values[0, 0] for scores, gold in PEERS.values()]
    assert own == pytest.approx([ferret[name]["auprc"] for name in PEERS], abs=1e-9)
    soft = eraser["token_soft"]
    for name, key in (
        ("average_precision", "average_precision"),
        ("eraser_auprc", "auprc"),
        ("roc_auc", "roc_auc_score"),
    ):
        assert peer_mean(name) == pytest.approx(soft[key], abs=1e-9)
    for figures in eraser["iou_scores"]:
        assert pooled(eraser_macro(k=3), CHOSEN) == pytest.approx(figures["macro"]["f1"], abs=1e-9)
        assert pooled(micro_spans(1, k=3), CHOSEN) == pytest.approx(figures["micro"]["f1"], abs=1e-9)
    assert pooled(micro_f1(k=3), CHOSEN) == pytest.approx(eraser["token_prf"]["instance_micro"]["f1"], abs=1e-9)
    quantus = next(value for key, value in golden.items() if key.startswith("quantus"))
    for name, batch in zip(PEERS, CHOSEN, strict=True):
        assert value("roc_auc", *PEERS[name]).value == pytest.approx(quantus[name]["AUC"], abs=1e-9)
        found = precision(batch, k=3).values[0, 0]
        assert found == pytest.approx(quantus[name]["TopKIntersection(k=K)"], abs=1e-9)
