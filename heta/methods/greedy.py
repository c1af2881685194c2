"""Greedy rationales: the smallest set of units that suffices, built one unit at a time (Vafa et al. 2021)."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from heta.masks import Mask
from heta.methods.base import Array, Options, Scores
from heta.methods.by_unit import ByUnit
from heta.records import Unit

if TYPE_CHECKING:
    from heta.prepared import Prepared


class GreedyOptions(Options):
    """Options of `greedy_rationale`."""

    unit: Unit = "token"
    """What joins the rationale at a time."""
    mask: Mask = "drop"
    """What becomes of the tokens outside the rationale: they are left out, or their embeddings replaced."""
    most: Annotated[int, Field(ge=1)] | None = 16
    """Units after which it ends, sufficient or not; none: all."""


class GreedyRationale(ByUnit):
    """Rank in the rationale: the first unit that joins gets 1, the last of k gets 1 / k, all others 0.

    From the prompt without any unit, the one that raises log p(target) most joins, ties by position, until greedy
    decoding gives the target (rank 1 at every step; against a foil, until the target leads). Under policy `each` every
    target token has a rationale of its own. Component `gain` is what log p(target), or the lead, rose by when the unit
    joined, in nats, signed. Cost: about k n forward passes for k of n units; no gradients.

    The source trains the model on masked inputs first, so that it knows what to make of them, and keeps the positions
    of what is left. Ours takes the model as it is, without retraining, and what is left moves up (`mask=drop`): a model
    that never saw such fragments may need more of them, or never be satisfied. Ends after `most` units: the source goes
    on to the whole prompt. Special tokens and what is not scored stay throughout.
    """

    name = "greedy_rationale"
    summary = "the smallest sufficient subset, found greedily, without retraining"
    reference = "Vafa, Deng, Blei and Rush 2021, arXiv 2109.06387"
    family = "perturbation"
    cost = "about k n short forward for k of n units"
    options_class = GreedyOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The rank of every unit, and what it gained."""
        from heta.left_out import scored_units, spread_units

        scored, units = scored_units(prepared, self.unit)
        steps = len(prepared.base.read)
        asked = [[step] for step in range(steps)] if prepared.each else [list(range(steps))]
        found = [_rationale(prepared, units, self.options, chosen) for chosen in asked]
        scores, gains = np.zeros((len(asked), len(units))), np.zeros((len(asked), len(units)))
        for row, (order, gained, _) in enumerate(found):
            scores[row, order] = 1 - np.arange(len(order)) / max(1, len(order))
            gains[row, order] = gained
        notes = tuple(_note(order, len(units), self.unit, enough) for order, _, enough in found)
        rows, parts = spread_units(scored, scores), spread_units(scored, gains)
        if not prepared.each:
            rows, parts = rows[0], parts[0]
        return Scores(scores=rows, components={"gain": parts}, notes=notes)


def _rationale(
    prepared: "Prepared", units: list[tuple[int, ...]], options: GreedyOptions, steps: list[int]
) -> tuple[list[int], list[float], bool]:
    """Units in the order in which they joined, what each gained, and whether they suffice."""
    kept = np.zeros(len(units), dtype=np.bool_)
    order: list[int] = []
    gained: list[float] = []
    values, ranks = prepared.once(("greedy", options.unit, options.mask), lambda: _look(prepared, units, options, kept))
    value, enough = float(values[0, steps].sum()), bool((ranks[0, steps] <= 1).all())
    while not enough and len(order) < min(len(units), options.most or len(units)):
        left = np.flatnonzero(~kept)
        rows = np.repeat(kept[None], len(left), axis=0)
        rows[np.arange(len(left)), left] = True
        values, ranks = _look(prepared, units, options, rows)
        totals = values[:, steps].sum(1)
        best = int(totals.argmax())
        gained.append(float(totals[best]) - value)
        value, enough = float(totals[best]), bool((ranks[best, steps] <= 1).all())
        order.append(int(left[best]))
        kept[left[best]] = True
    return order, gained, enough


def _look(
    prepared: "Prepared", units: list[tuple[int, ...]], options: GreedyOptions, kept: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """What is explained `[row, step]`, and the rank of the target there, with the units that `kept` `[row, unit]`
    says.
    """
    from heta.coalitions import gone_positions
    from heta.perturbation import Perturbation
    from heta.ranking import explained_and_rank

    vector = prepared.mask_vector(options.mask)
    changes = [Perturbation(gone_positions(units, row), vector) for row in np.atleast_2d(kept)]
    found = prepared.perturb(changes, explained_and_rank(prepared))
    return found[..., 0], found[..., 1]


def _note(order: list[int], units: int, unit: Unit, enough: bool) -> str:
    if enough and not order:
        return f"no {unit} of {units} is needed: the target is predicted without any"
    return f"{'a sufficient' if enough else 'no sufficient'} rationale with {len(order)} of {units} {unit}s"
