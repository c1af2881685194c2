"""What a rater sees: the guideline, and the page on which one click marks a word.

The page shows evidence and distractor exactly as they stand in the prompt, as running text; nothing on it says
which is which. Every unit is one choice of a dynamic `Choices` tag, so that Label Studio answers with the indices of
the marked units and no offset can be off by one. What stands between two units (blanks, punctuation, the empty line
between the paragraphs) belongs to the unit before it, is shown, and cannot be clicked.
"""

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from heta.errors import ConfigError
from heta.records import Span
from heta_annotation.campaign.settings import CampaignSettings
from heta_data.compose import label_units
from heta_data.records import Item, content_hash
from heta_data.workspace import Workspace

UNITS = "units"
VERDICT = "verdict"
PASSAGE = "passage"
CANNOT_TELL = "cannot tell"
UNDECIDED = "cannot be decided"
REASON = "reason"
CONSENT = "consent"
AGREE = "I agree to take part"
DECLINE = "I do not agree"
# Without a hotkey of its own every choice gets one (1-9, 0, q, w ...), and a stray key press marks a word. A key
# that no keyboard layout types, given to every choice, switches that off.
NO_HOTKEY = "ctrl+alt+shift+f9"
_INSTRUCTION = (
    "Mark the smallest set of words a reader needs to see to know that this is the answer. "
    "Click a word to mark it, click again to undo."
)
_ASSISTED = {
    "preselected": " A program has marked some words already: keep, remove and add as you see fit.",
    "heat": " The coloured lines show what a program found important; they are no marks.",
}
_REVEAL = (
    "This is your first answer. The coloured lines now show what a program found important; they are no marks. "
    "Change your answer where you see fit, or leave it, and press Submit."
)
_ADJUDICATE = (
    "Raters do not agree on this text. Each coloured line below a word is one rater who marked it. "
    "Mark the words that a reader needs, as the guideline asks; you need not follow any of them."
)
_FEEDBACK = (
    "This is how your practice went. The blue line below a word is your mark, the orange one is the mark that we "
    "expected. Compare them, then press Submit; there is nothing to mark here."
)
_HEAT = "214,39,40"
LINES = 6
"""Raters that can be told apart by colour; further ones share colours, and the words say who they are."""


@dataclass(frozen=True)
class Guideline:
    """A frozen text that every rater reads: the guideline, or what they agree to."""

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
        return bundled_guideline("default")
    return _load_text(workspace, "guidelines", workspace.root / settings.guidelines, settings.guidelines)


def load_consent(workspace: Workspace, settings: CampaignSettings) -> Guideline | None:
    """The text that raters have to agree to; None where the settings name none.

    Raises:
        ConfigError: the file is missing, empty, or no UTF-8 text.
    """
    if settings.consent is None:
        return None
    return _load_text(workspace, "consent", workspace.root / settings.consent, settings.consent)


def _load_text(workspace: Workspace, key: str, path: Path, name: str) -> Guideline:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{workspace.config}:campaign.{key}: {path} cannot be read as text ({error})") from None
    if not text.strip():
        raise ConfigError(f"{workspace.config}:campaign.{key}: {path} is empty; give a Markdown text")
    return Guideline(name, text, render_guideline(text), content_hash(text))


def bundled_guideline(name: str) -> Guideline:
    """A guideline that comes with heta-bench: `default`, `prefer` or `answer`."""
    package = Path(str(files("heta_annotation")))
    # In an installed wheel the folder lies inside the package, in a working copy beside it.
    inside = package / "guidelines" / f"{name}.md"
    path = inside if inside.exists() else package.parent / "guidelines" / f"{name}.md"
    text = path.read_text(encoding="utf-8")
    return Guideline(f"heta-bench {name}", text, render_guideline(text), content_hash(text))


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
    return _render(_INSTRUCTION + (_ASSISTED[show] if show else ""))


def render_adjudication() -> str:
    """Label Studio's configuration of the page on which somebody decides what raters do not agree on."""
    return _render(_ADJUDICATE, reason=REASON)


def render_feedback() -> str:
    """Label Studio's configuration of the page that shows a rater how the practice went."""
    return _render(_FEEDBACK, reason=REASON)


def render_reveal() -> str:
    """Label Studio's configuration of the page on which a rater revises the first answer."""
    return _render(_REVEAL)


def render_consent() -> str:
    """Label Studio's configuration of the page on which a rater agrees to take part, or does not."""
    return str(
        page_template("consent_page.xml.j2").render(passage=PASSAGE, consent=CONSENT, agree=AGREE, decline=DECLINE)
    )


def _render(instruction: str, reason: str = "") -> str:
    return str(
        page_template("labelling_page.xml.j2").render(
            instruction=instruction, units=UNITS, verdict=VERDICT, passage=PASSAGE, reason=reason, lines=LINES
        )
    )


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


def page_data(item: Item, heat: Sequence[float] = ()) -> dict[str, Any]:
    """The item as the page shows it: question, answer, passage, and one entry per unit.

    Args:
        item: what is labelled.
        heat: a value in [0, 1] for each unit, or empty for none.
    """
    styles = [f' style="border-bottom:3px solid rgba({_HEAT},{value:.2f})"' for value in heat]
    texts = _unit_texts(item)
    words = [_word(text, style) for text, style in zip(texts, styles or [""] * len(texts), strict=True)]
    return _page(item, words, CANNOT_TELL, "I cannot tell from this text")


def adjudication_data(item: Item, marks: Sequence[Collection[int]], cannot_tell: int) -> dict[str, Any]:
    """The item as an adjudicator sees it: a line below each word for everybody who marked it.

    Args:
        item: what is decided.
        marks: marked units of each rater, in an order that tells nobody who they are.
        cannot_tell: how many raters found no way to know the answer.
    """
    words = []
    for index, text in enumerate(_unit_texts(item)):
        by = [number for number, marked in enumerate(marks) if index in marked]
        # The innermost line lies nearest to the word.
        depths = [min(len(by) - 1 - place, LINES - 1) for place in range(len(by))]
        lines = "".join(f'<span class="m m{n % LINES} d{depth}">' for n, depth in zip(by, depths, strict=True))
        title = f' title="marked by {", ".join(f"rater {n + 1}" for n in by)}"' if by else ""
        words.append(f'<span class="w"{title}>{lines}{html.escape(text)}{"</span>" * len(by)}</span>')
    unsure = f" ({cannot_tell} raters could not tell)" if cannot_tell else ""
    return _page(item, words, UNDECIDED, f"This cannot be decided from the text{unsure}")


def _page(item: Item, words: Sequence[str], verdict: str, verdict_text: str) -> dict[str, Any]:
    shown = passage(item)
    return {
        "question": item.question,
        "answer": item.answer,
        "text": item.prompt[shown.start : shown.end],
        UNITS: _unit_choices(item.prompt, shown, label_units(item), words),
        f"{VERDICT}s": [{"value": verdict, "html": verdict_text, "hotkey": NO_HOTKEY}],
    }


def _unit_texts(item: Item) -> list[str]:
    return [item.prompt[unit.start : unit.end] for unit in label_units(item)]


def _word(text: str, style: str = "") -> str:
    return f'<span class="w"{style}>{html.escape(text)}</span>'


def passage(item: Item) -> Span:
    """What of the prompt is shown as the text: from the first evidence or distractor segment to the last."""
    segments = item.spans("evidence", "distractor")
    return Span(segments[0].start, segments[-1].end)


def _unit_choices(text: str, shown: Span, units: Sequence[Span], words: Sequence[str]) -> list[dict[str, str]]:
    choices = []
    for index, unit in enumerate(units):
        before = _plain(text[shown.start : unit.start]) if index == 0 else ""
        after = _plain(text[unit.end : units[index + 1].start if index + 1 < len(units) else shown.end])
        choices.append({"value": str(index), "html": f"{before}{words[index]}{after}", "hotkey": NO_HOTKEY})
    return choices


def _plain(text: str) -> str:
    return f'<span class="g">{html.escape(text)}</span>' if text else ""
