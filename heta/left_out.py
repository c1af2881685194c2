"""What is predicted without one unit: the passes that `kl`, HETA's information, `leave_one_out` and `gilot` share.

One pass a unit, of which three things are kept: how far the prediction moved, what the target lost, and what became of
the likeliest outputs.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heta.errors import InputError
from heta.masks import Mask
from heta.records import Unit

if TYPE_CHECKING:
    import torch

    from heta.passes import BasePass
    from heta.prepared import Prepared

Array = NDArray[np.float64]
OUTPUTS = 64
"""Likeliest outputs of a step that are followed."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Predictions without one unit each; `changed` runs over the units that hold a scored token."""

    scored: NDArray[np.bool_]
    """`[unit]`, whether it holds a scored token."""
    information: Array
    """`[changed, step]` nats, >= 0: the KL divergence of the prediction from the one without the unit, over the whole
    vocabulary, or of the choice between target and foil."""
    loss: Array
    """`[changed, step]` nats: what is explained (log p of the target, or its lead over the foil) less what is left."""
    output_ids: NDArray[np.int64]
    """`[step, output]`, the likeliest first; the target and the foil where there is one."""
    outputs: Array
    """`[step, output]`, their probabilities with everything there."""
    moved: Array
    """`[changed, step, output]`, the same without the unit."""


def left_out(prepared: "Prepared", unit: Unit, mask: Mask) -> LeftOut:
    """The predictions without each unit of the prompt, computed once for each kind of unit and mask.

    Raises:
        InputError: no unit holds a scored token.
        ConfigError: a mask that this tokenizer does not have.
    """
    return prepared.once(("left out", unit, mask), lambda: _compute(prepared, unit, mask))


def scored_units(prepared: "Prepared", unit: Unit) -> tuple[NDArray[np.bool_], list[tuple[int, ...]]]:
    """Which units hold a scored token, `[unit]`, and the scored tokens of those, `[changed]`.

    Raises:
        InputError: none does.
    """
    units = prepared.unit_positions(unit)
    scored = np.array([bool(positions) for positions in units], dtype=np.bool_)
    if not scored.any():
        raise InputError(f"no {unit} of the prompt holds a scored token; make it longer or unscore less")
    return scored, [positions for positions in units if positions]


def spread_units(scored: NDArray[np.bool_], values: Array) -> Array:
    """`[..., changed]` values put at their units: `[..., unit]`, 0 elsewhere."""
    result = np.zeros((*values.shape[:-1], len(scored)))
    result[..., scored] = values
    return result


def _compute(prepared: "Prepared", unit: Unit, mask: Mask) -> LeftOut:
    import torch

    from heta.information import divergence
    from heta.perturbation import Perturbation

    scored, units = scored_units(prepared, unit)
    vector, base, foil = prepared.mask_vector(mask), prepared.base, prepared.objective().foil_ids
    explained, information = prepared.explained_log_probs(), divergence(base, foil)
    ids = _followed(base, foil)

    def reduce(log_probs: "torch.Tensor") -> "torch.Tensor":
        followed = log_probs.gather(-1, ids.expand(len(log_probs), -1, -1)).exp()
        return torch.cat([information(log_probs)[..., None], explained(log_probs)[..., None], followed], dim=-1)

    moved = prepared.perturb([Perturbation(positions, vector) for positions in units], reduce)
    clean = reduce(base.log_probs[None])[0].cpu().numpy()
    return LeftOut(
        scored=scored,
        # Rounding of two sums to 1 can leave -1e-16 where nothing moved.
        information=np.maximum(moved[..., 0], 0.0),
        loss=clean[:, 1] - moved[..., 1],
        output_ids=ids.cpu().numpy(),
        outputs=clean[:, 2:],
        moved=moved[..., 2:],
    )


def _followed(base: "BasePass", foil: "torch.Tensor | None") -> "torch.Tensor":
    """`[step, output]` token ids."""
    import torch

    if foil is not None:
        return torch.stack([base.target_ids, foil.to(base.target_ids)], dim=1)
    return base.log_probs.topk(min(OUTPUTS, base.log_probs.shape[1]), dim=1).indices
