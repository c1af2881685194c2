"""Methods that mask random sets of units and fit a linear model to what is then predicted.

All read their masks from a named design (see `heta.coalitions`): with the same unit, mask, design, samples and seed
they share every pass.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from heta.masks import Mask
from heta.methods.base import Array, Options, Scores
from heta.methods.by_unit import ByUnit
from heta.records import Unit

if TYPE_CHECKING:
    from heta.coalitions import Evaluated
    from heta.prepared import Prepared


class SurrogateOptions(Options):
    """Options of every method over random masks."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draws."""
    mask: Mask = "drop"
    """What becomes of the tokens of units that go: they are left out, or their embeddings replaced."""
    paired: bool = True
    """Whether a mask is drawn together with its complement."""


class LimeOptions(SurrogateOptions):
    """Options of `lime`."""

    samples: Annotated[int, Field(ge=2, le=100_000)] = 256
    """Masks; where all 2^n fit, all are taken and nothing is left to chance."""
    unit: Unit = "word"
    """What goes or stays as a whole."""
    design: Literal["half", "sizes"] = "half"
    """How masks are drawn: every unit stays with probability 1/2, or the number that goes is uniform, as LIME has it
    (which knows no pairs)."""
    kernel_width: Annotated[float, Field(gt=0)] = 25.0
    """Width of the kernel over 100 times the cosine distance of a mask to the whole prompt."""
    penalty: Annotated[float, Field(ge=0)] = 1.0
    """Of the squared coefficients, against `samples` masks that weigh at most 1 each."""

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if self.design == "sizes" and "paired" in self.model_fields_set:
            raise ValueError("design sizes draws no pairs; leave paired out, or take design=half")
        return self

    def acting(self) -> dict[str, Any]:
        """Without `paired` where the design has no pairs."""
        values = super().acting()
        if self.design == "sizes":
            del values["paired"]
        return values


class KernelShapOptions(SurrogateOptions):
    """Options of `kernel_shap`."""

    samples: Annotated[int, Field(ge=2, le=100_000)] | None = 256
    """Masks; where all 2^n fit, all are taken and nothing is left to chance; none: 2 n + 2048."""
    unit: Unit = "word"
    """The players."""
    design: Literal["half", "shapley"] = "half"
    """How masks are drawn: every unit stays with probability 1/2, reweighted to the Shapley kernel, or from that kernel
    itself, whole sizes first."""


class ContextCiteOptions(SurrogateOptions):
    """Options of `contextcite`."""

    samples: Annotated[int, Field(ge=2, le=100_000)] = 256
    """Masks; where all 2^n fit, all are taken and nothing is left to chance."""
    unit: Literal["word", "sentence"] = "word"
    """The sources."""
    penalty: Annotated[float, Field(gt=0)] = 0.01
    """LASSO's lambda, on standardised masks and logits divided by the number of target tokens."""


class Lime(ByUnit):
    """What a unit adds to log p(target) in a local linear model (Ribeiro, Singh and Guestrin 2016). Signed, in nats.

    Ridge regression with an intercept over random masks z, each weighted by sqrt(exp(-D^2 / width^2)), with D = 100
    times the cosine distance of z to the mask that keeps all: 1 - sqrt(kept / n). Above 0 where the unit speaks for
    the target. Cost: `samples` + 1 forward passes, fewer where masks repeat, shared with every method of the same
    design; no gradients.

    The source's text explainer draws 5000 masks by size, takes width 25 and ridge penalty 1, removes words and explains
    a class's probability. Ours explains log p of the target's tokens (or the lead over a foil), keeps every unit where
    the source picks the best ten, and by default draws 256 masks with each unit kept at 1/2: another neighbourhood.
    """

    name = "lime"
    summary = "coefficients of a local linear model over random masks, signed"
    reference = "Ribeiro, Singh and Guestrin 2016, arXiv 1602.04938"
    family = "surrogate"
    cost = "at most `samples` + 1 forward, shared by design"
    signed = True
    options_class = LimeOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The coefficient of every scored unit."""
        from heta.coalitions import Design, evaluate
        from heta.surrogate import ridge_regression

        options = self.options
        design = Design(options.design, options.samples, options.seed, options.paired)
        found = evaluate(prepared, self.unit, options.mask, design)
        kept = found.coalitions.kept
        distance = 100 * (1 - np.sqrt(kept.mean(1)))
        near = options.samples * np.sqrt(np.exp(-((distance / options.kernel_width) ** 2)))

        def fit(weight: Array) -> Array:
            return ridge_regression(kept, found.values, weight * near, options.penalty)

        return _scores(prepared, found, fit, options.seed)


class KernelShap(ByUnit):
    """Shapley values of log p(target), by the regression of Lundberg and Lee 2017. Signed, in nats.

    The mean over all orders of the units of what a unit adds when it joins those before it. Solved as weighted least
    squares under the Shapley kernel, with the constraint that scores sum to log p(target) with everything there minus
    log p(target) with every unit gone, which holds to rounding for any number of masks. Equal to the Shapley values
    where all 2^n masks fit into `samples`. Cost: `samples` + 1 forward passes, fewer where masks repeat, shared with
    every method of the same design; no gradients.

    The source (package shap) draws 2 n + 2048 masks from the kernel, paired, whole sizes first: `design=shapley`. By
    default ours reads 256 masks of the design that LIME and ContextCite read too, reweighted to the kernel; with many
    units these hold few of the small and large coalitions on which the kernel puts its weight, and errors are larger.
    The source may select units by LASSO first; ours never does.
    """

    name = "kernel_shap"
    summary = "Shapley values of the target's log-probability by weighted regression over random masks, signed"
    reference = "Lundberg and Lee 2017, arXiv 1705.07874, Theorem 2"
    family = "surrogate"
    cost = "at most `samples` + 1 forward, shared by design"
    signed = True
    options_class = KernelShapOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The Shapley value of every scored unit."""
        from heta.coalitions import Design, evaluate, shapley_over_half
        from heta.left_out import scored_units
        from heta.surrogate import shapley_regression

        options = self.options
        samples = options.samples or 2 * len(scored_units(prepared, self.unit)[1]) + 2048
        design = Design(options.design, samples, options.seed, options.paired)
        found = evaluate(prepared, self.unit, options.mask, design)
        kept = found.coalitions.kept
        # Empty and full coalitions weigh nothing here: the constraint holds them.
        ratio = shapley_over_half(kept) if options.design == "half" else np.ones(len(kept))

        def fit(weight: Array) -> Array:
            return shapley_regression(kept, found.values, weight * ratio, found.empty, found.full)

        return _scores(prepared, found, fit, options.seed)


class ContextCite(ByUnit):
    """What a source adds to the logit of p(response), in a sparse linear model (Cohen-Wang et al. 2024). Signed.

    LASSO over random masks that keep every source with probability 1/2, on logit(p(target)) divided by the number of
    target tokens; masks are standardised, coefficients put back to the scale of a source that goes or stays, and times
    the number of tokens. Above 0 where the source speaks for the target; 0 for most. Cost: `samples` + 1 forward
    passes, fewer where masks repeat, shared with every method of the same design; no gradients.

    The source takes sentences, 64 masks drawn singly and lambda 0.01, and removes sources from the text before it is
    tokenised. Ours removes their tokens, takes words by default, and draws masks in pairs. Against a foil, the logit is
    that of the choice between the two: the target's lead. Under policy `each`, every target token is a response of its
    own, and the scores, being sums over tokens, are not those of the whole response. Logits end at 34.5, p = 1 - 1e-15.
    """

    name = "contextcite"
    summary = "sparse linear model of the response's logit over random ablations of words or sentences, signed"
    reference = "Cohen-Wang, Shah, Georgiev and Madry 2024, arXiv 2409.00729"
    family = "surrogate"
    cost = "at most `samples` + 1 forward, shared by design"
    signed = True
    options_class = ContextCiteOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The coefficient of every source."""
        from heta.coalitions import Design, evaluate
        from heta.surrogate import lasso_regression

        options = self.options
        design = Design("half", options.samples, options.seed, options.paired)
        found = evaluate(prepared, self.unit, options.mask, design)
        values = found.values
        tokens = 1 if prepared.each else values.shape[1]
        if prepared.explained.foil_ids is None:
            values = logit(values if prepared.each else values.sum(1, keepdims=True))

        def fit(weight: Array) -> Array:
            return tokens * lasso_regression(found.coalitions.kept, values / tokens, weight, options.penalty)

        return _scores(prepared, found, fit, options.seed)


def logit(log_probs: Array) -> Array:
    """log(p / (1 - p)) from log p, at most 34.5."""
    bounded = np.minimum(log_probs, -1e-15)
    return np.asarray(bounded - np.log(-np.expm1(bounded)))


def _scores(prepared: "Prepared", found: "Evaluated", fit: Callable[[Array], Array], seed: int) -> Scores:
    from heta.left_out import spread_units
    from heta.surrogate import standard_error

    coalitions = found.coalitions
    rows = fit(coalitions.weight)
    count, units = coalitions.kept.shape
    if coalitions.exact:
        note = f"all {count} masks of {units} units: no sampling error"
    else:
        error = standard_error(coalitions, fit, seed)
        note = (
            f"{count} distinct masks of {units} units: standard error {np.median(error):.2g} (median over units),"
            f" largest score {np.abs(rows.sum(0)).max():.2g}"
        )
    scores = spread_units(found.scored, rows)
    return Scores(scores=scores if prepared.each else scores.sum(0), notes=(note,))
