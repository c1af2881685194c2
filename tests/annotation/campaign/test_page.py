"""The labelling page: the passage unchanged, every word one choice, nothing that tells evidence from distractor."""

import html
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.campaigns import difficult_items, text_item, words_of
from heta.errors import ConfigError, InputError
from heta_annotation.campaign.page import load_guideline, page_data, passage, render_guideline, render_page
from heta_annotation.campaign.settings import CampaignSettings
from heta_data.compose import label_units
from heta_data.workspace import Workspace


def shown_text(choices: list[dict[str, str]]) -> str:
    """What a browser shows of the units' HTML: tags away, entities decoded."""
    return html.unescape("".join(re.sub(r"<[^>]*>", "", choice["html"]) for choice in choices))


def clickable(choice: dict[str, str]) -> str:
    found = re.findall(r'<span class="w"[^>]*>(.*?)</span>', choice["html"], flags=re.DOTALL)
    assert len(found) == 1
    return html.unescape(found[0])


@pytest.mark.parametrize("item", difficult_items(), ids=lambda item: item.language)
def test_units_put_together_are_the_passage_and_each_click_is_one_word(item) -> None:
    data = page_data(item)
    span = passage(item)
    assert data["text"] == item.prompt[span.start : span.end] == shown_text(data["units"])
    assert [clickable(choice) for choice in data["units"]] == words_of(item)
    assert [choice["value"] for choice in data["units"]] == [str(i) for i in range(len(label_units(item)))]


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30).map(str.strip)


@given(words, words)
def test_any_text_is_shown_unchanged(evidence: str, distractor: str) -> None:
    try:
        item = text_item(1, evidence, distractor, "What?", "that")
    except InputError:
        return  # a text without a word, or the same one twice: no item
    data = page_data(item)
    assert shown_text(data["units"]) == data["text"]
    assert [clickable(choice) for choice in data["units"]] == words_of(item)


def test_worked_examples_and_question_cannot_be_clicked() -> None:
    item = difficult_items()[0]
    data = page_data(item)
    assert "honey" in item.prompt  # of the worked examples
    assert "honey" not in str(data)
    assert item.question not in data["text"]


def test_nothing_tells_evidence_from_distractor() -> None:
    one = text_item(1, "The lamp is violet.", "The dog sleeps.", "Which colour?", "violet")
    other = text_item(1, "The dog sleeps.", "The lamp is violet.", "Which colour?", "violet", first=False)
    # Roles swapped, same text on the page: the page must be the same to the last byte.
    assert page_data(one) == page_data(other)


def test_heat_lies_below_the_word_and_marks_nothing() -> None:
    item = difficult_items()[2]
    heat = [0.0] * len(label_units(item))
    heat[1] = 1.0
    units = page_data(item, heat)["units"]
    assert "border-bottom" in units[1]["html"]
    assert "rgba(214,39,40,1.00)" in units[1]["html"]
    assert shown_text(units) == page_data(item)["text"]


def test_no_choice_gets_an_automatic_hotkey() -> None:
    data = page_data(difficult_items()[0])
    assert {choice["hotkey"] for choice in [*data["units"], *data["verdicts"]]} == {"ctrl+alt+shift+f9"}


@pytest.mark.parametrize("show", [None, "preselected", "heat"])
def test_page_is_xml_whose_style_survives_escaping(show: str | None) -> None:
    page = ET.fromstring(render_page(show))
    style = page.find("Style")
    assert style is not None
    assert style.text is not None
    # Label Studio escapes the style's text: a child combinator, a quotation mark or an ampersand would kill its rule.
    assert not set(style.text) & set("<>&\"'")
    assert [tag.attrib["value"] for tag in page.iter("Choices")] == ["$units", "$verdicts"]
    text = render_page(show)
    assert ("program" in text) == (show is not None)


def test_guideline_shows_html_as_text() -> None:
    rendered = render_guideline("# Rules\n\n<script>alert(1)</script> **mark**")
    assert "<script>" not in rendered
    assert "<strong>mark</strong>" in rendered


def test_bundled_guideline_asks_the_plausibility_question(tmp_path: Path) -> None:
    guideline = load_guideline(Workspace(tmp_path), CampaignSettings())
    assert "smallest set of words a reader needs to see to know that this is the answer" in guideline.text
    assert "I cannot tell from this text" in guideline.text
    # The button of that name on the page.
    assert page_data(difficult_items()[0])["verdicts"][0]["html"] == "I cannot tell from this text"


@pytest.mark.parametrize("content", [None, b" \n", b"\xff\xfe"])
def test_unusable_guideline_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "rules.md").write_bytes(content)
    with pytest.raises(ConfigError, match=r"campaign\.guidelines: .*rules\.md"):
        load_guideline(Workspace(tmp_path), CampaignSettings(guidelines="rules.md"))
