"""An attribution shown to people: a heat strip for the terminal, an HTML file that stands alone, JSON for machines.

Colour is the square root of |score| over the largest |score|, so that the second and third token are seen beside the
first; blue marks scores below 0. Characters shared by several tokens take the strongest.
"""

import html
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heta.records import Attribution

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_DARK = 0.7
"""Colours stronger than this carry white text."""
_WARM, _COLD = (214, 69, 28), (38, 97, 178)


class Run(NamedTuple):
    """A stretch of the prompt that is coloured alike."""

    start: int
    end: int
    heat: float
    """In [-1, 1]."""
    scored: bool


def heat_runs(attribution: Attribution, prompt: str) -> list[Run]:
    """The prompt cut where its colour changes; every code point lies in exactly one run."""
    heat, scored = _heat(attribution, prompt)
    owner = np.full(len(prompt), -1)
    for index, (start, end) in enumerate(attribution.spans):
        owner[start:end] = index
    cuts = [0, *(np.flatnonzero((np.diff(heat) != 0) | (np.diff(owner) != 0)) + 1).tolist(), len(prompt)]
    return [Run(start, end, float(heat[start]), bool(scored[start])) for start, end in pairwise(cuts) if end > start]


def _heat(attribution: Attribution, prompt: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Colour and whether it means something, per code point."""
    heat, scored = np.zeros(len(prompt)), np.zeros(len(prompt), dtype=np.bool_)
    top = float(np.abs(attribution.scores).max(initial=0.0)) or 1.0
    for (start, end), score, counts in zip(attribution.spans, attribution.scores, attribution.scored, strict=True):
        if not counts:
            continue
        scored[start:end] = True
        value = float(np.sign(score) * np.sqrt(abs(score) / top))
        stretch = heat[start:end]
        heat[start:end] = np.where(abs(value) > np.abs(stretch), value, stretch)
    return heat, scored


def _colour(heat: float, paper: tuple[int, int, int] = (255, 255, 255)) -> tuple[int, int, int]:
    ink, share = (_WARM if heat >= 0 else _COLD), min(1.0, abs(heat))
    red, green, blue = (round(p + (c - p) * share) for p, c in zip(paper, ink, strict=True))
    return red, green, blue


def top_units(attribution: Attribution, count: int) -> list[int]:
    """Indices of the scored units with the largest |score|, largest first; ties in order of position."""
    scored = np.flatnonzero(attribution.scored)
    order = np.argsort(-np.abs(attribution.scores[scored]), kind="stable")
    return [int(index) for index in scored[order[:count]]]


def heat_strip(attribution: Attribution, prompt: str) -> "Text":
    """The prompt as coloured terminal text; what is not scored is dim."""
    from rich.text import Text

    strip = Text()
    for run in heat_runs(attribution, prompt):
        red, green, blue = _colour(run.heat)
        ink = "white" if abs(run.heat) > _DARK else "black"
        style = f"{ink} on #{red:02x}{green:02x}{blue:02x}" if run.scored else "dim"
        strip.append(prompt[run.start : run.end], style=style)
    return strip


def top_table(attribution: Attribution, prompt: str, count: int = 10) -> "Table":
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
        table.add_row(Text(prompt[start:end].replace("\n", "\\n")), *(f"{value:.4g}" for value in values))
    return table


def describe(attribution: Attribution) -> Iterator[tuple[str, str]]:
    """What the numbers are: (label, text) pairs."""
    yield "method", f"{attribution.method} ({attribution.config_hash})"
    if attribution.model is not None:
        yield "model", f"{attribution.model.name} {attribution.model.revision}"
    if (target := attribution.target) is not None:
        ranks = ", ".join(str(rank) for rank in target.ranks)
        yield (
            "target",
            f"{target.text!r}, log p {target.log_prob:.3f} nats, rank {ranks} (1 = the model's first choice)",
        )
        yield "greedy", repr(target.greedy)
    yield "options", ", ".join(f"{name}={value}" for name, value in attribution.config.items())
    yield "time", f"{attribution.seconds:.2f} s"
    for note in attribution.notes:
        yield "note", note


def as_json(attribution: Attribution, prompt: str) -> dict[str, Any]:
    """Everything an attribution holds, ready for `json.dumps`; unscored units have null instead of numbers."""
    target, model = attribution.target, attribution.model
    units = []
    for index, (start, end) in enumerate(attribution.spans):
        counts = bool(attribution.scored[index])
        units.append(
            {
                "start": start,
                "end": end,
                "text": prompt[start:end],
                "token_id": None if attribution.token_ids is None else attribution.token_ids[index],
                "score": float(attribution.scores[index]) if counts else None,
                **{name: float(part[index]) if counts else None for name, part in attribution.components.items()},
            }
        )
    return {
        "method": attribution.method,
        "signed": attribution.signed,
        "unit": attribution.unit,
        "model": None
        if model is None
        else {"name": model.name, "revision": model.revision, "tokenizer": model.tokenizer},
        "prompt": prompt,
        "target": None
        if target is None
        else {
            "policy": target.policy,
            "text": target.text,
            "token_ids": list(target.token_ids),
            "log_probs": list(target.log_probs),
            "ranks": list(target.ranks),
            "greedy": target.greedy,
            "answered": target.answered,
        },
        "units": units,
        "config": dict(attribution.config),
        "config_hash": attribution.config_hash,
        "seconds": attribution.seconds,
        "peak_memory": attribution.peak_memory,
        "notes": list(attribution.notes),
    }


_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:52rem;padding:0 1rem;color:#222;background:#fff}
.text{white-space:pre-wrap;overflow-wrap:anywhere;font-size:1.15rem;line-height:1.9;border:1px solid #ddd;
border-radius:6px;padding:1rem}
.text span{border-radius:3px;padding:.1em 0}.off{color:#777}.target{border-bottom:2px solid #222;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;font-size:.9rem}dt{color:#666}dd{margin:0;
overflow-wrap:anywhere}table{border-collapse:collapse;margin:1.2rem 0;font-size:.9rem}
td,th{padding:.2rem .8rem .2rem 0;text-align:right}
td:first-child,th:first-child{text-align:left;white-space:pre}caption{text-align:left;color:#666}
.bar{display:inline-block;width:9rem;height:.8em;border:1px solid #ddd;vertical-align:middle}
"""


def heat_html(attribution: Attribution, prompt: str) -> str:
    """A complete HTML page without scripts or outside resources: strip, legend, strongest units, what was computed."""
    strip = "".join(_span(attribution, prompt, run) for run in heat_runs(attribution, prompt))
    target = "" if attribution.target is None else f'<span class="target">{html.escape(attribution.target.text)}</span>'
    facts = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in describe(attribution))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in (attribution.unit, "score", *attribution.components))
    rows = []
    for index in top_units(attribution, 15):
        start, end = attribution.spans[index]
        values = [attribution.scores[index], *(part[index] for part in attribution.components.values())]
        cells = "".join(f"<td>{value:.4g}</td>" for value in values)
        rows.append(f'<tr><td dir="auto">{html.escape(prompt[start:end])}</td>{cells}</tr>')
    low = f"rgb{_colour(-1.0)}" if attribution.signed else "#fff"
    ends = ("lowest, below 0", "highest") if attribution.signed else ("0", "highest score")
    middle = "#fff," if attribution.signed else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(attribution.method)} attribution</title><style>{_STYLE}</style>"
        f"<h1>What mattered for the target</h1><p>{ends[0]} "
        f'<span class="bar" style="background:linear-gradient(to right,{low},{middle}rgb{_colour(1.0)})"></span> '
        f"{ends[1]}; colour grows with the square root of the score. Grey text is not scored.</p>"
        f'<div class="text" dir="auto">{strip}{target}</div>'
        f"<table><caption>Strongest {html.escape(attribution.unit)}s</caption><tr>{head}</tr>{''.join(rows)}</table>"
        f"<dl>{facts}</dl></html>\n"
    )


def _span(attribution: Attribution, prompt: str, run: Run) -> str:
    text = html.escape(prompt[run.start : run.end])
    if not run.scored:
        return f'<span class="off">{text}</span>'
    hits = [
        f"{score:.4g}"
        for (start, end), score in zip(attribution.spans, attribution.scores, strict=True)
        if start < run.end and run.start < end
    ]
    ink = ";color:#fff" if abs(run.heat) > _DARK else ""
    return f'<span title="{" / ".join(hits)}" style="background:rgb{_colour(run.heat)}{ink}">{text}</span>'
