"""Families in which no difference can be settled, whatever the data, are told."""

import numpy as np
import pytest

from heta_evaluation.alignment.contrasts import Family, settling_notes
from heta_evaluation.statistics.tests import sign_flip_test, smallest_p


@pytest.mark.parametrize(("groups", "draws"), [(2, 100), (5, 100), (6, 100), (7, 100), (80, 199)])
def test_the_smallest_p_is_that_of_equal_differences(groups, draws):
    # All differences alike: only the signs as they are and all turned round reach as far, 2 of 2^groups; of 100 or 199
    # drawn sign vectors of 7 or 80 groups next to none does.
    found = sign_flip_test(np.ones((groups, 1)), draws=draws, seed=0)[0]
    least = smallest_p(groups, draws)
    assert least == (2 / 2**groups if 2**groups <= draws else 1 / (draws + 1))
    assert found == pytest.approx(least) if 2**groups <= draws else found >= least


@pytest.mark.parametrize(
    ("pairs", "groups", "draws", "advice"),
    [
        (22, 49, 500, None),  # 22 / 501
        (22, 49, 200, "take --draws 440 at least, or declare fewer"),  # 22 / 201 = 0.11
        (589, 400, 10_000, "take --draws 11780 at least"),  # 31 methods and 4 baselines: 589 / 10,001 = 0.059
        (1, 5, 10_000, "label items of more groups"),  # 2 / 32
        (1, 6, 10_000, None),  # 2 / 64
        (22, 9, 10_000, "label items of more groups"),  # 44 / 512 = 0.086, and more draws change nothing
        (3, 1, 10_000, None),  # one group has a note of its own
    ],
)
def test_what_cannot_be_settled_is_told_with_what_helps(pairs, groups, draws, advice):
    told = list(settling_notes((Family("all pairs", tuple(range(pairs))),), groups, draws))
    assert len(told) == (advice is not None)
    assert not told or advice in told[0]
