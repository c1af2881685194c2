"""Fisher information of the model's likeliest outputs in place of the Hessian: K backward passes serve all tokens.

G = sum over steps and over the K most likely outputs y of p(y) grad log p(y) grad log p(y)'. It does not ask which
token the target is, only how the whole prediction bends.
"""

from collections.abc import Sequence

import torch

from heta.curvature.options import CurvatureOptions
from heta.curvature.probes import rademacher_of
from heta.objective import Objective
from heta.passes import suffix_start

Tensor = torch.Tensor


def fisher(objective: Objective, positions: Sequence[int], options: CurvatureOptions) -> tuple[Tensor, float]:
    """(1/m) sum_k || G_ii r_k ||_1, `[output, position]` float64, >= 0, and the probability the outputs leave out.

    Where every step is an output of its own, its G is that step's; else G is the sum over the steps. The probability
    is the largest over the steps.
    """
    base = objective.base
    chosen = base.log_probs.topk(min(options.outputs, base.log_probs.shape[1]), dim=-1)
    start = suffix_start(base, positions[0])
    where = torch.tensor(list(positions), device=objective.vectors.device) - start
    draws = rademacher_of(options.seed, positions, options.probes, objective.vectors.shape[-1]).double()
    leaf = objective.vectors[:, start:].detach().clone().requires_grad_(True)
    log_probs = objective.logits(start, leaf)[0].log_softmax(-1)
    products = torch.zeros(objective.outputs, *draws.shape, dtype=torch.float64)
    steps, outputs = chosen.indices.shape
    for step in range(steps):
        for rank in range(outputs):
            last = step + 1 == steps and rank + 1 == outputs
            value = log_probs[step, chosen.indices[step, rank]]
            (gradient,) = torch.autograd.grad(value, leaf, retain_graph=not last)
            rows = gradient[0, where].double().cpu()
            weight = chosen.values[step, rank].exp().cpu()
            products[step if objective.each else 0] += (
                weight * torch.einsum("kid,id->ki", draws, rows)[..., None] * rows
            )
    missing = max(0.0, float(1 - chosen.values.exp().sum(-1).min()))
    return products.abs().sum(-1).mean(1), missing
