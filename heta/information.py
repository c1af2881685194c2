"""Information I_i: how far the model's prediction moves when token i is masked (HETA, arXiv 2604.13258, Eq. 4).

I_i = sum over target steps of KL(p(.|x) || p(.|x with token i masked)), whole vocabulary, nats, >= 0.

Against a foil, a step's p is that of the target token among the two, p(target | target or foil): the divergence of two
coins instead of two vocabularies, which leaves out all that moves without telling the two apart.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import logsigmoid

from heta.masks import Mask, mask_vector
from heta.model import LoadedModel
from heta.passes import BasePass
from heta.perturbation import Perturbation, Reduce, lead, perturb

Tensor = torch.Tensor


def information_by_step(
    model: LoadedModel,
    base: BasePass,
    positions: Sequence[int],
    *,
    mask: Mask = "zero",
    foil_ids: Tensor | None = None,
    budget: int = 512,
) -> Tensor:
    """Each target step's share of I_i, `[step, position]` float64, nats, >= 0.

    Args:
        model: the model.
        base: its full pass; target tokens are read as given (teacher forcing).
        positions: input positions to mask, one at a time, any of them in any order; none changes another's value.
        mask: what a masked token's embedding becomes (see `heta.masks`).
        foil_ids: `[step]`, the token to contrast each target token with; a foil that is the target token itself gives
            0. Without it, the whole vocabulary counts.
        budget: most tokens in one pass; changes speed and memory only.

    Raises:
        ConfigError: a mask that this tokenizer does not have.
        ValueError: not one foil a step.
        NumericalError: a masked prediction is not finite.
    """
    vector = mask_vector(model, base, mask)
    rows = [Perturbation((position,), vector) for position in positions]
    reduce = divergence(base, foil_ids)
    # Rounding of two sums to 1 can leave -1e-16 where nothing moved.
    return perturb(model, base, rows, reduce, budget=budget).T.clamp_min(0.0)


def divergence(base: BasePass, foil_ids: Tensor | None = None) -> Reduce:
    """A reducer to each step's divergence from the full pass's prediction, `[row, step]` nats, rounding aside >= 0.

    Raises:
        ValueError: not one foil a step.
    """
    return _whole(base) if foil_ids is None else _contrast(base, foil_ids)


def _whole(base: BasePass) -> Reduce:
    log_p = base.log_probs
    p = log_p.exp()

    def reduce(log_q: Tensor) -> Tensor:
        return (p * (log_p - log_q)).sum(-1)

    return reduce


def _contrast(base: BasePass, foil_ids: Tensor) -> Reduce:
    log_odds = lead(base, foil_ids)
    clean = log_odds(base.log_probs[None])

    def reduce(log_q: Tensor) -> Tensor:
        moved = log_odds(log_q)
        target = clean.sigmoid() * (logsigmoid(clean) - logsigmoid(moved))
        foil = (-clean).sigmoid() * (logsigmoid(-clean) - logsigmoid(-moved))
        return target + foil

    return reduce
