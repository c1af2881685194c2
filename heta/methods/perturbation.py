"""Methods that change one unit of the prompt at a time and look at what the model then predicts."""

from typing import TYPE_CHECKING, Any

from heta.masks import Mask
from heta.methods.base import Options, Scores
from heta.methods.by_unit import ByUnit
from heta.records import Unit

if TYPE_CHECKING:
    from heta.prepared import Prepared


class LeftOutOptions(Options):
    """Options of methods that change one unit at a time."""

    mask: Mask = "zero"
    """What a masked token's embedding becomes; `drop` leaves the token out."""
    unit: Unit = "token"
    """What is masked at a time: a token, or all scored tokens of a word or sentence."""


class KlOptions(LeftOutOptions):
    """Options of `kl`."""

    def acting(self) -> dict[str, Any]:
        """Without `unit` where it is the token: the same numbers keep the same name."""
        values = super().acting()
        if self.unit == "token":
            del values["unit"]
        return values


class Kl(ByUnit):
    """KL divergence in nats between the prediction and the prediction with unit i masked, summed over the target.

    HETA's information term alone, over tokens or larger units; scores are >= 0.
    """

    name = "kl"
    summary = "how far the prediction moves when a token is masked, in nats (HETA's information term alone)"
    reference = "arXiv 2604.13258, Eq. 4"
    family = "perturbation"
    cost = "1 + T/2 forward"
    options_class = KlOptions

    def score(self, prepared: "Prepared") -> Scores:
        """I of every scored unit."""
        from heta.left_out import left_out, spread_units

        found = left_out(prepared, self.unit, self.options.mask)
        rows = spread_units(found.scored, found.information.T)
        information = rows if prepared.each else rows.sum(0)
        return Scores(scores=information, components={"information": information})


class LeaveOneOut(ByUnit):
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
    options_class = LeftOutOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The drop of every scored unit."""
        from heta.left_out import left_out, spread_units

        found = left_out(prepared, self.unit, self.options.mask)
        scores = spread_units(found.scored, found.loss.T)
        return Scores(scores=scores if prepared.each else scores.sum(0))
