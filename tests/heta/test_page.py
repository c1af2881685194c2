"""An attribution as HTML: what it holds, and that it stands alone and can be embedded."""

from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from helpers.tiny_models import TARGET, tiny_model
from heta import Attribution, Span, create_method, prepare
from heta.page import heat_fragment, heat_html

PROMPT = "Ines <b>painted</b>\nthe 😀 stairs & green"


class Reader(HTMLParser):
    """The strip's text, all tags, and what sets colours."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.depth: list[str] = []
        self.inside = 0
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.depth.append(tag)
            self.inside += bool(self.inside)
        if ("class", "heta-text") in attrs:
            self.inside = 1

    def handle_endtag(self, tag: str) -> None:
        assert self.depth.pop() == tag
        self.inside -= bool(self.inside)

    def handle_data(self, data: str) -> None:
        self.text += data if self.inside else ""


@pytest.mark.parametrize("name", ["heta_fast", "gradient_x_input", "longest_words"])
@pytest.mark.parametrize("write", [heat_html, heat_fragment])
def test_html_holds_the_text_and_stands_alone(name: str, write: Callable[[Attribution], str]) -> None:
    method = create_method(name)
    result = prepare(tiny_model(), PROMPT, TARGET, unscored=[Span(0, 5)]).attribute(method)
    page = write(result)
    read = Reader(page)
    assert read.text == PROMPT + (TARGET if method.needs_model else "")
    assert read.depth == []
    assert not {"b", "script", "link", "img", "iframe"} & set(read.tags)
    assert "http" not in page
    assert "Dim text is not scored" in page


def test_the_notebook_shows_the_fragment() -> None:
    result = prepare(tiny_model(), PROMPT, TARGET).attribute(create_method("kl"))
    fragment = result._repr_html_()
    assert fragment == heat_fragment(result)
    assert fragment.startswith('<div class="heta-attribution">')
    # It leaves the page around it alone: no rule for anything but its own classes, and no ink or paper of its own.
    rules = fragment.split("<style>")[1].split("</style>")[0].replace("\n", "")
    selectors = [part for rule in rules.split("}")[:-1] for part in rule.split("{")[0].split(",")]
    assert all(part.startswith(".heta-") for part in selectors)
    assert "color:" not in fragment.replace("background-color:", "")
    assert "Dim text" not in fragment


def test_the_page_has_a_light_and_a_dark_form() -> None:
    page = heat_html(prepare(tiny_model(), PROMPT, TARGET).attribute(create_method("kl")))
    assert "color-scheme:light dark" in page
    assert "@media (prefers-color-scheme:dark)" in page


def test_the_strongest_token_is_opaque_most_and_a_line_break_gets_a_sign() -> None:
    result = prepare(tiny_model(), "the\nstairs", TARGET).attribute(create_method("first_words"))
    # Words score 1 and 1/2: opacity 0.85 and 0.85 * sqrt(1/2) = 0.601; the line break belongs to no word.
    assert '>the</span><span class="heta-off">\n</span>' in heat_fragment(result)
    assert "rgba(224,90,40,0.850)" in heat_fragment(result)
    assert "rgba(224,90,40,0.601)" in heat_fragment(result)
    tokens = prepare(tiny_model(), "the\nstairs", TARGET).attribute(create_method("kl"))
    assert '<span class="heta-line"' in heat_fragment(tokens)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_gives_ink_and_paper_contrast(chromium: str, scheme: str, tmp_path: object) -> None:
    from playwright.sync_api import sync_playwright

    page_text = heat_html(prepare(tiny_model(), PROMPT, TARGET).attribute(create_method("gradient_x_input")))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_content(page_text)
        read = "e => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]"
        ink, paper = page.eval_on_selector(".heta-text", read)
        browser.close()
    bright = [sum(int(part) for part in colour.strip("rgb()").split(",")) / 3 for colour in (ink, paper)]
    assert (bright[0] < 60 and bright[1] > 200) if scheme == "light" else (bright[0] > 200 and bright[1] < 60)
