"""What raters see: words in reading order, gaps, highlights; and no method, score or answer where none belongs."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.asks import CONFIG, METHODS, ask_folder
from helpers.campaigns import difficult_items, text_item, words_of
from heta_annotation.campaign.guideline import bundled_guideline
from heta_annotation.campaign.page import passage
from heta_annotation.opinions.pages import answer_data, excerpt, prefer_data, render_ask
from heta_annotation.opinions.plan import plan_ask
from heta_annotation.opinions.settings import AskSettings
from heta_data.compose import label_units
from heta_data.records import Item
from heta_data.workspace import Workspace

ITEM = text_item(1, "Olga's two well-known lanterns, (old) ones.", "It was late. So late!", "What?", "lanterns")
# Olga's 0, two 1, well 2, known 3, lanterns 4, old 5, ones 6 / It 7, was 8, late 9, So 10, late 11
ITEMS = difficult_items()


def test_these_are_the_words() -> None:
    assert words_of(ITEM) == [
        *("Olga's", "two", "well", "known", "lanterns", "old", "ones"),
        *("It", "was", "late", "So", "late"),
    ]


@pytest.mark.parametrize(
    ("units", "shown"),
    [
        # Nothing is left out before the first and after the last word of a paragraph; punctuation goes in silence.
        (range(12), "Olga's two well-known lanterns old ones\n\nIt was late So late"),
        ([4], "… lanterns …\n\n…"),
        ([0, 4], "Olga's … lanterns …\n\n…"),
        # What stands between two words without a blank stays; brackets, commas and line ends do not.
        ([2, 3], "… well-known …\n\n…"),
        ([4, 5], "… lanterns old …\n\n…"),
        ([3, 5], "… known … old …\n\n…"),
        # A gap over the end of a paragraph is one in each of them.
        ([6, 9], "… ones\n\n… late …"),
        ([6, 7], "… ones\n\nIt …"),
        ([11], "…\n\n… late"),
    ],
)
def test_excerpt(units: list[int], shown: str) -> None:
    assert excerpt(ITEM, list(units)) == shown


def test_excerpt_of_scripts_without_blanks_and_of_emoji() -> None:
    japanese = ITEMS[2]
    words = words_of(japanese)
    assert words[:4] == ["東", "京", "は", "日"]
    assert excerpt(japanese, [0, 1, 3]).startswith("東京 … 日 …")
    bees = next(index for index, word in enumerate(words_of(ITEMS[0])) if word == "🐝")
    assert excerpt(ITEMS[0], [bees, bees + 1]) == "… 🐝👩‍🌾 …\n\n…"


@given(st.sampled_from([ITEM, *ITEMS]), st.data())
def test_an_excerpt_holds_its_words_in_order_and_no_other(item: Item, data: st.DataObject) -> None:
    words = words_of(item)
    units = data.draw(st.lists(st.integers(0, len(words) - 1), unique=True, min_size=1).map(sorted))
    shown = excerpt(item, units)
    for unit in units:
        place = shown.find(words[unit])
        assert place >= 0
        shown = shown[place + len(words[unit]) :]
    # Whatever is left holds no word: gaps, blanks, and what stands between words that touch.
    left = excerpt(item, units)
    for unit in units:
        left = left.replace(words[unit], "", 1)
    assert set(left) <= set("… \n-'’&<>/\u200d🐝"), left


def test_both_panels_are_the_text_with_equally_many_words_highlighted() -> None:
    for item in ITEMS:
        words = words_of(item)
        data = prefer_data(item, (0, 2), (1, len(words) - 1))
        shown = passage(item)
        text = item.prompt[shown.start : shown.end]
        assert data["text"] == text
        first, second, none = data["panels"]
        assert [panel["value"] for panel in data["panels"]] == ["left", "right", "same"]
        assert [panel["hotkey"] for panel in data["panels"]] == ["1", "2", "3"]
        for letter, panel, units in (("A", first, (0, 2)), ("B", second, (1, len(words) - 1))):
            html = panel["html"].removeprefix(f'<span class="n">{letter}</span>')
            plain = re.sub(r"<[^>]*>", "", html)
            for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&#x27;", "'"), ("&quot;", '"'), ("&amp;", "&")):
                plain = plain.replace(entity, character)
            assert plain == text
            assert html.count('<span class="h">') == 2 == len(units)
        assert "difference" in none["html"]


def test_answering_shows_neither_the_answer_nor_the_text() -> None:
    item = ITEMS[0]
    data = answer_data(item, [0])
    assert set(data) == {"question", "text", "unsures"}
    written = json.dumps(data, ensure_ascii=False)
    assert data["text"] == "Zoë …\n\n…"
    assert item.answer not in written.replace(item.question, "")


@pytest.mark.parametrize("asked", ["prefer", "answer"])
def test_nothing_that_is_sent_says_which_methods(tmp_path: Path, asked: str) -> None:
    folder = ask_folder(Workspace(tmp_path), ITEMS)
    planned = plan_ask(folder, AskSettings(asked, METHODS, ("a95", "a96", "a97")))  # type: ignore[arg-type]
    assert planned.problems == ()
    assert planned.total == {"prefer": 27, "answer": 9}[asked]
    guideline = bundled_guideline(asked)
    sent = json.dumps([list(planned.payloads.values()), render_ask(asked), guideline.html])  # type: ignore[arg-type]
    for secret in (*METHODS, CONFIG, "modelwort", "score", "attribution", "simulated", "human"):
        assert secret not in sent.lower(), secret
    # The data hold the fields of the page and nothing else, and no number.
    for content in planned.payloads.values():
        assert set(content) == {"data"}
        assert set(content["data"]) == {
            "uid",
            "question",
            "text",
            *(("answer", "panels") if asked == "prefer" else ("unsures",)),
        }
        assert re.fullmatch(r"[0-9a-f]{16}", content["data"]["uid"])


def test_every_method_shows_the_same_number_of_words(tmp_path: Path) -> None:
    folder = ask_folder(Workspace(tmp_path), ITEMS)
    sizes = {item.id: len(label_units(item)) for item in ITEMS}
    for asked in ("prefer", "answer"):
        planned = plan_ask(folder, AskSettings(asked, METHODS, ("a95",), share=0.2))  # type: ignore[arg-type]
        for question in planned.questions["a95"]:
            # 20 %, rounded, at least one.
            k = max(1, int(0.2 * sizes[question.item_id] + 0.5))
            assert (question.k, {len(units) for units in question.selected}) == (k, {k})
