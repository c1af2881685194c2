"""What a rater sees: the page on which one click marks a word, or gives it a label.

The page shows evidence and distractor exactly as they stand in the prompt, as running text; nothing on it says
which is which. Every unit is one choice of a dynamic `Choices` tag, so that Label Studio answers with the indices of
the marked units and no offset can be off by one. What stands between two units (blanks, punctuation, the empty line
between the paragraphs) belongs to the unit before it, is shown, and cannot be clicked.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from heta.records import Span
from heta_annotation.campaign.marking import WORDS, Marking, units_of
from heta_data.records import Item, ScalePart

UNITS = "units"
VERDICT = "verdict"
PASSAGE = "passage"
PEN = "pen"
"""Where a page has several labels: the one that a click gives."""
CANNOT_TELL = "cannot tell"
UNDECIDED = "cannot be decided"
REASON = "reason"
CONSENT = "consent"
AGREE = "I agree to take part"
DECLINE = "I do not agree"
# Without a hotkey of its own every choice gets one (1-9, 0, q, w ...), and a stray key press marks a word. A key
# that no keyboard layout types, given to every choice, switches that off.
NO_HOTKEY = "ctrl+alt+shift+f9"
_MARK = (
    "Mark the smallest set of {unit}s a reader needs to see to know that this is the answer. "
    "Click a {unit} to mark it, click again to undo."
)
_LABEL = (
    "Which {unit}s does a reader need to see to know that this is the answer? "
    "Choose a label here or by its number, then click {unit}s to mark them with it; click again to undo."
)
_ASSISTED = {
    "preselected": " A program has marked some {unit}s already: keep, remove and add as you see fit.",
    "heat": " The coloured lines show what a program found important; they are no marks.",
}
_REVEAL = (
    "This is your first answer. The coloured lines now show what a program found important; they are no marks. "
    "Change your answer where you see fit, or leave it, and press Submit."
)
_FILLS = {
    1: ("#ffd54a",),
    2: ("#fff0a8", "#ffb52e"),
    3: ("#fff0a8", "#ffd54a", "#ff9d2e"),
    4: ("#fff6cc", "#ffe680", "#ffc233", "#ff962e"),
}
"""Number of grades -> background of each, the lowest first. Letters on all of them are #1d1a12."""
_LINES = ("none", "underline 2px #7a5200", "underline double 2px #7a5200", "underline 4px #7a5200")
_HEAT = "214,39,40"


@dataclass(frozen=True)
class Pen:
    """One label of a page: how it looks, and its place in the legend."""

    name: str
    fill: str
    """Behind dark letters, on a light and on a dark page."""
    line: str
    """Below the letters, for whoever does not see the colours."""
    number: int = 0
    """Place in the legend, and key that chooses it; 0 where there is no legend."""

    @property
    def html(self) -> str:
        """Its entry in the legend."""
        name = f'<span class="pen p{self.number - 1}">{html.escape(self.name)}</span>'
        return f"<kbd>{self.number}</kbd>{name}"


def pens_of(scale: ScalePart | None) -> tuple[Pen, ...]:
    """The page's labels in the order of the legend; a single one where units are marked or not."""
    if scale is None:
        return (Pen("", _FILLS[1][0], "none"),)
    grades = len(scale.grades)
    # The look of `misleading` comes last and is left over where there is no such label.
    fills, lines = [*_FILLS[grades], "#b5dcff"], [*_LINES[:grades], "underline wavy 2px #1f5f99"]
    return tuple(Pen(name, fills[place], lines[place], place + 1) for place, name in enumerate(scale.names))


def render_page(show: str | None, marking: Marking = WORDS) -> str:
    """Label Studio's configuration of the labelling page.

    Args:
        show: what assisted raters see, `preselected` or `heat`; None on a blind page.
        marking: what can be marked, and with which labels.
    """
    scale = marking.scale
    task = (_MARK if scale is None else _LABEL).format(unit=marking.unit)
    shown = _ASSISTED[show].format(unit=marking.unit) if show else ""
    if show == "preselected" and scale is not None:
        shown += f" They are all marked as {scale.grades[0]}."
    return render(task + shown, pens=_legend(marking))


def render_reveal(marking: Marking = WORDS) -> str:
    """Label Studio's configuration of the page on which a rater revises the first answer."""
    return render(_REVEAL, pens=_legend(marking))


def _legend(marking: Marking) -> tuple[Pen, ...]:
    return pens_of(marking.scale) if marking.scale else ()


def render_consent() -> str:
    """Label Studio's configuration of the page on which a rater agrees to take part, or does not."""
    names = {"passage": PASSAGE, "consent": CONSENT, "agree": AGREE, "decline": DECLINE}
    return str(page_template("consent_page.xml.j2").render(pens=pens_of(None), **names))


def render(instruction: str, **extra: object) -> str:
    """The labelling page's template with what all its variants have in common."""
    common = {"units": UNITS, "verdict": VERDICT, "passage": PASSAGE, "pen": PEN, "mark": pens_of(None)[0]}
    variant = {"pens": (), "lanes": (), "reason": "", "only_shown": False}
    return str(page_template("labelling_page.xml.j2").render(instruction=instruction, **common, **{**variant, **extra}))


@cache
def page_template(name: str, package: str = "heta_annotation.campaign") -> Any:
    """A page's template from a package's folder `templates`, from where it can include those of a campaign's pages."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("heta_annotation.campaign")]),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def page_data(item: Item, heat: Sequence[float] = (), marking: Marking = WORDS) -> dict[str, Any]:
    """The item as the page shows it: question, answer, passage, and one entry per unit, or per unit and label.

    Args:
        item: what is labelled.
        heat: a value in [0, 1] for each unit, or empty for none.
        marking: what can be marked, and with which labels.
    """
    styles = [f' style="border-bottom:3px solid rgba({_HEAT},{value:.2f})"' for value in heat]
    texts = unit_texts(item, marking)
    pairs = list(zip(texts, styles or [""] * len(texts), strict=True))
    scale = marking.scale
    if scale is None:
        words = [{"": f'<span class="w"{style}>{html.escape(text)}</span>'} for text, style in pairs]
    else:
        words = [
            {
                name: f'<span class="w p{number}"{style}>{html.escape(text)}</span>'
                for number, name in enumerate(scale.names)
            }
            for text, style in pairs
        ]
    return item_data(item, words, (CANNOT_TELL, "I cannot tell from this text"), marking)


def unit_value(index: int, label: str = "") -> str:
    """What Label Studio calls a unit, or a unit with one of several labels."""
    return f"{index}:{label}" if label else str(index)


def item_data(
    item: Item, words: Sequence[Mapping[str, str]], verdict: tuple[str, str], marking: Marking
) -> dict[str, Any]:
    """What every page shows of an item.

    Args:
        item: what is shown.
        words: the HTML of each unit's words, one for each label that it can get.
        verdict: value and text of the box below the text.
        marking: what the units are.
    """
    shown = passage(item)
    return {
        "question": item.question,
        "answer": item.answer,
        "text": item.prompt[shown.start : shown.end],
        UNITS: _unit_choices(item.prompt, shown, units_of(item, marking), words),
        f"{VERDICT}s": [{"value": verdict[0], "html": verdict[1], "hotkey": NO_HOTKEY}],
    }


def unit_texts(item: Item, marking: Marking) -> list[str]:
    """The text of each unit, in order."""
    return [item.prompt[unit.start : unit.end] for unit in units_of(item, marking)]


def passage(item: Item) -> Span:
    """What of the prompt is shown as the text: from the first evidence or distractor segment to the last."""
    segments = item.spans("evidence", "distractor")
    return Span(segments[0].start, segments[-1].end)


def _unit_choices(
    text: str, shown: Span, units: Sequence[Span], words: Sequence[Mapping[str, str]]
) -> list[dict[str, str]]:
    choices = []
    for index, unit in enumerate(units):
        before = _plain(text[shown.start : unit.start]) if index == 0 else ""
        after = _plain(text[unit.end : units[index + 1].start if index + 1 < len(units) else shown.end])
        # Of a unit's entries, one for each label, the style sheet shows one at a time.
        for label, word in words[index].items():
            choices.append({"value": unit_value(index, label), "html": f"{before}{word}{after}", "hotkey": NO_HOTKEY})
    return choices


@lru_cache(maxsize=256)
def _plain(text: str) -> str:
    """What stands between units, which is a blank nearly always."""
    return f'<span class="g">{html.escape(text)}</span>' if text else ""
