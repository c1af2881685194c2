"""Pages that show several people's marks: each person's line at a height and in a colour of their own, and a title."""

import re
import xml.etree.ElementTree as ET

import pytest

from helpers.campaigns import difficult_items, text_item
from heta_annotation.campaign.comparison import (
    LANES,
    adjudication_data,
    feedback_data,
    render_adjudication,
    render_feedback,
)
from heta_annotation.campaign.marking import Marking
from heta_annotation.campaign.page import page_data
from heta_data.scale import ScalePart

ITEM = difficult_items()[0]


def marks(*units: int) -> dict[int, int]:
    """Units that a rater has marked."""
    return dict.fromkeys(units, 1)


def lanes(html: str) -> list[int]:
    """Heights of the lines below a word, sorted."""
    return sorted(int(number) for number in re.findall(r'class="m m(\d+)[ "]', html))


def test_a_raters_line_is_always_at_the_same_height() -> None:
    data = adjudication_data(ITEM, [marks(0, 1), marks(1), marks(1, 2)], 0)
    units = [entry["html"] for entry in data["units"]]
    assert [lanes(unit) for unit in units[:4]] == [[0], [0, 1, 2], [2], []]
    titles = [re.findall(r'title="(.*?)"', unit) for unit in units[:4]]
    assert titles == [["marked by rater 1"], ["marked by rater 1, rater 2, rater 3"], ["marked by rater 3"], []]
    assert data["lines"] == "Raters from the upper line to the lower: 1 blue, 2 orange, 3 green."
    # Nothing else changes: the same text at the same indices.
    plain = page_data(ITEM)
    assert [entry["value"] for entry in data["units"]] == [entry["value"] for entry in plain["units"]]
    assert [re.sub(r"<[^>]*>", "", unit) for unit in units] == [
        re.sub(r"<[^>]*>", "", entry["html"]) for entry in plain["units"]
    ]


def test_the_page_has_room_for_the_lines_of_all_who_answered() -> None:
    # The first word says how many there are, marked or not.
    assert 'class="w k6"' in adjudication_data(ITEM, [marks()] * 6, 0)["units"][0]["html"]
    # From the ninth on lines are shared, and the title still names everybody.
    many = adjudication_data(ITEM, [marks(1)] * 10, 0)
    assert 'class="w k8"' in many["units"][0]["html"]
    assert lanes(many["units"][1]["html"]) == [0, 0, 1, 1, 2, 3, 4, 5, 6, 7]
    assert "rater 10" in many["units"][1]["html"]
    assert many["lines"].endswith("8 violet.")


def test_labels_are_told_apart_by_the_kind_of_line_and_by_name() -> None:
    scale = ScalePart(grades=("helpful", "essential"), misleading=True)
    data = adjudication_data(ITEM, [{0: 2, 1: 1}, {1: -1}], 0, scale=scale)
    units = [entry["html"] for entry in data["units"]]
    assert re.findall(r'class="(m .*?)"', units[0]) == ["m m0"]
    assert sorted(re.findall(r'class="(m .*?)"', units[1])) == ["m m0 low", "m m1 no"]
    assert 'title="marked by rater 1 (helpful), rater 2 (misleading)"' in units[1]
    assert data["lines"].endswith(
        "1 blue, 2 orange. essential: solid line, helpful: dashed line, misleading: dotted line."
    )


@pytest.mark.parametrize(
    ("number", "says"), [(0, "text"), (1, "text (1 rater could not tell)"), (2, "(2 raters could")]
)
def test_the_box_says_how_many_could_not_tell(number: int, says: str) -> None:
    assert says in adjudication_data(ITEM, [marks(0)], number)["verdicts"][0]["html"]


def test_feedback_shows_own_and_expected_marks_and_asks_nothing() -> None:
    data = feedback_data(ITEM, {0, 1}, {1})
    assert [lanes(entry["html"]) for entry in data["units"][:3]] == [[0], [0, 1], []]
    assert "marked by you, us" in data["units"][1]["html"]
    page = ET.fromstring(render_feedback())
    assert [tag.attrib["name"] for tag in page.iter("Choices")] == ["units"]
    assert not list(page.iter("TextArea"))
    assert "blue line below a word is your mark" in render_feedback()


@pytest.mark.parametrize("marking", [Marking(), Marking("sentence/1")])
def test_adjudication_page_is_xml_whose_style_survives_escaping(marking: Marking) -> None:
    page = ET.fromstring(render_adjudication(marking))
    style = page.find("Style")
    assert style is not None
    assert style.text is not None
    assert not set(style.text) & set("<>&\"'")
    for number, (_, light, dark) in enumerate(LANES):
        assert f".m{number} " in style.text
        assert light in style.text
        assert dark in style.text
    assert f"Mark the {marking.unit}s" in render_adjudication(marking)
    assert [tag.attrib["name"] for tag in page.iter("TextArea")] == ["reason"]


def test_whole_sentences_can_be_decided() -> None:
    item = text_item(1, "Pim is red. She sleeps.", "Dogs bark!", "Who?", "Pim")
    data = adjudication_data(item, [marks(0), marks(0, 2)], 0, Marking("sentence/1"))
    assert [lanes(entry["html"]) for entry in data["units"]] == [[0, 1], [], [1]]
