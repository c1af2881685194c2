"""What the model predicts when some of its input is masked, left out or replaced: one engine for all who ask.

A change at position i leaves everything before i as it was, so a row runs from its first changed position on, behind
the full pass's keys and values, in a batch with rows that begin near it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from heta.errors import InputError, NumericalError
from heta.memory import row_cost, run_rows
from heta.model import LoadedModel
from heta.passes import BasePass, suffix_logits

Tensor = torch.Tensor

Reduce = Callable[[Tensor], Tensor]
"""What to keep of log-probabilities `[row, step, vocab]` (float64, nats, on the model's device): `[row, ...]`."""

# float64 log-probabilities that are there at once: 4 MB, and a few temporaries of that size in a reduction.
_BLOCK = 2**19


@dataclass(frozen=True, eq=False)
class Perturbation:
    """One change of the input: a set of positions, and what becomes of them.

    Raises:
        ValueError: positions that do not increase, or as many replacements as there are not positions.
    """

    positions: tuple[int, ...]
    """Increasing; any position may be masked or replaced, left out only those up to the first that is read. None at all
    gives the model's own prediction."""
    to: Tensor | tuple[int, ...] | None
    """One embedding for all of them `[d_model]` or one for each `[position, d_model]`; token ids, one for each; or
    None: they are left out, the sequence gets shorter and what stands behind them moves up."""

    def __post_init__(self) -> None:
        if any(later <= earlier for earlier, later in zip(self.positions, self.positions[1:], strict=False)):
            raise ValueError(f"positions are {self.positions}, they must increase")
        single = isinstance(self.to, Tensor) and self.to.ndim == 1
        if self.to is not None and not single and len(self.to) != len(self.positions):
            raise ValueError(f"{len(self.to)} replacements were given for {len(self.positions)} positions")

    @property
    def removed(self) -> int:
        """How many positions are left out."""
        return len(self.positions) if self.to is None else 0


def perturb(
    model: LoadedModel, base: BasePass, perturbations: Sequence[Perturbation], reduce: Reduce, *, budget: int = 512
) -> Tensor:
    """`reduce` of the model's log-probabilities under each perturbation, `[row, ...]` on the CPU, in the given order.

    Log-probabilities are those of the whole vocabulary at every step of the target, its tokens read as given. They
    go through `reduce` a few rows at a time, so that those of all rows are never held. `reduce` treats rows alike
    whatever others come with them.

    Args:
        model: the model.
        base: its full pass.
        perturbations: the rows, any number, in any order, alike or different in kind.
        reduce: what to keep of `[row, step, vocab]`.
        budget: most tokens in one pass (see `heta.memory`); changes speed and memory only.

    Raises:
        ValueError: a position outside the input, or one that must not be left out.
        NumericalError: a reduced value is not finite.
        OutOfMemory: a single row does not fit.
    """
    for perturbation in perturbations:
        _check(base, perturbation)
    if not perturbations:
        return reduce(base.log_probs[None, ...][:0]).cpu()

    def run(rows: list[int], start: int) -> Tensor:
        with torch.no_grad():
            chosen = [perturbations[row] for row in rows]
            suffix = _suffix(model, base, chosen, start)
            logits = suffix_logits(model, base, start, suffix, removed=chosen[0].removed)
            blocks = torch.split(logits, max(1, _BLOCK // base.log_probs.numel()))
            return torch.cat([reduce(block.double().log_softmax(-1)) for block in blocks])

    starts = [p.positions[0] if p.positions else base.read[0] for p in perturbations]
    removed = [p.removed for p in perturbations]
    result = run_rows(base, row_cost(model, base), starts, budget, run, removed=removed)
    finite = torch.isfinite(result.flatten(1)).all(1) if result.ndim > 1 else torch.isfinite(result)
    if not finite.all():
        row = int((~finite).nonzero()[0])
        positions = perturbations[row].positions
        raise NumericalError(
            f"prediction of {model.identity.name} is not finite in {model.dtype} when positions"
            f" {', '.join(map(str, positions[:8]))}{', ...' if len(positions) > 8 else ''} are changed; try float64"
        )
    return result


def perturbed_log_probs(
    model: LoadedModel, base: BasePass, perturbations: Sequence[Perturbation], *, budget: int = 512
) -> Tensor:
    """log p of each target token under each perturbation, `[row, step]` float64, nats. Arguments as for `perturb`."""
    return perturb(model, base, perturbations, lambda log_probs: chosen_log_probs(base, log_probs), budget=budget)


def lead(base: BasePass, foil_ids: Tensor) -> "Reduce":
    """A reducer to log p(target) - log p(foil), `[row, step]` nats, with `[step]` foils.

    Raises:
        ValueError: not one foil a step.
    """
    if foil_ids.shape != base.target_ids.shape:
        raise ValueError(f"foil_ids have shape {tuple(foil_ids.shape)}, the target {tuple(base.target_ids.shape)}")
    foils = foil_ids.to(base.target_ids)

    def reduce(log_probs: Tensor) -> Tensor:
        index = foils.expand(log_probs.shape[0], -1).unsqueeze(-1)
        return chosen_log_probs(base, log_probs) - log_probs.gather(-1, index).squeeze(-1)

    return reduce


def chosen_log_probs(base: BasePass, log_probs: Tensor) -> Tensor:
    """Those of the target's tokens, `[row, step]`, from `[row, step, vocab]`."""
    ids = base.target_ids.expand(log_probs.shape[0], -1).unsqueeze(-1)
    return log_probs.gather(-1, ids).squeeze(-1)


def _suffix(model: LoadedModel, base: BasePass, chosen: Sequence[Perturbation], start: int) -> Tensor:
    """Embeddings from `start` on, `[row, pos, d_model]`, of rows that lack equally many positions."""
    if chosen[0].removed:
        kept = [sorted(set(range(start, base.length)).difference(p.positions)) for p in chosen]
        return base.embeddings[0][torch.tensor(kept, device=base.embeddings.device)]
    suffix = base.embeddings[:, start:].repeat(len(chosen), 1, 1)
    for row, perturbation in enumerate(chosen):
        to = perturbation.to
        if perturbation.positions and to is not None:
            vectors = to if isinstance(to, Tensor) else model.embedding(torch.tensor(to, device=model.device))
            where = torch.tensor(perturbation.positions, device=suffix.device) - start
            suffix[row, where] = vectors.to(suffix)
    return suffix


def _check(base: BasePass, perturbation: Perturbation) -> None:
    positions, first_read = perturbation.positions, base.read[0]
    if positions and not (positions[0] >= 0 and positions[-1] < base.length):
        raise ValueError(f"positions {positions} do not lie in the input of {base.length}")
    if perturbation.removed and positions[-1] > first_read:
        raise ValueError(f"position {positions[-1]} is read with the target and cannot be left out; up to {first_read}")
    if perturbation.removed > first_read:
        raise InputError(
            f"all of the {first_read + 1} positions before the target are left out; keep at least one: make the prompt"
            " longer, take smaller units or another mask than drop"
        )
