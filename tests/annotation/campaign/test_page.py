"""The labelling page: the passage unchanged, every word one choice, nothing that tells evidence from distractor."""

import html
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.campaigns import difficult_items, text_item, words_of
from helpers.sample_records import SCALE
from heta.errors import ConfigError, InputError
from heta_annotation.campaign.guideline import load_guideline, render_guideline
from heta_annotation.campaign.marking import WORDS, Marking, Unit
from heta_annotation.campaign.page import page_data, passage, pens_of, render_page
from heta_annotation.campaign.settings import CampaignSettings
from heta_data.compose import label_units
from heta_data.records import Item, ScalePart
from heta_data.workspace import Workspace

GRADED = Marking(scale=SCALE)
SENTENCES = Marking("sentence/1")
MARKINGS = (WORDS, GRADED, SENTENCES, Marking("sentence/1", ScalePart(grades=("one", "two", "three", "four"))))


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


@pytest.mark.parametrize("marking", MARKINGS)
@pytest.mark.parametrize("show", [None, "preselected", "heat"])
def test_page_is_xml_whose_style_survives_escaping(show: str | None, marking: Marking) -> None:
    text = render_page(show, marking)
    page = ET.fromstring(text)
    style = page.find("Style")
    assert style is not None
    assert style.text is not None
    # Label Studio escapes the style's text: a child combinator, a quotation mark or an ampersand would kill its rule.
    assert not set(style.text) & set("<>&\"'")
    dynamic = [tag.attrib["value"] for tag in page.iter("Choices") if "value" in tag.attrib]
    assert dynamic == ["$units", "$verdicts"]
    assert ("program" in text) == (show is not None)
    assert f"a {marking.unit}" in text or f"{marking.unit}s" in text


def test_the_legend_gives_each_label_its_number_as_key() -> None:
    page = ET.fromstring(render_page(None, GRADED))
    pens = [(pen.attrib["value"], pen.attrib["hotkey"], pen.get("selected")) for pen in page.iter("Choice")]
    assert pens == [("helpful", "1", "true"), ("essential", "2", None), ("misleading", "3", None)]
    assert not list(ET.fromstring(render_page(None)).iter("Choice"))


@pytest.mark.parametrize("item", difficult_items(), ids=lambda item: item.language)
def test_each_label_has_an_entry_for_each_unit_and_their_texts_are_the_passage(item: Item) -> None:
    units = page_data(item, marking=GRADED)["units"]
    for place, name in enumerate(SCALE.names):
        entries = units[place :: len(SCALE.names)]
        assert [entry["value"] for entry in entries] == [f"{index}:{name}" for index in range(len(label_units(item)))]
        assert shown_text(entries) == page_data(item)["text"]
        assert all(f'class="w p{place}"' in entry["html"] for entry in entries)


def test_sentences_are_marked_whole() -> None:
    item = text_item(1, "Pim is red. Dr. Ems <b>saw</b> her.", "Dogs bark!", "Who?", "Pim")
    data = page_data(item, marking=SENTENCES)
    assert [clickable(choice) for choice in data["units"]] == ["Pim is red.", "Dr. Ems <b>saw</b> her.", "Dogs bark!"]
    assert shown_text(data["units"]) == data["text"]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.1, 0 to 1."""
    values = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Of WCAG 2.1, 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("grades", [1, 2, 3, 4])
def test_letters_on_every_label_can_be_read_and_lines_tell_them_apart(grades: int) -> None:
    pens = pens_of(ScalePart(grades=tuple("abcd"[:grades]), misleading=True))
    # 7 to 1 is the strictest level for text.
    assert all(contrast(pen.fill, "#1d1a12") > 7 for pen in pens)
    assert len({pen.line for pen in pens}) == len({pen.fill for pen in pens}) == grades + 1
    assert contrast("#000000", "#ffffff") == 21


MARKS = "**bold** *slanted* ~~struck~~\n\n> **bold** *slanted* ~~struck~~\n"


def marks_in(rendered: str) -> list[tuple[str, str]]:
    """(class, text) of everything that is shown as a mark."""
    return re.findall(r'<mark class="(\w+)">(.*?)</mark>', rendered)


def test_marks_of_the_guideline_are_its_quotations_bold_words() -> None:
    rendered = render_guideline(MARKS)
    assert marks_in(rendered) == [("p0", "bold")]
    assert "<strong>bold</strong>" in rendered
    assert "<em>slanted</em>" in rendered
    # On a scale there are three kinds of mark.
    assert marks_in(render_guideline(MARKS, SCALE)) == [("p1", "bold"), ("p0", "slanted"), ("p2", "struck")]


def test_the_guideline_brings_its_style_sheet() -> None:
    rendered = render_guideline(MARKS, SCALE)
    style = re.fullmatch(r"<style>(.*?)</style><div .*", rendered, flags=re.DOTALL)
    assert style is not None
    assert not set(style[1]) & set("<>&\"'")
    assert all(pen.fill in style[1] for pen in pens_of(SCALE))
    # The style attribute would be dropped.
    assert "style=" not in rendered


def test_guideline_shows_html_as_text() -> None:
    rendered = render_guideline("# Rules\n\n<script>alert(1)</script> **mark**")
    assert "<script>" not in rendered
    assert "<strong>mark</strong>" in rendered


@pytest.mark.parametrize("unit", ["word", "sentence"])
def test_bundled_guideline_asks_the_plausibility_question(tmp_path: Path, unit: Unit) -> None:
    guideline = load_guideline(Workspace(tmp_path), CampaignSettings(unit=unit))
    assert f"smallest set of {unit}s a reader needs to see to know that this is the answer" in guideline.text
    assert "I cannot tell from this text" in guideline.text
    assert marks_in(guideline.html)
    # The button of that name on the page.
    assert page_data(difficult_items()[0])["verdicts"][0]["html"] == "I cannot tell from this text"


def test_bundled_guideline_of_graded_labels_shows_each_of_them(tmp_path: Path) -> None:
    settings = CampaignSettings(labels=("helpful", "essential"), misleading=True)
    guideline = load_guideline(Workspace(tmp_path), settings)
    assert {kind for kind, _ in marks_in(guideline.html)} == {"p0", "p1", "p2"}
    assert all(f"**{name}**" in guideline.text for name in SCALE.names)


@pytest.mark.parametrize(
    "settings",
    [
        {"labels": ("helpful", "essential")},
        {"misleading": True},
        {"unit": "sentence", "labels": ("helpful", "essential"), "misleading": True},
    ],
)
def test_labels_that_no_bundled_guideline_explains_need_one(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(
        ConfigError, match=r"campaign\.guidelines: no bundled guideline .* name a Markdown file"
    ) as error:
        load_guideline(Workspace(tmp_path), CampaignSettings(**settings))
    assert "\n" not in str(error.value)
    (tmp_path / "own.md").write_text("# Own")
    assert load_guideline(Workspace(tmp_path), CampaignSettings(**settings, guidelines="own.md")).name == "own.md"


@pytest.mark.parametrize("content", [None, b" \n", b"\xff\xfe"])
def test_unusable_guideline_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "rules.md").write_bytes(content)
    with pytest.raises(ConfigError, match=r"campaign\.guidelines: .*rules\.md"):
        load_guideline(Workspace(tmp_path), CampaignSettings(guidelines="rules.md"))
