"""An attribution as HTML: a fragment to embed in a notebook or page, and a page that stands alone. No scripts.

Heat is laid over the paper as a translucent colour and text keeps the ink of its surroundings, so that the fragment
reads well on light and on dark pages without knowing which it is on.
"""

import html

import numpy as np
from numpy.typing import NDArray

from heta.records import Attribution
from heta.render import COLD, WARM, Run, describe, heat_runs, top_units

_STRONGEST = 0.85
"""Opacity of the strongest colour: the text on it keeps a contrast above 4 in black on white and in white on black."""

# plaintext: each line has the direction of its own first letter; an English template turns no Hebrew prompt around.
_FRAGMENT_STYLE = """
.heta-text{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;font-size:1.1rem;line-height:1.9;
border:1px solid rgba(128,128,128,.4);border-radius:6px;padding:.8rem 1rem;margin:.5rem 0}
.heta-text span{border-radius:3px;padding:.12em 0}
.heta-text .heta-off,.heta-text .heta-chat{opacity:.6}.heta-text .heta-chat{font-size:.85em}
.heta-text .heta-target{border-bottom:2px solid currentColor;border-radius:0;font-weight:600}
.heta-text .heta-line::before{content:"\\21B5";opacity:.6}
.heta-key{font-size:.85rem;margin:.2rem 0}
.heta-bar{display:inline-block;width:8rem;height:.75em;border:1px solid rgba(128,128,128,.4);vertical-align:-.05em}
"""

_PAGE_STYLE = """
:root{color-scheme:light dark;--ink:#222;--paper:#fff;--faint:#666}
@media (prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#16181c;--faint:#a0a0a0}}
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:52rem;padding:0 1rem;color:var(--ink);
background:var(--paper)}h1{font-size:1.5rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;font-size:.9rem}dt{color:var(--faint)}
dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;margin:1.2rem 0;font-size:.9rem}
td,th{padding:.2rem .8rem .2rem 0;text-align:right;font-variant-numeric:tabular-nums}
td:first-child,th:first-child{text-align:left;white-space:pre}caption{text-align:left;color:var(--faint)}
"""


def heat_fragment(attribution: Attribution) -> str:
    """Strip and legend as one `<div>` to embed anywhere, light or dark; all its class names begin with `heta-`."""
    before, after = attribution.chat or ("", "")
    places = np.array(attribution.spans, dtype=np.int64).reshape(-1, 2)
    runs = "".join(_span(attribution, places, run) for run in heat_runs(attribution))
    target = ""
    if attribution.target is not None:
        target = _wrapped("chat", attribution.target.before) + _wrapped("target", attribution.target.text)
    strip = f"{_wrapped('chat', before)}{runs}{_wrapped('chat', after)}{target}"
    return (
        f'<div class="heta-attribution"><style>{_FRAGMENT_STYLE}</style>'
        f'<div class="heta-text" dir="auto">{strip}</div>'
        f'<div class="heta-key">{_legend(attribution)}</div></div>'
    )


def heat_html(attribution: Attribution) -> str:
    """A complete HTML page without scripts or outside resources: strip, legend, strongest units, what was computed."""
    facts = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in describe(attribution))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(attribution.method)} attribution</title><style>{_PAGE_STYLE}</style>"
        f"<h1>What mattered for the target</h1>{heat_fragment(attribution)}"
        f'<div class="wide">{_table(attribution)}</div><dl>{facts}</dl></html>\n'
    )


def _table(attribution: Attribution) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in (attribution.unit, "score", *attribution.components))
    rows = []
    for index in top_units(attribution, 15):
        start, end = attribution.spans[index]
        values = [attribution.scores[index], *(part[index] for part in attribution.components.values())]
        cells = "".join(f"<td>{value:.4g}</td>" for value in values)
        piece = attribution.prompt[start:end].replace("\n", "\u21b5")
        rows.append(f'<tr><td dir="auto">{html.escape(piece)}</td>{cells}</tr>')
    return f"<table><caption>Strongest {html.escape(attribution.unit)}s</caption><tr>{head}</tr>{''.join(rows)}</table>"


def _legend(attribution: Attribution) -> str:
    low, ends = "transparent", ("0", "highest score")
    if attribution.signed:
        low, ends = f"{_colour(-1.0)},transparent", ("lowest, below 0", "highest")
    bar = f'<span class="heta-bar" style="background:linear-gradient(to right,{low},{_colour(1.0)})"></span>'
    unscored = attribution.chat is not None or not all(run.scored for run in heat_runs(attribution))
    dim = " Dim text is not scored." if unscored else ""
    name = attribution.method if attribution.model is None else f"{attribution.method}, {attribution.model.name}"
    return f"{html.escape(name)}: {ends[0]} {bar} {ends[1]}; colour grows with the square root of the score.{dim}"


def _span(attribution: Attribution, places: NDArray[np.int64], run: Run) -> str:
    """One run; `places` are the spans, `[pos, 2]`."""
    text = html.escape(attribution.prompt[run.start : run.end])
    if not run.scored:
        return f'<span class="heta-off">{text}</span>'
    hits = attribution.scores[(places[:, 0] < run.end) & (run.start < places[:, 1])]
    told = " / ".join(f"{score:.4g}" for score in hits)
    # A line break has no width to carry its colour: it gets a sign, which is drawn and not part of the text.
    line = ' class="heta-line"' if "\n" in text and not text.strip() else ""
    return f'<span{line} title="{told}" style="background:{_colour(run.heat)}">{text}</span>'


def _wrapped(name: str, text: str) -> str:
    return f'<span class="heta-{name}">{html.escape(text)}</span>' if text else ""


def _colour(heat: float) -> str:
    red, green, blue = WARM if heat >= 0 else COLD
    return f"rgba({red},{green},{blue},{_STRONGEST * min(1.0, abs(heat)):.3f})"
