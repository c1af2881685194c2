"""GiLOT: how far, in meaning, the output distribution moves when a unit goes (Li et al. 2024)."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from heta.masks import Mask
from heta.methods.base import Array, Options, Scores
from heta.methods.by_unit import ByUnit
from heta.records import Unit

if TYPE_CHECKING:
    from heta.left_out import LeftOut
    from heta.prepared import Prepared

OTHERS = 0.5
"""Distance from each followed output to all that are not followed, taken as one: that of unrelated embeddings."""


class GilotOptions(Options):
    """Options of `gilot`."""

    unit: Unit = "token"
    """What goes at a time."""
    mask: Mask = "zero"
    """What a masked token's embedding becomes; `drop` leaves the token out."""
    outputs: Annotated[int, Field(ge=2, le=64)] = 32
    """The likeliest outputs of each step that are followed; all others are one."""


class Gilot(ByUnit):
    """Optimal-transport distance between the output distributions with and without the unit, summed over the target.

    score_i = sum over steps of min over plans P of sum over outputs (a, b) of P_ab c_ab, with P moving p(.|x) to p(.|x
    without i) and c_ab the angle between the input embeddings of a and b, over pi: a metric in [0, 1]. Scores lie in
    [0, steps]; a shift to a synonym counts little, one to another topic much, whether or not it is the target that
    loses. Solved by linear programs, to a millionth of what moves. Cost: one forward pass a unit, those of
    `leave_one_out`, `kl` and HETA's information; no gradients.

    The source compares distributions over whole continuations that the model generates. Ours compares single outputs,
    at each step of the target, its tokens read as given. Of the vocabulary it follows the `outputs` likeliest under the
    full prompt; all others are one output, at distance 0.5 from each, and mass that moves among them counts nothing.
    Against a foil the distributions are those of the choice between target and foil.
    """

    name = "gilot"
    summary = "optimal-transport distance that the output distribution moves without a token or word"
    reference = "Li, Chen, Chai and Xiong 2024, ICML (GiLOT)"
    family = "perturbation"
    cost = "1 + T/2 forward"
    options_class = GilotOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The distance for every scored unit."""
        from heta.left_out import left_out, spread_units

        found = left_out(prepared, self.unit, self.options.mask)
        contrast = prepared.explained.foil_ids is not None
        rows = [_distances(prepared, found, step, self.options.outputs, contrast) for step in range(len(found.outputs))]
        scores = spread_units(found.scored, np.array(rows))
        notes: tuple[str, ...] = ()
        if not contrast:
            share = found.outputs[:, : self.options.outputs].sum(1).min()
            notes = (f"the outputs followed hold at least {share:.1%} of each step's probability",)
        return Scores(scores=scores if prepared.each else scores.sum(0), notes=notes)


def _distances(prepared: "Prepared", found: "LeftOut", step: int, outputs: int, contrast: bool) -> Array:
    """`[changed]` of one step of the target."""
    from heta.transport import angular_distance, transport_distance

    cost = angular_distance(_embeddings(prepared, found.output_ids[step, :outputs]))
    p, moved = found.outputs[step, :outputs], found.moved[:, step, :outputs]
    if not contrast:
        cost = np.pad(cost, (0, 1), constant_values=OTHERS)
        cost[-1, -1] = 0.0
    clean, rows = _whole(p[None], contrast)[0], _whole(moved, contrast)
    return np.array([transport_distance(clean, q, cost) for q in rows])


def _whole(probabilities: Array, contrast: bool) -> Array:
    """Rows that sum to 1: with one output for all others, or, against a foil, of the two alone."""
    total = probabilities.sum(1, keepdims=True)
    if contrast:
        return np.asarray(probabilities / total)
    rest = np.maximum(1 - total, 0.0)
    return np.asarray(np.concatenate([probabilities, rest], axis=1) / (total + rest))


def _embeddings(prepared: "Prepared", ids: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> Array:
    """`[output, d_model]`, float64."""
    import torch

    model = prepared.objective().model
    with torch.no_grad():
        vectors: Array = model.embedding(torch.from_numpy(ids).to(model.device)).double().cpu().numpy()
    return vectors
