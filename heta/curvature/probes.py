"""Random vectors: the same for a token whatever else is probed, so that modes and batches can be compared."""

from collections.abc import Sequence

import numpy as np
import torch

Tensor = torch.Tensor


def rademacher(seed: int, position: int, probes: int, width: int) -> Tensor:
    """Probes of one token, `[probe, d_model]` of -1 and +1. The first ones are the same whatever `probes` is."""
    bits = np.random.default_rng([seed, position]).integers(0, 2, size=(probes, width), dtype=np.int8)
    return torch.from_numpy(2 * bits - 1)


def rademacher_of(seed: int, positions: Sequence[int], probes: int, width: int) -> Tensor:
    """`[probe, position, d_model]`."""
    return torch.stack([rademacher(seed, position, probes, width) for position in positions], dim=1)
