"""Hidden states of one layer for a sequence of tokens."""

from collections.abc import Sequence
from typing import Any

import torch

from heta.errors import ConfigError
from heta.model import LoadedModel
from heta.residual import decoder_layers

Tensor = torch.Tensor


def hidden_states(model: LoadedModel, token_ids: Sequence[int], layer: int | None) -> Tensor:
    """The residual stream that leaves `layer`, counted from 1 at the bottom (none: the middle one), `[pos, d_model]`.

    float64, on the CPU. One forward pass.

    Raises:
        ConfigError: the model has no such layer.
        IncompatibleModel: its layers are in no list known here.
    """
    layers = decoder_layers(model)
    if layer is not None and not 1 <= layer <= len(layers):
        raise ConfigError(f"layer is {layer}, {model.identity.name} has layers 1 to {len(layers)}")
    chosen = layers[(len(layers) + 1) // 2 - 1 if layer is None else layer - 1]
    found: list[Tensor] = []

    def keep(_: torch.nn.Module, __: Any, output: Any) -> None:
        states = output[0] if isinstance(output, tuple) else output
        found.append(states.reshape(len(token_ids), -1).double().cpu())

    module: Any = model.module
    with model.lock, torch.no_grad():
        embeddings = model.embedding(torch.tensor([list(token_ids)], device=model.device))
        handle = chosen.register_forward_hook(keep)
        try:
            module(inputs_embeds=embeddings, use_cache=False)
        finally:
            handle.remove()
    return found[0]
