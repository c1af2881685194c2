"""Word-level figures of single prompts: a row a method, a column a word, as SVG whose text stays text.

Letters are left to the reader's fonts, because matplotlib's own font has no Chinese.
"""

from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np

from heta.records import Span
from heta_data.compose import label_units
from heta_data.records import AttributionRecord, Item
from heta_evaluation.faithfulness.scene import Heat
from heta_evaluation.metrics.base import FloatArray

FOR, AGAINST = "#0072B2", "#D55E00"
_LEFT, _TOP, _CELL, _HIGH = 170, 78, 34, 17


def word_scores(item: Item, record: AttributionRecord) -> tuple[tuple[Span, ...], FloatArray]:
    """Words of evidence, distractor and question, and each one's share of the largest absolute score among them.

    A word gets the highest of the tokens that overlap it. All 0 where every score is.
    """
    units = label_units(item, roles=("evidence", "distractor", "question"))
    scores = Heat.of_record(record).on(item.prompt, units)
    largest = float(np.abs(scores).max(initial=0.0))
    return units, np.asarray(scores / largest if largest else scores)


def strip_figure(item: Item, model: str, records: Sequence[AttributionRecord], note: str) -> str:
    """One prompt under every method, best read as a picture; each cell names word and share for who hovers or listens.

    Args:
        item: the prompt.
        model: which model was asked.
        records: one for each method, in the order of the rows.
        note: what stands below.
    """
    units, _ = word_scores(item, records[0])
    words = [item.prompt[unit.start : unit.end] for unit in units]
    width = _LEFT + _CELL * len(words) + 20
    height = _TOP + _HIGH * len(records) + 44
    title = f"{model}: scores of words for the answer {item.target.strip()!r}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title, {chr(34): "&quot;"})}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="10" y="16" font-weight="bold">{escape(title)}</text>',
    ]
    evidence = item.spans("evidence")[0]
    for place, (word, unit) in enumerate(zip(words, units, strict=True)):
        x = _LEFT + _CELL * place + _CELL // 2
        weight = ' font-weight="bold"' if evidence.start <= unit.start < evidence.end else ""
        lines.append(f'<text transform="translate({x},{_TOP - 6}) rotate(-45)"{weight}>{escape(word)}</text>')
    for number, record in enumerate(records):
        y = _TOP + _HIGH * number
        lines.append(f'<text x="{_LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(record.method)}</text>')
        for place, share in enumerate(word_scores(item, record)[1].tolist()):
            colour = FOR if share >= 0 else AGAINST
            said = escape(f"{record.method}, {words[place]}: {share:+.2f}")
            lines.append(
                f'<rect x="{_LEFT + _CELL * place}" y="{y}" width="{_CELL - 1}" height="{_HIGH - 1}" fill="{colour}" '
                f'fill-opacity="{abs(share):.3f}" stroke="#DDD8CD" stroke-width="0.5"><title>{said}</title></rect>'
            )
    y = _TOP + _HIGH * len(records) + 18
    lines.append(f'<text x="10" y="{y}">{escape(note)}</text>')
    return "\n".join([*lines, "</svg>", ""])
