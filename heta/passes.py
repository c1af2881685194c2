"""Forward passes of one prompt and target: one full pass, then cheap ones over suffixes.

The mask is causal, so changing token i changes nothing before i: the keys and values of the one full pass serve as
the prefix of every later one. Inputs are embeddings throughout; parameters are frozen.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from heta.errors import IncompatibleModel, NumericalError
from heta.model import LoadedModel, forward_arguments
from heta.shared_mask import shared_mask

Tensor = torch.Tensor
LEAST_ROWS = 8
"""Matrix products of fewer rows take other kernels (MKL: below 4)."""


@dataclass(frozen=True)
class BasePass:
    """What one full forward pass leaves behind. `pos` runs over prompt and target without the last target token."""

    embeddings: Tensor
    """`[1, pos, d_model]`."""
    keys_values: tuple[tuple[Tensor, Tensor], ...]
    """Per layer, each `[1, kv_head, pos, d_head]`."""
    read: tuple[int, ...]
    """Positions whose logits predict the target tokens, one a step, increasing."""
    target_ids: Tensor
    """`[step]`."""
    log_probs: Tensor
    """`[step, vocab]` float64, nats."""

    @property
    def length(self) -> int:
        """Number of input positions."""
        return self.embeddings.shape[1]


def base_pass(
    model: LoadedModel,
    input_ids: Sequence[int],
    read: Sequence[int],
    target_ids: Sequence[int],
    *,
    noise: Tensor | None = None,
) -> BasePass:
    """Run the whole input once and keep its keys and values.

    Args:
        model: the model.
        input_ids: prompt and target tokens, `[pos]`.
        read: positions whose logits predict `target_ids`, `[step]`.
        target_ids: the tokens that are explained, `[step]`.
        noise: added to the embeddings of the first positions, `[pos, d_model]`.

    Raises:
        IncompatibleModel: the model keeps no plain keys and values for every position, or does not predict the same
            behind them.
        NumericalError: the model's own logits are not finite.
    """
    with torch.no_grad():
        embeddings = model.embedding(torch.tensor([list(input_ids)], device=model.device))
        if noise is not None:
            embeddings[0, : len(noise)] += noise.to(embeddings)
        cache = DynamicCache()
        logits = read_logits(model, embeddings, cache, read)
    layers: list[tuple[Tensor, Tensor]] = []
    for layer in cache.layers:
        keys, values = getattr(layer, "keys", None), getattr(layer, "values", None)
        if keys is None or values is None or keys.shape[-2] != len(input_ids):
            raise IncompatibleModel(
                f"{model.identity.name} ({type(model.module).__name__}) does not keep keys and values of every"
                " position in every layer; recurrent and cache-sharing families are not supported"
            )
        layers.append((keys, values))
    if not torch.isfinite(logits).all():
        raise NumericalError(f"logits of {model.identity.name} are not finite in {model.dtype}")
    base = BasePass(
        embeddings=embeddings,
        keys_values=tuple(layers),
        read=tuple(read),
        target_ids=torch.tensor(list(target_ids), device=model.device),
        log_probs=logits[0].double().log_softmax(-1),
    )
    _check_prefix(model, base)
    return base


def _check_prefix(model: LoadedModel, base: BasePass) -> None:
    """Every later pass runs behind the kept keys and values: a family that ignores them would give wrong numbers."""
    start = base.read[0]
    with torch.no_grad():
        logits = suffix_logits(model, base, start, base.embeddings[:, start:])
    error = (logits[0].double().log_softmax(-1) - base.log_probs).abs().max()
    if not error < 1e-2:
        raise IncompatibleModel(
            f"{model.identity.name} ({type(model.module).__name__}): log-probabilities behind a cached prefix differ by"
            f" {float(error):.2g} nats from the full pass; this family's cache cannot be used"
        )


def suffix_start(base: BasePass, position: int) -> int:
    """Where a pass has to begin in which `position` and later ones may change, so that every step is still read."""
    return min(position, base.read[0])


def suffix_logits(model: LoadedModel, base: BasePass, start: int, suffix: Tensor, *, removed: int = 0) -> Tensor:
    """Logits `[batch, step, vocab]` with embeddings from `start` on replaced by `suffix` `[batch, pos, d_model]`.

    Where `removed` positions are left out of the suffix, those behind them move up, the ones that are read among them.
    """
    with shared_mask(model):
        return read_logits(model, suffix, _prefix(base, start), [at - removed - start for at in base.read])


def block_logits(model: LoadedModel, base: BasePass, start: int, stop: int) -> Tensor:
    """The model's own logits at the positions from `start` to before `stop`, `[pos, vocab]`."""
    with shared_mask(model):
        logits = read_logits(model, base.embeddings[:, start:stop], _prefix(base, start), range(stop - start))
    return logits[0]


def _prefix(base: BasePass, start: int) -> DynamicCache:
    cache = DynamicCache()
    cache.layers = [_Prefix(keys[:, :, :start], values[:, :, :start]) for keys, values in base.keys_values]
    return cache


class _Prefix(DynamicLayer):  # type: ignore[misc]
    """Keys and values of the prefix, one copy for the whole batch, for one pass.

    A plain `DynamicLayer` copies the prefix for every row of every layer before the pass and holds the joined keys and
    values of all layers until its end. Here a layer's are joined when it runs and let go behind it.
    """

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.keys, self.values = keys, values
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """The prefix's and the new keys and values, `[batch, kv_head, pos, d_head]`; nothing is kept."""
        if self.keys.shape[-2] == 0:
            return key_states, value_states
        batch = key_states.shape[0]
        return (
            torch.cat([self.keys.expand(batch, -1, -1, -1), key_states], dim=-2),
            torch.cat([self.values.expand(batch, -1, -1, -1), value_states], dim=-2),
        )


def greedy_tokens(model: LoadedModel, base: BasePass, count: int, *, stop: Collection[int] = ()) -> list[int]:
    """The model's own greedy continuation of the prompt, `count` tokens, or up to and with the first one of `stop`.

    As long as it agrees with the target, the base pass already knows the next token; after that, one short pass each.
    """
    chosen: list[int] = []
    for step in range(count):
        if step < len(base.read) and chosen == base.target_ids[:step].tolist():
            chosen.append(int(base.log_probs[step].argmax()))
            if chosen == base.target_ids[: step + 1].tolist():
                continue
        break
    prompt = base.read[0] + 1
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(base.keys_values):
        cache.update(keys[:, :, :prompt], values[:, :, :prompt], layer)
    fed = 0
    with torch.no_grad():
        while len(chosen) < count and chosen[-1] not in stop:
            new = torch.tensor([chosen[fed:]], device=model.device)
            fed = len(chosen)
            logits = read_logits(model, model.embedding(new), cache, [new.shape[1] - 1])
            chosen.append(int(logits[0, -1].argmax()))
    return chosen


def read_logits(model: LoadedModel, embeddings: Tensor, cache: DynamicCache | None, read: Sequence[int]) -> Tensor:
    """Logits `[batch, step, vocab]` of one pass at the positions `read`, counted from the pass's start.

    The vocabulary projection runs from the first of them on only. Without a cache nothing is kept.
    """
    # No mask and no position ids: with a cache every family derives both itself, sliding windows included.
    # A copy, because some families scale their input in place.
    arguments: dict[str, Any] = {"inputs_embeds": embeddings.clone(), "past_key_values": cache}
    length = embeddings.shape[1]
    if "logits_to_keep" in forward_arguments(model.module):
        # A number and no tensor of indices: that would have to lie on the device of the last layer.
        arguments["logits_to_keep"] = length - min(read)
    with model.lock, _whole_head(model):
        logits = model.module(**arguments, use_cache=cache is not None).logits
    if not isinstance(logits, Tensor):
        raise IncompatibleModel(f"{model.identity.name} gives no logits; a causal language model is needed")
    wanted = [position - length + logits.shape[1] for position in read]
    return logits if wanted == list(range(logits.shape[1])) else logits[:, wanted]


@contextmanager
def _whole_head(model: LoadedModel) -> Iterator[None]:
    """Passes inside project all rows of a batch onto the vocabulary in one product.

    The last positions of a batch do not lie together in memory, and torch then multiplies row by row: the largest
    weights of the model are read once a row, in the backward pass too. Where gradients are taken a few rows are filled
    up with copies to `LEAST_ROWS`: a product of fewer rows adds up the vocabulary in another order, and a difference of
    two gradients that were added up differently holds twenty times the rounding error.
    """
    find: Any = model.module.get_output_embeddings
    try:
        head = find()
    except (AttributeError, NotImplementedError):  # a model of other code; it is only slower then
        head = None
    if not isinstance(head, torch.nn.Module):
        yield
        return
    rows = _Rows()
    handles = (head.register_forward_pre_hook(rows.together), head.register_forward_hook(rows.apart))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Rows:
    """Hooks around one call of the head."""

    def __init__(self) -> None:
        self.rows: int | None = None

    def together(self, _: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The states of all rows in one piece, with copies of the first one where they are few."""
        self.rows = None
        if not inputs:
            return None
        states = inputs[0]
        copies = -(-LEAST_ROWS // states[0, ..., 0].numel()) - states.shape[0]
        if torch.is_grad_enabled() and copies > 0:
            self.rows = states.shape[0]
            return (torch.cat([states, states[:1].detach().expand(copies, *states.shape[1:])]), *inputs[1:])
        return (states.contiguous(), *inputs[1:])

    def apart(self, _: torch.nn.Module, __: tuple[Any, ...], output: Tensor) -> Tensor:
        """The logits without those of the copies."""
        return output if self.rows is None else output[: self.rows]
