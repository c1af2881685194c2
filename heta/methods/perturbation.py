"""Methods that change one unit of the prompt at a time and look at what the model then predicts."""

from typing import TYPE_CHECKING

from heta.masks import Mask
from heta.methods.base import Method, Options, Scores
from heta.records import Unit

if TYPE_CHECKING:
    from heta.prepared import Prepared


class KlOptions(Options):
    """Options of `kl`."""

    mask: Mask = "zero"
    """What a masked token's embedding becomes; `drop` leaves the token out."""


class Kl(Method):
    """KL divergence in nats between the prediction and the prediction with token i masked, summed over the target.

    HETA's information term alone; scores are >= 0.
    """

    name = "kl"
    summary = "how far the prediction moves when a token is masked, in nats (HETA's information term alone)"
    reference = "arXiv 2604.13258, Eq. 4"
    family = "perturbation"
    cost = "1 + T/2 forward"
    options_class = KlOptions

    def score(self, prepared: "Prepared") -> Scores:
        """I of every scored token."""
        information = prepared.information(self.options.mask)
        return Scores(scores=information, components={"information": information})


class LeaveOneOutOptions(KlOptions):
    """Options of `leave_one_out`."""

    unit: Unit = "token"
    """What is masked at a time: a token, or all scored tokens of a word or sentence."""


class LeaveOneOut(Method):
    """log p(target) - log p(target with the unit masked), summed over the target's tokens, in nats. Signed.

    Against a foil, the drop of log p(target) - log p(foil).
    Above 0 where the unit speaks for the target. A word none of whose tokens is scored gets no score.
    """

    name = "leave_one_out"
    summary = "what the target's log-probability loses when a token or word is masked or left out, signed"
    reference = "Li, Monroe and Jurafsky 2016, arXiv 1612.08220 (representation erasure)"
    family = "perturbation"
    cost = "1 + T/2 forward"
    signed = True
    options_class = LeaveOneOutOptions

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self.unit = self.options.unit

    def score(self, prepared: "Prepared") -> Scores:
        """The drop of every scored unit."""
        from heta.left_out import left_out, spread_units

        found = left_out(prepared, self.unit, self.options.mask)
        scores = spread_units(found.scored, found.loss.T)
        return Scores(scores=scores if prepared.each else scores.sum(0))
