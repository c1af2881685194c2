"""Gradients along a path of inputs, each dotted with the path's step there: a line integral, token by token."""

from collections.abc import Callable, Sequence

import torch

from heta.budget import Budget
from heta.memory import row_cost, run_rows
from heta.objective import Objective, gradients_of
from heta.passes import suffix_start

Tensor = torch.Tensor

Path = Callable[[list[int]], tuple[Tensor, Tensor]]
"""Gets some of the path's points by number, gives the embeddings there and the steps taken from them, both
`[point, position, d_model]`."""


def path_products(objective: Objective, positions: Sequence[int], count: int, path: Path, *, budget: Budget) -> Tensor:
    """sum over points of (gradient there, dotted with the step from there), `[output, position]` float64, nats.

    Only `positions` move; every other embedding, the BOS token's and the target's among them, stays what it is. One
    forward pass a point and a backward pass for each output.

    Args:
        objective: what is differentiated, in the embeddings.
        positions: input positions that move.
        count: number of points.
        path: the points and steps; asked for the points of one batch at a time.
        budget: most tokens or bytes in one pass.
    """
    start = suffix_start(objective.base, positions[0])
    where = torch.tensor(list(positions), device=objective.vectors.device) - start

    def run(points: list[int], _: int) -> Tensor:
        at, steps = path(points)
        leaf = moved(objective, positions, at).requires_grad_(True)
        gradient = gradients_of(objective.values(start, leaf), leaf)[:, :, where]
        return (gradient.double() * steps.double()).sum(-1).transpose(0, 1)

    cost = row_cost(objective.model, objective.base, backward=True)
    # Every point's share is kept before they are added up, so that batches of another size give the same sum.
    tokens = budget.tokens_in_flight(objective.model, objective.base, start, backward=True)
    return run_rows(objective.base, cost, [start] * count, tokens, run).sum(0)


def value_at(objective: Objective, positions: Sequence[int], embeddings: Tensor) -> Tensor:
    """The objective with other embeddings `[position, d_model]` at `positions`, `[output]` float64, nats."""
    start = suffix_start(objective.base, positions[0])
    with torch.no_grad():
        logits = objective.logits(start, moved(objective, positions, embeddings[None]))
    return objective.read(logits.double())[0].cpu()


def moved(objective: Objective, positions: Sequence[int], embeddings: Tensor) -> Tensor:
    """Suffixes `[row, pos, d_model]` from where passes start, with `[row, position, d_model]` put in."""
    start = suffix_start(objective.base, positions[0])
    suffix = objective.vectors[:, start:].detach().repeat(len(embeddings), 1, 1)
    suffix[:, [position - start for position in positions]] = embeddings.to(suffix)
    return suffix


def completeness(objective: Objective, positions: Sequence[int], products: Tensor, baseline: Tensor) -> str:
    """A note on how far `products` `[output, position]` are from adding up to what the path's ends differ by."""
    moves = objective.read(objective.base.log_probs[None])[0].cpu() - value_at(objective, positions, baseline)
    errors = products.sum(-1) - moves
    worst = int(errors.abs().argmax())
    which = f" of target token {worst}" if len(errors) > 1 else ""
    return (
        f"completeness: scores{which} add up to {float(products[worst].sum()):+.4f} nats, from the baseline to the"
        f" prompt the explained value moves by {float(moves[worst]):+.4f}: error {float(errors[worst]):+.1e}"
    )
