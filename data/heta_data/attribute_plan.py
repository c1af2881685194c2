"""How long a run of attributions will take and what memory, told before it begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import heta
from heta.errors import HetaError
from heta_data.compose import unscored_spans
from heta_data.records import Item

if TYPE_CHECKING:
    from heta import Budget, LoadedModel, Method, Prepared
    from heta.records import TargetPolicy


@dataclass(frozen=True)
class Estimate:
    """What there is to do, by a short timing on the longest item."""

    records: int
    """To compute, those of methods without a model aside."""
    seconds: float
    """For all of them, passes that methods share counted once; searches count with the most they may take."""
    methods: Mapping[str, float]
    """Seconds that each method would take alone, for all items where it is missing."""
    unknown: tuple[str, ...]
    """Methods whose work is not known: not part of `seconds`."""
    memory: int
    """Bytes of the largest batch beside the model."""
    length: int
    """Positions of the longest item."""


def estimate(
    work: "Sequence[tuple[Item, Sequence[Method]]]",
    model: "LoadedModel",
    *,
    policy: "TargetPolicy" = "answer",
    budget: "Budget | None" = None,
) -> Estimate | None:
    """What the missing records will take; runs one full pass, one batch and one gradient of the longest item.

    Args:
        work: items with the methods that are missing for each; methods without a model take no time.
        model: what runs them.
        policy: which target tokens are explained; `model` counts as an answer of the same length.
        budget: what one pass may hold.

    Returns:
        None where no item can be read or nothing is missing.
    """
    from heta.work import length, measure_pace, planned

    asked: TargetPolicy = "answer" if policy == "model" else policy
    prepared: list[tuple[Prepared, list[Method]]] = []
    for item, methods in work:
        wanted = [method for method in methods if method.needs_model]
        if not wanted:
            continue
        try:
            one = heta.prepare(
                model, item.prompt, item.target, unscored=unscored_spans(item), policy=asked, budget=budget
            )
        except HetaError:
            # The run itself names it, with the reason.
            continue
        prepared.append((one, wanted))
    if not prepared:
        return None
    try:
        pace = measure_pace(max((one for one, _ in prepared), key=length))
    except HetaError:
        return None
    total = 0.0
    alone: dict[str, float] = {}
    unknown: dict[str, None] = {}
    for one, wanted in prepared:
        shared: dict[object, float] = {}
        for method in wanted:
            plan = planned(method, one)
            if plan is None:
                unknown[method.name] = None
                continue
            alone[method.name] = alone.get(method.name, 0.0) + sum(pace.seconds(part) for part in plan)
            shared |= {part.key: pace.seconds(part) for part in plan}
        total += sum(shared.values()) + pace.forward * length(one)
    found = Estimate(0, total, alone, tuple(unknown), pace.memory, pace.length)
    return replace(found, records=sum(len(wanted) for _, wanted in prepared))


def told(found: Estimate) -> list[str]:
    """The estimate in lines for people: the whole, and the methods that take most of it."""
    lines = [
        f"estimate: {found.records} records in about {duration(found.seconds)} at most, {_size(found.memory)} beside"
        f" the model (timed on the longest item, {found.length} tokens)"
    ]
    most = sorted(found.methods.items(), key=lambda pair: -pair[1])[:5]
    if len(found.methods) > 1:
        lines.append("  alone: " + ", ".join(f"{name} {duration(seconds)}" for name, seconds in most))
    if found.unknown:
        lines.append(f"  not estimated: {', '.join(found.unknown)}")
    return lines


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
