"""Methods that read attention. They follow where a prediction is made and not what it is: a foil means nothing to them.

All give, for each token of the target, shares of a row that sums to 1 over the whole input, the BOS token included;
what falls on tokens without a score is lost. An answer of several tokens gets the mean of their rows, as HETA's
transition does. A word or sentence gets the sum of its tokens' shares.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from heta.methods.base import Scores
from heta.methods.by_unit import ByUnit, UnitOptions

if TYPE_CHECKING:
    import torch

    from heta.prepared import Prepared


class _Attention(ByUnit):
    family = "attention"
    needs = "attention weights"
    contrastive = False

    def read(self, prepared: "Prepared", rows: "torch.Tensor") -> Scores:
        """Scores from `[step, pos]` rows over the whole input."""
        kept = rows.numpy()[:, prepared.positions]
        return self.added(prepared, prepared.spread(kept if prepared.each else kept.mean(0)))


class AttentionLastOptions(UnitOptions):
    """Options of `attention_last`."""

    layer: Annotated[int, Field(ge=1)] | None = None
    """Which layer's attention, counted from 1 at the bottom; none: the last."""


class AttentionLast(_Attention):
    """Attention of the position that predicts the target to each token, in one layer, heads averaged. Scores are >= 0.

    The last layer is what ReAGent (Zhao and Shan 2024, arXiv 2402.00794) and others compare with under this name.
    """

    name = "attention_last"
    summary = "attention paid where the target is predicted, in the last layer, heads averaged"
    reference = "Bahdanau, Cho and Bengio 2015, arXiv 1409.0473; as a rival in Zhao and Shan 2024, arXiv 2402.00794"
    cost = "2 forward"
    options_class = AttentionLastOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The attention to every scored unit."""
        from heta.mixing import attention_rows

        objective = prepared.objective()
        return self.read(prepared, attention_rows(objective.model, objective.base, self.options.layer))


class AttentionRollout(_Attention):
    """Row T of A_hat_L ... A_hat_1 with A_hat = 0.5 A + 0.5 I, the heads of each layer averaged. Scores are >= 0.

    As published, from the input to the last layer; T is the position that predicts the target. Attention sinks that
    are no token (gpt-oss) take no share: rows are made to sum to 1 without them.
    """

    name = "attention_rollout"
    summary = "attention multiplied through all layers, residuals included, read where the target is predicted"
    reference = "Abnar and Zuidema 2020, arXiv 2005.00928, Eq. 1"
    cost = "2 forward"

    def score(self, prepared: "Prepared") -> Scores:
        """The rolled-out attention to every scored unit."""
        from heta.mixing import rollout_rows

        objective = prepared.objective()
        return self.read(prepared, rollout_rows(objective.model, objective.base))


class ValueZeroingOptions(UnitOptions):
    """Options of `value_zeroing`."""

    layers: Literal["rollout", "mean", "last"] = "rollout"
    """How layers come together: their matrices multiplied, as published; or row T alone, its mean over all layers, or
    that of the last one."""


class ValueZeroing(_Attention):
    """How far a layer's output turns when a token's values are set to 0, rolled out over the layers. Scores are >= 0.

    Cosine distance between a layer's output with and without them, everything below left as it is; every row divided
    by its sum; the layers' matrices multiplied without an added identity, since outputs hold the residual already, and
    read at the position T that predicts the target. The published code runs every layer once for each zeroed token;
    ours puts many such runs side by side into one (`heta.mixing`), with the same result.
    """

    name = "value_zeroing"
    summary = "how far hidden states turn when a token's value vectors are zeroed, multiplied through all layers"
    reference = "Mohebbi, Zuidema, Chrupala and Alishahi 2023, arXiv 2301.12971"
    cost = "3 + T/2 forward (`layers=mean` or `last`: 4)"
    needs = "attention weights and values, layers that run alone"
    options_class = ValueZeroingOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The share of every scored unit."""
        from heta.mixing import value_zeroing_rows

        objective = prepared.objective()
        return self.read(prepared, value_zeroing_rows(objective.model, objective.base, self.options.layers))
