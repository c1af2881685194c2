"""Sizes of values as the published implementation of HETA takes them, for `compat="reference"`.

It puts the raw residual stream through the value weights, where attention puts the layer's norm of it, with the bias:
|| h_i W_V[h] W_O[h] ||_1. On grouped-query models it slices those weights in the wrong places and on fused ones takes
1 for every norm; such models are refused here rather than wrong in the same way.
"""

from typing import Any

import torch

from heta.attention import OUTPUT_PROJECTIONS, plain_weight
from heta.errors import IncompatibleModel
from heta.model import LoadedModel
from heta.passes import BasePass
from heta.residual import decoder_layers, residual_stream

Tensor = torch.Tensor


def published_norms(model: LoadedModel, base: BasePass) -> list[Tensor]:
    """|| h_i W_V[h] W_O[h] ||_1 of each layer, `[head, pos]`, h_i the residual stream that enters it.

    Raises:
        IncompatibleModel: grouped queries, or weights that do not lie in plain projections of their own.
    """
    config = model.module.config.get_text_config(decoder=True)  # type: ignore[union-attr,operator]
    heads = int(config.num_attention_heads)
    if getattr(config, "num_key_value_heads", None) not in (None, heads):
        raise _refused(model, f"has {config.num_key_value_heads} key-value heads for {heads} query heads")
    norms = []
    with torch.no_grad():
        for index, layer in enumerate(decoder_layers(model)):
            value, output = _value_weight(model, layer), _output_weight(model, layer)
            hidden = residual_stream(model, base, index).vectors[0].to(value)
            width = value.shape[1] // heads
            parts = [slice(head * width, (head + 1) * width) for head in range(heads)]
            norms.append(torch.stack([(hidden @ value[:, part] @ output[part]).abs().sum(-1) for part in parts]))
    return norms


def _value_weight(model: LoadedModel, layer: torch.nn.Module) -> Tensor:
    """`[d_model, head * d_head]`, bias left out."""
    for module in layer.modules():
        if (alone := _matrix(model, getattr(module, "v_proj", None))) is not None:
            return alone
        if (fused := _matrix(model, getattr(module, "c_attn", None))) is not None:
            # Queries, keys and values side by side.
            return fused[:, 2 * fused.shape[1] // 3 :]
    raise _refused(model, "has no value projection v_proj or c_attn of plain weights")


def _output_weight(model: LoadedModel, layer: torch.nn.Module) -> Tensor:
    """`[head * d_head, d_model]`, bias left out."""
    for module in layer.modules():
        if not hasattr(module, "v_proj") and not hasattr(module, "c_attn"):
            continue
        for name in OUTPUT_PROJECTIONS:
            if (matrix := _matrix(model, getattr(module, name, None))) is not None:
                return matrix
    raise _refused(model, "has no output projection of plain weights")


def _matrix(model: LoadedModel, projection: Any) -> Tensor | None:
    """The weight of a projection, rows in and columns out; None where there is no projection."""
    if not isinstance(projection, torch.nn.Module):
        return None
    matrix = plain_weight(projection)
    if matrix is None:
        raise IncompatibleModel(
            f"compat=reference: {model.identity.name} has projections that are offloaded, adapted or quantised; the"
            " published code reads plain weights: merge the adapter, load the model into memory, or leave compat out"
        )
    return matrix


def _refused(model: LoadedModel, why: str) -> IncompatibleModel:
    return IncompatibleModel(
        f"compat=reference: {model.identity.name} ({type(model.module).__name__}) {why}, where the published code gives"
        " no meaningful values; take a multi-head model such as GPT-2 or OPT, or leave compat out"
    )
