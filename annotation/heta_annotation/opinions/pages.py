"""What people see who are asked about methods: nothing on a page or in its data says which methods, or any score."""

import html
from collections.abc import Collection, Sequence
from typing import Any

from heta.records import Span
from heta_annotation.campaign.page import NO_HOTKEY, PASSAGE, page_template, passage
from heta_annotation.campaign.queues import Asked
from heta_data.compose import label_units
from heta_data.records import Item

PREFERENCE = "preference"
PANELS = "panels"
ANSWER = "answer"
CANNOT_TELL = "cannot tell"
UNSURE = "unsure"
CHOICES = ("left", "right", "same")
GAP = "…"
_PREFER = (
    "Which highlighting shows better the words a reader needs to know that this is the answer? "
    "Click it or press 1, 2 or 3; then Submit (Ctrl+Enter)."
)
_ANSWER = (
    "These are a few words of a text, in their order; … stands for everything left out. "
    "What do they give as the answer to the question? Type it and press Enter; then Submit (Ctrl+Enter)."
)
_PARAGRAPH = "\n\n"


def render_ask(asked: Asked) -> str:
    """Label Studio's configuration of the page of that question."""
    page = page_template(f"{asked}_page.xml.j2", "heta_annotation.opinions")
    if asked == "prefer":
        return str(page.render(instruction=_PREFER, passage=PASSAGE, preference=PREFERENCE, panels=PANELS))
    return str(page.render(instruction=_ANSWER, passage=PASSAGE, answer=ANSWER, unsure=UNSURE))


def prefer_data(item: Item, left: Collection[int], right: Collection[int]) -> dict[str, Any]:
    """The item with two highlightings.

    Args:
        item: what is shown.
        left: indices of the words highlighted in the first copy of the text.
        right: those of the second copy.
    """
    shown = passage(item)
    panels = [_panel("A", item, left), _panel("B", item, right), '<span class="n">No difference</span>']
    return {
        "question": item.question,
        "answer": item.answer,
        "text": item.prompt[shown.start : shown.end],
        PANELS: [
            {"value": choice, "html": panel, "hotkey": str(number)}
            for number, (choice, panel) in enumerate(zip(CHOICES, panels, strict=True), start=1)
        ],
    }


def answer_data(item: Item, units: Sequence[int]) -> dict[str, Any]:
    """The item's question and some of its words, and nothing else of it.

    Args:
        item: what is asked.
        units: indices of the words that are shown.
    """
    return {
        "question": item.question,
        "text": excerpt(item, units),
        f"{UNSURE}s": [{"value": CANNOT_TELL, "html": "I cannot tell from these words", "hotkey": NO_HOTKEY}],
    }


def excerpt(item: Item, units: Sequence[int]) -> str:
    """The words `units`, in reading order: `…` for whatever is left out, a blank line between paragraphs.

    Words that follow one another stay together: as in the text where no blank is between them, else with one blank and
    nothing of what else is there. Every other stretch of the text becomes one `…`. A paragraph without any of the words
    is a lone `…`; punctuation at its ends is left out in silence.
    """
    shown = passage(item)
    spans = label_units(item)
    chosen = set(units)
    paragraphs: list[list[int]] = [[]]
    for index, span in enumerate(spans):
        before = spans[index - 1].end if index else shown.start
        if index and _PARAGRAPH in item.prompt[before : span.start]:
            paragraphs.append([])
        paragraphs[-1].append(index)
    return _PARAGRAPH.join(_words(item.prompt, spans, paragraph, chosen) for paragraph in paragraphs)


def _words(text: str, spans: Sequence[Span], paragraph: Sequence[int], chosen: Collection[int]) -> str:
    pieces: list[str] = []
    open_gap = False
    for index in paragraph:
        if index not in chosen:
            open_gap = True
            continue
        if open_gap:
            pieces.append(f" {GAP} " if pieces else f"{GAP} ")
        elif pieces:
            between = text[spans[index - 1].end : spans[index].start]
            pieces.append(" " if any(character.isspace() for character in between) else between)
        pieces.append(text[spans[index].start : spans[index].end])
        open_gap = False
    if not pieces:
        return GAP
    return "".join([*pieces, f" {GAP}"]) if open_gap else "".join(pieces)


def _panel(name: str, item: Item, units: Collection[int]) -> str:
    """The text with some words highlighted, below the letter that stands for it, as HTML."""
    shown = passage(item)
    pieces = []
    position = shown.start
    for index, unit in enumerate(label_units(item)):
        if index in units:
            word = html.escape(item.prompt[unit.start : unit.end])
            pieces += [html.escape(item.prompt[position : unit.start]), f'<span class="h">{word}</span>']
            position = unit.end
    rest = html.escape(item.prompt[position : shown.end])
    return f'<span class="n">{name}</span><span class="t">{"".join(pieces)}{rest}</span>'
