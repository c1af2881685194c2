"""Attention of one full pass, layer by layer: the true weights of each head and the size of what it writes.

Every layer is asked to compute its attention through transformers' attention interface, where `_attention` stands in.
Layers that do not listen (GPT-J, Falcon, BLOOM, GPT-Neo, CodeGen, MPT) are watched by hooks instead: they return
their weights, and the values they sum are those that the base pass's cache has kept. No family is known by name.

Three checks stand behind every number: each layer was captured once; what enters the output projection is weights
times values; and the captured pass gives the model's own log-probabilities.

Weights are computed again where they are used, from a layer's queries and keys or its inputs: holding those of all
layers would take layer * head * pos^2 numbers, and one layer's take head * pos^2.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.pytorch_utils import Conv1D

from heta.errors import IncompatibleModel
from heta.model import LoadedModel
from heta.passes import BasePass, read_logits

Tensor = torch.Tensor

_IMPLEMENTATION = "heta_capture"
OUTPUT_PROJECTIONS = ("o_proj", "out_proj", "c_proj", "dense", "wo")
_ROWS = 8192
"""Most positions in one call of an output projection."""
_REMEDY = "take a method without a transition, such as kl or gradient_x_input"


@dataclass(frozen=True)
class AttentionLayer:
    """One layer of the captured pass."""

    norms: Tensor
    """|| V_i W_O ||_1 of each head, `[head, pos]`: values as attention sums them (after the norm, with bias), each
    KV head under all of its query heads, each through its slice of the output projection."""
    weights: Callable[[], Tensor]
    """Attention weights `[head, query, key]`, computed anew at each call and free to be changed. With an attention
    sink a row sums to less than 1."""
    values: Tensor
    """What each head sums, `[head, pos, d_head]`."""
    projection: torch.nn.Module
    """What the heads' sums go through, side by side."""


@dataclass
class _Capture:
    """What one forward pass records."""

    base: BasePass
    layers: list[AttentionLayer] = field(default_factory=list)
    verified: set[int] = field(default_factory=set)
    """Indices of layers whose output projection was given weights times values."""
    hooks: ExitStack = field(default_factory=ExitStack)


_active = threading.local()


@contextmanager
def attention_layers(model: LoadedModel, base: BasePass) -> Iterator[list[AttentionLayer]]:
    """The layers of the full pass, first to last; their weights can be had as long as the context is open.

    Raises:
        IncompatibleModel: a layer's attention cannot be seen, or is computed in a way that is not understood here.
    """
    with _captured(model, base) as (capture, error):
        name, layers = f"{model.identity.name} ({type(model.module).__name__})", len(base.keys_values)
        if len(capture.layers) != layers:
            raise IncompatibleModel(
                f"{name}: attention of {len(capture.layers)} layers was captured, keys and values of {layers} are "
                f"cached; load the model with attn_implementation='eager', or {_REMEDY}"
            )
        if missing := sorted(set(range(layers)) - capture.verified):
            raise IncompatibleModel(f"{name}: layer {missing[0]} does not call its output projection; {_REMEDY}")
        if not error < 1e-2:
            raise IncompatibleModel(
                f"{name}: captured attention gives log-probabilities {error:.2g} nats away from the model's own; "
                f"its attention has a term not known here; {_REMEDY}"
            )
        yield capture.layers


def capture_error(model: LoadedModel, base: BasePass) -> float:
    """How far the captured pass's log-probabilities are from the model's own: the largest difference, nats.

    Raises:
        IncompatibleModel: as for `attention_layers`, save that any difference is returned.
    """
    with _captured(model, base) as (_, error):
        return error


@contextmanager
def _captured(model: LoadedModel, base: BasePass) -> Iterator[tuple[_Capture, float]]:
    """One pass with its attention recorded, and how far it is from the base pass, nats."""
    capture = _Capture(base)
    fused = getattr(model.module.config, "_attn_implementation", None) == "sdpa"
    with model.lock, torch.no_grad(), _implementation(model.module):
        with capture.hooks:
            for attention in model.module.modules():
                if fused and type(attention).__name__ == "FalconAttention":
                    hook = attention.register_forward_pre_hook(_alibi_once, with_kwargs=True)
                    capture.hooks.callback(hook.remove)
                if (projection := _output_projection(attention)) is not None:
                    watch = partial(_watch, capture, projection)
                    capture.hooks.callback(attention.register_forward_hook(watch, with_kwargs=True).remove)
            _active.capture = capture
            try:
                logits = read_logits(model, base.embeddings, None, base.read)
            finally:
                _active.capture = None
        yield capture, float((logits[0].double().log_softmax(-1) - base.log_probs).abs().max())


@contextmanager
def _implementation(module: torch.nn.Module) -> Iterator[None]:
    """Let every config in `module` name `_attention`, and give each its own choice back."""
    configs: dict[int, Any] = {}
    waiting: list[Any] = [part.config for part in module.modules() if hasattr(part, "config")]
    while waiting:
        config = waiting.pop()
        if id(config) not in configs and hasattr(config, "_attn_implementation_internal"):
            configs[id(config)] = config
            waiting += [getattr(config, name, None) for name in config.sub_configs]
    before = [(config, config._attn_implementation_internal) for config in configs.values()]
    # The public setter writes through to sub-configs and could not give each its own back.
    try:
        for config, _ in before:
            config._attn_implementation_internal = _IMPLEMENTATION
        yield
    finally:
        for config, chosen in before:
            config._attn_implementation_internal = chosen


def _attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Plain attention over `[batch, head, pos, d_head]`; the active capture records the first row of the batch."""
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    weights = partial(
        _weights, query, key, attention_mask, scaling, softcap=options.get("softcap"), sinks=options.get("s_aux")
    )
    value = value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)
    output = (weights() @ value).transpose(1, 2).contiguous()
    capture: _Capture | None = getattr(_active, "capture", None)
    if capture is not None:
        projection = _output_projection(module)
        if projection is None:
            raise IncompatibleModel(
                f"{type(module).__name__} has no output projection named one of {', '.join(OUTPUT_PROJECTIONS)}; "
                f"{_REMEDY}"
            )
        index = len(capture.layers)
        norms = value_norms(projection, value[0])
        capture.layers.append(AttentionLayer(norms, lambda: weights()[0], value[0], projection))

        def verify(_: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
            handle.remove()
            _same(type(module).__name__, inputs[0][0], output[0])
            capture.verified.add(index)

        handle = projection.register_forward_pre_hook(verify)
        capture.hooks.callback(handle.remove)
    return output, None


def _weights(
    query: Tensor,
    key: Tensor,
    mask: Tensor | None,
    scaling: float,
    *,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> Tensor:
    """`[batch, head, query, key]`."""
    key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    scores = query @ key.transpose(2, 3) * scaling
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    if mask is None:
        hidden = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device=key.device)
        scores = scores.masked_fill(hidden.triu(key.shape[2] - query.shape[2] + 1), torch.finfo(scores.dtype).min)
    else:
        scores = scores + mask[..., : key.shape[2]]
    if sinks is not None:
        scores = torch.cat([scores, sinks.reshape(1, -1, 1, 1).expand(*scores.shape[:3], 1)], dim=-1)
    return scores.softmax(-1)[..., : key.shape[2]]


def _watch(
    capture: _Capture,
    projection: torch.nn.Module,
    attention: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    output: Any,
) -> None:
    """Record a layer that computes its attention itself and returns the weights."""
    index = len(capture.layers)
    found = _returned_weights(output, capture.base.length)
    if found is None or index >= len(capture.base.keys_values):
        return
    kept = capture.base.keys_values[index][1][0]
    value = kept.repeat_interleave(found.shape[1] // kept.shape[0], dim=0)

    def again() -> Tensor:
        entered: list[Tensor] = []
        handle = projection.register_forward_pre_hook(lambda _, inputs: entered.append(inputs[0][0]))
        try:
            weights = _returned_weights(attention(*args, **kwargs), capture.base.length)
        finally:
            handle.remove()
        if weights is None or not entered:
            raise IncompatibleModel(f"{type(attention).__name__} does not call its output projection; {_REMEDY}")
        _same(type(attention).__name__, entered[0], (weights[0] @ value).transpose(0, 1))
        return weights[0]

    capture.layers.append(AttentionLayer(value_norms(projection, value), again, value, projection))
    # Each time its weights are asked for, that is.
    capture.verified.add(index)


def _alibi_once(
    _: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Falcon's mask holds the ALiBi bias; its written-out attention adds the bias again, its fused one does not."""
    bias = kwargs.get("alibi")
    return args, kwargs if bias is None else {**kwargs, "alibi": torch.zeros_like(bias)}


def _returned_weights(output: Any, length: int) -> Tensor | None:
    """The attention weights `[1, head, pos, pos]` among what a layer returned."""
    for part in output if isinstance(output, tuple) else ():
        if isinstance(part, Tensor) and part.dim() == 4 and part.shape[0] == 1 and part.shape[2:] == (length, length):
            return part
    return None


def _same(name: str, entered: Tensor, expected: Tensor) -> None:
    """Refuse a layer where what enters the output projection, `[pos, head * d_head]`, is not weights times values."""
    expected = expected.flatten(1)
    if entered.shape == expected.shape:
        error = (entered - expected).abs().max() / expected.abs().max().clamp_min(torch.finfo(expected.dtype).tiny)
        if error < 1e-3:
            return
    raise IncompatibleModel(
        f"{name}: what enters the output projection is not attention weights times values; a gate or norm lies in "
        f"between, or the weights are others; {_REMEDY}"
    )


def _output_projection(attention: torch.nn.Module) -> torch.nn.Module | None:
    for name in OUTPUT_PROJECTIONS:
        projection = getattr(attention, name, None)
        if isinstance(projection, torch.nn.Module):
            return projection
    return None


def value_norms(projection: torch.nn.Module, value: Tensor) -> Tensor:
    """|| V_i W_O ||_1 per head, `[head, pos]`, from values `[head, pos, d_head]`."""
    heads, _, width = value.shape
    matrix = plain_weight(projection)
    if matrix is None:
        return value_norms_by_call(projection, value)
    return torch.stack([(value[h] @ matrix[h * width : (h + 1) * width]).abs().sum(-1) for h in range(heads)])


def plain_weight(projection: torch.nn.Module) -> Tensor | None:
    """The weight, rows in and columns out, of a projection that does nothing else but for its bias; else None."""
    weight = getattr(projection, "weight", None)
    # A subclass, a hook or a forward put in its place (adapters, offloading, quantisation) may do more than the weight.
    plain = type(projection) in (torch.nn.Linear, Conv1D) and "forward" not in vars(projection)
    if not plain or projection._forward_hooks or not isinstance(weight, Tensor) or weight.is_meta:
        return None
    return weight if isinstance(projection, Conv1D) else weight.T


def value_norms_by_call(projection: Callable[[Tensor], Tensor], value: Tensor) -> Tensor:
    """The same from the module's own output, heads let in one by one, less its output at zero."""
    heads, length, width = value.shape
    at_zero, norms = projection(value.new_zeros(1, 1, heads * width)), []
    # Several heads a call, each a row of the batch: an offloaded module loads its weights at every call.
    step = max(1, _ROWS // length)
    for first in range(0, heads, step):
        some = torch.arange(first, min(heads, first + step))
        alone = value.new_zeros(len(some), length, heads, width)
        alone[torch.arange(len(some)), :, some] = value[some]
        norms.append((projection(alone.flatten(2)) - at_zero).abs().sum(-1))
    result = torch.cat(norms)
    if result.is_meta:
        raise IncompatibleModel(f"the weights of {type(projection).__name__} are offloaded where it cannot load them")
    return result


AttentionInterface.register(_IMPLEMENTATION, _attention)
AttentionMaskInterface.register(_IMPLEMENTATION, ALL_MASK_ATTENTION_FUNCTIONS["eager"])
