"""HETA: attention flow times curvature and information (arXiv 2604.13258, Eq. 5), in three named combinations.

    Attr_i = M_i * (beta * S_i + gamma * I_i)

All of M, S and I are kept raw as components, so every other combination can be had without computing again.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from heta.curvature.options import CurvatureOptions, Mode
from heta.errors import ConfigError
from heta.masks import Mask
from heta.methods.base import Array, Method, Scores
from heta.windows import WindowKind, Windows

if TYPE_CHECKING:
    from heta.prepared import Prepared


class HetaOptions(CurvatureOptions):
    """Options of HETA."""

    beta: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the curvature."""
    gamma: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the information."""
    rollout: Literal["suffix", "prefix"] = "suffix"
    """Which layers an attention flow is followed through; `prefix` is the published code's."""
    heads: Literal["chained", "averaged"] = "chained"
    """Whether head h's flow goes on through head h of the next layer, or attention is averaged over heads first."""
    mask: Mask = "zero"
    """What a masked token's embedding becomes for the information."""
    window: Annotated[int, Field(ge=2)] | None = None
    """Tokens a window; none: the whole context at once."""
    overlap: Annotated[float, Field(ge=0, le=0.9)] = 0.5
    """Share of a window that the next one repeats."""
    windows: WindowKind = "restricted"
    """`restricted`: the model reads everything, and tokens that are probed together share a window. `isolated`, as the
    paper has it: every window is a prompt of its own, with the target behind it."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.beta == self.gamma == 0:
            raise ValueError("beta and gamma are both 0, so every score would be; raise one of them")
        if self.beta == 0 and self.curvature == "screened":
            raise ValueError("with beta 0 the curvature counts nothing, so there is nothing to screen; raise beta")
        if self.window is None:
            given = sorted({"overlap", "windows"} & self.model_fields_set)
            if given:
                raise ValueError(f"{given[0]} needs a window: give its size in tokens as window")
        elif self.windows == "restricted" and self.curvature not in ("one_pass", "low_rank"):
            raise ValueError(
                f"restricted windows bound tokens that are probed together, and curvature={self.curvature} probes each"
                " alone; leave window out, or take windows=isolated"
            )
        elif self.windows == "isolated" and self.curvature == "screened":
            raise ValueError("screening settles one ranking, isolated windows have one each; take curvature=exact")
        return self

    @property
    def cut(self) -> Windows | None:
        """The windows, where there are any."""
        return None if self.window is None else Windows(self.window, self.overlap, self.windows)

    def acting(self) -> dict[str, Any]:
        """Without what the mode does not read."""
        values = super().acting()
        if self.window is None:
            del values["overlap"], values["windows"]
        return values


class RawOptions(HetaOptions):
    """Options of HETA with its terms added raw, as the published code adds them."""

    compat: Literal["reference"] | None = None
    """`reference`: what the published code computes on multi-head models, so that its figures can be compared. It goes
    with a model loaded with bos=False and exclude_first=False."""

    @model_validator(mode="before")
    @classmethod
    def _published_defaults(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("compat") == "reference":
            return {"rollout": "prefix", **given}
        return given

    @model_validator(mode="after")
    def _published(self) -> Self:
        if self.compat is None:
            return self
        own = RawOptions.model_validate({"rollout": "prefix"})
        for name in ("rollout", "heads", "mask", "window", "hessian_layer", "curvature"):
            got, wanted = getattr(self, name), getattr(own, name)
            if got != wanted:
                raise ValueError(f"compat=reference has {name}={wanted}, not {got}; leave {name} out, or compat")
        return self

    def acting(self) -> dict[str, Any]:
        """Without `compat` where there is none: the same numbers keep the same name."""
        values = super().acting()
        if self.compat is None:
            del values["compat"]
        return values


class FastOptions(HetaOptions):
    """Options of HETA with one-pass curvature: three probes rank like ten."""

    curvature: Mode = "one_pass"
    """As for `heta`; only the default is another."""
    probes: Annotated[int, Field(ge=1, le=100_000)] = 3
    """Rademacher vectors, each over all tokens at once."""


class Heta(Method):
    """Eq. 5 to the letter: S and I are added as they are.

    In the embeddings S runs to hundreds and I to single digits, so the curvature decides; in the residual stream of
    later layers (`hessian_layer`) S is small and I decides. `heta_balanced` weighs them alike.
    Scores are >= 0.
    """

    name = "heta"
    summary = "HETA, Eq. 5 to the letter: attention flow x (curvature + information), exact curvature"
    reference = "arXiv 2604.13258, Eq. 5"
    family = "heta"
    cost = "2 + T/2 forward, m T/2 forward and backward (m: `probes`)"
    needs = "attention weights and values, gradients"
    options_class: ClassVar[type[HetaOptions]] = RawOptions
    balanced: ClassVar[bool] = False
    definition = 2

    def fixed(self) -> dict[str, Any]:
        """How S and I are combined."""
        return {"combination": "balanced" if self.balanced else "raw"}

    def score(self, prepared: "Prepared") -> Scores:
        """M, S, I and their combination."""
        chosen: HetaOptions = self.options
        if chosen.curvature == "screened":
            return self._screened(prepared) if len(prepared.positions) > chosen.top else self._small(prepared)
        isolated = chosen.cut if chosen.windows == "isolated" else None
        curvature, said = prepared.curvature(chosen, chosen.cut)
        parts = {
            "transition": self._transition(prepared, isolated),
            "curvature": curvature,
            "information": prepared.information(chosen.mask, isolated),
        }
        return self._scores(parts, said)

    def _transition(self, prepared: "Prepared", isolated: Windows | None) -> Array:
        chosen: HetaOptions = self.options
        if not isinstance(chosen, RawOptions) or chosen.compat is None:
            return prepared.transition(chosen.rollout, chosen.heads, isolated)
        if not prepared.encoding.scored[0]:
            raise ConfigError(
                "compat=reference scores position 0, which here gets no score; load the model with bos=False and"
                " exclude_first=False (`heta attribute --score-first`), without a chat or unscored spans there"
            )
        return prepared.transition(chosen.rollout, chosen.heads, values="hidden")

    def _screened(self, prepared: "Prepared") -> Scores:
        """The same with exact S, and where it is added raw also I, only for tokens on which the top hangs."""
        chosen: HetaOptions = self.options
        transition = prepared.transition(chosen.rollout, chosen.heads)
        gate = transition[..., prepared.positions]
        found = prepared.screened(
            chosen, lambda s, i: self._combine(gate, s, i), chosen.mask, information=not self.balanced
        )
        parts = {
            "transition": transition,
            "curvature": prepared.spread(found.curvature),
            "information": prepared.spread(found.information),
            "exact_probes": prepared.spread(found.probes.astype(np.float64)),
            "masked": prepared.spread(found.masked.astype(np.float64)),
        }
        return self._scores(parts, (found.note(chosen.top),))

    def _small(self, prepared: "Prepared") -> Scores:
        """Every token is in the top, so there is nothing to screen."""
        chosen: HetaOptions = self.options
        curvature, _ = prepared.curvature(chosen.exact())
        scored = prepared.spread(np.ones(len(prepared.positions)))
        parts = {
            "transition": prepared.transition(chosen.rollout, chosen.heads),
            "curvature": curvature,
            "information": prepared.information(chosen.mask),
            "exact_probes": scored * chosen.probes,
            "masked": scored,
        }
        note = f"screened: all {len(prepared.positions)} tokens are in the top {chosen.top}; all were computed exactly"
        return self._scores(parts, (note,))

    def _scores(self, parts: dict[str, Array], notes: tuple[str, ...]) -> Scores:
        if self.balanced:
            notes += tuple(
                f"{name} is 0 for every scored token of some target token and adds nothing there"
                for name in ("curvature", "information")
                if not parts[name].any(-1).all()
            )
        scores = self._combine(parts["transition"], parts["curvature"], parts["information"])
        return Scores(scores=scores, components=parts, notes=notes)

    def _combine(self, transition: Array, curvature: Array, information: Array) -> Array:
        """Eq. 5."""
        if self.balanced:
            curvature, information = share(curvature), share(information)
        scores: Array = transition * (self.options.beta * curvature + self.options.gamma * information)
        return scores


class HetaBalanced(Heta):
    """S and I are each divided by their sum over the scored tokens first, so that both count. Scores are >= 0."""

    name = "heta_balanced"
    summary = "HETA with curvature and information each normalised to sum 1, exact curvature"
    reference = "arXiv 2604.13258, Eq. 5, with both terms normalised first"
    options_class = HetaOptions
    balanced = True


class HetaFast(HetaBalanced):
    """`heta_balanced` with one-pass curvature: a different estimand that ranks alike, many times faster."""

    name = "heta_fast"
    summary = "HETA for quick runs: normalised terms, one-pass curvature instead of exact blocks"
    reference = "arXiv 2604.13258, Eq. 5, with both terms normalised first and all tokens probed at once"
    cost = "2 + T/2 forward, m forward and backward (m: `probes`)"
    options_class = FastOptions


def share(values: Array) -> Array:
    """`[..., pos]` divided by their sum over the tokens; 0 where that is 0."""
    total = values.sum(-1, keepdims=True)
    shares: Array = np.divide(values, total, out=np.zeros_like(values), where=total != 0)
    return shares
