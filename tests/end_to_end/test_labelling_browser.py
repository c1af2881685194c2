"""A rater in a real browser logs in, reads the guideline, clicks words, submits; pulled is what was clicked."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from helpers.campaigns import campaign_folder, chromium_page, difficult_items, start_arms, words_of, write_folder
from heta_annotation.campaign.page import page_data
from heta_annotation.campaign.plan import plan
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import ArmPushed, push
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records
from heta_data.records import Arm, Item, TokenLabels
from heta_data.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.xdist_group("server")]

WORD = ".heta-text .w"


@pytest.fixture(scope="module")
def arms(studio_workspace: Workspace) -> dict[Arm, Connection]:
    return start_arms(studio_workspace)


def log_in(page: "Page", pushed: ArmPushed) -> None:
    with Path(pushed.logins).open(newline="") as file:
        row = next(csv.DictReader(file))
    # The link of the sheet leads past the log-in to the first item.
    page.goto(row["label_here"])
    page.fill("input[name=email]", row["email"])
    page.fill("input[name=password]", row["password"])
    page.click("button[type=submit]")


def close_guideline(page: "Page") -> str:
    """The guideline stands in front of everything at the start; its text comes back."""
    window = page.locator(".lsf-modal-ls_visible")
    window.wait_for()
    text = window.inner_text()
    page.keyboard.press("Escape")
    window.wait_for(state="hidden")
    return text


def wait_for_item(page: "Page", item: Item) -> None:
    page.wait_for_function(
        "text => { const shown = document.querySelector('.heta-card h3'); return shown && shown.textContent === text }",
        arg=item.question,
    )
    page.wait_for_function(f"n => document.querySelectorAll('{WORD}').length === n", arg=len(words_of(item)))


def marked(page: "Page") -> list[int]:
    """Indices that the page holds as marked."""
    found = page.evaluate("[...document.querySelectorAll('.heta-text input:checked')].map(box => Number(box.name))")
    return sorted(found)


def pulled(folder: Workspace, connection: Connection) -> dict[str, TokenLabels]:
    pull(folder, {"blind": connection})
    return {record.item_id: record for record in read_records(folder.labels, TokenLabels)}


def test_what_is_clicked_is_what_is_pulled(
    tmp_path: Path, studio_workspace: Workspace, arms: dict[Arm, Connection], chromium: str
) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    items = difficult_items()
    write_folder(folder, items, 'name = "browser"\narms = ["blind"]\nraters = 1')
    (sent,) = push(folder, {"blind": arms["blind"]})
    (arm,) = plan(folder).arms
    by_uid = {task.uid: next(item for item in items if item.id == task.item_id) for task in arm.tasks}
    order = [by_uid[uid] for uid in arm.queues[0].uids]
    clicked: dict[str, list[int]] = {}
    with chromium_page(chromium) as opened:
        page: Any = opened
        log_in(page, sent)
        assert "smallest set of words" in close_guideline(page)
        for item in order:
            wait_for_item(page, item)
            # The text stands there as it is in the prompt, without blanks of our own.
            assert (
                page.locator(".heta-text .lsf-choices")
                .evaluate("e => e.textContent")
                .replace("[ctrl+alt+shift+f9]", "")
                == page_data(item)["text"]
            )
            if item.language == "ar":
                right_to_left(page)
            clicked[item.id] = click_words(page, item)
            page.keyboard.press("Control+Enter")
        # The last answer is saved, and no item is left.
        page.locator(".heta-card").wait_for(state="detached")
    labels = pulled(folder, arms["blind"])
    assert set(labels) == {item.id for item in items}
    for item in items:
        record = labels[item.id]
        assert [index for index, label in enumerate(record.labels) if label] == clicked[item.id]
        assert (record.kind, record.skipped, record.cannot_tell) == ("human", False, False)
        assert record.seconds is not None


def click_words(page: "Page", item: Item) -> list[int]:
    """Mark every third word by mouse, unmark one, mark one by keyboard; stray keys and punctuation do nothing."""
    words = page.locator(WORD)
    chosen = list(range(0, len(words_of(item)), 3))
    for index in chosen:
        words.nth(index).click()
    assert marked(page) == chosen
    words.nth(chosen[0]).click()
    del chosen[0]
    for key in "1234567890qwertasdfg":
        page.keyboard.press(key)
    for gap in page.locator(".heta-text .g").all()[:3]:
        box = gap.bounding_box()
        if box and box["width"] > 2:
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert marked(page) == chosen
    # The second word by keyboard alone.
    page.locator(".heta-text input").nth(1).focus()
    page.keyboard.press("Space")
    chosen = sorted([*chosen, 1])
    assert marked(page) == chosen
    return chosen


def right_to_left(page: "Page") -> None:
    """The first word stands to the right of the second."""
    boxes = [page.locator(WORD).nth(index).bounding_box() for index in (0, 1)]
    assert boxes[0]["x"] > boxes[1]["x"]


def test_suggested_words_are_marked_and_cannot_tell_is_an_answer(
    tmp_path: Path, studio_workspace: Workspace, arms: dict[Arm, Connection], chromium: str
) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    item = difficult_items()[0]
    write_folder(folder, [item], 'name = "browser two"\nraters = 1')
    blind, assisted = push(folder, arms)
    with chromium_page(chromium, width=480, height=800) as opened:
        page: Any = opened
        log_in(page, assisted)
        close_guideline(page)
        wait_for_item(page, item)
        suggested = marked(page)
        # 15 % of the units, as the plan says.
        assert len(suggested) == max(1, int(0.15 * len(words_of(item)) + 0.5))
        page.get_by_test_id("bottombar-submit-button").click()
        page.get_by_text("Annotation saved successfully", exact=True).wait_for()
    with chromium_page(chromium) as opened:
        page = opened
        log_in(page, blind)
        close_guideline(page)
        wait_for_item(page, item)
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
