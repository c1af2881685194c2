"""What a rater sees: the guideline, and the page on which one click marks a word.

The page shows evidence and distractor exactly as they stand in the prompt, as running text; nothing on it says
which is which. Every unit is one choice of a dynamic `Choices` tag, so that Label Studio answers with the indices of
the marked units and no offset can be off by one. What stands between two units (blanks, punctuation, the empty line
between the paragraphs) belongs to the unit before it, is shown, and cannot be clicked.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from heta.errors import ConfigError
from heta.records import Span
from heta_annotation.settings import CampaignSettings
from heta_data.compose import label_units
from heta_data.records import Item, content_hash
from heta_data.workspace import Workspace

UNITS = "units"
VERDICT = "verdict"
PASSAGE = "passage"
CANNOT_TELL = "cannot tell"
# Without a hotkey of its own every choice gets one (1-9, 0, q, w ...), and a stray key press marks a word. A key
# that no keyboard layout types, given to every choice, switches that off.
_NO_HOTKEY = "ctrl+alt+shift+f9"
_INSTRUCTION = (
    "Mark the smallest set of words a reader needs to see to know that this is the answer. "
    "Click a word to mark it, click again to undo."
)
_ASSISTED = {
    "preselected": " A program has marked some words already: keep, remove and add as you see fit.",
    "heat": " The coloured lines show what a program found important; they are no marks.",
}
_HEAT = "214,39,40"


@dataclass(frozen=True)
class Guideline:
    """The frozen text that every rater reads first."""

    name: str
    text: str
    html: str
    hash: str
    """Of the text, with line ends unified."""


def load_guideline(workspace: Workspace, settings: CampaignSettings) -> Guideline:
    """The guideline that the settings name, as Markdown and as HTML.

    Raises:
        ConfigError: the file is missing, empty, or no UTF-8 text.
    """
    if settings.guidelines is None:
        path, name = _bundled(), "heta-bench default"
    else:
        path, name = workspace.root / settings.guidelines, settings.guidelines
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{workspace.config}:campaign.guidelines: {path} cannot be read as text ({error})") from None
    if not text.strip():
        raise ConfigError(f"{workspace.config}:campaign.guidelines: {path} is empty; give a Markdown text")
    return Guideline(name, text, render_guideline(text), content_hash(text))


def _bundled() -> Path:
    package = Path(str(files("heta_annotation")))
    # In an installed wheel the folder lies inside the package, in a working copy beside it.
    inside = package / "guidelines" / "default.md"
    return inside if inside.exists() else package.parent / "guidelines" / "default.md"


def render_guideline(text: str) -> str:
    """Markdown as the HTML of Label Studio's instructions window; HTML inside the Markdown is shown as text."""
    from markdown_it import MarkdownIt

    # Label Studio strips styles and classes: how it looks stands in the page's own style sheet.
    return f'<div dir="auto">{MarkdownIt("commonmark", {"html": False}).render(text)}</div>'


def render_page(show: str | None) -> str:
    """Label Studio's configuration of the labelling page.

    Args:
        show: what assisted raters see, `preselected` or `heat`; None on a blind page.
    """
    instruction = _INSTRUCTION + (_ASSISTED[show] if show else "")
    return str(_template().render(instruction=instruction, units=UNITS, verdict=VERDICT, passage=PASSAGE))


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("heta_annotation"), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("labelling_page.xml.j2")


def page_data(item: Item, heat: Sequence[float] = ()) -> dict[str, Any]:
    """The item as the page shows it: question, answer, passage, and one entry per unit.

    Args:
        item: what is labelled.
        heat: a value in [0, 1] for each unit, or empty for none.
    """
    units = label_units(item)
    shown = passage(item)
    return {
        "question": item.question,
        "answer": item.answer,
        "text": item.prompt[shown.start : shown.end],
        UNITS: _unit_choices(item.prompt, shown, units, heat),
        f"{VERDICT}s": [{"value": CANNOT_TELL, "html": "I cannot tell from this text", "hotkey": _NO_HOTKEY}],
    }


def passage(item: Item) -> Span:
    """What of the prompt is shown as the text: from the first evidence or distractor segment to the last."""
    segments = item.spans("evidence", "distractor")
    return Span(segments[0].start, segments[-1].end)


def _unit_choices(text: str, shown: Span, units: Sequence[Span], heat: Sequence[float]) -> list[dict[str, str]]:
    choices = []
    for index, unit in enumerate(units):
        before = _plain(text[shown.start : unit.start]) if index == 0 else ""
        after = _plain(text[unit.end : units[index + 1].start if index + 1 < len(units) else shown.end])
        style = f' style="border-bottom:3px solid rgba({_HEAT},{heat[index]:.2f})"' if heat else ""
        word = f'<span class="w"{style}>{html.escape(text[unit.start : unit.end])}</span>'
        choices.append({"value": str(index), "html": f"{before}{word}{after}", "hotkey": _NO_HOTKEY})
    return choices


def _plain(text: str) -> str:
    return f'<span class="g">{html.escape(text)}</span>' if text else ""
