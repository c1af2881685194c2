"""A stand-in for a model whose prediction falls by a known amount for each unit that is gone."""

import math
from collections.abc import Sequence

import numpy as np

from heta_evaluation.faithfulness.base import Case, Change, Hard, Reading
from heta_evaluation.faithfulness.settings import FaithfulnessSettings


class AdditiveModel:
    """An `Ask`: log p(target) = log(whole) - sum of the weights that are gone, and D their share of sqrt 2.

    A unit that is thinned out is gone by the share of its coordinates that is, exactly, without any noise.
    """

    def __init__(self, weights: Sequence[float], whole: float = 0.9) -> None:
        self.weights = np.asarray(weights, dtype=float)
        self.whole = whole
        self.asked: list[Change] = []

    def __call__(self, changes: Sequence[Change]) -> list[Reading]:
        self.asked += changes
        return [self._one(change) for change in changes]

    def _one(self, change: Change) -> Reading:
        if isinstance(change, Hard):
            gone = float(self.weights[list(change.units)].sum())
        else:
            gone = float(self.weights @ (1.0 - np.asarray(change.keep)))
        share = gone / float(np.abs(self.weights).sum())
        return Reading(math.log(self.whole) - gone, abs(gone), math.sqrt(2.0) * abs(share))


def case(scores: Sequence[float], weights: Sequence[float], **settings: object) -> Case:
    """An attribution on an additive model."""
    return Case(
        np.asarray(scores, dtype=float), AdditiveModel(weights), 7, FaithfulnessSettings.model_validate(settings)
    )
