"""Who mixes with whom: attention as it stands, rolled out over the layers, and value zeroing in its place.

All rows are read at the positions that predict the target's tokens, and hold every position of the input, BOS and
target tokens among them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch

from heta.attention import AttentionLayer, attention_layers
from heta.errors import ConfigError, IncompatibleModel
from heta.model import LoadedModel
from heta.passes import BasePass
from heta.residual import decoder_layers

Tensor = torch.Tensor
Over = Literal["rollout", "mean", "last"]

_ROWS = 16
"""Rows whose outputs under every zeroed position are held at once."""


def attention_rows(model: LoadedModel, base: BasePass, layer: int | None) -> Tensor:
    """Attention of one layer, counted from 1 at the bottom (none: the last), its heads averaged, `[step, pos]` float64.

    Rows sum to 1, to less with an attention sink.

    Raises:
        ConfigError: the model has no such layer.
        IncompatibleModel: its attention cannot be captured (see `heta.attention`).
    """
    with attention_layers(model, base) as layers:
        if layer is not None and not 1 <= layer <= len(layers):
            raise ConfigError(f"layer is {layer}, {model.identity.name} has layers 1 to {len(layers)}")
        chosen = layers[-1 if layer is None else layer - 1]
        return _averaged(chosen)[list(base.read)].double().cpu()


def rollout_rows(model: LoadedModel, base: BasePass) -> Tensor:
    """Row T of A_hat_L ... A_hat_1 with A_hat = 0.5 A + 0.5 I, heads averaged, `[step, pos]` float64, summing to 1.

    Raises:
        IncompatibleModel: as for `attention_rows`.
    """
    with attention_layers(model, base) as layers:

        def mixed(layer: AttentionLayer) -> Tensor:
            weights = 0.5 * _averaged(layer)
            weights.diagonal().add_(0.5)
            # Less than 1 with an attention sink.
            return weights / weights.sum(-1, keepdim=True)

        return _rolled([partial(mixed, layer) for layer in layers], base)


def value_zeroing_rows(model: LoadedModel, base: BasePass, over: Over) -> Tensor:
    """How much each position's value vectors matter to a layer's output, as shares of all positions: `[step, pos]`.

    C[r, j] is the cosine distance between a layer's output at r and the same with the values of j set to 0 in all of
    its heads, everything below left as it is; S is C with each row divided by its sum. float64, >= 0, rows sum to 1.

    Args:
        model: the model.
        base: its full pass.
        over: `rollout`: row T of S_L ... S_1. `mean`: of row T over the layers. `last`: row T of the last layer.

    Raises:
        IncompatibleModel: as for `attention_rows`.
    """
    calls = _layer_calls(model, base)
    with attention_layers(model, base) as layers, torch.no_grad():
        if over == "rollout":
            every = list(range(base.read[-1] + 1))
            pairs = zip(layers, calls, strict=True)
            return _rolled([partial(_shares, layer, call, every) for layer, call in pairs], base)
        chosen = list(zip(layers, calls, strict=True))[-1 if over == "last" else 0 :]
        return torch.stack([_shares(layer, call, list(base.read)) for layer, call in chosen]).mean(0)


def _averaged(layer: AttentionLayer) -> Tensor:
    return layer.weights().mean(0)


def _rolled(matrices: Sequence[Callable[[], Tensor]], base: BasePass) -> Tensor:
    """Rows of the product of the layers' `[pos, pos]` matrices, the last layer's first; each is asked for once."""
    *below, top = matrices
    rows = top().double().cpu()[list(base.read)]
    for matrix in reversed(below):
        current = matrix().double().cpu()
        # Rows behind the last position that is read may be missing: nothing flows from there.
        rows = rows[:, : len(current)] @ current
    return rows


@dataclass(frozen=True)
class _Call:
    """How the model calls one of its decoder layers."""

    layer: torch.nn.Module
    entered: Tensor
    """Hidden states, `[1, pos, d_model]`."""
    positional: tuple[Any, ...]
    named: dict[str, Any]

    def output(self, hidden: Tensor) -> Tensor:
        """What the layer makes of other hidden states, `[pos, d_model]`."""
        if self.positional:
            result = self.layer(hidden, *self.positional[1:], **self.named)
        else:
            result = self.layer(**{**self.named, "hidden_states": hidden})
        first: Tensor = result[0] if isinstance(result, tuple) else result
        return first.reshape(hidden.shape)[0]


def _layer_calls(model: LoadedModel, base: BasePass) -> list[_Call]:
    calls: list[_Call] = []

    def keep(layer: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        entered = positional[0] if positional else named["hidden_states"]
        calls.append(_Call(layer, entered.clone(), positional, dict(named)))

    module: Any = model.module
    with model.lock, torch.no_grad():
        handles = [layer.register_forward_pre_hook(keep, with_kwargs=True) for layer in decoder_layers(model)]
        try:
            module(inputs_embeds=base.embeddings.clone(), use_cache=False)
        finally:
            for handle in handles:
                handle.remove()
    if len(calls) != len(base.keys_values):
        raise IncompatibleModel(
            f"{model.identity.name} ({type(module).__name__}): {len(calls)} layers ran in a pass, keys and values of"
            f" {len(base.keys_values)} are cached; value zeroing needs to run each by itself"
        )
    return calls


def _shares(layer: AttentionLayer, call: _Call, rows: list[int]) -> Tensor:
    """S of one layer for the rows asked for, `[row, pos]` float64 on the CPU."""
    weights = layer.weights()
    sums = weights @ layer.values
    shares = torch.zeros(len(rows), call.entered.shape[1], dtype=torch.float64)
    for some in torch.split(torch.tensor(rows), _ROWS):
        outputs = _zeroed_outputs(layer, call, weights, sums, some.tolist())
        for row, found in zip(some.tolist(), outputs, strict=True):
            # Half the squared distance of unit vectors is 1 - cosine, without its cancellation.
            turned = torch.nn.functional.normalize(found, dim=-1)
            distances = (turned[1:] - turned[0]).square().sum(-1) / 2
            total = distances.sum()
            # A layer in which nothing reaches this position leaves it what it was.
            share = distances / total if total > 0 else torch.eye(row + 1, dtype=torch.float64)[-1]
            shares[rows.index(row), : row + 1] = share
    return shares


def _zeroed_outputs(
    layer: AttentionLayer, call: _Call, weights: Tensor, sums: Tensor, rows: list[int]
) -> tuple[Tensor, ...]:
    """For each row the layer's output there: as it is, then with each position up to it zeroed, `[1 + pos, d_model]`.

    Everything behind attention works on each position by itself. So one run of the layer can hold, at each of its
    positions, one pair of a row and a zeroed position: the row's hidden state, and its heads' sums less that value.
    """
    length = call.entered.shape[1]
    # -1 stands for nothing zeroed.
    pairs = torch.tensor([(row, zeroed) for row in rows for zeroed in range(-1, row + 1)])
    outputs = []
    for some in torch.split(pairs, length):
        row, zeroed = torch.nn.functional.pad(some, (0, 0, 0, length - len(some))).T.to(call.entered.device)
        taken = weights[:, row, zeroed.clamp_min(0)] * (zeroed >= 0)
        heads = sums[:, row] - taken[..., None] * layer.values[:, zeroed.clamp_min(0)]
        with _entering(layer.projection, heads.transpose(0, 1)):
            outputs.append(call.output(call.entered[:, row])[: len(some)].double().cpu())
    return torch.split(torch.cat(outputs), [row + 2 for row in rows])


@contextmanager
def _entering(projection: torch.nn.Module, heads: Tensor) -> Iterator[None]:
    """Within, the output projection gets `heads` `[pos, head, d_head]` whatever its layer computes."""

    def replace(_: torch.nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (heads.reshape(inputs[0].shape), *inputs[1:])

    handle = projection.register_forward_pre_hook(replace)
    try:
        yield
    finally:
        handle.remove()
