"""Transition M_i: how much of token i's value reaches the target through the attention layers (HETA, arXiv 2604.13258).

M_i = (1/Z) sum_{l,h} Phi[l,h](i -> T) || V_i[l,h] W_O[l,h] ||_1 with sum_i M_i = 1 over the scored tokens.

Per head A_hat = (A + I) / 2, each row divided by its sum (less than 1 where a head has an attention sink).

Rollout: `suffix` (default): Phi[l,h] is row T of A_hat_L ... A_hat_l, the flows from layer l that end at the target.
`prefix`: row T of A_hat_l ... A_hat_1, as in the published code, which pairs the values of layer l with paths that
end at that layer.

Heads: `chained` (default, and published): head h of one layer is followed into head h of the next. `averaged`: A is
averaged over the heads of a layer before the product, as Abnar and Zuidema (arXiv 2005.00928) do, so that
M_i = (1/Z) sum_l Phi[l](i -> T) sum_h || V_i[l,h] W_O[l,h] ||_1; head h of two layers has nothing but its number in
common.
"""

from collections.abc import Sequence
from typing import Literal

import torch

from heta.attention import AttentionLayer, attention_layers
from heta.errors import ConfigError, IncompatibleModel, NumericalError
from heta.model import LoadedModel
from heta.passes import BasePass
from heta.published import published_norms

Tensor = torch.Tensor
Rollout = Literal["suffix", "prefix"]
Heads = Literal["chained", "averaged"]
Values = Literal["attention", "hidden"]

ROLLOUTS: tuple[Rollout, ...] = ("suffix", "prefix")
HEADS: tuple[Heads, ...] = ("chained", "averaged")


def transition_rows(
    model: LoadedModel,
    base: BasePass,
    positions: Sequence[int],
    *,
    rollout: Rollout = "suffix",
    heads: Heads = "chained",
    values: Values = "attention",
) -> Tensor:
    """M of `positions` for each token of the target, `[step, position]` float64, >= 0, each row summing to 1.

    Holds one layer's attention at a time, head * pos^2 numbers (`prefix` also their product), and what each layer
    needs to give its attention again: queries and keys, or its inputs.

    Args:
        model: the model.
        base: its full pass.
        positions: input positions that are scored.
        rollout: `suffix` or `prefix`.
        heads: `chained` or `averaged`.
        values: `attention`, what attention sums; `hidden`, what the published code takes instead (`heta.published`).

    Raises:
        ConfigError: another rollout or other heads.
        IncompatibleModel: attention that cannot be captured or is not understood here (see `heta.attention`), or
            layers with different numbers of heads, which cannot be chained.
        NumericalError: a token of the target that no flow from any of `positions` reaches (sliding windows).
    """
    if rollout not in ROLLOUTS:
        raise ConfigError(f"rollout is {rollout!r}, allowed are {', '.join(ROLLOUTS)}")
    if heads not in HEADS:
        raise ConfigError(f"heads is {heads!r}, allowed are {', '.join(HEADS)}")
    with attention_layers(model, base) as layers:
        counts = {layer.norms.shape[0] for layer in layers}
        if heads == "chained" and len(counts) > 1:
            raise IncompatibleModel(
                f"{model.identity.name} has layers of {', '.join(map(str, sorted(counts)))} heads, which cannot be "
                "chained one to one; use heads='averaged'"
            )
        norms = [layer.norms for layer in layers] if values == "attention" else published_norms(model, base)
        total = _flow_times_norms(layers, norms, list(base.read), rollout, heads)[:, list(positions)]
    sums = total.sum(-1, keepdim=True)
    if not (sums > 0).all():
        raise NumericalError(
            f"no attention flow of {model.identity.name} leads from any of the {len(positions)} scored tokens to the "
            "target's every token; score tokens nearer to it, or take a method without a transition, such as kl"
        )
    return total / sums


def _flow_times_norms(
    layers: Sequence[AttentionLayer], sizes: Sequence[Tensor], read: list[int], rollout: Rollout, heads: Heads
) -> Tensor:
    """Unnormalised M, `[step, pos]` float64, on the CPU since layers may lie on several devices."""
    length = sizes[0].shape[1]
    total = torch.zeros(len(read), length, dtype=torch.float64)
    flow: Tensor | None = None
    # The product grows towards the target's end: rows at the top layer, or whole matrices at the bottom one.
    both = list(zip(layers, sizes, strict=True))
    for layer, norms in both if rollout == "prefix" else reversed(both):
        mixed = _mixed(layer.weights(), heads)
        if rollout == "prefix":
            flow = mixed if flow is None else mixed @ flow.to(mixed.device)
            rows = flow[:, read]
        else:
            flow = mixed[:, read] if flow is None else flow.to(mixed.device) @ mixed
            rows = flow
        summed = norms.sum(0, keepdim=True) if heads == "averaged" else norms
        total += torch.einsum("hsi,hi->si", rows, summed.to(rows)).double().cpu()
    return total


def _mixed(weights: Tensor, heads: Heads) -> Tensor:
    """A_hat, `[head, query, key]`; one head where they are averaged."""
    mixed = weights.mean(0, keepdim=True) if heads == "averaged" else weights
    mixed = mixed.mul_(0.5)
    mixed.diagonal(dim1=1, dim2=2).add_(0.5)
    return mixed.div_(mixed.sum(-1, keepdim=True))
