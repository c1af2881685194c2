"""An attribution shown to people: what HTML (`heta.page`) and terminal share, and the heat strip for the terminal.

Colour is the square root of |score| over the largest |score|, so that the second and third token are seen beside the
first; blue marks scores below 0. Characters shared by several tokens take the strongest.
"""

import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heta.records import Attribution

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

WARM, COLD = (224, 90, 40), (70, 130, 220)
"""Colours of the strongest score above and below 0."""


class Run(NamedTuple):
    """A stretch of the prompt that is coloured alike."""

    start: int
    end: int
    heat: float
    """In [-1, 1]."""
    scored: bool


def heat_runs(attribution: Attribution) -> list[Run]:
    """The prompt cut where its colour changes; every code point lies in exactly one run."""
    length = len(attribution.prompt)
    heat, scored = _heat(attribution)
    owner = np.full(length, -1)
    for index, (start, end) in enumerate(attribution.spans):
        owner[start:end] = index
    cuts = [0, *(np.flatnonzero((np.diff(heat) != 0) | (np.diff(owner) != 0)) + 1).tolist(), length]
    return [Run(start, end, float(heat[start]), bool(scored[start])) for start, end in pairwise(cuts) if end > start]


def _heat(attribution: Attribution) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Colour and whether it means something, per code point."""
    length = len(attribution.prompt)
    heat, scored = np.zeros(length), np.zeros(length, dtype=np.bool_)
    top = float(np.abs(attribution.scores).max(initial=0.0)) or 1.0
    for (start, end), score, counts in zip(attribution.spans, attribution.scores, attribution.scored, strict=True):
        if not counts:
            continue
        scored[start:end] = True
        value = float(np.sign(score) * np.sqrt(abs(score) / top))
        stretch = heat[start:end]
        heat[start:end] = np.where(abs(value) > np.abs(stretch), value, stretch)
    return heat, scored


def top_units(attribution: Attribution, count: int) -> list[int]:
    """Indices of the scored units with the largest |score|, largest first; ties in order of position."""
    scored = np.flatnonzero(attribution.scored)
    order = np.argsort(-np.abs(attribution.scores[scored]), kind="stable")
    return [int(index) for index in scored[order[:count]]]


def describe(attribution: Attribution) -> Iterator[tuple[str, str]]:
    """What the numbers are: (label, text) pairs."""
    yield "method", f"{attribution.method} ({attribution.config_hash})"
    if attribution.model is not None:
        yield "model", f"{attribution.model.name} {attribution.model.revision}"
    if (target := attribution.target) is not None:
        if target.foil is not None:
            yield "foil", f"{target.text!r} is held against {target.foil!r}, after {target.before!r}"
        yield "target", f"{target.text!r}, log p {target.log_prob:.3f} nats, {_rank_words(target.ranks)}"
        if not target.answered:
            yield "greedy", repr(target.greedy)
    yield "options", ", ".join(f"{name}={value}" for name, value in attribution.config.items())
    yield "time", f"{attribution.seconds:.2f} s"
    for note in attribution.notes:
        yield "note", note


def _rank_words(ranks: tuple[int, ...]) -> str:
    if all(rank == 1 for rank in ranks):
        return "the model's own first choice"
    return f"rank {', '.join(str(rank) for rank in ranks)} (1 = the model's first choice)"


def heat_strip(attribution: Attribution) -> "Text":
    """Prompt and target as terminal text: the prompt coloured, what is not scored dim, the target underlined."""
    from rich.text import Text

    before, after = attribution.chat or ("", "")
    strip = Text().append(before, style="dim")
    for run in heat_runs(attribution):
        share = min(1.0, abs(run.heat))
        ink = WARM if run.heat >= 0 else COLD
        red, green, blue = (round(255 + (part - 255) * share) for part in ink)
        style = f"black on #{red:02x}{green:02x}{blue:02x}" if run.scored else "dim"
        strip.append(attribution.prompt[run.start : run.end], style=style)
    strip.append(after, style="dim")
    if attribution.target is not None:
        strip.append(attribution.target.before, style="dim")
        strip.append(attribution.target.text, style="bold underline")
    return strip


def top_table(attribution: Attribution, count: int = 10) -> "Table":
    """The strongest units with their score and components, as a terminal table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column(attribution.unit)
    for name in ("score", *attribution.components):
        table.add_column(name, justify="right")
    for index in top_units(attribution, count):
        start, end = attribution.spans[index]
        values = [attribution.scores[index], *(part[index] for part in attribution.components.values())]
        piece = attribution.prompt[start:end].replace("\n", "\\n").replace("\t", "\\t")
        table.add_row(Text(piece), *(f"{value:.4g}" for value in values))
    return table


def print_to(console: "Console", attribution: Attribution) -> None:
    """Strip, strongest units and what was computed, to a terminal."""
    console.print(heat_strip(attribution))
    console.print()
    console.print(top_table(attribution))
    console.print()
    for label, text in describe(attribution):
        console.print(f"{label:8} {text}", markup=False)


def show(attribution: Attribution) -> None:
    """See `Attribution.show`."""
    if (display := _notebook_display()) is not None:
        display(attribution)
        return
    from rich.console import Console

    print_to(Console(highlight=False, soft_wrap=True), attribution)


def _notebook_display() -> Any:
    """IPython's `display` where a kernel draws HTML for it, else None: an IPython terminal would print the object."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if getattr(shell, "kernel", None) is None:
        return None
    from importlib import import_module

    return import_module("IPython.display").display
