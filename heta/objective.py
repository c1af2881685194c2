"""What is differentiated: log p(target), or its lead over a foil, as a function of vectors at one site of the model.

The site is the input embeddings or, with `layer`, the residual stream that enters that layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from heta.errors import IncompatibleModel
from heta.model import LoadedModel
from heta.passes import BasePass, suffix_logits, suffix_start
from heta.residual import ResidualStream, entering, residual_stream

Tensor = torch.Tensor


@dataclass(frozen=True)
class Objective:
    """A scalar function of `[pos, d_model]` vectors for each output: one output for the whole target, or one a step."""

    model: LoadedModel
    base: BasePass
    first: int
    """Position from which on vectors may move."""
    layer: int | None = None
    """None for the embeddings, else the layer whose input is moved, counted from 0."""
    foil_ids: Tensor | None = None
    """`[step]`: what is explained is log p(target) - log p(foil), token by token."""
    each: bool = False
    """Whether every step of the target is an output of its own; else their log-probabilities are summed."""

    @cached_property
    def vectors(self) -> Tensor:
        """The site's own vectors, `[1, pos, d_model]`."""
        return self.base.embeddings if self._stream is None else self._stream.vectors

    @cached_property
    def _stream(self) -> ResidualStream | None:
        return None if self.layer is None else residual_stream(self.model, self.base, self.layer)

    @property
    def outputs(self) -> int:
        """Number of scalar functions."""
        return len(self.base.read) if self.each else 1

    def logits(self, start: int, suffix: Tensor) -> Tensor:
        """Logits `[batch, step, vocab]` with the site's vectors from `start` on replaced by `suffix`."""
        if self._stream is None:
            return suffix_logits(self.model, self.base, start, suffix)
        with entering(self.model, self._stream, suffix):
            embeddings = self.base.embeddings[:, start:].expand(len(suffix), -1, -1)
            return suffix_logits(self.model, self.base, start, embeddings)

    def values(self, start: int, suffix: Tensor) -> Tensor:
        """`[batch, output]` nats."""
        return self.read(self.logits(start, suffix))

    def read(self, logits: Tensor) -> Tensor:
        """`[batch, output]` nats, from `[batch, step, vocab]` logits."""
        rows = logits.shape[0]
        chosen = logits.gather(-1, self.base.target_ids.expand(rows, -1).unsqueeze(-1)).squeeze(-1)
        if self.foil_ids is None:
            steps = chosen - logits.logsumexp(-1)
        else:
            steps = chosen - logits.gather(-1, self.foil_ids.expand(rows, -1).unsqueeze(-1)).squeeze(-1)
        return steps if self.each else steps.sum(-1, keepdim=True)

    @cached_property
    def gradients(self) -> Tensor:
        """Gradient of every output in the site's vectors from `first` on, `[output, pos - first, d_model]`.

        Raises:
            IncompatibleModel: a pass over a cached prefix does not give the full pass's prediction.
        """
        start = suffix_start(self.base, self.first)
        leaf = self.vectors[:, start:].detach().clone().requires_grad_(True)
        logits = self.logits(start, leaf)
        error = (logits.detach()[0].double().log_softmax(-1) - self.base.log_probs).abs().max()
        if not error < 1e-2:
            raise IncompatibleModel(
                f"{self.model.identity.name} ({type(self.model.module).__name__}): log-probabilities over a cached"
                f" prefix differ by {float(error):.2g} nats from the full pass; this family's cache cannot be used"
            )
        return gradients_of(self.read(logits), leaf)[:, 0, self.first - start :]

    def gradients_at(self, positions: Sequence[int]) -> Tensor:
        """`[output, position, d_model]` of those positions alone."""
        return self.gradients[:, [position - self.first for position in positions]]


def gradients_of(values: Tensor, leaf: Tensor) -> Tensor:
    """Gradient of each output, summed over the batch, in `leaf`: `[output, *leaf.shape]` from `[batch, output]`.

    Rows of a batch do not see each other, so each row's gradient stands in its own row.
    """
    outputs = values.shape[1]
    rows = [
        torch.autograd.grad(values[:, output].sum(), leaf, retain_graph=output + 1 < outputs)[0]
        for output in range(outputs)
    ]
    return torch.stack(rows)
