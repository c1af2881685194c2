"""The Brier score against soft labels."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from helpers.metric_cases import value


def test_soft_brier_by_hand():
    # heat 1, 1/2, 0 (the negative score) against 1, 0, 1/2: (0 + 1/4 + 1/4) / 3
    assert value("soft_brier", [4, 2, -3], [1, 0, 0], share=[1, 0, 0.5]).value == pytest.approx(1 / 6)
    # no mass: heat 0 everywhere
    assert value("soft_brier", [0, -1], [1, 0]).value == pytest.approx(1 / 2)


def test_soft_brier_equals_scikit_learns_on_hard_labels():
    rng = np.random.default_rng(4)
    scores, gold = rng.random(20), rng.random(20) < 0.3
    found = value("soft_brier", scores, gold).value
    assert found == pytest.approx(brier_score_loss(gold, scores / scores.max()), abs=1e-12)
