"""Random masks over the units of a prompt: named, seeded designs, and what the model predicts under each mask.

A coalition is the set of units that stay; the others are masked together. Methods that ask for the same design of the
same units read the same passes.

Designs, for n units and m samples:

    half      every unit stays with probability 1/2, on its own
    sizes     the number of units that go is uniform on 1..n, and which ones is uniform given the number (LIME)
    shapley   P(s stay) ~ 1 / (s (n - s)), 0 < s < n, uniform given s: the Shapley kernel (KernelSHAP). Sizes whose
              coalitions fit into their share of the samples are taken whole, from the outside in, the rest is drawn

`paired` draws every coalition together with its complement; `sizes` has no pairs. Where all coalitions fit into the
samples none is drawn: every one is there with its exact probability.
"""

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from heta.left_out import scored_units
from heta.masks import Mask
from heta.records import Unit

if TYPE_CHECKING:
    from heta.prepared import Prepared

Array = NDArray[np.float64]
Kind = Literal["half", "sizes", "shapley"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Design:
    """A recipe for coalitions; equal designs give equal coalitions."""

    kind: Kind
    samples: int
    seed: int = 0
    paired: bool = True


@dataclass(frozen=True, eq=False)
class Coalitions:
    """Distinct coalitions with the weight that each has in its design."""

    kept: NDArray[np.bool_]
    """`[coalition, unit]`."""
    weight: Array
    """`[coalition]`, sums to 1: exact probabilities where `group` is below 0, shares of the draws elsewhere."""
    group: NDArray[np.int64]
    """`[coalition]`: draws that came together, coalition and complement, have one number; -1 for what was not drawn."""

    @property
    def exact(self) -> bool:
        """Whether nothing was drawn."""
        return bool((self.group < 0).all())


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Coalitions of a prompt's units and what is explained under each, in nats."""

    scored: NDArray[np.bool_]
    """`[unit]`, whether it can go; coalitions are of those that can."""
    coalitions: Coalitions
    values: Array
    """`[coalition, step]`: log p of the target, or its lead over the foil."""
    empty: Array
    """`[step]`, every unit gone."""
    full: Array
    """`[step]`, every unit there."""


def draw(design: Design, units: int) -> Coalitions:
    """The coalitions of `design` over `units` units, at least one.

    Under `shapley` there are none for a single unit: the kernel lies on coalitions with both something in and out.
    """
    if design.kind == "shapley":
        return _shapley(design, units)
    if units < 63 and 2**units <= design.samples:
        kept = _all(units)
        return Coalitions(kept, _probability(design.kind, kept), np.full(len(kept), -1))
    random = np.random.default_rng(design.seed)
    if design.kind == "sizes":
        kept = np.ones((design.samples, units), dtype=np.bool_)
        for row in kept:
            row[random.permutation(units)[: random.integers(1, units + 1)]] = False
        return _distinct(kept, np.full(len(kept), 1 / len(kept)), np.arange(len(kept)))
    kept = random.random((-(-design.samples // 2) if design.paired else design.samples, units)) < 0.5
    if not design.paired:
        return _distinct(kept, np.full(len(kept), 1 / len(kept)), np.arange(len(kept)))
    both = np.stack([kept, ~kept], axis=1).reshape(-1, units)[: design.samples]
    return _distinct(both, np.full(len(both), 1 / len(both)), np.arange(len(both)) // 2)


def shapley_over_half(kept: NDArray[np.bool_]) -> Array:
    """`[coalition]`: probability of each under the Shapley kernel over its probability under `half`; 0 for the empty
    and the full one.
    """
    units = kept.shape[1]
    sizes, log_mass = np.arange(units + 1), np.full(units + 1, -np.inf)
    if units > 1:
        log_mass[1:-1] = np.log(_size_mass(units)[1:-1])
    # In logarithms: single coalitions of a thousand units are less likely than the smallest float.
    log_count = gammaln(units + 1) - gammaln(sizes + 1) - gammaln(units - sizes + 1)
    log_ratio = (log_mass - log_count + units * np.log(2))[kept.sum(1)]
    return np.asarray(np.exp(np.minimum(log_ratio, 700.0)))


def evaluate(prepared: "Prepared", unit: Unit, mask: Mask, design: Design) -> Evaluated:
    """What is explained under every coalition of `design`, computed once for each unit, mask and design.

    One forward pass a distinct coalition, and one without any unit.

    Raises:
        InputError: no unit holds a scored token.
        ConfigError: a mask that this tokenizer does not have.
    """

    def compute() -> Evaluated:
        scored, units = scored_units(prepared, unit)
        coalitions = draw(design, len(units))
        rows = np.concatenate([coalitions.kept, np.zeros((1, len(units)), dtype=np.bool_)])
        values = explained_under(prepared, units, mask, rows)
        full = prepared.explained_log_probs()(prepared.base.log_probs[None])[0].cpu().numpy()
        return Evaluated(scored, coalitions, values=values[:-1], empty=values[-1], full=full)

    return prepared.once(("coalitions", unit, mask, design), compute)


def explained_under(prepared: "Prepared", units: list[tuple[int, ...]], mask: Mask, kept: NDArray[np.bool_]) -> Array:
    """What is explained, `[coalition, step]` nats, where `units` `[unit]` of positions stay as `kept` says."""
    from heta.perturbation import Perturbation

    vector = prepared.mask_vector(mask)
    rows = [Perturbation(gone_positions(units, row), vector) for row in kept]
    return prepared.perturb(rows, prepared.explained_log_probs())


def gone_positions(units: list[tuple[int, ...]], kept: NDArray[np.bool_]) -> tuple[int, ...]:
    """Positions of the units that go, increasing; a token of two units goes with either."""
    return tuple(sorted({position for stays, at in zip(kept, units, strict=True) if not stays for position in at}))


def _all(units: int) -> NDArray[np.bool_]:
    numbers = np.arange(2**units)[:, None]
    return np.asarray((numbers >> np.arange(units)) % 2 == 1)


def _probability(kind: Kind, kept: NDArray[np.bool_]) -> Array:
    if kind == "half":
        return np.full(len(kept), 0.5 ** kept.shape[1])
    units = kept.shape[1]
    gone = (units - kept.sum(1)).tolist()
    return np.array([1 / units / comb(units, size) if size else 0.0 for size in gone])


def _size_mass(units: int) -> Array:
    """`[units + 1]`: probability of each size under the Shapley kernel."""
    sizes = np.arange(1, units)
    mass = np.zeros(units + 1)
    mass[1:units] = 1 / (sizes * (units - sizes))
    return mass / mass.sum() if units > 1 else mass


def _shapley(design: Design, units: int) -> Coalitions:
    mass = _size_mass(units)
    rows: list[NDArray[np.bool_]] = []
    weights: list[float] = []
    left, whole = design.samples, 0
    for size in range(1, units // 2 + 1):
        sizes = sorted({size, units - size})
        count = sum(comb(units, each) for each in sizes)
        share = mass[sizes].sum() / mass[size : units - size + 1].sum()
        # Sizes go in from the outside: a share that holds all of them leaves nothing to chance there.
        if count > left * share * (1 + 1e-12):
            break
        for each in sizes:
            rows += [_indices(units, chosen) for chosen in combinations(range(units), each)]
            weights += [mass[each] / comb(units, each)] * comb(units, each)
        left, whole = left - count, size
    groups = [-1] * len(rows)
    inner = mass.copy()
    inner[: whole + 1] = inner[units - whole :] = 0.0
    if left > 0 and inner.sum() > 1e-15:
        drawn, pairs = _drawn(design, units, inner, left)
        rows += list(drawn)
        weights += [inner.sum() / len(drawn)] * len(drawn)
        groups += pairs.tolist()
    kept = np.array(rows, dtype=np.bool_).reshape(-1, units)
    return _distinct(kept, np.array(weights), np.array(groups, dtype=np.int64))


def _drawn(design: Design, units: int, mass: Array, count: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """`count` coalitions `[coalition, unit]` of sizes as `mass` has them, and which came together `[coalition]`."""
    random = np.random.default_rng(design.seed)
    draws = -(-count // 2) if design.paired else count
    sizes = random.choice(units + 1, size=draws, p=mass / mass.sum())
    first = np.array([_indices(units, random.permutation(units)[:size]) for size in sizes])
    if not design.paired:
        return first, np.arange(draws)
    return np.stack([first, ~first], axis=1).reshape(-1, units)[:count], np.arange(2 * draws)[:count] // 2


def _indices(units: int, chosen: "tuple[int, ...] | NDArray[np.int64]") -> NDArray[np.bool_]:
    row = np.zeros(units, dtype=np.bool_)
    row[list(chosen)] = True
    return row


def _distinct(kept: NDArray[np.bool_], weight: Array, group: NDArray[np.int64]) -> Coalitions:
    """Repeated draws as one coalition of their joint weight, in the group of the first of them."""
    if not len(kept):
        return Coalitions(kept, weight, group)
    _, first, inverse = np.unique(kept, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.argsort(order)
    summed = np.bincount(rank[inverse.reshape(-1)], weights=weight).astype(np.float64)
    return Coalitions(kept[first[order]], summed, group[first[order]])
