"""HETA with parts taken away (arXiv 2604.13258, Eq. 5): what the gate, the curvature and the information each do.

    heta_m  M_i        heta_s  M_i S_i        heta_i  M_i I_i        heta_no_gate  beta S_i + gamma I_i

`kl` is I_i alone. Components are those of `heta`, under the same options the same numbers, and computed once where
several are asked for together. All score tokens, as HETA does, and scores are >= 0.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from heta.curvature.options import CurvatureOptions
from heta.masks import Mask
from heta.methods.base import Array, Method, Options, Scores
from heta.methods.heta import share

if TYPE_CHECKING:
    from heta.prepared import Prepared


class GateOptions(Options):
    """Options of the transition M."""

    rollout: Literal["suffix", "prefix"] = "suffix"
    """Which layers an attention flow is followed through, as for `heta`."""
    heads: Literal["chained", "averaged"] = "chained"
    """How heads are followed from layer to layer, as for `heta`."""


class GatedInformationOptions(GateOptions):
    """Options of `heta_i`."""

    mask: Mask = "zero"
    """What a masked token's embedding becomes."""


class _Curvature(CurvatureOptions):
    curvature: Literal["exact", "one_pass", "fisher", "low_rank"] = "exact"
    """As for `heta`, which alone is screened: screening settles the ranking of all of its terms together."""


class GatedCurvatureOptions(GateOptions, _Curvature):
    """Options of `heta_s`."""


class NoGateOptions(_Curvature):
    """Options of `heta_no_gate`."""

    beta: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the curvature."""
    gamma: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the information."""
    mask: Mask = "zero"
    """What a masked token's embedding becomes."""
    combination: Literal["raw", "balanced"] = "raw"
    """S and I as they are, as in `heta`, or each divided by its sum first, as in `heta_balanced`."""

    @model_validator(mode="after")
    def _weighs_something(self) -> Self:
        if self.beta == self.gamma == 0:
            raise ValueError("beta and gamma are both 0, so every score would be; raise one of them")
        return self


class HetaM(Method):
    """M_i, the attention-value flow to the target alone. It sums to 1 over the scored tokens.

    It follows where the target is predicted and not what it is, so it is not defined against a foil.
    """

    name = "heta_m"
    summary = "HETA's gate alone: attention flow times value norms"
    reference = "arXiv 2604.13258, M in Eq. 5"
    family = "heta"
    cost = "2 forward"
    needs = "attention weights and values"
    contrastive = False
    options_class: ClassVar[type[Options]] = GateOptions

    def score(self, prepared: "Prepared") -> Scores:
        """M of every scored token."""
        gate = _gate(prepared, self.options)
        return Scores(gate, components={"transition": gate})


class HetaS(Method):
    """M_i S_i: gate times curvature."""

    name = "heta_s"
    summary = "HETA without the information: attention flow x curvature"
    reference = "arXiv 2604.13258, Eq. 5 with gamma = 0"
    family = "heta"
    cost = "2 forward, m T/2 forward and backward (m: `probes`)"
    needs = "attention weights and values, gradients"
    options_class = GatedCurvatureOptions

    def score(self, prepared: "Prepared") -> Scores:
        """M S of every scored token."""
        gate = _gate(prepared, self.options)
        curvature, said = prepared.curvature(self.options)
        return Scores(gate * curvature, components={"transition": gate, "curvature": curvature}, notes=said)


class HetaI(Method):
    """M_i I_i: gate times information."""

    name = "heta_i"
    summary = "HETA without the curvature: attention flow x information"
    reference = "arXiv 2604.13258, Eq. 5 with beta = 0"
    family = "heta"
    cost = "2 + T/2 forward"
    needs = "attention weights and values"
    options_class = GatedInformationOptions

    def score(self, prepared: "Prepared") -> Scores:
        """M I of every scored token."""
        gate, information = _gate(prepared, self.options), prepared.information(self.options.mask)
        return Scores(gate * information, components={"transition": gate, "information": information})


class HetaNoGate(Method):
    """beta S_i + gamma I_i: curvature and information without the gate."""

    name = "heta_no_gate"
    summary = "HETA without the gate: curvature + information"
    reference = "arXiv 2604.13258, Eq. 5 without M"
    family = "heta"
    cost = "1 + T/2 forward, m T/2 forward and backward (m: `probes`)"
    needs = "gradients"
    options_class = NoGateOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The weighted sum of every scored token."""
        chosen: NoGateOptions = self.options
        curvature, said = prepared.curvature(chosen)
        information = prepared.information(chosen.mask)
        parts = {"curvature": curvature, "information": information}
        if chosen.combination == "balanced":
            curvature, information = share(curvature), share(information)
        return Scores(chosen.beta * curvature + chosen.gamma * information, components=parts, notes=said)


def _gate(prepared: "Prepared", options: Any) -> Array:
    return prepared.transition(options.rollout, options.heads)
