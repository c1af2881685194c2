"""The modes of the curvature behind one function."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from heta.curvature.blocks import Pair, block_norms
from heta.curvature.fisher import fisher
from heta.curvature.joint import low_rank, one_pass
from heta.curvature.options import CurvatureOptions
from heta.errors import ConfigError
from heta.windows import Windows, mean_over

if TYPE_CHECKING:
    from heta.objective import Objective


@dataclass(frozen=True)
class Curvature:
    """S of some tokens."""

    values: torch.Tensor
    """`[output, position]` float64, >= 0."""
    left_out: float = 0.0
    """What the mode's approximation leaves out at most: see `note`. 0 for modes that leave nothing out."""


def note(options: CurvatureOptions, left_out: float) -> str | None:
    """What there is to say of an approximation, in one line."""
    if options.curvature == "fisher":
        return f"Fisher: {options.outputs} outputs a step leave out up to {left_out:.2g} of p"
    if options.curvature == "low_rank":
        columns = options.rank + options.oversampling
        return (
            f"low rank: relative residual {left_out:.2g} with {columns} columns at most; S is too low for tokens whose"
            " block they miss"
        )
    return None


def curvature(
    objective: "Objective",
    positions: Sequence[int],
    options: CurvatureOptions,
    *,
    windows: Windows | None = None,
    budget: int,
) -> Curvature:
    """S of `positions` (increasing) in the mode that the options name; `screened` is `heta.screening`'s.

    Args:
        objective: what is differentiated, and where.
        positions: input positions to probe.
        options: mode, probes and what the mode takes.
        windows: over `positions`: tokens that are moved together share a window; a token's S is its mean over windows.
        budget: most tokens in one pass; changes speed and memory only.

    Raises:
        ConfigError: a mode that cannot explain this objective.
    """
    if options.curvature == "exact":
        pairs = [Pair(position, probe) for position in positions for probe in range(options.probes)]
        norms = block_norms(objective, pairs, options, budget=budget)
        return Curvature(norms.reshape(objective.outputs, len(positions), options.probes).mean(-1))
    if options.curvature == "fisher":
        if objective.foil_ids is not None:
            raise ConfigError(
                "curvature fisher does not ask for the target, so there is no lead over a foil; use exact"
            )
        values, missing = fisher(objective, positions, options)
        return Curvature(values, missing)
    cut = windows.over(len(positions)) if windows else [range(len(positions))]
    parts, residual = [], 0.0
    for window in cut:
        inside = [positions[index] for index in window]
        if options.curvature == "low_rank":
            values, missing = low_rank(objective, inside, options, budget=budget)
            residual = max(residual, missing)
        else:
            values = one_pass(objective, inside, options, budget=budget)
        parts.append(np.asarray(values))
    return Curvature(torch.from_numpy(mean_over(len(positions), cut, parts)), residual)
