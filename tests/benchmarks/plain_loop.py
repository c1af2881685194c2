"""HETA as a plain loop computes it: full length, one token and one probe at a time, second derivatives by autograd.

The semantics of the published implementation: for every token one graph of the gradient, m products with it, one masked
forward pass. Nothing is cached, batched or shared between tokens. It is the yardstick of `bench_engine.py`.
"""

import time
from collections.abc import Callable, Sequence

import torch

from heta.curvature.probes import rademacher
from heta.model import LoadedModel

Tensor = torch.Tensor


class PlainLoop:
    """One prompt of `ids`, whose next token `target` is explained."""

    def __init__(self, model: LoadedModel, ids: Sequence[int], target: int) -> None:
        self.model = model
        self.target = target
        self.embeddings = model.embedding(torch.tensor([list(ids)])).detach()
        self.length = len(ids)

    def log_probs(self, embeddings: Tensor) -> Tensor:
        """`[vocab]` at the last position, from `[1, pos, d_model]`."""
        logits: Tensor = self.model.module(inputs_embeds=embeddings, use_cache=False, logits_to_keep=1).logits
        return logits[0, -1].log_softmax(-1)

    def forward(self) -> Tensor:
        """One unmasked pass."""
        with torch.no_grad():
            return self.log_probs(self.embeddings)

    def graph(self) -> tuple[Tensor, Tensor]:
        """The gradient of log p(target) with its own graph, and its leaf, both `[1, pos, d_model]`."""
        leaf = self.embeddings.clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(self.log_probs(leaf)[self.target], leaf, create_graph=True)
        return gradient, leaf

    def product(self, graph: tuple[Tensor, Tensor], position: int, probe: Tensor) -> Tensor:
        """|| H_ii r ||_1 of one token and one probe."""
        gradient, leaf = graph
        (moved,) = torch.autograd.grad((gradient[0, position] * probe).sum(), leaf, retain_graph=True)
        return moved[0, position].abs().sum()

    def curvature(self, position: int, probes: int, seed: int = 0) -> float:
        """S of one token."""
        graph = self.graph()
        draws = rademacher(seed, position, probes, self.embeddings.shape[-1]).to(self.embeddings)
        return float(torch.stack([self.product(graph, position, draw) for draw in draws]).mean())

    def information(self, position: int, base: Tensor) -> float:
        """I of one token: one masked pass of full length."""
        masked = self.embeddings.clone()
        masked[0, position] = 0
        with torch.no_grad():
            moved = self.log_probs(masked)
        return float((base.exp() * (base - moved)).sum())


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu
