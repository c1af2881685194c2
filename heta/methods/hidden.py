"""Methods that compare hidden states."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from heta.methods.base import Array, Scores
from heta.methods.by_unit import ByUnit, UnitOptions, scored_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heta.prepared import Prepared


class PeeringOptions(UnitOptions):
    """Options of `peering`."""

    layer: Annotated[int, Field(ge=1)] | None = None
    """Which layer's output, counted from 1 at the bottom; none: the middle one. The source chooses it on development
    data, so do not choose it on the items you report."""


class Peering(ByUnit):
    """Cosine between the hidden state of the target, once it is written, and that of each token, in [-1, 1].

    The target is read to its end, all of it, and its tokens' states in one layer are averaged; so are those of a word
    or sentence. Under the policy `each` every target token has a row of its own. Against a foil, the cosine with the
    target's token less that with the foil's, in [-2, 2]. The scale is not that of evidence: states of one model all
    point much the same way, so only the order means something.

    The source compares averaged states of an answer's copied span with those of candidate passages, in a layer chosen
    on development data; its two earlier steps, finding which words of an answer are copied and which passages are
    candidates, are left out, since every unit of the prompt gets a score here.
    """

    name = "peering"
    summary = "cosine between hidden states of the written target and of each token, in one layer"
    reference = "Phukan et al. 2024, arXiv 2405.17980, Section 4.2"
    family = "hidden_states"
    cost = "1 forward (2 against a foil), and the full pass"
    needs = "hidden states"
    signed = True
    options_class = PeeringOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The cosine of every scored unit."""
        told = prepared.explained
        units = scored_units(prepared, self.unit)
        rows = self._cosines(prepared, told.target_ids, units)
        if told.foil_ids is not None:
            rows = rows - self._cosines(prepared, told.foil_ids, units)
        return Scores(rows if prepared.each else rows[0])

    def _cosines(self, prepared: "Prepared", written: "Sequence[int]", units: "Sequence[tuple[int, ...]]") -> Array:
        """`[step, unit]`, or `[1, unit]` with the written tokens' states averaged."""
        from heta.hidden import hidden_states

        told, prompt = prepared.explained, prepared.encoding.prompt_ids
        ids = [*prompt, *told.before, *written]
        states = hidden_states(prepared.objective().model, ids, self.options.layer).numpy()
        targets = states[-len(written) :]
        if not prepared.each:
            targets = targets.mean(0, keepdims=True)
        scores = np.zeros((len(targets), len(units)))
        for index, inside in enumerate(units):
            if inside:
                scores[:, index] = _cosine(targets, states[list(inside)].mean(0))
        return scores


def _cosine(rows: Array, vector: Array) -> Array:
    norms = np.linalg.norm(rows, axis=-1) * np.linalg.norm(vector)
    cosines: Array = np.divide(rows @ vector, norms, out=np.zeros(len(rows)), where=norms > 0)
    return cosines
