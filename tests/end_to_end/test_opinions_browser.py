"""People are asked about methods in a real browser: what is clicked and typed is what is fetched."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from helpers.asks import METHODS, ask_folder
from helpers.campaigns import campaign_folder, chromium_page, difficult_items, words_of
from helpers.studio_server import NAME
from heta_annotation.campaign.ledger import open_existing
from heta_annotation.campaign.page import passage
from heta_annotation.campaign.queues import Asked
from heta_annotation.opinions.fetch import fetch_opinions
from heta_annotation.opinions.pages import excerpt
from heta_annotation.opinions.plan import plan_ask
from heta_annotation.opinions.questions import Question
from heta_annotation.opinions.send import send_ask
from heta_annotation.opinions.settings import AskSettings
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import parse_line
from heta_data.opinions import Opinion
from heta_data.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.xdist_group("server")]
ITEMS = {item.id: item for item in difficult_items()}


def sent(folder: Workspace, connection: Connection, asked: Asked, rater: str) -> tuple[list[Question], dict[str, str]]:
    """Send an ask to one rater: the questions in their order, and the rater's line of the log-ins."""
    planned = plan_ask(folder, AskSettings(asked, METHODS[:2], (rater,), share=0.25, server=NAME))
    logins = send_ask(folder, planned, connection).logins
    with open_existing(folder.ledger) as ledger:
        tasks = ledger.tasks(f"{asked}/{rater}").values()
    with Path(logins).open(newline="") as file:
        (row,) = csv.DictReader(file)
    return [parse_line(one.record, Question, rater) for one in tasks], row


def enter(page: "Page", row: dict[str, str]) -> None:
    page.goto(row["label_here"])
    page.fill("input[name=email]", row["email"])
    page.fill("input[name=password]", row["password"])
    page.click("button[type=submit]")
    window = page.locator(".lsf-modal-ls_visible")
    window.wait_for()
    page.keyboard.press("Escape")
    window.wait_for(state="hidden")


def wait_for(page: "Page", question: Question) -> None:
    page.wait_for_function(
        "text => document.querySelector('.heta-card h3')?.textContent === text", arg=ITEMS[question.item_id].question
    )


def words(question: Question, side: int) -> list[str]:
    """The words that one side highlights."""
    return [words_of(ITEMS[question.item_id])[unit] for unit in question.selected[side]]


def fetched(folder: Workspace, connection: Connection, asked: Asked) -> dict[str, Opinion]:
    (found,) = fetch_opinions(folder, {asked: connection})
    assert (found.odd, found.skipped) == ((), 0)
    return {opinion.task_uid: opinion for opinion in found.opinions}


def test_the_better_highlighting_is_clicked(
    tmp_path: Path, studio_workspace: Workspace, label_studio: Connection, chromium: str
) -> None:
    folder = ask_folder(campaign_folder(tmp_path, studio_workspace), list(ITEMS.values()))
    questions, row = sent(folder, label_studio, "prefer", "a41")
    assert len(questions) == 3
    chosen = {}
    with chromium_page(chromium) as opened:
        page: Any = opened
        enter(page, row)
        for place, question in enumerate(questions):
            item = ITEMS[question.item_id]
            wait_for(page, question)
            panels = page.locator(".heta-panels .t")
            for side in (0, 1):
                shown = passage(item)
                assert panels.nth(side).text_content() == item.prompt[shown.start : shown.end]
                assert panels.nth(side).locator(".h").all_text_contents() == words(question, side)
            assert not any(method in page.content() for method in METHODS[:2])
            left, right = (panels.nth(side).bounding_box() for side in (0, 1))
            assert (left["y"], left["x"] < right["x"]) == (right["y"], True)
            if item.language == "ar":
                # Right to left: the first highlighted word of a line stands to the right of the next one.
                boxes = [mark.bounding_box() for mark in panels.first.locator(".h").all()]
                line = [box["x"] for box in boxes if abs(box["y"] - boxes[0]["y"]) < 3]
                assert line == sorted(line, reverse=True)
            # By a click into the text, by a key, and by a click after having changed one's mind.
            if place == 0:
                panels.nth(1).click()
                chosen[question.uid] = "right"
            elif place == 1:
                page.keyboard.press("1")
                chosen[question.uid] = "left"
            else:
                panels.first.click()
                page.get_by_text("No difference", exact=True).click()
                chosen[question.uid] = "same"
            assert page.locator(".heta-panels input:checked").get_attribute("name") == chosen[question.uid]
            page.keyboard.press("Control+Enter")
        page.locator(".heta-card").wait_for(state="detached")
    found = fetched(folder, label_studio, "prefer")
    assert {uid: opinion.choice for uid, opinion in found.items()} == chosen
    assert all(opinion.seconds is not None for opinion in found.values())


def test_the_answer_is_typed_from_the_words(
    tmp_path: Path, studio_workspace: Workspace, label_studio: Connection, chromium: str
) -> None:
    folder = ask_folder(campaign_folder(tmp_path, studio_workspace), list(ITEMS.values()))
    questions, row = sent(folder, label_studio, "answer", "a42")
    given: dict[str, str | None] = {}
    with chromium_page(chromium, width=480, height=800) as opened:
        page: Any = opened
        enter(page, row)
        for place, question in enumerate(questions):
            item = ITEMS[question.item_id]
            wait_for(page, question)
            shown = page.locator(".heta-words h3")
            assert shown.text_content() == excerpt(item, question.selected[0])
            # The blank line between the paragraphs is seen: three lines at least.
            assert shown.bounding_box()["height"] > 2.5 * shown.evaluate(
                "e => parseFloat(getComputedStyle(e).lineHeight)"
            )
            box = page.locator(".heta-answer input")
            # By Enter and keys, by the button alone, and not at all.
            if place == 0:
                box.fill(f" {item.answer}.")
                page.keyboard.press("Enter")
                box.wait_for(state="detached")
                page.keyboard.press("Control+Enter")
                given[question.uid] = f"{item.answer}."
            elif place == 1:
                box.fill("دراجة 自転車 🚲")
                page.get_by_test_id("bottombar-submit-button").click()
                given[question.uid] = "دراجة 自転車 🚲"
            else:
                page.get_by_text("I cannot tell from these words").click()
                page.keyboard.press("Control+Enter")
                given[question.uid] = None
        page.locator(".heta-card").wait_for(state="detached")
    found = fetched(folder, label_studio, "answer")
    assert {uid: opinion.answer for uid, opinion in found.items()} == given
    first, second, third = (found[question.uid] for question in questions)
    assert (first.correct, first.token_f1) == (True, 1.0)
    assert (second.correct, second.gave_up, third.gave_up) == (False, False, True)
