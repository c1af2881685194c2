"""Slow, plain computations that the engine's fast ones are held against. Nothing here uses the engine's passes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from heta.model import LoadedModel

Tensor = torch.Tensor


@contextmanager
def eager(model: LoadedModel) -> Iterator[None]:
    """Attention written out: it has second derivatives and gives its weights away."""
    before = model.module.config._attn_implementation
    model.module.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.module.set_attn_implementation(before)


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


def attention_and_values(model: LoadedModel, embeddings: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Per layer: attention `[head, pos, pos]`, and what each head writes for each position `[head, pos, d_model]`.

    Values come from hooks on the value projections, so from the normed hidden states that attention really sees.
    """
    values: list[Tensor] = []
    config = model.module.config
    heads = config.num_attention_heads
    attentions = [module for name, module in model.module.named_modules() if name.endswith((".self_attn", ".attn"))]

    def hook(module: torch.nn.Module, _inputs: object, output: Tensor) -> None:
        values.append(output[0] if module in projections else output[0].chunk(3, dim=-1)[2])

    projections = [module.v_proj for module in attentions if hasattr(module, "v_proj")]
    handles = [getattr(module, "v_proj", None) or module.c_attn for module in attentions]
    registered = [handle.register_forward_hook(hook) for handle in handles]
    try:
        with eager(model), torch.no_grad():
            out = model.module(inputs_embeds=embeddings[None], use_cache=False, output_attentions=True)
    finally:
        for handle in registered:
            handle.remove()
    writes = []
    for module, flat in zip(attentions, values, strict=True):
        own = getattr(module, "o_proj", None) or getattr(module, "out_proj", None) or module.c_proj
        # GPT-2's Conv1D keeps [in, out], a Linear [out, in].
        matrix = own.weight if hasattr(module, "c_proj") else own.weight.T
        width = matrix.shape[0] // heads
        groups = flat.shape[-1] // width
        per_head = []
        for head in range(heads):
            group = head // (heads // groups)
            value = flat[:, group * width : (group + 1) * width]
            per_head.append(value @ matrix[head * width : (head + 1) * width])
        writes.append(torch.stack(per_head))
    return [weights[0] for weights in out.attentions], writes


def transition(
    attentions: Sequence[Tensor], writes: Sequence[Tensor], read: Sequence[int], scored: Sequence[int], rollout: str
) -> Tensor:
    """M of the positions `scored`: the defining sum over layers and heads, by full matrix products."""
    layers, (heads, length, _) = len(attentions), attentions[0].shape
    eye = torch.eye(length, dtype=attentions[0].dtype)
    total = torch.zeros(len(read), length, dtype=attentions[0].dtype)
    for layer in range(layers):
        for head in range(heads):
            chosen = range(layer + 1) if rollout == "prefix" else range(layer, layers)
            product = eye
            for step in chosen:
                product = (0.5 * attentions[step][head] + 0.5 * eye) @ product
            total += product[list(read)] * writes[layer][head].abs().sum(-1)
    rows = total[:, list(scored)]
    return (rows / rows.sum(-1, keepdim=True)).mean(0)


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
