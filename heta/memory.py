"""What a batch of passes takes in memory, batches that fit a budget, and batches that shrink where one did not.

A budget counts tokens in flight: those that a pass computes, over all rows of its batch. What a row needs besides, the
keys and values of its cached prefix and its logits, counts as the tokens whose bytes it takes, so that memory grows
linearly with the budget whatever the prompt's length.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from heta.errors import OutOfMemory
from heta.model import LoadedModel
from heta.passes import BasePass

Tensor = torch.Tensor
logger = logging.getLogger(__name__)

_OUT_OF_MEMORY = ("DefaultCPUAllocator", "not enough memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


@dataclass(frozen=True)
class RowCost:
    """Estimated bytes in flight of one row of a batch, beside weights and the full pass."""

    token: int
    """Of a token that the pass computes."""
    cached: int
    """Of a token of the prefix: its keys and values are joined with every row's own."""
    logits: int
    """Of the row's logits."""
    pair: int = 0
    """Of a computed token and one it may look at, in the mask that all rows of a batch share."""

    def bytes(self, start: int, length: int) -> int:
        """Of a row of `length` positions that is computed from `start` on."""
        return (length - start) * self.token + start * self.cached + self.logits

    def tokens(self, start: int, length: int) -> int:
        """The same in computed tokens, rounded up."""
        return math.ceil(self.bytes(start, length) / self.token)

    def mask(self, start: int, length: int) -> int:
        """Of the mask of a batch of such rows, however many."""
        return (length - start) * length * self.pair


def row_cost(model: LoadedModel, base: BasePass, *, backward: bool = False) -> RowCost:
    """Estimate what a row of `suffix_logits` takes at its peak: 1.0 to 2.5 times what two-layer models really take.

    A model whose attention does not go through transformers' attention interface makes masks for every row, and one
    with experts copies what they read: neither is counted, so a row may take up to 2.5 times as much there.

    Args:
        model: the model; its config tells the widths.
        base: the full pass.
        backward: the pass keeps what a gradient in the embeddings needs, in every layer.
    """
    module: Any = model.module
    config = module.config.get_text_config(decoder=True)
    keys = base.keys_values[0][0]
    width, item = base.embeddings.shape[-1], base.embeddings.element_size()
    layers, key_width = len(base.keys_values), keys.shape[1] * keys.shape[3]
    query_width = config.num_attention_heads * keys.shape[3]
    inner = _inner_width(config, width)
    # Keys and values joined with the prefix's, and where several query heads share them, one copy a query head.
    cached = 2 * key_width + (2 * query_width if query_width != key_width else 0)
    if backward:
        # A layer keeps its two norms with what they normed, queries before and after rotation, what attention wrote,
        # keys and values, and four vectors of the inner width.
        token = layers * (8 * width + 3 * query_width + 2 * key_width + cached + 4 * inner)
        cached *= layers
    else:
        # One layer at a time: the residual stream and its norm beside the wider of attention and feed-forward.
        token = 3 * width + max(3 * query_width + 2 * key_width + cached, 4 * inner)
    logits = base.log_probs.numel() * (3 if backward else 2)
    # A mask of one byte each, and the same in numbers.
    return RowCost(token=token * item, cached=cached * item, logits=logits * item, pair=1 + item)


def budget_tokens(cost: RowCost, memory: int, start: int, length: int) -> int:
    """The token budget that keeps a batch within `memory` bytes.

    Args:
        cost: of one row.
        memory: bytes that a batch may take beside weights, the full pass and what a reduction of log-probabilities
            adds (see `heta.perturbation`: some 16 MB, or one row's where that is more).
        start: where the longest row begins to be computed.
        length: positions of that row.

    Raises:
        OutOfMemory: not even that row fits.
    """
    mask = cost.mask(start, length)
    need = cost.bytes(start, length) + mask
    if memory < need:
        raise OutOfMemory(
            f"the budget is {memory} bytes of memory, one row of {length - start} tokens behind {start} cached ones"
            f" needs about {need}; allow at least that or shorten the prompt"
        )
    return (memory - mask) // cost.token


def run_rows(
    base: BasePass,
    cost: RowCost,
    starts: Sequence[int],
    budget: int,
    run: Callable[[list[int], int], Tensor],
    *,
    removed: Sequence[int] | None = None,
) -> Tensor:
    """Run every row exactly once, in batches under a token budget, and put the results into the rows' order.

    Rows that begin near each other run together, all from where the first of them begins. A batch that runs out of
    memory is run again at half its size, the rest of the rows likewise, with one warning that says to what.

    Args:
        base: the full pass.
        cost: of one row.
        starts: where each row begins to differ from the full pass, at least one row.
        budget: most tokens in one pass; a single row longer than that still runs, alone.
        run: gets the rows of a batch and where it starts, gives `[row, ...]`; it may be called again for rows whose
            batch failed, so it should add to nothing outside itself.
        removed: how many positions each row lacks (default: none); a batch's rows are equally long.

    Returns:
        `[row, ...]` on the CPU, whatever the order in which rows ran.

    Raises:
        OutOfMemory: a single row does not fit.
    """
    lacking = [0] * len(starts) if removed is None else removed
    begins = [min(start, base.read[0] - gone) for start, gone in zip(starts, lacking, strict=True)]
    order = sorted(range(len(begins)), key=lambda row: (lacking[row], begins[row]))
    lengths = [base.length - gone for gone in lacking]
    parts: list[Tensor] = []
    done, failed = 0, 0
    plan = _batches([begins[row] for row in order], [lengths[row] for row in order], cost, budget)
    while done < len(order):
        batch = order[done : done + plan[0]]
        tokens = cost.tokens(begins[batch[0]], lengths[batch[0]])
        part = _attempt(run, batch, begins[batch[0]], tokens)
        if part is None:
            failed = failed or len(batch) * tokens
            budget = len(batch) * tokens // 2
            rest = order[done:]
            plan = _batches([begins[row] for row in rest], [lengths[row] for row in rest], cost, budget)
            continue
        if failed:
            logger.warning("out of memory with %d tokens in one pass; going on with %d", failed, budget)
            failed = 0
        parts.append(part)
        done += len(batch)
        del plan[0]
    results = torch.cat(parts)
    return results[torch.tensor(order).argsort()]


def _batches(begins: Sequence[int], lengths: Sequence[int], cost: RowCost, budget: int) -> list[int]:
    """How many rows each batch takes, so that all of them compute least.

    A batch starts where its first row begins, so later rows compute more than they need; and every pass has a price of
    its own, taken as a quarter of the budget. Rows come sorted by length and beginning; a batch's are equally long.
    """
    count, price = len(begins), budget * cost.token / 4
    least, take = [0.0] * (count + 1), [1] * count
    for first in range(count - 1, -1, -1):
        row = cost.bytes(begins[first], lengths[first])
        most = min(count - first, max(1, budget * cost.token // row))
        least[first] = math.inf
        for rows in range(1, most + 1):
            if lengths[first + rows - 1] != lengths[first]:
                break
            total = rows * row + price + least[first + rows]
            if total < least[first]:
                least[first], take[first] = total, rows
    plan, done = [], 0
    while done < count:
        plan.append(take[done])
        done += take[done]
    return plan


def _attempt(run: Callable[[list[int], int], Tensor], rows: list[int], start: int, tokens: int) -> Tensor | None:
    """The batch's result, or None where it ran out of memory and can be made smaller.

    Its tensors hang on the error's traceback, so the caller tries again only after this has returned.
    """
    try:
        return run(rows, start).cpu()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        if len(rows) == 1:
            raise OutOfMemory(
                f"out of memory in a pass of one row that takes as much as {tokens} tokens; shorten the prompt, free"
                " memory or take a smaller model"
            ) from error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch failed for want of memory: an accelerator's own class, a CPU's plain RuntimeError by its words."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY)


def _inner_width(config: Any, width: int) -> int:
    """Width inside the feed-forward layers, all experts that a token goes through together."""
    for name in ("moe_intermediate_size", "intermediate_size", "ffn_dim", "n_inner"):
        inner = getattr(config, name, None)
        if isinstance(inner, int):
            experts = getattr(config, "num_experts_per_tok", None) or 1
            return inner * int(experts)
    # What GPT-2 and its kin do where the config names no width.
    return 4 * width
