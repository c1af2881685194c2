"""Transition M_i: how much of token i's value reaches the target through the attention layers (HETA, arXiv 2604.13258).

M_i = (1/Z) sum_{l,h} Phi[l,h](i -> T) || V_i[l,h] W_O[l,h] ||_1 with sum_i M_i = 1 over the scored tokens.

Per head A_hat = (A + I) / 2, head h chained to head h. `suffix` (default): Phi[l,h] is row T of A_hat_L ... A_hat_l,
the flows from layer l that end at the target. `prefix`: row T of A_hat_l ... A_hat_1, as in the published code, which
pairs the values of layer l with paths that end at that layer.
Values are what attention really sums: after the norm, with bias, each KV head shared by its query heads.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.pytorch_utils import Conv1D

from heta.errors import IncompatibleModel
from heta.model import LoadedModel
from heta.passes import BasePass

Tensor = torch.Tensor
Rollout = Literal["suffix", "prefix"]

_IMPLEMENTATION = "heta_capture"
_OUTPUT_PROJECTIONS = ("o_proj", "out_proj", "c_proj", "dense", "wo")


@dataclass
class _Capture:
    """What one forward pass records, layer by layer."""

    read: list[int]
    rollout: Rollout
    norms: list[Tensor] = field(default_factory=list)
    """Per layer `[head, pos]`."""
    rows: list[Tensor] = field(default_factory=list)
    """Prefix rollout: per layer `[head, step, pos]`."""
    kept: list[Tensor] = field(default_factory=list)
    """Suffix rollout: per layer A_hat `[head, pos, pos]`; the product runs from the last layer down."""
    product: Tensor | None = None

    def add(self, attention: Tensor, norms: Tensor) -> None:
        mixed = 0.5 * attention
        mixed.diagonal(dim1=1, dim2=2).add_(0.5)
        mixed /= mixed.sum(-1, keepdim=True)
        self.norms.append(norms)
        if self.rollout == "suffix":
            self.kept.append(mixed)
        else:
            self.product = mixed if self.product is None else mixed @ self.product
            self.rows.append(self.product[:, self.read])

    def flows(self) -> Iterator[Tensor]:
        """Phi of each layer, `[head, step, pos]`, in layer order for prefix and reversed for suffix."""
        if self.rollout == "prefix":
            yield from self.rows
            return
        row: Tensor | None = None
        for mixed in reversed(self.kept):
            row = mixed[:, self.read] if row is None else row @ mixed
            yield row

    def transition(self) -> Tensor:
        """Unnormalised M, `[step, pos]`."""
        norms = self.norms if self.rollout == "prefix" else self.norms[::-1]
        parts = [torch.einsum("hsi,hi->si", flow, norm) for flow, norm in zip(self.flows(), norms, strict=True)]
        return torch.stack(parts).sum(0)


_active = threading.local()


def transition_rows(
    model: LoadedModel, base: BasePass, positions: Sequence[int], *, rollout: Rollout = "suffix"
) -> Tensor:
    """M of `positions` for every step of the target, `[step, position]` float64, >= 0, each row summing to 1.

    Raises:
        IncompatibleModel: the family does not go through transformers' attention interface, or computes attention in
            a way that is not understood here.
    """
    capture, error = _captured(model, base, rollout)
    layers = len(base.keys_values)
    if len(capture.norms) != layers:
        raise IncompatibleModel(
            f"{model.identity.name} ({type(model.module).__name__}): {len(capture.norms)} of {layers} layers went"
            " through transformers' attention interface; methods with a transition need all of them (kl and"
            " gradient_x_input work)"
        )
    if not error < 1e-2:
        raise IncompatibleModel(
            f"{model.identity.name} ({type(model.module).__name__}): captured attention gives log-probabilities"
            f" {error:.2g} nats away from the model's own; its attention has a term not known here"
        )
    rows = capture.transition()[:, list(positions)].double().cpu()
    return rows / rows.sum(-1, keepdim=True)


def capture_error(model: LoadedModel, base: BasePass) -> float:
    """How far the captured pass's log-probabilities are from the model's own: the largest difference, nats."""
    return _captured(model, base, "suffix")[1]


def _captured(model: LoadedModel, base: BasePass, rollout: Rollout) -> tuple[_Capture, float]:
    capture = _Capture(read=list(base.read), rollout=rollout)
    with torch.no_grad(), _capturing(model, capture):
        logits = model.module(inputs_embeds=base.embeddings, use_cache=False).logits[0, list(base.read)]
    return capture, float((logits.double().log_softmax(-1) - base.log_probs).abs().max())


@contextmanager
def _capturing(model: LoadedModel, capture: _Capture) -> Iterator[None]:
    module: Any = model.module
    with model.lock:
        before = module.config._attn_implementation
        _active.capture = capture
        try:
            module.set_attn_implementation(_IMPLEMENTATION)
            yield
        finally:
            _active.capture = None
            module.set_attn_implementation(before)


def _attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Plain attention over `[batch, head, pos, d_head]` that records weights and value norms of the first row."""
    heads, length, width = query.shape[1:]
    shared = heads // key.shape[1]
    key, value = key.repeat_interleave(shared, dim=1), value.repeat_interleave(shared, dim=1)
    scores = query @ key.transpose(2, 3) * (width**-0.5 if scaling is None else scaling)
    if (cap := options.get("softcap")) is not None:
        scores = torch.tanh(scores / cap) * cap
    if attention_mask is None:
        hidden = torch.ones(length, key.shape[2], dtype=torch.bool, device=key.device)
        scores = scores.masked_fill(hidden.triu(key.shape[2] - length + 1), torch.finfo(scores.dtype).min)
    else:
        scores = scores + attention_mask[..., : key.shape[2]]
    sinks = options.get("s_aux")
    if sinks is not None:
        scores = torch.cat([scores, sinks.reshape(1, -1, 1, 1).expand(*scores.shape[:3], 1)], dim=-1)
    weights = scores.softmax(-1)[..., : key.shape[2]]
    capture: _Capture | None = getattr(_active, "capture", None)
    if capture is not None:
        capture.add(weights[0].clone(), _value_norms(module, value[0]))
    return (weights @ value).transpose(1, 2).contiguous(), None


def _value_norms(attention: torch.nn.Module, value: Tensor) -> Tensor:
    """|| V_i W_O ||_1 per head, `[head, pos]`, from values `[head, pos, d_head]`."""
    for name in _OUTPUT_PROJECTIONS:
        projection = getattr(attention, name, None)
        if isinstance(projection, torch.nn.Module):
            break
    else:
        raise IncompatibleModel(
            f"{type(attention).__name__} has no output projection named one of {', '.join(_OUTPUT_PROJECTIONS)}"
        )
    heads, _, width = value.shape
    weight = getattr(projection, "weight", None)
    if type(projection) in (torch.nn.Linear, Conv1D) and weight is not None and not weight.is_meta:
        matrix = weight if isinstance(projection, Conv1D) else weight.T
        return torch.stack([(value[h] @ matrix[h * width : (h + 1) * width]).abs().sum(-1) for h in range(heads)])
    return _value_norms_by_call(projection, value)


def _value_norms_by_call(projection: Callable[[Tensor], Tensor], value: Tensor) -> Tensor:
    """The same through the module itself: its weight cannot be read under offload, adapters or quantisation."""
    heads, length, width = value.shape
    empty = value.new_zeros(1, length, heads * width)
    at_zero, norms = projection(empty), []
    for head in range(heads):
        alone = empty.clone()
        alone[0, :, head * width : (head + 1) * width] = value[head]
        norms.append((projection(alone) - at_zero)[0].abs().sum(-1))
    return torch.stack(norms)


AttentionInterface.register(_IMPLEMENTATION, _attention)
AttentionMaskInterface.register(_IMPLEMENTATION, ALL_MASK_ATTENTION_FUNCTIONS["eager"])
