"""Information I_i: how far the model's prediction moves when token i is masked (HETA, arXiv 2604.13258, Eq. 4).

I_i = sum over target steps of KL(p(.|x) || p(.|x with token i's embedding masked)), whole vocabulary, nats, >= 0.
"""

from collections.abc import Sequence
from typing import Literal

import torch

from heta.model import LoadedModel
from heta.passes import BasePass, row_batches, suffix_logits, suffix_start

Mask = Literal["zero"]


def information_rows(
    model: LoadedModel,
    base: BasePass,
    positions: Sequence[int],
    *,
    mask: Mask = "zero",
    foil_ids: torch.Tensor | None = None,
    budget: int = 512,
) -> torch.Tensor:
    """I_i of each of `positions` (increasing), `[step, position]` float64, nats.

    Args:
        model: the model.
        base: its full pass; target tokens are read as given (teacher forcing).
        positions: input positions to mask, one at a time.
        mask: what a masked token's embedding becomes; `zero`, as the paper has it.
        budget: most tokens in one pass; changes speed and memory only.
    """
    if mask != "zero":
        raise ValueError(f"mask is {mask!r}, allowed is 'zero'")
    result = torch.empty(len(base.read), len(positions), dtype=torch.float64)
    for rows in row_batches(base, positions, budget):
        where = [positions[row] for row in rows]
        start = suffix_start(base, where[0])
        suffix = base.embeddings[:, start:].repeat(len(rows), 1, 1)
        suffix[torch.arange(len(rows)), torch.tensor(where) - start] = 0
        with torch.no_grad():
            logits = suffix_logits(model, base, start, suffix)
        for row, masked in zip(rows, logits, strict=True):
            result[:, row] = _divergence(base.log_probs, masked.double().log_softmax(-1))
    # Rounding of two sums to 1 can leave -1e-16 where nothing moved.
    return result.clamp_min(0.0)


def _divergence(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    return (log_p.exp() * (log_p - log_q)).sum(-1)
