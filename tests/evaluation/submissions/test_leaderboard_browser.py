"""The leaderboard in Chromium: nothing is asked for, nothing runs over the edge, and axe-core has no complaint."""

import pytest

from helpers.submissions import make_release, noise, noisy, write_submission
from heta_data.submission.bundle import open_release
from heta_evaluation.submissions.leaderboard import load_folder, write_leaderboard
from heta_evaluation.submissions.scoring import read_reference, score_submissions

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


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    root = tmp_path_factory.mktemp("board")
    release = open_release(make_release(root / "folder", kind="simulated"))
    (root / "submissions").mkdir()
    long = {"hardware": "x" * 200, "model": "m" * 190, "method": "n" * 80}
    write_submission(root / "submissions" / "a.jsonl", release.root, noise(), **long)
    write_submission(root / "submissions" / "b.jsonl", release.root, noisy(release.root, 3.0))
    submissions, _ = load_folder(root / "submissions", release)
    scoring = score_submissions(read_reference(release), submissions, draws=100, kinds=("simulated",))
    return write_leaderboard(scoring, root / "leaderboard.html")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_the_page_is_whole(browser, page_file, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    problems: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: problems.append(request.url) if request.url[:5] != "file:" else None)
    page.goto(page_file.resolve().as_uri())
    assert page.locator("#board tbody tr").count() == 8  # two submissions, two methods, four baselines
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".banners").is_visible()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert page.locator(".banners").bounding_box()["y"] == 0  # the alarm stays on screen
    assert problems == []
    found = axe.Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
    page.close()
