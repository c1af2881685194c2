"""The report in Chromium: rows, filters, pages and keys work, nothing is asked for, and axe-core has no complaint."""

import pytest

from helpers.evaluation_folder import make_folder, make_items
from helpers.extra_results import add_extra_results
from helpers.large_folder import make_large_folder
from heta_evaluation.report import build_report
from heta_evaluation.runner import evaluate

pytestmark = pytest.mark.browser
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


@pytest.fixture(scope="module")
def browser(chromium):
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=chromium, args=[*QUIET, "--disable-component-update", "--disable-sync"]
        )
        yield found
        found.close()


@pytest.fixture
def visit(browser):
    """Opens a file; at the end nothing may have gone wrong or out."""
    problems: list[str] = []
    pages = []

    def visit(path, **context):
        page = browser.new_page(viewport={"width": 1280, "height": 900}, **context)
        pages.append(page)
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url) if request.url[:5] != "file:" else None)
        page.goto(path.resolve().as_uri())
        if context.get("java_script_enabled", True):
            page.wait_for_selector("html[data-ready]")
        return page

    yield visit
    for page in pages:
        page.close()
    assert problems == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    workspace = make_folder(tmp_path_factory.mktemp("page"), items=make_items(twins=True))
    evaluate(workspace, kinds=("simulated",), draws=100)
    add_extra_results(workspace)
    build_report(workspace)
    return workspace


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Enough for two pages of items with more words than are written above the strips."""
    workspace = make_large_folder(tmp_path_factory.mktemp("large"), items=12, methods=3, raters=3, words=80)
    evaluate(workspace, kinds=("simulated",), draws=100)
    build_report(workspace)
    return workspace


def test_rows_filters_and_keys_work(folder, visit):
    page = visit(folder.report)
    card = page.locator(".card").first
    before = card.locator(".w").first.get_attribute("class")
    card.locator(".names button", has_text="first_words").click()
    assert card.locator(".w").first.get_attribute("class") == "w baseline l7" != before
    assert card.locator('[aria-pressed="true"] .name').inner_text() == "first_words"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert card.locator('[aria-pressed="true"] .name').inner_text() == "longest_words"

    assert page.locator("#shown").inner_text() == "12 of 12 items"
    page.fill("#find", "brücke")
    assert page.locator(".card").count() == 2
    page.fill("#find", "")
    page.check("#only-answered")
    assert page.locator("#shown").inner_text() == "8 of 12 items"
    page.uncheck("#only-answered")
    page.select_option("#size", "25")
    page.select_option("#order", "most")
    facts = page.locator(".facts").all_inner_texts()
    order = [int(text.split("disagreement ")[1].split(" ")[0]) for text in facts]
    assert order == sorted(order, reverse=True)
    page.fill("#least", "100")
    assert page.locator("#shown").inner_text() == f"{sum(one == 100 for one in order)} of 12 items"
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_items_are_sorted_by_a_methods_figure(folder, visit):
    page = visit(folder.report)
    page.select_option("#size", "25")
    page.select_option("#order", "worst")
    page.select_option("#method", label="careful")
    details = page.locator(".names button.method .detail").all_inner_texts()[::2]
    figures = [float(text.removeprefix("F1 ")) for text in details if text != "no F1"]
    assert figures == sorted(figures)
    page.select_option("#order", "best")
    details = page.locator(".names button.method .detail").all_inner_texts()[::2]
    figures = [float(text.removeprefix("F1 ")) for text in details if text != "no F1"]
    assert figures == sorted(figures, reverse=True)


def test_a_column_is_read_by_keys_and_pages_turn(large, visit):
    page = visit(large.report)
    card = page.locator(".card").first
    card.locator(".scroll").focus()
    page.keyboard.press("ArrowRight")
    first = card.locator(".w").nth(0).inner_text()
    assert card.locator(".reading b").inner_text() == first
    assert "marked by" in card.locator(".reading").inner_text()
    page.keyboard.press("End")
    assert card.locator(".reading b").inner_text() == card.locator(".w").last.inner_text()
    assert card.locator(".w.here").count() == 1

    assert page.locator("#pages").inner_text() == "2"
    page.locator("#next").click()
    assert page.locator(".card").count() == 2
    assert page.locator("#next").is_disabled()
    page.fill("#page", "1")
    page.locator("#page").press("Enter")
    assert page.locator(".card").count() == 10
    page.select_option("#source", "river")
    assert page.locator("#shown").inner_text() == "3 of 12 items"


def test_a_link_to_an_item_shows_it(large, visit):
    page = visit(large.report)
    page.locator("#next").click()
    identifier = page.locator(".card").last.get_attribute("id")
    page.locator("#previous").click()
    page.fill("#find", "nothing has this in it")
    assert page.locator("#none").is_visible()
    page.evaluate(f"location.hash = '{identifier}'")
    page.wait_for_selector(f"#{identifier}")
    assert page.input_value("#find") == ""


def test_right_to_left_items_run_right_to_left(folder, visit):
    page = visit(folder.report)
    page.fill("#find", "sefer")
    card = page.locator(".card").first
    assert card.locator(".text").get_attribute("dir") == "rtl"
    places = card.locator("text.head").evaluate_all("all => all.map(one => one.transform.baseVal[0].matrix.e)")
    assert places == sorted(places, reverse=True)  # the first word stands at the right


def test_without_scripts_the_page_says_what_is_missing(folder, visit):
    page = visit(folder.report, java_script_enabled=False)
    assert page.locator("noscript p").is_visible()
    assert "12 items are not shown" in page.locator("noscript p").inner_text()
    assert page.locator(".filters").is_hidden()
    assert page.locator("#verdict table").first.is_visible()


def test_a_browser_that_cannot_unpack_says_so(folder, browser):
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(folder.report.resolve().as_uri())
    page.wait_for_selector("#items-problem:visible")
    assert "DecompressionStream" in page.locator("#items-problem").inner_text()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(folder, visit, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = visit(folder.report, color_scheme=scheme)
    for closed in page.locator("details").all():
        closed.evaluate("one => one.open = true")
    found = axe.Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
