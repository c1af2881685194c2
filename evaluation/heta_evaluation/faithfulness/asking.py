"""The model asked about changed inputs of one item, each change once, however many metrics and methods ask for it.

All of it goes through `Prepared.perturb`: batched, behind the keys and values of the one full pass.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch

from heta import Prepared
from heta.perturbation import Perturbation, Reduce
from heta_evaluation.faithfulness.base import Change, Hard, Reading, Soft
from heta_evaluation.metrics.base import BoolArray

_ROWS = 32
"""Changes whose embeddings are in memory at once; the engine makes its batches from them, under the item's budget."""


class ModelAsker:
    """An `Ask` for one prepared item, whose units are single tokens.

    Args:
        prepared: the item on the model.
        positions: the token of each unit, `[unit]`, increasing.
        seeds: what seeds the random numbers of soft changes.
    """

    def __init__(self, prepared: Prepared, positions: Sequence[int], seeds: Sequence[int]) -> None:
        self.prepared = prepared
        self.positions = tuple(positions)
        self.forwards = 1
        """Forward passes so far, the full one included; most run over a part of the prompt."""
        self._seeds = tuple(seeds)
        self._reduce = _readings(prepared)
        base = prepared.base
        clean = base.log_probs.gather(1, base.target_ids[:, None]).sum()
        self._own = Reading(float(clean), 0.0, 0.0)
        self._known: dict[Change, Reading] = {}

    def __call__(self, changes: Sequence[Change]) -> list[Reading]:
        """A reading for each change; only new ones are computed. No unit changed: the model's own prediction."""
        self._known |= {change: self._own for change in changes if isinstance(change, Hard) and not change.units}
        new = [change for change in dict.fromkeys(changes) if change not in self._known]
        for start in range(0, len(new), _ROWS):
            part = new[start : start + _ROWS]
            rows = self.prepared.perturb([self._perturbation(change) for change in part], self._reduce)
            self._known |= {change: Reading(*row) for change, row in zip(part, rows.tolist(), strict=True)}
        self.forwards += len(new)
        return [self._known[change] for change in changes]

    def _perturbation(self, change: Change) -> Perturbation:
        if isinstance(change, Hard):
            vector = self.prepared.mask_vector(change.mask)
            return Perturbation(tuple(self.positions[unit] for unit in change.units), vector)
        embeddings = self.prepared.base.embeddings[0, list(self.positions)]
        kept = torch.from_numpy(self._kept(change)).to(embeddings.device)
        return Perturbation(self.positions, embeddings * kept)

    def _kept(self, change: Soft) -> BoolArray:
        """Which coordinates stay, `[unit, d_model]`."""
        width = self.prepared.base.embeddings.shape[-1]
        drawn = np.random.default_rng([*self._seeds, 2, change.draw]).random((len(self.positions), width))
        return np.asarray(drawn < np.asarray(change.keep)[:, None], dtype=np.bool_)


def _readings(prepared: Prepared) -> Reduce:
    """A reducer to `[row, 3]`: the fields of `Reading`."""
    base = prepared.base
    log_p = base.log_probs
    p, root = log_p.exp(), (log_p / 2).exp()
    ids = base.target_ids[:, None]

    def reduce(log_q: torch.Tensor) -> torch.Tensor:
        chosen = log_q.gather(-1, ids.expand(len(log_q), -1, -1)).squeeze(-1).sum(-1)
        # Rounding of two sums to 1 can leave -1e-16 where nothing moved.
        kl = (p * (log_p - log_q)).sum(-1).clamp_min(0.0).sum(-1)
        distance = ((root - (log_q / 2).exp()) ** 2).sum(-1).mean(-1) / math.sqrt(2.0)
        return torch.stack([chosen, kl, distance], dim=-1)

    return reduce
