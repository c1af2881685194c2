"""A whole campaign in real browsers: raters agree, label 12 items in two arms, and somebody decides what is open."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from helpers.campaigns import campaign_folder, chromium_browser, simple_items, start_arms, words_of, write_folder
from helpers.sample_records import make_gold
from heta_annotation.campaign.adjudication import adjudicate
from heta_annotation.campaign.answers import QuarantinedAnnotation
from heta_annotation.campaign.gold import write_gold
from heta_annotation.campaign.ledger import open_existing
from heta_annotation.campaign.plan import plan
from heta_annotation.campaign.progress import campaign_status
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import push
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records, write_records
from heta_data.records import Arm, GoldLabels, Item, TokenLabels
from heta_data.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.xdist_group("server")]
ITEMS = simple_items(12)
BLIND, ASSISTED = ("a81", "a82"), ("a83",)
TOML = """name = "in the browser"
raters = { blind = ["a81", "a82"], assisted = ["a83"] }
controls = "controls.jsonl"
consent = "consent.md"
"""


@pytest.fixture(scope="module")
def arms(studio_workspace: Workspace) -> dict[Arm, Connection]:
    return start_arms(studio_workspace)


@pytest.fixture
def browser(chromium: str) -> "Iterator[Browser]":
    with chromium_browser(chromium) as opened:
        yield opened  # type: ignore[misc]


def sheet(path: str) -> dict[str, dict[str, str]]:
    with Path(path).open(newline="") as file:
        return {row["rater"]: row for row in csv.DictReader(file)}


def enter(browser: "Browser", row: dict[str, str], project: str) -> "Page":
    """A rater logs in, in a browser of their own, and opens the project of that title."""
    page = browser.new_context(viewport={"width": 1100, "height": 800}).new_page()
    page.goto(row["label_here"])
    page.fill("input[name=email]", row["email"])
    page.fill("input[name=password]", row["password"])
    page.click("button[type=submit]")
    if project:
        page.get_by_text(project, exact=True).first.click()
        page.get_by_role("button", name="Label", exact=False).first.click()
    return page


def saved(page: "Page") -> None:
    page.keyboard.press("Control+Enter")


def dismiss_guideline(page: "Page") -> None:
    window = page.locator(".lsf-modal-ls_visible")
    window.wait_for()
    page.keyboard.press("Escape")
    window.wait_for(state="hidden")


def mark(page: "Page", item: Item, marks: list[int]) -> None:
    """Wait for the item, take away what is marked, mark `marks`, submit."""
    page.wait_for_function(
        "text => { const shown = document.querySelector('.heta-card h3'); return shown && shown.textContent === text }",
        arg=item.question,
    )
    page.wait_for_function("n => document.querySelectorAll('.heta-text .w').length === n", arg=len(words_of(item)))
    boxes = page.locator(".heta-text .w")
    there = page.evaluate("[...document.querySelectorAll('.heta-text input:checked')].map(box => Number(box.name))")
    for index in sorted({*there} ^ {*marks}):
        boxes.nth(index).click()
    saved(page)


def order(folder: Workspace, queue: str) -> list[Item]:
    by_id = {item.id: item for item in ITEMS}
    with open_existing(folder.ledger) as ledger:
        return [by_id[pushed.task.item_id] for pushed in ledger.tasks(queue).values()]


def test_a_campaign_from_consent_to_gold_labels(
    tmp_path: Path, studio_workspace: Workspace, arms: dict[Arm, Connection], browser: Any
) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    write_folder(folder, ITEMS, TOML)
    write_records(folder.root / "controls.jsonl", [make_gold(item) for item in ITEMS[:2]])
    (folder.root / "consent.md").write_text("# Taking part\n\nYour marks are published without your name.\n")
    pages: dict[str, Any] = {}
    for arm in push(folder, arms):
        assert set(arm.waiting.values()) == {"has not answered the consent page yet"}
        for rater, row in sheet(arm.logins).items():
            pages[rater] = page = enter(browser, row, "in the browser: please read")
            page.get_by_text("Your marks are published without your name.").wait_for()
            page.get_by_text("I agree to take part").click()
            saved(page)
            page.get_by_text("I agree to take part").wait_for(state="detached")

    first, second = push(folder, arms)
    assert first.waiting == second.waiting == {}
    assert (first.sent, second.sent) == (24, 12)
    known = plan(folder).known
    contested = [item.id for item in ITEMS if item.id not in known][:2]
    with open_existing(folder.ledger) as ledger:
        projects = {row.rater: row.number for row in ledger.projects()}
    for arm, raters in (("blind", BLIND), ("assisted", ASSISTED)):
        for rater in raters:
            page = pages[rater]
            page.goto(f"{arms[arm].url}/projects/{projects[rater]}/data?labeling=1")
            dismiss_guideline(page)
            for item in order(folder, f"{arm}/{rater}"):
                answer = [index for index, word in enumerate(words_of(item)) if word == item.answer]
                # On two items the second rater marks something else altogether.
                other = [index for index in range(4) if index not in answer]
                mark(page, item, other if rater == "a82" and item.id in contested else answer)
            page.locator(".heta-card").wait_for(state="detached")

    pulled = pull(folder, arms)
    # Said first, with the reasons: an answer that does not count makes every other figure wrong.
    assert [odd.reasons for odd in read_records(folder.quarantine, QuarantinedAnnotation)] == []
    status = {found.arm: found for found in campaign_status(folder, arms)}
    assert (status["blind"].labels, status["blind"].complete) == (24, 12)
    assert (status["assisted"].labels, status["assisted"].complete) == (12, 12)
    assert set(status["blind"].contested) == set(contested)
    assert [(found.quarantined, found.labels) for found in pulled.arms] == [(0, 12), (0, 24)]
    labels = list(read_records(folder.labels, TokenLabels))
    assert {label.consent_version for label in labels} == {plan(folder).consent.hash}
    assert {label.isolation for label in labels} == {"organisation"}
    assert all((label.origin.parent_prediction is not None) == (label.arm == "assisted") for label in labels)

    sent = adjudicate(folder, arms["blind"], ["a89"], below=0.5)
    page = enter(browser, sheet(sent.logins)["a89"], "")
    dismiss_guideline(page)
    decided, given_up = order(folder, "blind/a89/adjudicate")
    lines = page.locator(".heta-text .m")
    lines.first.wait_for()
    # Both raters' marks are there, told apart by colour and by words, and neither by name.
    assert {"m0", "m1"} <= set(" ".join(line.get_attribute("class") for line in lines.all()).split())
    assert "a81" not in page.content()
    mark(page, decided, [0])
    page.wait_for_function(
        "text => document.querySelector('.heta-card h3')?.textContent === text", arg=given_up.question
    )
    page.get_by_text("This cannot be decided from the text").click()
    page.locator("textarea").fill("two readings")
    page.get_by_test_id("bottombar-submit-button").click()
    page.locator(".heta-card").wait_for(state="detached")

    gold = write_gold(folder, arms["blind"], tmp_path / "gold.jsonl", below=0.5)
    assert (dict(gold.sources), gold.waiting, gold.set_aside) == (
        {"unanimous": 10, "adjudicated": 1, "unresolved": 1},
        0,
        (),
    )
    found = {record.item_id: record for record in read_records(tmp_path / "gold.jsonl", GoldLabels)}
    assert [index for index, label in enumerate(found[decided.id].labels) if label] == [0]
    assert found[given_up.id].reason.endswith("two readings")
