"""HETA: attention flow times curvature and information (arXiv 2604.13258, Eq. 5), in three named combinations.

    Attr_i = M_i * (beta * S_i + gamma * I_i)

All of M, S and I are kept raw as components, so every other combination can be had without computing again.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from heta.methods.base import Array, Method, Options, Scores

if TYPE_CHECKING:
    from heta.prepared import Prepared


class HetaOptions(Options):
    """Options of HETA."""

    probes: Annotated[int, Field(ge=1)] = 10
    """Rademacher vectors a token, m."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the probes."""
    step: Annotated[float, Field(ge=1e-5, le=0.1)] = 0.002
    """Difference step of the curvature, as a share of the mean absolute embedding."""
    beta: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the curvature."""
    gamma: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the information."""
    rollout: Literal["suffix", "prefix"] = "suffix"
    """Which layers an attention flow is followed through; `prefix` is the published code's."""
    mask: Literal["zero"] = "zero"
    """What a masked token's embedding becomes for the information."""

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if self.beta == self.gamma == 0:
            raise ValueError("beta and gamma are both 0, so every score would be; raise one of them")
        return self


class FastOptions(HetaOptions):
    """Options of HETA with one-pass curvature: three probes rank like ten."""

    probes: Annotated[int, Field(ge=1)] = 3


class Heta(Method):
    """Eq. 5 to the letter: S and I are added as they are.

    S runs to hundreds and I to single digits, so the curvature decides; `heta_balanced` weighs them alike.
    Scores are >= 0.
    """

    name = "heta"
    summary = "HETA, Eq. 5 to the letter: attention flow x (curvature + information), exact curvature"
    reference = "arXiv 2604.13258, Eq. 5"
    options_class = HetaOptions
    balanced: ClassVar[bool] = False
    one_pass: ClassVar[bool] = False

    def fixed(self) -> dict[str, Any]:
        """How curvature is computed and how S and I are combined."""
        return {
            "curvature": "one_pass" if self.one_pass else "finite_difference",
            "combination": "balanced" if self.balanced else "raw",
        }

    def score(self, prepared: "Prepared") -> Scores:
        """M, S, I and their combination."""
        chosen = self.options
        transition = prepared.transition(chosen.rollout)
        information = prepared.information(chosen.mask)
        curvature = prepared.curvature(one_pass=self.one_pass, probes=chosen.probes, seed=chosen.seed, step=chosen.step)
        notes: list[str] = []
        s, i = curvature, information
        if self.balanced:
            s, i = _share(s, "curvature", notes), _share(i, "information", notes)
        return Scores(
            scores=transition * (chosen.beta * s + chosen.gamma * i),
            components={"transition": transition, "curvature": curvature, "information": information},
            notes=tuple(notes),
        )


class HetaBalanced(Heta):
    """S and I are each divided by their sum over the scored tokens first, so that both count. Scores are >= 0."""

    name = "heta_balanced"
    summary = "HETA with curvature and information each normalised to sum 1, exact curvature"
    reference = "arXiv 2604.13258, Eq. 5, with both terms normalised first"
    balanced = True


class HetaFast(HetaBalanced):
    """`heta_balanced` with one-pass curvature: a different estimand that ranks alike, many times faster."""

    name = "heta_fast"
    summary = "HETA for quick runs: normalised terms, one-pass curvature instead of exact blocks"
    reference = "arXiv 2604.13258, Eq. 5, with both terms normalised first and all tokens probed at once"
    options_class = FastOptions
    one_pass = True


def _share(values: Array, name: str, notes: list[str]) -> Array:
    total = float(values.sum())
    if total == 0:
        notes.append(f"{name} is 0 for every scored token and adds nothing")
        return np.zeros_like(values)
    return values / total
