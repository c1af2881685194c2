"""A rater in a real browser logs in, reads the guideline, clicks words, submits; pulled is what was clicked."""

from pathlib import Path
from typing import Any

import pytest

from helpers.campaigns import (
    campaign_folder,
    chromium_page,
    difficult_items,
    project_of,
    queue_client,
    start_arms,
    text_item,
    words_of,
)
from helpers.campaigns import write_folder as write
from helpers.labelling import (
    actions,
    close_guideline,
    count_actions,
    log_in,
    marked,
    shown_text,
    submit,
    wait_for_item,
    word,
)
from heta.words import segment_words
from heta_annotation.campaign.adjudication import adjudicate
from heta_annotation.campaign.gold import write_gold
from heta_annotation.campaign.page import page_data
from heta_annotation.campaign.plan import SECONDS_A_WORD
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import push
from heta_annotation.campaign.tasks import units_region
from heta_annotation.studio.connection import Connection
from heta_data.compose import label_units
from heta_data.jsonl import read_records
from heta_data.records import Arm, GoldLabels, Item, TokenLabels
from heta_data.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.xdist_group("server")]

ITEMS = difficult_items()
LABELS = ("helpful", "essential", "misleading")
GRADED = 'labels = ["helpful", "essential"]\nmisleading = true'
YELLOW, DARK = "rgb(255, 213, 74)", "rgb(29, 26, 18)"
LIGHTHOUSE = text_item(
    9,
    "The lighthouse at Varn Point was built in 1874 from grey stone that came by barge down the river. For sixty years "
    "the same family kept its lamp. In the winter of 1931 a storm broke the great lens, and the keeper, Ida Holm, "
    "rowed four miles to the mainland to fetch a spare one before dark. The harbour gave her a silver whistle for it.",
    "Bread baked in a wood oven has a thicker crust than bread from an electric one. Bakers first burn birch or beech "
    "until the stones are white, then rake out the embers and wipe the floor with a wet cloth. The loaves stand closer "
    "to the wall than most people think, because heat rises.",
    "Who fetched a new lens for the lighthouse after the storm?",
    "Ida Holm",
)
"""120 words."""
NEEDED = ["storm", "broke", "lens", "keeper", "Ida", "Holm", "rowed", "fetch", "spare", "one"]
"""What an honest rater may mark in it."""


@pytest.fixture(scope="module")
def arms(studio_workspace: Workspace) -> dict[Arm, Connection]:
    return start_arms(studio_workspace)


def pulled(folder: Workspace, connections: dict[Arm, Connection]) -> dict[str, TokenLabels]:
    pull(folder, connections)
    return {record.item_id: record for record in read_records(folder.labels, TokenLabels)}


def test_what_is_clicked_is_what_is_pulled(
    tmp_path: Path, studio_workspace: Workspace, arms: dict[Arm, Connection], chromium: str
) -> None:
    folder = write(campaign_folder(tmp_path, studio_workspace), ITEMS, 'name = "browser"\narms = ["blind"]\nraters = 1')
    blind: dict[Arm, Connection] = {"blind": arms["blind"]}
    (sent,) = push(folder, blind)
    clicked: dict[str, list[int]] = {}
    with chromium_page(chromium) as opened:
        page: Any = opened
        log_in(page, sent.logins)
        assert "smallest set of words" in close_guideline(page)
        for number in (1, 2, 3):
            item = wait_for_item(page, ITEMS)
            # The text stands there as it is in the prompt, without blanks of our own.
            assert shown_text(page) == page_data(item)["text"]
            assert page.locator(".lsf-current-task__task-count").inner_text() == f"{number} of 3"
            if item.language == "ar":
                right_to_left(page)
            clicked[item.id] = click_words(page, item)
            submit(page, ITEMS, item)
        guideline_without_a_page(page)
    labels = pulled(folder, blind)
    assert set(labels) == {item.id for item in ITEMS}
    for item in ITEMS:
        record = labels[item.id]
        assert [index for index, label in enumerate(record.labels) if label] == clicked[item.id]
        assert (record.kind, record.skipped, record.cannot_tell) == ("human", False, False)
        assert record.seconds is not None


def click_words(page: Any, item: Item) -> list[int]:
    """Mark every third word by mouse, unmark one, mark one by keyboard; stray keys and punctuation do nothing."""
    chosen = list(range(0, len(words_of(item)), 3))
    for index in chosen:
        word(page, index).click()
    assert marked(page) == [str(index) for index in chosen]
    word(page, chosen[0]).click()
    del chosen[0]
    for key in "1234567890qwertasdfg":
        page.keyboard.press(key)
    for gap in page.locator(".heta-text .g").all()[:3]:
        box = gap.bounding_box()
        if box and box["width"] > 2:
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert marked(page) == [str(index) for index in chosen]
    # One step back, and one forth.
    page.keyboard.press("Control+z")
    assert marked(page) == ["0", *(str(index) for index in chosen)]
    page.keyboard.press("Control+Shift+z")
    # The second word by keyboard alone: Tab from the first one, and Space.
    page.locator(".heta-text input").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    chosen = sorted([*chosen, 1])
    assert marked(page) == [str(index) for index in chosen]
    return chosen


def right_to_left(page: Any) -> None:
    """The first word stands to the right of the second."""
    boxes = [word(page, index).bounding_box() for index in (0, 1)]
    assert boxes[0]["x"] > boxes[1]["x"]


def guideline_without_a_page(page: Any) -> None:
    """When no item is left there is no labelling page, and the guideline looks as it did."""
    page.locator(".heta-card").wait_for(state="detached")
    page.get_by_role("button", name="Instructions").click()
    mark = page.locator(".heta-guide mark").first
    mark.wait_for()
    assert mark.evaluate("mark => getComputedStyle(mark).backgroundColor") == YELLOW
    assert page.locator(".heta-guide ol").first.evaluate("list => getComputedStyle(list).listStyleType") == "decimal"


def test_labels_are_given_by_pens_and_a_word_has_one_at_most(
    tmp_path: Path, studio_workspace: Workspace, arms: dict[Arm, Connection], chromium: str
) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    write(folder, ITEMS, f'name = "browser grades"\narms = ["blind"]\nraters = 1\n{GRADED}')
    blind: dict[Arm, Connection] = {"blind": arms["blind"]}
    (sent,) = push(folder, blind)
    given: dict[str, dict[int, str]] = {}
    with chromium_page(chromium) as opened:
        page: Any = opened
        page.add_init_script("localStorage.setItem('preferred-color-scheme', 'Dark')")
        log_in(page, sent.logins)
        close_guideline(page)
        for _ in ITEMS:
            item = wait_for_item(page, ITEMS)
            given[item.id] = give_labels(page, item)
            submit(page, ITEMS, item)
    labels = pulled(folder, blind)
    for item in ITEMS:
        record = labels[item.id]
        assert record.scale is not None
        levels = enumerate(record.levels or ())
        assert {index: record.scale.name(level) for index, level in levels if level} == given[item.id]


def give_labels(page: Any, item: Item) -> dict[int, str]:
    """Label words in turn by mouse, change one, take one away, and label one by keyboard."""
    text, count = page_data(item)["text"], len(words_of(item))
    expected: dict[int, str] = {}
    for number, name in enumerate(LABELS):
        page.keyboard.press(str(number + 1))
        # Whatever the pen, each word stands there once.
        assert shown_text(page) == text
        for index in range(number, min(count, 9), 4):
            word(page, index).click()
            expected[index] = name
    assert shown_text(page) == text
    assert marked(page) == [f"{index}:{expected[index]}" for index in sorted(expected)]
    colour = word(page, 0).evaluate("word => getComputedStyle(word).color")
    assert colour == DARK  # also on the dark page
    # The pen is now `misleading`: the first click takes the label away, the second gives the new one.
    word(page, 0).click()
    assert f"0:{LABELS[0]}" not in marked(page)
    word(page, 0).click()
    expected[0] = "misleading"
    # Taken away, and brought back by the step back.
    word(page, 1).click()
    assert not any(value.startswith("1:") for value in marked(page))
    page.keyboard.press("Control+z")
    # The legend is a control like any other, and keys choose from it.
    page.get_by_text("essential", exact=True).click()
    page.locator(".heta-text input:visible").nth(2).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expected[3] = "essential"
    assert marked(page) == [f"{index}:{expected[index]}" for index in sorted(expected)]
    assert shown_text(page) == text
    return expected


def test_sentences_are_clicked_whole_on_a_narrow_page(
    tmp_path: Path, studio_workspace: Workspace, arms: dict[Arm, Connection], chromium: str
) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    items = [LIGHTHOUSE, ITEMS[0]]
    write(folder, items, 'name = "browser sentences"\narms = ["blind"]\nraters = 1\nunit = "sentence"')
    blind: dict[Arm, Connection] = {"blind": arms["blind"]}
    (sent,) = push(folder, blind)
    with chromium_page(chromium, width=390, height=844) as opened:
        page: Any = opened
        log_in(page, sent.logins)
        # All of the guideline lies in the window.
        window = page.locator(".lsf-modal-ls__content")
        window.wait_for()
        assert window.evaluate("box => box.offsetWidth") <= 390
        assert "smallest set of sentences" in close_guideline(page)
        for _ in items:
            item = wait_for_item(page, items, units=2)
            # So does the button that shows it again.
            button = page.get_by_role("button", name="Instructions").bounding_box()
            assert button["x"] + button["width"] <= 390
            assert shown_text(page) == page_data(item)["text"]
            word(page, 1).click()
            assert marked(page) == ["1"]
            submit(page, items, item)
    for item in items:
        record = pulled(folder, blind)[item.id]
        assert record.segmentation == "sentence/1"
        assert list(zip(record.starts, record.ends, strict=True)) == list(label_units(item, "sentence/1"))
        assert [index for index, label in enumerate(record.labels) if label] == [1]


def test_suggested_words_are_marked_and_cannot_tell_is_an_answer(
    tmp_path: Path, studio_workspace: Workspace, arms: dict[Arm, Connection], chromium: str
) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    item = ITEMS[0]
    write(folder, [item], 'name = "browser two"\nraters = 1')
    blind, assisted = push(folder, arms)
    with chromium_page(chromium, width=480, height=800) as opened:
        page: Any = opened
        log_in(page, assisted.logins)
        close_guideline(page)
        wait_for_item(page, [item])
        suggested = [int(value) for value in marked(page)]
        # 15 % of the units, as the plan says.
        assert len(suggested) == max(1, int(0.15 * len(words_of(item)) + 0.5))
        page.get_by_test_id("bottombar-submit-button").click()
        page.get_by_text("Annotation saved successfully", exact=True).wait_for()
    with chromium_page(chromium) as opened:
        page = opened
        log_in(page, blind.logins)
        close_guideline(page)
        wait_for_item(page, [item])
        assert marked(page) == []
        page.get_by_text("I cannot tell from this text").click()
        page.keyboard.press("Control+Enter")
        page.get_by_text("Annotation saved successfully", exact=True).wait_for()
    pull(folder, arms)
    labels = {record.arm: record for record in read_records(folder.labels, TokenLabels)}
    assert [index for index, label in enumerate(labels["assisted"].labels) if label] == suggested
    assert labels["assisted"].origin.parent_prediction is not None
    assert labels["blind"].cannot_tell
    assert labels["blind"].origin.parent_prediction is None


@pytest.mark.parametrize(
    ("toml", "keys", "pressed"),
    [
        # Nothing but a click a word, and Ctrl+Enter.
        ("", {}, 1),
        # In the order of reading the label changes three times.
        (GRADED, {"Ida": "2", "rowed": "1", "fetch": "2"}, 4),
    ],
    ids=["marks", "labels"],
)
def test_what_an_item_of_120_words_takes(
    tmp_path: Path,
    studio_workspace: Workspace,
    arms: dict[Arm, Connection],
    chromium: str,
    toml: str,
    keys: dict[str, str],
    pressed: int,
) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    write(folder, [LIGHTHOUSE], f'name = "browser effort"\narms = ["blind"]\nraters = 1\n{toml}')
    (sent,) = push(folder, {"blind": arms["blind"]})
    words = words_of(LIGHTHOUSE)
    assert len(words) == 120
    with chromium_page(chromium) as opened:
        page: Any = opened
        log_in(page, sent.logins)
        close_guideline(page)
        wait_for_item(page, [LIGHTHOUSE])
        count_actions(page)
        for needed in NEEDED:
            if needed in keys:
                page.keyboard.press(keys[needed])
            word(page, words.index(needed)).click()
        submit(page, [LIGHTHOUSE], LIGHTHOUSE)
        counted = actions(page)
    assert counted == {"clicks": 10, "keys": pressed}
    # 120 words of text, 11 of the question and 2 of the answer at 0.27 s, and 1.0 s for everything that is pressed:
    # 35.9 + 11 = 46.9 s, with labels 49.9 s. Two people who know only the guideline are to need 35 to 75 s.
    read = 120 + sum(len(segment_words(text)) for text in (LIGHTHOUSE.question, LIGHTHOUSE.answer))
    assert read == 133
    assert 35 <= read * SECONDS_A_WORD + 10 + pressed <= 75


def test_an_adjudicator_sees_everybodys_lines_and_decides(
    tmp_path: Path, studio_workspace: Workspace, arms: dict[Arm, Connection], chromium: str
) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    items = [LIGHTHOUSE]
    write(folder, items, 'name = "browser decides"\narms = ["blind"]\nraters = 3', attributions={})
    blind: dict[Arm, Connection] = {"blind": arms["blind"]}
    push(folder, blind)
    for rater, marks in (("a01", (0, 1)), ("a02", (1, 2)), ("a03", (5,))):
        client = queue_client(folder, arms["blind"], f"blind/{rater}")
        (task,) = client.tasks(project_of(folder, f"blind/{rater}"))
        client.annotate(task.id, [units_region(marks)], seconds=30.0)
    done = adjudicate(folder, arms["blind"], ["a99"], below=0.5)
    assert done.contested == (LIGHTHOUSE.id,)
    with chromium_page(chromium) as opened:
        page: Any = opened
        log_in(page, done.logins)
        close_guideline(page)
        wait_for_item(page, items)
        # Whoever marked a word has a line below it, and each of them at one height only.
        lines = [word(page, index).locator(".m").all() for index in range(6)]
        assert [len(found) for found in lines] == [1, 2, 1, 0, 0, 1]
        heights: dict[str, set[int]] = {}
        for found in lines:
            for line in found:
                box = line.bounding_box()
                heights.setdefault(line.get_attribute("class"), set()).add(round(box["y"] + box["height"]))
        assert sorted(heights) == ["m m0", "m m1", "m m2"]
        assert all(len(found) == 1 for found in heights.values())
        assert word(page, 1).get_attribute("title").count("rater") == 2
        assert "1 blue, 2 orange, 3 green" in page.locator(".heta-hint").inner_text()
        word(page, 1).click()
        page.locator("textarea").fill("rater 3 was elsewhere")
        page.locator(".heta-card").click()
        submit(page, items, LIGHTHOUSE)
    assert write_gold(folder, arms["blind"], folder.root / "gold.jsonl", below=0.5).sources == {"adjudicated": 1}
    (gold,) = read_records(folder.root / "gold.jsonl", GoldLabels)
    assert [index for index, label in enumerate(gold.labels) if label] == [1]
