"""The residual stream that enters a layer: reading it, and running only the layers above it from other vectors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from heta.errors import ConfigError, IncompatibleModel
from heta.model import LoadedModel
from heta.passes import BasePass

Tensor = torch.Tensor


def decoder_layers(model: LoadedModel) -> torch.nn.ModuleList:
    """The model's decoder layers, bottom first.

    Raises:
        IncompatibleModel: no list of modules has as many entries as the model has layers.
    """
    module: Any = model.module
    count = module.config.get_text_config(decoder=True).num_hidden_layers
    # Models of text and images have layers of both kinds; the decoder holds those of the text.
    decoder = module.get_decoder() if hasattr(module, "get_decoder") else module
    for candidate in (decoder or module).modules():
        if isinstance(candidate, torch.nn.ModuleList) and len(candidate) == count:
            return candidate
    raise IncompatibleModel(
        f"{model.identity.name} ({type(module).__name__}) keeps its {count} layers in no list known here;"
        " hessian_layer needs one (leave it out for curvature in the embeddings)"
    )


def layer_from_top(model: LoadedModel, count: int) -> int:
    """Index of the layer with `count` layers from it to the top, itself included: L - count.

    Raises:
        ConfigError: the model has fewer layers.
    """
    layers = len(decoder_layers(model))
    if not 1 <= count <= layers:
        raise ConfigError(
            f"hessian_layer is {count}, {model.identity.name} has {layers} layers: allowed are 1 to {layers}"
        )
    return layers - count


@dataclass(frozen=True)
class ResidualStream:
    """What enters a layer in the base pass."""

    layer: int
    vectors: Tensor
    """`[1, pos, d_model]`."""
    below: int
    """Entries of what each layer returns: 0 for a bare tensor, else the length of its tuple."""


def residual_stream(model: LoadedModel, base: BasePass, layer: int) -> ResidualStream:
    """The residual stream that enters `layer`, counted from 0."""
    entered: list[Tensor] = []
    returned: list[int] = []

    def keep(_: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        entered.append((positional[0] if positional else named["hidden_states"]).clone())

    def form(_: torch.nn.Module, __: Any, output: Any) -> None:
        returned.append(len(output) if isinstance(output, tuple) else 0)

    layers: Any = decoder_layers(model)
    module: Any = model.module
    with model.lock:
        handles = [
            layers[layer].register_forward_pre_hook(keep, with_kwargs=True),
            layers[layer].register_forward_hook(form),
        ]
        try:
            with torch.no_grad():
                # A copy, because some families scale their input in place.
                module(inputs_embeds=base.embeddings.clone(), use_cache=False)
        finally:
            for handle in handles:
                handle.remove()
    if not entered:
        raise IncompatibleModel(
            f"{model.identity.name} ({type(module).__name__}): its layer {layer} does not run in a pass over text;"
            " leave hessian_layer out for curvature in the embeddings"
        )
    return ResidualStream(layer, entered[0], returned[0])


@contextmanager
def entering(model: LoadedModel, stream: ResidualStream, vectors: Tensor) -> Iterator[None]:
    """Within, the stream's layer gets `vectors` `[batch, pos, d_model]` as input, and the layers below do nothing."""
    layers = decoder_layers(model)

    def replace(
        _: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if positional:
            return (vectors, *positional[1:]), named
        return (), {**named, "hidden_states": vectors}

    def hand_on(hidden_states: Tensor, *_: Any, **__: Any) -> Any:
        return (hidden_states, *[None] * (stream.below - 1)) if stream.below else hidden_states

    below = list(layers[: stream.layer])
    with model.lock:
        # An attribute of the instance comes before the class's method; offloading puts one of its own there.
        before = [module.__dict__.get("forward") for module in below]
        handle = layers[stream.layer].register_forward_pre_hook(replace, with_kwargs=True)
        try:
            for module in below:
                module.forward = hand_on
            yield
        finally:
            handle.remove()
            for module, own in zip(below, before, strict=True):
                if own is None:
                    module.__dict__.pop("forward", None)
                else:
                    module.forward = own
