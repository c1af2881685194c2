"""Methods read off one gradient of the target's log-probability."""

from typing import TYPE_CHECKING

import numpy as np

from heta.methods.base import Method, Scores

if TYPE_CHECKING:
    from heta.prepared import Prepared


class GradientTimesInput(Method):
    """Dot product of a token's embedding with the gradient of log p(target) in it. Signed.

    The first-order change of log p(target), in nats, that setting the embedding to zero would undo.
    """

    name = "gradient_x_input"
    summary = "embedding times the gradient of the target's log-probability, signed"
    reference = "Denil, Demiraj and de Freitas 2014, arXiv 1412.6815"
    signed = True

    def score(self, prepared: "Prepared") -> Scores:
        """The dot product of every scored token."""
        products = np.einsum("...id,id->...i", prepared.gradient(), prepared.embeddings())
        return Scores(scores=prepared.spread(products))
