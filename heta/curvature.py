"""Curvature S_i: how strongly the target's log-probability bends in token i's embedding (HETA, Eq. 2-3).

S_i = (1/m) sum_k || H_ii r_k ||_1, H = Hessian of log p(target) in the embeddings, r_k Rademacher in R^d_model.
By Khintchine's inequality ||H_ii||_{2,1} / sqrt 2 <= E S_i <= ||H_ii||_{2,1}.

Hessian-vector products are one-sided finite differences of gradients with one shared base gradient:
(grad(x + eps r) - grad(x)) / eps costs one gradient a probe and asks no second derivative of the attention kernel.
"""

from collections.abc import Sequence

import numpy as np
import torch

from heta.errors import IncompatibleModel
from heta.model import LoadedModel
from heta.passes import BasePass, row_batches, suffix_logits, suffix_start, target_log_prob

Tensor = torch.Tensor


def rademacher(seed: int, position: int, probes: int, width: int) -> Tensor:
    """Probes of one token, `[probe, d_model]` of -1 and +1; the same for a token whatever else is probed."""
    bits = np.random.default_rng([seed, position]).integers(0, 2, size=(probes, width), dtype=np.int8)
    return torch.from_numpy(2 * bits - 1)


def gradient(model: LoadedModel, base: BasePass, first: int) -> Tensor:
    """Gradient of log p(target) in the embeddings from `first` on, `[pos - first, d_model]`, in the model's dtype.

    Raises:
        IncompatibleModel: a pass over a cached prefix does not give the full pass's prediction.
    """
    start = suffix_start(base, first)
    leaf = base.embeddings[:, start:].detach().clone().requires_grad_(True)
    logits = suffix_logits(model, base, start, leaf)
    error = (logits.detach()[0].double().log_softmax(-1) - base.log_probs).abs().max()
    if not error < 1e-2:
        raise IncompatibleModel(
            f"{model.identity.name} ({type(model.module).__name__}): log-probabilities over a cached prefix differ by "
            f"{float(error):.2g} nats from the full pass; this family's cache cannot be used"
        )
    (result,) = torch.autograd.grad(target_log_prob(base, logits).sum(), leaf)
    return result[0, first - start :].detach()


def curvature(
    model: LoadedModel,
    base: BasePass,
    positions: Sequence[int],
    gradients: Tensor,
    *,
    probes: int,
    seed: int = 0,
    step: float = 0.002,
    budget: int = 512,
) -> Tensor:
    """S_i of each of `positions` (increasing), `[position]` float64, >= 0: exact blocks, probed one token at a time.

    Args:
        model: the model.
        base: its full pass.
        positions: input positions to probe.
        gradients: base gradients of `positions`, `[position, d_model]`.
        probes: Rademacher vectors a token, m.
        seed: of the probes.
        step: difference step, as a share of the mean absolute embedding.
        budget: most tokens in one pass; changes speed and memory only.
    """
    width, epsilon = base.embeddings.shape[-1], _epsilon(base, step)
    rows = [(index, probe) for index in range(len(positions)) for probe in range(probes)]
    draws = {index: rademacher(seed, positions[index], probes, width) for index in range(len(positions))}
    result = torch.zeros(len(positions), dtype=torch.float64)
    for batch in row_batches(base, [positions[index] for index, _ in rows], budget):
        index = torch.tensor([rows[row][0] for row in batch])
        where = torch.tensor([positions[rows[row][0]] for row in batch])
        start = suffix_start(base, int(where[0]))
        vectors = torch.stack([draws[rows[row][0]][rows[row][1]] for row in batch]).to(base.embeddings)
        block = (base.embeddings[0, where] + epsilon * vectors).requires_grad_(True)
        place = (torch.arange(len(batch)), where - start)
        suffix = base.embeddings[:, start:].repeat(len(batch), 1, 1).index_put(place, block)
        log_prob = target_log_prob(base, suffix_logits(model, base, start, suffix)).sum()
        (moved,) = torch.autograd.grad(log_prob, block)
        norms = ((moved - gradients[index]).double() / epsilon).abs().sum(-1)
        result.index_add_(0, index, norms.cpu())
    return result / probes


def curvature_one_pass(
    model: LoadedModel,
    base: BasePass,
    positions: Sequence[int],
    gradients: Tensor,
    *,
    probes: int,
    seed: int = 0,
    step: float = 0.002,
    budget: int = 512,
) -> Tensor:
    """A quick stand-in for `curvature`: every token probed at once, `[position]` float64, >= 0.

    A different estimand: (1/m) sum_k ||(H r_k)_i||_1 holds the off-diagonal blocks H_ij too. Arguments as there.
    """
    width, epsilon = base.embeddings.shape[-1], _epsilon(base, step)
    start = suffix_start(base, positions[0])
    where = torch.tensor(list(positions)) - start
    draws = torch.stack([rademacher(seed, position, probes, width) for position in positions], dim=1)
    result = torch.zeros(len(positions), dtype=torch.float64)
    for batch in row_batches(base, [positions[0]] * probes, budget):
        suffix = base.embeddings[:, start:].repeat(len(batch), 1, 1)
        suffix[:, where] += epsilon * draws[list(batch)].to(suffix)
        suffix.requires_grad_(True)
        log_prob = target_log_prob(base, suffix_logits(model, base, start, suffix)).sum()
        (moved,) = torch.autograd.grad(log_prob, suffix)
        result += ((moved[:, where] - gradients).double() / epsilon).abs().sum(-1).sum(0).cpu()
    return result / probes


def _epsilon(base: BasePass, step: float) -> float:
    return step * float(base.embeddings.abs().mean())
