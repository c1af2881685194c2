"""Facts about raters, worked out by hand."""

import numpy as np
import pytest

from helpers.evaluation_folder import make_items, rater_labels
from heta_data.compose import label_units
from heta_evaluation.alignment.table import build_table
from heta_evaluation.labels import select_labels
from heta_evaluation.report.raters import rater_facts
from heta_evaluation.settings import EvaluateSettings


def test_marks_time_and_how_far_raters_mark_the_same():
    item, other = make_items()[:2]
    size = len(label_units(item))

    def marks(*places):
        return np.isin(np.arange(size), places)

    labels = [
        rater_labels(item, marks(0, 1, 2), "r1", seconds=10.0),
        rater_labels(item, marks(1, 2), "r2", seconds=30.0),
        rater_labels(item, marks(2, 3), "r3", seconds=None),
        rater_labels(other, np.zeros(len(label_units(other)), dtype=bool), "r1", seconds=20.0),
    ]
    selection = select_labels([item, other], labels, EvaluateSettings())
    found = rater_facts(build_table([item, other], selection, []), selection.by_item)
    assert [one.rater for one in found] == ["r1", "r2", "r3"]
    # r1 with r2: 2 common of 3 + 2; with r3: 1 common of 3 + 2: F1 = 2 (2 + 1) / 10
    assert found[0].with_others == pytest.approx(0.6)
    # r2 with r1: 2 of 5; with r3: 1 of 4: 2 (2 + 1) / 9
    assert found[1].with_others == pytest.approx(6 / 9)
    # r3: 1 of 5, 1 of 4: 4 / 9
    assert found[2].with_others == pytest.approx(4 / 9)
    assert [one.seconds for one in found] == [15.0, 30.0, None]
    assert [one.marked for one in found] == [3, 2, 2]
    assert found[0].words == size + len(label_units(other))
    assert found[2].cells()["seconds"] is None


def test_a_rater_alone_has_nobody_to_agree_with():
    item = make_items()[0]
    labels = [rater_labels(item, np.ones(len(label_units(item)), dtype=bool), "r1")]
    selection = select_labels([item], labels, EvaluateSettings())
    found = rater_facts(build_table([item], selection, []), selection.by_item)
    assert found[0].with_others is None
    assert found[0].cells()["marked"].text == "100 %"
