"""Options of the curvature: which mode, and what each mode takes. An option that its mode does not read is refused."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from heta.options import Options

Mode = Literal["exact", "one_pass", "fisher", "low_rank", "screened"]
Product = Literal["finite_difference", "jvp", "double_backward"]

_DIFFERENCES = ("exact", "one_pass", "low_rank", "screened")


class CurvatureOptions(Options):
    """How S is computed."""

    READ_BY: ClassVar[dict[str, tuple[str, ...]]] = {
        "step": _DIFFERENCES,
        "product": ("exact",),
        "outputs": ("fisher",),
        "rank": ("low_rank",),
        "oversampling": ("low_rank",),
        "top": ("screened",),
    }
    """Option -> modes that read it; options that are not listed belong to every mode."""

    curvature: Mode = "exact"
    """`exact` blocks; `one_pass`, all tokens probed at once; `fisher`, the Fisher information of the model's likeliest
    outputs; `low_rank`, the joint Hessian of a window at low rank; `screened`, exact where the top is still open."""
    probes: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Rademacher vectors a token, m; under `screened` the most that a token gets before its place counts as a tie."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of the probes."""
    step: Annotated[float, Field(ge=1e-5, le=0.1)] = 0.002
    """Difference step, as a share of the mean absolute vector."""
    product: Product = "finite_difference"
    """How a Hessian-vector product is had; the others are slower references."""
    hessian_layer: Annotated[int, Field(ge=1)] | None = None
    """n: curvature in the residual stream that enters layer L - n; none: in the embeddings."""
    outputs: Annotated[int, Field(ge=1)] = 8
    """Most likely outputs that the Fisher information sums over, a step."""
    rank: Annotated[int, Field(ge=1)] = 64
    """Rank of the joint Hessian of a window."""
    oversampling: Annotated[int, Field(ge=0)] = 8
    """Products beyond the rank that find its range."""
    top: Annotated[int, Field(ge=1)] = 10
    """Number of tokens whose membership in the top is settled."""

    @model_validator(mode="after")
    def _every_option_is_read(self) -> Self:
        for name in sorted(self.model_fields_set):
            modes = self.READ_BY.get(name)
            if modes is not None and self.curvature not in modes:
                raise ValueError(
                    f"{name} is read by curvature={' or '.join(modes)} only, not by {self.curvature}; leave it out"
                )
        if "step" in self.model_fields_set and self.product != "finite_difference":
            raise ValueError(f"step is read by finite differences only, not by product={self.product}; leave it out")
        return self

    def acting(self) -> dict[str, Any]:
        """The options that this mode reads, as plain values."""
        unread = self._unread()
        return {name: value for name, value in super().acting().items() if name not in unread}

    def key(self) -> tuple[tuple[str, Any], ...]:
        """What S depends on: the same for every method that asks for the same curvature."""
        unread = self._unread()
        return tuple((name, getattr(self, name)) for name in CurvatureOptions.model_fields if name not in unread)

    def _unread(self) -> set[str]:
        unread = {name for name, modes in self.READ_BY.items() if self.curvature not in modes}
        return unread if self.product == "finite_difference" else {*unread, "step"}

    def exact(self) -> "CurvatureOptions":
        """Exact curvature at the same site, probes and step."""
        return CurvatureOptions(probes=self.probes, seed=self.seed, step=self.step, hessian_layer=self.hessian_layer)

    def one_pass(self, probes: int) -> "CurvatureOptions":
        """One-pass curvature at the same site, seed and step."""
        return CurvatureOptions(
            curvature="one_pass", probes=probes, seed=self.seed, step=self.step, hessian_layer=self.hessian_layer
        )
