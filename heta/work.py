"""What methods are going to compute, and how long that takes here: told before it is done.

Work is counted in positions that passes compute, forward or with a gradient, and has a key: what has the same key is
computed once for all methods of a prompt. Searches that may end early (`reagent`, `greedy_rationale`, screening) count
with the most they may take.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from heta.methods.base import Method
    from heta.prepared import Prepared
    from heta.records import Unit


@dataclass(frozen=True)
class Work:
    """Passes that are made together."""

    key: Hashable
    forward: float = 0.0
    """Positions computed without a gradient."""
    gradient: float = 0.0
    """Positions computed forward and backward."""


@dataclass(frozen=True)
class Pace:
    """What a position takes on this machine, and what a batch takes in memory."""

    forward: float
    """Seconds a position."""
    gradient: float
    """Seconds a position, forward and backward."""
    memory: int
    """Bytes of the largest batch beside the weights, by estimate."""
    length: int
    """Positions of the prompt on which it was measured."""

    def seconds(self, work: Work) -> float:
        """What `work` takes."""
        return work.forward * self.forward + work.gradient * self.gradient


def planned(method: "Method", prepared: "Prepared") -> tuple[Work, ...] | None:
    """The passes that `method` is going to make beside the full pass; None where its work is not known.

    Runs no pass, except under policy `model`, whose target the model has to write first.
    """
    if not method.needs_model:
        return ()
    find = _PLANS.get(method.name)
    return None if find is None else find(method.options, prepared)


def measure_pace(prepared: "Prepared") -> Pace:
    """Time one batch of forward passes and one gradient of this prompt."""
    from heta.memory import row_cost
    from heta.perturbation import Perturbation

    base, first = prepared.base, prepared.positions[0]
    model, tokens = prepared.objective().model, prepared.in_flight()
    rows = max(1, min(8, tokens // (base.length - first)))
    change = Perturbation((first,), prepared.mask_vector("zero"))
    began = time.perf_counter()
    prepared.perturb([change] * rows, prepared.explained_log_probs())
    forward = (time.perf_counter() - began) / (rows * (base.length - first))
    began = time.perf_counter()
    prepared.objective().gradients_at(prepared.positions)
    gradient = (time.perf_counter() - began) / (base.length - first)
    costs = [row_cost(model, base, backward=backward) for backward in (False, True)]
    largest = max(max(tokens * cost.token, cost.bytes(first, base.length)) for cost in costs)
    return Pace(forward, gradient, largest + costs[0].mask(first, base.length), base.length)


def length(prepared: "Prepared") -> int:
    """Positions of the full pass."""
    explained = prepared.explained
    return len(prepared.encoding.prompt_ids) + len(explained.before) + len(explained.target_ids) - 1


def _rest(prepared: "Prepared", position: int) -> int:
    """Positions from `position` on, or from the first that is read."""
    read = len(prepared.encoding.prompt_ids) - 1 + len(prepared.explained.before)
    return length(prepared) - min(position, read)


def _left_out(options: Any, prepared: "Prepared") -> tuple[Work, ...]:
    unit: Unit = getattr(options, "unit", "token")
    key = ("left out", unit, options.mask)
    return (Work(key, forward=sum(_rest(prepared, at[0]) for at in prepared.unit_positions(unit) if at)),)


def _surrogate(options: Any, prepared: "Prepared") -> tuple[Work, ...]:
    units = [at for at in prepared.unit_positions(options.unit) if at]
    samples = options.samples or 2 * len(units) + 2048
    gone = sum(map(len, units)) / 2 if options.mask == "drop" else 0.0
    row = _rest(prepared, prepared.positions[0]) - gone
    count = min(samples, 2.0 ** min(len(units), 60)) + 1
    key = (options.unit, options.mask, getattr(options, "design", "half"), samples, options.seed, options.paired)
    return (Work(("coalitions", *key), forward=count * row),)


def _reagent(options: Any, prepared: "Prepared") -> tuple[Work, ...]:
    lanes = len(prepared.explained.target_ids) if prepared.each else 1
    rows = (1 + lanes) * options.runs * options.steps
    return (Work(("reagent", options.model_dump_json()), forward=rows * _rest(prepared, prepared.positions[0])),)


def _greedy(options: Any, prepared: "Prepared") -> tuple[Work, ...]:
    units = [len(at) for at in prepared.unit_positions(options.unit) if at]
    lanes = len(prepared.explained.target_ids) if prepared.each else 1
    most = min(options.most or len(units), len(units))
    full, scored = _rest(prepared, prepared.positions[0]), sum(units)
    row = [
        full if options.mask != "drop" else full - scored + (kept + 1) * float(np.mean(units)) for kept in range(most)
    ]
    total = sum((len(units) - kept) * one for kept, one in enumerate(row))
    return (Work(("greedy", options.model_dump_json()), forward=lanes * total),)


def _gradient(_: Any, prepared: "Prepared") -> tuple[Work, ...]:
    rows = len(prepared.explained.target_ids) if prepared.each else 1
    return (Work(("gradient",), gradient=rows * length(prepared)),)


def _path(more: int) -> "Callable[[Any, Prepared], tuple[Work, ...]]":
    def plan(options: Any, prepared: "Prepared") -> tuple[Work, ...]:
        rows = len(prepared.explained.target_ids) if prepared.each else 1
        return (
            Work(("path", more, options.model_dump_json()), gradient=rows * (options.steps + more) * length(prepared)),
        )

    return plan


def _passes(key: str, passes: float, *, halves: bool = False) -> "Callable[[Any, Prepared], tuple[Work, ...]]":
    """`passes` whole ones, and where `halves` one half a scored token."""

    def plan(_: Any, prepared: "Prepared") -> tuple[Work, ...]:
        count = passes + (len(prepared.positions) / 2 if halves else 0)
        return (Work((key,), forward=count * length(prepared)),)

    return plan


def _curvature(options: Any, prepared: "Prepared") -> Work:
    whole, steps = length(prepared), len(prepared.explained.target_ids)
    each = steps if prepared.each else 1
    blocks = sum(_rest(prepared, position) for position in prepared.positions)
    positions = {
        "exact": options.probes * blocks * each,
        "screened": options.probes * blocks,
        "one_pass": (options.probes + 1) * whole * each,
        "fisher": options.outputs * steps * whole,
        # Windows that overlap by half count twice.
        "low_rank": 2 * 2 * (options.rank + options.oversampling) * whole * each,
    }[options.curvature]
    return Work(("curvature", options.key(), getattr(options, "window", None)), gradient=positions)


def _heta(gate: bool, curvature: bool, information: bool) -> "Callable[[Any, Prepared], tuple[Work, ...]]":
    def plan(options: Any, prepared: "Prepared") -> tuple[Work, ...]:
        found: list[Work] = []
        if gate:
            found += _passes("transition", 2)(options, prepared)
        if curvature:
            found.append(_curvature(options, prepared))
        if information:
            found += _left_out(options, prepared)
        return tuple(found)

    return plan


_PLANS: "Mapping[str, Callable[[Any, Prepared], tuple[Work, ...]]]" = {
    **dict.fromkeys(("heta", "heta_balanced", "heta_fast"), _heta(True, True, True)),
    "heta_m": _heta(True, False, False),
    "heta_s": _heta(True, True, False),
    "heta_i": _heta(True, False, True),
    "heta_no_gate": _heta(False, True, True),
    **dict.fromkeys(("kl", "leave_one_out", "gilot"), _left_out),
    **dict.fromkeys(("lime", "kernel_shap", "contextcite"), _surrogate),
    "reagent": _reagent,
    "greedy_rationale": _greedy,
    **dict.fromkeys(("gradient_norm", "gradient_x_input"), _gradient),
    "integrated_gradients": _path(0),
    "discretized_ig": _path(1),
    **dict.fromkeys(("attention_last", "attention_rollout"), _passes("attention", 2)),
    "value_zeroing": _passes("value zeroing", 3, halves=True),
    "peering": _passes("hidden", 2),
    **dict.fromkeys(("progressive_inference", "tdd_forward"), _passes("prefixes", 1)),
    **dict.fromkeys(("tdd_backward", "tdd_bidirectional"), _passes("suffixes", 1, halves=True)),
}
