"""The texts that raters read: the guideline, and what they agree to."""

from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from heta.errors import ConfigError
from heta_annotation.campaign.page import page_template, pens_of
from heta_annotation.campaign.settings import CampaignSettings
from heta_data.records import ScalePart, content_hash
from heta_data.workspace import Workspace

_BUNDLED = {
    ("word", ("important",), False): "default",
    ("sentence", ("important",), False): "sentences",
    ("word", ("helpful", "essential"), True): "graded",
}
"""(unit, labels, misleading) -> guideline that comes with the toolkit."""


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
        ConfigError: the file is missing, empty, or no UTF-8 text; or none is named and none is bundled that fits.
    """
    scale = settings.marking.scale
    if settings.guidelines is not None:
        return _load_text(
            workspace, "guidelines", workspace.root / settings.guidelines, settings.guidelines, scale=scale
        )
    name = _BUNDLED.get((settings.unit, settings.labels, settings.misleading))
    if name is None:
        labels = ", ".join(scale.names if scale else settings.labels)
        raise ConfigError(
            f"{workspace.config}:campaign.guidelines: no bundled guideline tells raters which {settings.unit}s are "
            f"{labels}; name a Markdown file that does"
        )
    return bundled_guideline(name, scale)


def load_consent(workspace: Workspace, settings: CampaignSettings) -> Guideline | None:
    """The text that raters have to agree to; None where the settings name none.

    Raises:
        ConfigError: the file is missing, empty, or no UTF-8 text.
    """
    if settings.consent is None:
        return None
    text = _load_text(workspace, "consent", workspace.root / settings.consent, settings.consent)
    # It is shown as a task, whose page has the style sheet.
    return replace(text, html=_body(text.text, None))


def _load_text(workspace: Workspace, key: str, path: Path, name: str, *, scale: ScalePart | None = None) -> Guideline:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{workspace.config}:campaign.{key}: {path} cannot be read as text ({error})") from None
    if not text.strip():
        raise ConfigError(f"{workspace.config}:campaign.{key}: {path} is empty; give a Markdown text")
    return Guideline(name, text, render_guideline(text, scale), content_hash(text))


def bundled_guideline(name: str, scale: ScalePart | None = None) -> Guideline:
    """A guideline that comes with heta-bench: `default`, `sentences`, `graded`, `prefer` or `answer`."""
    package = Path(str(files("heta_annotation")))
    # In an installed wheel the folder lies inside the package, in a working copy beside it.
    inside = package / "guidelines" / f"{name}.md"
    path = inside if inside.exists() else package.parent / "guidelines" / f"{name}.md"
    text = path.read_text(encoding="utf-8")
    return Guideline(f"heta-bench {name}", text, render_guideline(text, scale), content_hash(text))


def render_guideline(text: str, scale: ScalePart | None = None) -> str:
    """Markdown as the HTML of Label Studio's instructions window; HTML inside the Markdown is shown as text.

    Within quotations bold is a mark. On a scale bold is its highest grade, italic the lowest, ~~struck~~ `misleading`.
    """
    style = page_template("guideline.css.j2").render(pens=pens_of(scale))
    # The style sheet goes with the text: Label Studio shows it also where the labelling page is not there, as in an
    # empty queue. It keeps `class` and <style>, and drops `style`.
    return f"<style>{style}</style>{_body(text, scale)}"


def _body(text: str, scale: ScalePart | None) -> str:
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")
    tokens = markdown.parse(text)
    depth = 0
    kinds = {"strong": f"p{len(scale.grades) - 1}" if scale else "p0"}
    if scale is not None:
        kinds |= {"em": "p0", "s": f"p{len(scale.grades)}"}
    for token in tokens:
        depth += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        for child in token.children or () if depth else ():
            if child.tag in kinds:
                # A <mark> is coloured by every browser, even where the style sheet below is lost.
                if child.nesting == 1:
                    child.attrSet("class", kinds[child.tag])
                child.tag = "mark"
    return f'<div class="heta-guide" dir="auto">{markdown.renderer.render(tokens, markdown.options, {})}</div>'
