"""Integrated gradients: the gradient of the target's log-probability, integrated straight from a baseline."""

from typing import TYPE_CHECKING, Annotated, Literal, cast

import numpy as np
from pydantic import Field

from heta.methods.base import Array, Scores
from heta.methods.by_unit import ByUnit, UnitOptions

if TYPE_CHECKING:
    import torch

    from heta.prepared import Prepared

Baseline = Literal["zero", "pad", "unk", "sequence_mean", "vocabulary_mean"]
"""Where a path begins: the masks of `heta.masks` that are an embedding."""


class IntegratedOptions(UnitOptions):
    """Options of `integrated_gradients`."""

    steps: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Points at which the gradient is taken."""
    baseline: Baseline = "zero"
    """The embedding that every scored token starts from: zeros, that of the padding or unknown token, or a mean."""
    rule: Literal["gauss_legendre", "right"] = "gauss_legendre"
    """Where those points lie and what each weighs: Gauss-Legendre's, or k / steps and all alike, as published."""


class IntegratedGradients(ByUnit):
    """(x_i - x'_i) . integral over a from 0 to 1 of d log p(target) / dx_i at x' + a (x - x'), in nats. Signed.

    All scored tokens move together from the baseline x' to their embeddings x; BOS token, chat template, unscored spans
    and target stay what they are. So scores add up to log p(target) minus log p(target) at the baseline; how far they
    are from that is in the notes. A word or sentence gets the sum of its tokens.

    Defaults are those of captum and inseq: 50 steps, Gauss-Legendre. The paper's rule is `right`, with 20 to 300 steps,
    and its baseline for text the zero embedding. Peers also move the BOS token; we leave it, since it gets no score.
    """

    name = "integrated_gradients"
    summary = "gradient of the target's log-probability integrated from a baseline, signed; adds up to what it moves"
    reference = "Sundararajan, Taly and Yan 2017, arXiv 1703.01365, Eq. 1 and 3"
    family = "gradient"
    cost = "50 forward, 50 backward (`steps`)"
    needs = "gradients"
    signed = True
    options_class = IntegratedOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The integral for every scored unit, and the completeness error."""
        from heta.path import completeness, path_products

        chosen: IntegratedOptions = self.options
        objective, positions = prepared.objective(), prepared.positions
        ends = objective.base.embeddings[0, positions]
        baseline = cast("torch.Tensor", prepared.mask_vector(chosen.baseline))
        begins, way = baseline.expand_as(ends), ends - baseline
        share, weight = _points(chosen.steps, chosen.rule)

        def path(points: list[int]) -> "tuple[torch.Tensor, torch.Tensor]":
            at = ends.new_tensor(share[points])[:, None, None]
            return begins + at * way, ends.new_tensor(weight[points])[:, None, None] * way

        products = path_products(objective, positions, chosen.steps, path, budget=prepared.budget)
        note = completeness(objective, positions, products, begins)
        rows = products.numpy()
        return self.added(prepared, prepared.spread(rows if prepared.each else rows[0]), notes=(note,))


def _points(steps: int, rule: str) -> tuple[Array, Array]:
    """How far along the way each point lies, and its weight; weights add up to 1."""
    if rule == "right":
        return np.arange(1, steps + 1) / steps, np.full(steps, 1 / steps)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return (nodes + 1) / 2, weights / 2
