"""Slow, plain computations that the engine's fast ones are held against. Nothing here uses the engine's passes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers.pytorch_utils import Conv1D

from heta.model import LoadedModel

Tensor = torch.Tensor


@contextmanager
def eager(model: LoadedModel) -> Iterator[None]:
    """Attention written out: it has second derivatives and gives its weights away."""
    before = model.module.config._attn_implementation
    # Falcon's own eager attention is another function than its fused one: it adds ALiBi twice.
    switched = model.module.config.model_type != "falcon"
    if switched:
        model.module.config._attn_implementation = "eager"
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        if switched:
            model.module.config._attn_implementation = before


def log_probs(model: LoadedModel, embeddings: Tensor) -> Tensor:
    """`[pos, vocab]` log-probabilities of one full pass without any cache, from `[pos, d_model]`."""
    logits: Tensor = model.module(inputs_embeds=embeddings[None], use_cache=False).logits
    return logits[0].log_softmax(-1)


def embed(model: LoadedModel, ids: Sequence[int]) -> Tensor:
    """`[pos, d_model]`."""
    return model.embedding(torch.tensor(list(ids))).detach()


def target_log_prob(model: LoadedModel, embeddings: Tensor, read: Sequence[int], target: Sequence[int]) -> Tensor:
    return log_probs(model, embeddings)[list(read), list(target)].sum()


def hessian(
    model: LoadedModel, embeddings: Tensor, read: Sequence[int], target: Sequence[int], rows: Sequence[int]
) -> Tensor:
    """Exact Hessian rows of log p(target): `[row, d_model, pos, d_model]` for the positions `rows`."""
    with eager(model):
        leaf = embeddings.clone().requires_grad_(True)
        (first,) = torch.autograd.grad(target_log_prob(model, leaf, read, target), leaf, create_graph=True)
        width = embeddings.shape[1]
        # One unit vector for each row of the block, all of them through one batched backward pass.
        units = torch.zeros(len(rows), width, *embeddings.shape, dtype=embeddings.dtype)
        for index, row in enumerate(rows):
            units[index, :, row] = torch.eye(width, dtype=embeddings.dtype)
        (result,) = torch.autograd.grad(first, leaf, units.flatten(0, 1), is_grads_batched=True)
    return result.reshape(len(rows), width, *embeddings.shape)


_PROJECTIONS = (".o_proj", ".out_proj", ".self_attn.dense", ".attention.dense", ".self_attention.dense", ".attn.c_proj")


def attention_and_values(model: LoadedModel, embeddings: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Per layer: attention `[head, pos, pos]`, and what each head writes for each position `[head, pos, d_model]`.

    Values are what enters the output projection when every token may attend to itself alone: so nothing here knows
    where a family makes its values and how it lays out its heads.
    """
    parts = dict(model.module.named_modules())
    names = [name for name in parts if name.endswith(_PROJECTIONS)]
    layers = [(parts[name.rpartition(".")[0]], parts[name]) for name in names]
    calls: list[tuple[Any, Any]] = []
    handles = [
        attention.register_forward_hook(lambda _, args, kwargs, __: calls.append((args, kwargs)), with_kwargs=True)
        for attention, _ in layers
    ]
    fused: list[Tensor] = []
    falcon = model.module.config.model_type == "falcon"
    with eager(model), torch.no_grad():
        with _fused_weights(fused):
            out = model.module(inputs_embeds=embeddings[None], use_cache=False, output_attentions=not falcon)
        for handle in handles:
            handle.remove()
        attentions = [weights[0] for weights in (fused if falcon else out.attentions)]
        values = [_own_values(*layer, *call) for layer, call in zip(layers, calls, strict=True)]
    writes = []
    for weights, (_, projection), value in zip(attentions, layers, values, strict=True):
        # GPT-2's Conv1D keeps [in, out], a Linear [out, in].
        matrix = projection.weight if isinstance(projection, Conv1D) else projection.weight.T
        per_head = value.reshape(len(value), len(weights), -1).transpose(0, 1)
        writes.append(per_head @ matrix.reshape(len(weights), -1, matrix.shape[1]))
    return attentions, writes


def _own_values(attention: torch.nn.Module, projection: torch.nn.Module, args: Any, kwargs: Any) -> Tensor:
    """`[pos, head * d_head]`: what enters `projection` where each position sees itself only."""
    mask = kwargs["attention_mask"]
    # The first token never sees the last, so that entry says how this family writes a hidden position.
    alone = torch.where(torch.eye(mask.shape[-1], dtype=torch.bool), mask, mask[..., :1, -1:])
    entered: list[Tensor] = []
    handle = projection.register_forward_pre_hook(lambda _, inputs: entered.append(inputs[0][0]))
    output = attention(*args, **{**kwargs, "attention_mask": alone})
    handle.remove()
    weights = output[1]
    if weights is None:
        return entered[0]
    # 1, less what an attention sink takes.
    own = weights[0].diagonal(dim1=1, dim2=2)
    width = entered[0].shape[-1] // len(own)
    return entered[0] / own.T.repeat_interleave(width, dim=1)


@contextmanager
def _fused_weights(found: list[Tensor]) -> Iterator[None]:
    """Note the weights of every fused attention: what it gives when the values are unit vectors."""
    fused = F.scaled_dot_product_attention

    def noting(query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
        units = torch.eye(key.shape[-2], dtype=key.dtype).expand(*query.shape[:2], -1, -1)
        found.append(fused(query, key.expand(*query.shape[:2], -1, -1), units, **options))
        return fused(query, key, value, **options)

    F.scaled_dot_product_attention = noting
    try:
        yield
    finally:
        F.scaled_dot_product_attention = fused


def transition_rows(
    attentions: Sequence[Tensor],
    writes: Sequence[Tensor],
    read: Sequence[int],
    scored: Sequence[int],
    rollout: str,
    heads: str = "chained",
) -> Tensor:
    """M of the positions `scored` for each step: the defining sum over layers and heads, by full matrix products."""
    layers, (count, length, _) = len(attentions), attentions[0].shape
    eye = torch.eye(length, dtype=attentions[0].dtype)
    total = torch.zeros(len(read), length, dtype=attentions[0].dtype)
    for layer in range(layers):
        for head in range(count):
            chosen = range(layer + 1) if rollout == "prefix" else range(layer, layers)
            product = eye
            for step in chosen:
                attention = attentions[step].mean(0) if heads == "averaged" else attentions[step][head]
                mixed = 0.5 * attention + 0.5 * eye
                product = mixed / mixed.sum(-1, keepdim=True) @ product
            total += product[list(read)] * writes[layer][head].abs().sum(-1)
    rows = total[:, list(scored)]
    return rows / rows.sum(-1, keepdim=True)


def information(model: LoadedModel, embeddings: Tensor, read: Sequence[int], scored: Sequence[int]) -> Tensor:
    """I of the positions `scored`: one full pass for each masked token, no cache, no batch."""
    with torch.no_grad():
        base = log_probs(model, embeddings)[list(read)]
        values = []
        for position in scored:
            masked = embeddings.clone()
            masked[position] = 0
            moved = log_probs(model, masked)[list(read)]
            values.append((base.exp() * (base - moved)).sum())
    return torch.stack(values)


def hessian_blocks_at_layer(
    model: LoadedModel,
    embeddings: Tensor,
    read: Sequence[int],
    target: Sequence[int],
    layer: int,
    positions: Sequence[int],
) -> Tensor:
    """Exact diagonal blocks in the residual stream that enters `layer`: `[position, d_model, d_model]`."""
    layers = next(
        module
        for module in model.module.modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == model.module.config.num_hidden_layers
    )
    seen: list[Tensor] = []

    def keep(_: torch.nn.Module, args: tuple, kwargs: dict) -> None:
        seen.append(args[0] if args else kwargs["hidden_states"])

    with eager(model):
        handle = layers[layer].register_forward_pre_hook(keep, with_kwargs=True)
        with torch.no_grad():
            log_probs(model, embeddings)
        handle.remove()
        stream = seen[0][0]

        def value(vector: Tensor, position: int) -> Tensor:
            entering = torch.cat([stream[:position], vector[None], stream[position + 1 :]])[None]

            def put(_: torch.nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
                return ((entering, *args[1:]), kwargs) if args else ((), {**kwargs, "hidden_states": entering})

            handle = layers[layer].register_forward_pre_hook(put, with_kwargs=True)
            result = target_log_prob(model, embeddings, read, target)
            handle.remove()
            return result

        return torch.stack(
            [
                torch.autograd.functional.hessian(lambda v, p=position: value(v, p), stream[position])
                for position in positions
            ]
        )


def perturbed_log_probs(
    model: LoadedModel,
    embeddings: Tensor,
    read: Sequence[int],
    positions: Sequence[int],
    to: Tensor | Sequence[int] | None,
) -> Tensor:
    """`[step, vocab]` of one full pass with `positions` replaced, or left out where `to` is None."""
    with torch.no_grad():
        if to is None:
            kept = [position for position in range(len(embeddings)) if position not in positions]
            # What is read is the last position that is left at or before the one that was read.
            where = [sum(position <= step for position in kept) - 1 for step in read]
            return log_probs(model, embeddings[kept])[where]
        changed = embeddings.clone()
        for index, position in enumerate(positions):
            single = to if isinstance(to, Tensor) and to.ndim == 1 else to[index]
            changed[position] = single if isinstance(single, Tensor) else embed(model, [single])[0]
        return log_probs(model, changed)[list(read)]
