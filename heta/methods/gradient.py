"""Methods read off one gradient of the target's log-probability.

Both explain log p(target), summed over its tokens; against a foil, log p(target) - log p(foil). Under the policy `each`
every target token has a gradient of its own. One forward pass, and a backward pass for each of them.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np

from heta.methods.base import Scores
from heta.methods.by_unit import ByUnit, UnitOptions

if TYPE_CHECKING:
    from heta.prepared import Prepared


class GradientNormOptions(UnitOptions):
    """Options of `gradient_norm`."""

    norm: Literal["l1", "l2"] = "l2"
    """Sum of the absolute values of the gradient's coordinates, or the root of the sum of their squares."""


class GradientNorm(ByUnit):
    """L1 or L2 norm of the gradient of log p(target) in a unit's embeddings. Scores are >= 0.

    How fast the prediction moves with the unit's embeddings, whichever way it moves. Simonyan et al. take the largest
    absolute value over an image's channels; for embeddings either norm is usual. The norm of a word or sentence is that
    of its tokens' gradients put together.
    """

    name = "gradient_norm"
    summary = "size of the gradient of the target's log-probability in a token's embedding"
    reference = "Simonyan, Vedaldi and Zisserman 2014, arXiv 1312.6034; for text Li et al. 2016, arXiv 1506.01066"
    family = "gradient"
    cost = "1 forward, 1 backward"
    needs = "gradients"
    options_class = GradientNormOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The norm of every scored unit."""
        gradient = prepared.gradient()
        if self.options.norm == "l1":
            return self.added(prepared, prepared.spread(np.abs(gradient).sum(-1)))
        squared = self.added(prepared, prepared.spread((gradient**2).sum(-1)))
        return Scores(np.sqrt(squared.scores))


class GradientTimesInput(ByUnit):
    """Dot product of a token's embedding with the gradient of log p(target) in it, in nats. Signed.

    The first-order change of log p(target) that setting the embedding to zero would undo. A word or sentence gets the
    sum of its tokens.
    """

    name = "gradient_x_input"
    summary = "embedding times the gradient of the target's log-probability, signed"
    reference = "Denil, Demiraj and de Freitas 2014, arXiv 1412.6815"
    family = "gradient"
    cost = "1 forward, 1 backward"
    needs = "gradients"
    signed = True

    def score(self, prepared: "Prepared") -> Scores:
        """The dot product of every scored unit."""
        products = np.einsum("...id,id->...i", prepared.gradient(), prepared.embeddings())
        return self.added(prepared, prepared.spread(products))
