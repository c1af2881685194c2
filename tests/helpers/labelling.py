"""A rater's hands in a browser: logging in, reading the guideline, marking, and seeing what the page holds."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.campaigns import words_of
from heta_data.records import Item

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

WORD = ".heta-text .w:visible"
"""Of a page with several labels one entry a word is visible."""


def log_in(page: "Page", logins: str | Path, rater: int = 0) -> None:
    """As the sheet's rater number `rater`; the link of the sheet leads past the log-in to the first item."""
    with Path(logins).open(newline="") as file:
        row = list(csv.DictReader(file))[rater]
    page.goto(row["label_here"])
    page.fill("input[name=email]", row["email"])
    page.fill("input[name=password]", row["password"])
    page.click("button[type=submit]")


def close_guideline(page: "Page") -> str:
    """The guideline stands in front of everything at the start; its text comes back."""
    window = page.locator(".lsf-modal-ls_visible")
    window.wait_for()
    text = window.locator(".heta-guide").inner_text()
    page.keyboard.press("Escape")
    window.wait_for(state="hidden")
    return text


def wait_for_item(page: "Page", items: list[Item], units: int | None = None) -> Item:
    """The item that the page shows, once all its units are there."""
    questions = [item.question for item in items]
    page.wait_for_function(
        "asked => { const shown = document.querySelector('.heta-card h3');"
        " return shown && asked.includes(shown.textContent) }",
        arg=questions,
    )
    shown = page.locator(".heta-card h3").first.text_content()
    (item,) = [item for item in items if item.question == shown]
    page.locator(WORD).nth((units or len(words_of(item))) - 1).wait_for()
    return item


def word(page: "Page", index: int) -> "Locator":
    """A unit, as it is to be clicked now."""
    return page.locator(WORD).nth(index)


def shown_text(page: "Page") -> str:
    """The text as it stands there, without the names of keys that nobody sees."""
    parts = page.evaluate(
        "[...document.querySelectorAll('.heta-text .lsf-choice')]"
        ".filter(entry => getComputedStyle(entry).display !== 'none').map(entry => entry.textContent)"
    )
    return "".join(parts).replace("[ctrl+alt+shift+f9]", "")


def marked(page: "Page") -> list[str]:
    """Values of the boxes that are ticked, in the order of the text."""
    found: list[str] = page.evaluate("[...document.querySelectorAll('.heta-text input:checked')].map(box => box.name)")
    return found


def submit(page: "Page", items: list[Item], done: Item) -> None:
    """Submit by key, and wait until the next item, or the end, is there."""
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "asked => { const shown = document.querySelector('.heta-card h3');"
        " return !shown || shown.textContent !== asked }",
        arg=done.question,
    )
    assert done in items


def count_actions(page: "Page") -> None:
    """Begin to count presses of the mouse and of keys, modifiers aside."""
    page.evaluate(
        """() => {
            window.actions = {clicks: 0, keys: 0};
            addEventListener('pointerdown', () => { window.actions.clicks++ }, true);
            addEventListener('keydown', event => {
                if (!['Control', 'Shift', 'Alt', 'Meta'].includes(event.key)) window.actions.keys++;
            }, true);
        }"""
    )


def actions(page: "Page") -> dict[str, Any]:
    """What was pressed since `count_actions`."""
    counted: dict[str, Any] = page.evaluate("window.actions")
    return counted
