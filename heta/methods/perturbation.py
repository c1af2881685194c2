"""Methods that mask tokens and look at what the model then predicts."""

from typing import TYPE_CHECKING, Literal

from heta.methods.base import Method, Options, Scores

if TYPE_CHECKING:
    from heta.prepared import Prepared


class KlOptions(Options):
    """Options of `kl`."""

    mask: Literal["zero"] = "zero"
    """What a masked token's embedding becomes."""


class Kl(Method):
    """KL divergence in nats between the prediction and the prediction with token i masked, summed over the target.

    HETA's information term alone; scores are >= 0.
    """

    name = "kl"
    summary = "how far the prediction moves when a token is masked, in nats (HETA's information term alone)"
    reference = "arXiv 2604.13258, Eq. 4"
    options_class = KlOptions

    def score(self, prepared: "Prepared") -> Scores:
        """I of every scored token."""
        information = prepared.information(self.options.mask)
        return Scores(scores=information, components={"information": information})
