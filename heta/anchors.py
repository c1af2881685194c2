"""Paths from a baseline to a token through the embeddings of real tokens (Sanyal and Ren 2021, arXiv 2108.13654).

From the token on, the next anchor is chosen among the nearest neighbours of the last one, never one twice:

    greedy     the neighbour that is nearest to being monotonic: least || e - mono(e) ||
    max_count  the neighbour with most coordinates that are monotonic

A coordinate of e is monotonic where it lies between the baseline's and the last anchor's; mono(e) has every other one
replaced by a step of 1 / steps from the last anchor's towards the baseline's. The path goes through the anchors, each
made monotonic in the same way against the point before it, so every coordinate only ever moves towards the baseline.
"""

from collections.abc import Sequence
from typing import Literal

import torch

from heta.model import LoadedModel

Tensor = torch.Tensor
Strategy = Literal["greedy", "max_count"]

_TOKENS = 16
"""Paths that are sought at a time: their neighbours' embeddings are there at once."""


def vocabulary(model: LoadedModel) -> Tensor:
    """Embeddings of the tokenizer's tokens as the model sees them, `[token, d_model]`."""
    count = min(len(model.tokenizer), model.embedding.num_embeddings)
    ids = torch.arange(count, device=model.device)
    with torch.no_grad():
        return torch.cat([model.embedding(block) for block in torch.split(ids, 8192)])


def anchor_paths(
    words: Tensor,
    token_ids: Sequence[int],
    baseline: Tensor,
    *,
    baseline_id: int | None = None,
    steps: int = 30,
    neighbours: int = 500,
    strategy: Strategy = "greedy",
) -> Tensor:
    """The path of each token, from the baseline to its embedding: `[token, steps + 2, d_model]`.

    Args:
        words: embeddings of the vocabulary, `[token, d_model]`.
        token_ids: tokens whose paths are sought.
        baseline: where every path begins, `[d_model]`.
        baseline_id: the token that the baseline is the embedding of, which is no anchor.
        steps: anchors of a path.
        neighbours: how many nearest tokens of the last anchor are candidates for the next; a path whose candidates
            are all used up goes straight to the baseline.
        strategy: `greedy` or `max_count`.
    """
    ids = torch.tensor(list(token_ids), device=words.device)
    paths = [
        _paths(words, part, baseline.to(words), baseline_id, steps, min(neighbours, len(words) - 1), strategy)
        for part in torch.split(ids, _TOKENS)
    ]
    return torch.cat(paths)


def _paths(
    words: Tensor,
    ids: Tensor,
    baseline: Tensor,
    baseline_id: int | None,
    steps: int,
    neighbours: int,
    strategy: Strategy,
) -> Tensor:
    last, used = ids, ids[:, None]
    over = torch.zeros_like(ids, dtype=torch.bool) if baseline_id is None else ids == baseline_id
    points = [words[ids]]
    for _ in range(steps):
        near = _nearest(words, last, neighbours)
        candidates = words[near]
        monotonic = _monotonic(baseline, words[last][:, None], candidates)
        if strategy == "greedy":
            straight = _made_monotonic(baseline, words[last][:, None], candidates, steps)
            loss = (candidates - straight).norm(dim=-1)
        else:
            loss = -monotonic.sum(-1).to(words.dtype)
        taken = (near[:, :, None] == used[:, None, :]).any(-1)
        if baseline_id is not None:
            taken |= near == baseline_id
        loss = loss.masked_fill(taken, float("inf"))
        least, best = loss.min(dim=1)
        over = over | torch.isinf(least)
        # A path that is over stays where it is: its anchors are not read any more.
        last = torch.where(over, last, near.gather(1, best[:, None])[:, 0])
        used = torch.cat([used, last[:, None]], dim=1)
        point = _made_monotonic(baseline, points[-1], words[last], steps)
        points.append(torch.where(over[:, None], baseline.expand_as(point), point))
    points.append(baseline.expand_as(points[0]))
    return torch.stack(points[::-1], dim=1)


def _nearest(words: Tensor, ids: Tensor, count: int) -> Tensor:
    """The `count` nearest other tokens of each, nearest first, `[token, neighbour]`."""
    distances = torch.cdist(words[ids], words)
    distances.scatter_(1, ids[:, None], float("inf"))
    return distances.topk(count, largest=False).indices


def _monotonic(baseline: Tensor, before: Tensor, point: Tensor) -> Tensor:
    """Which coordinates of `point` lie between the baseline's and those of the point before."""
    low, high = torch.minimum(baseline, before), torch.maximum(baseline, before)
    return (low <= point) & (point <= high)


def _made_monotonic(baseline: Tensor, before: Tensor, point: Tensor, steps: int) -> Tensor:
    return torch.where(_monotonic(baseline, before, point), point, before - (before - baseline) / steps)
