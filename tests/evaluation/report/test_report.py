"""The report: self-contained, parseable, complete, honest, and usable in a browser."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

from helpers.evaluation_folder import make_attributions, make_folder, make_items, make_labels
from heta.cli import cli
from heta.errors import InputError
from heta_data.errors import IntegrityError
from heta_data.jsonl import read_records, write_records
from heta_data.records import Item
from heta_evaluation.report import build_report
from heta_evaluation.report.browser import heat_levels, item_cards
from heta_evaluation.report.plots import _ticks
from heta_evaluation.runner import evaluate
from heta_evaluation.summary import banners

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Outline(HTMLParser):
    """Balanced tags, ids, references to them, and every attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.captions: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        for name, text in attributes:
            self.attributes.append((tag, name, text or ""))
            if name == "id":
                self.ids.append(text)
            if name in ("aria-labelledby", "for"):
                self.references += text.split()
            if name == "href":
                self.references.append(text.removeprefix("#"))
        if tag == "figcaption":
            self.captions.append("")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "figcaption" in self.open:
            self.captions[-1] += data


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    workspace = make_folder(tmp_path_factory.mktemp("reported") / "harbour <bench>", items=make_items(twins=True))
    evaluate(workspace, kinds=("simulated",), draws=200)
    build_report(workspace)
    return workspace


@pytest.fixture(scope="module")
def page(folder):
    return folder.report.read_text(encoding="utf-8")


def test_it_parses_and_its_references_lead_somewhere(page):
    found = outline(page)
    assert len(found.ids) == len(set(found.ids))
    assert set(found.references) <= set(found.ids)


def test_it_reaches_for_nothing_outside_itself(page):
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page)
    found = outline(page)
    assert {tag for tag, name, _ in found.attributes if name == "src"} == set()
    assert ("meta", "http-equiv", "Content-Security-Policy") in found.attributes


def test_every_item_and_method_is_there(folder, page):
    for item in make_items(twins=True):
        assert f'id="item-{item.id}"' in page
        assert item.question in page
    for name in ("careful", "hasty", "answer_match", "first_words", "longest_words", "all raters", "r0", "r2"):
        assert page.count(f'<span class="name">{name}</span>') == 12


def test_names_are_escaped(page):
    assert "harbour &lt;bench&gt;" in page
    assert "<bench>" not in page


def test_simulated_labels_cannot_be_missed(page):
    found = outline(page)
    assert 'class="banners" role="alert"' in page
    assert "<title>SIMULATED LABELS" in page
    assert len(found.captions) == 5
    assert all("SIMULATED LABELS" in caption for caption in found.captions)
    # tables: verdict, answered items, comparisons, raters
    captions = re.findall(r'<p class="caption".*?</p>', page, flags=re.S)
    assert len(captions) == 4
    assert all("SIMULATED LABELS" in caption for caption in captions)


def test_human_labels_have_no_banner(tmp_path):
    items = make_items()
    workspace = make_folder(tmp_path, items=items, labels=make_labels(items, kind="human"))
    evaluate(workspace, draws=100)
    page = build_report(workspace).read_text(encoding="utf-8")
    assert "banners" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    assert "LABELS" not in page


def test_each_kind_and_arm_has_its_banner():
    class Result:
        def __init__(self, kinds, arms):
            self.variant, self.kinds, self.arms = "main", kinds, arms

    assert banners([Result(("human",), ("blind",))]) == []
    labels = [banner.label for banner in banners([Result(("human", "judge"), ("assisted", "blind"))])]
    assert labels == ["JUDGED LABELS", "ASSISTED LABELS"]


def test_right_to_left_items_run_right_to_left(folder, page):
    hebrew = next(item for item in make_items(twins=True) if item.language == "he")
    card = page[page.index(f'id="item-{hebrew.id}"') :]
    card = card[: card.index("</article>")]
    assert '<div class="text" dir="rtl" lang="he">' in card
    heads = re.findall(r'translate\(([\d.]+) \d+\) rotate\(-60\)" lang="he">([^<]+)', card)
    places = [float(x) for x, _ in heads]
    assert places == sorted(places, reverse=True)  # the first word stands at the right


def test_text_is_the_items_own(folder):
    evaluation = evaluate(folder, kinds=("simulated",), draws=200)
    for card, row in zip(item_cards(evaluation.table, {}), evaluation.table.rows, strict=True):
        segments = row.item.spans("evidence", "distractor")
        for passage, segment in zip(card.passages, segments, strict=True):
            assert "".join(piece.text for piece in passage.pieces) == row.item.prompt[segment.start : segment.end]
        numbers = [piece.unit for passage in card.passages for piece in passage.pieces if piece.unit is not None]
        assert numbers == list(range(len(row.units)))
        assert all(len(strip.levels) == len(row.units) for strip in card.strips)


def test_levels_of_heat():
    # shares of the largest size 4: 1, 1/2 (3.5 sevenths, up to 4), 1/4 (up to 2), 0, and -1/2 on the negative side
    assert heat_levels(np.asarray([4.0, 2.0, 1.0, 0.0, -2.0])) == "7420d"
    assert heat_levels(np.zeros(3)) == "000"
    assert heat_levels(np.zeros(0)) == ""


def test_ticks_span_all_values_and_zero():
    assert _ticks([0.2, 0.55]) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert _ticks([-0.15, 0.7]) == [-0.2, 0.0, 0.2, 0.4, 0.6, 0.8]
    assert _ticks([]) == [0.0, 0.1]
    for values in ([0.0], [-1.0, 1.0], [0.3], [-0.05]):
        ticks = _ticks(values)
        assert ticks[0] <= min(0, *values)
        assert ticks[-1] >= max(0, *values)


def test_the_same_folder_gives_the_same_page(folder, tmp_path):
    first, second = (build_report(folder, out=tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second


def test_results_of_other_groups_are_stale(tmp_path):
    """Groups are no part of an item's id, but they decide what is resampled together."""
    workspace = make_folder(tmp_path)
    evaluate(workspace, kinds=("simulated",), draws=100)
    items = [item.model_copy(update={"group": "one"}) for item in read_records(workspace.items, Item)]
    write_records(workspace.items, items)
    with pytest.raises(IntegrityError, match="evaluate run"):
        build_report(workspace)


def test_stale_results_are_refused(tmp_path):
    items = make_items()
    workspace = make_folder(tmp_path, items=items)
    evaluate(workspace, kinds=("simulated",), draws=100)
    write_records(workspace.labels, make_labels(items, seed=8))
    with pytest.raises(IntegrityError, match="run heta evaluate run again"):
        build_report(workspace)
    assert not workspace.report.exists()


def test_settings_that_the_run_did_not_have_are_said_in_one_line(tmp_path, caplog):
    workspace = make_folder(tmp_path)
    workspace.config.write_text('[evaluate]\nkinds = ["simulated"]\ndraws = 150\n', encoding="utf-8")
    evaluate(workspace)
    first = build_report(workspace).read_bytes()
    assert caplog.messages == []
    # A flag for what heta.toml leaves open contradicts nothing.
    evaluate(workspace, seed=3)
    build_report(workspace)
    assert caplog.messages == []
    evaluate(workspace)
    workspace.config.write_text('[evaluate]\nkinds = ["simulated"]\ndraws = 120\nrule = "sum"\n', encoding="utf-8")
    assert build_report(workspace).read_bytes() == first
    assert caplog.messages == [
        f'{workspace.config}: [evaluate] says draws = 120 (the run had 150), rule = "sum" (the run had "max"); '
        f"the report describes the run: heta evaluate run -C {tmp_path} applies the file"
    ]
    caplog.clear()
    evaluate(workspace)
    build_report(workspace)
    assert caplog.messages == []


def test_a_report_needs_results(tmp_path):
    with pytest.raises(InputError, match="run the evaluation first"):
        build_report(make_folder(tmp_path))


def test_a_place_that_cannot_be_written_is_one_line(folder, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="give another file with --out"):
        build_report(folder, out=tmp_path / "file" / "report.html")


@pytest.mark.parametrize("case", ["no attributions", "one rater", "no marks", "some items", "one item"])
def test_odd_folders_still_give_a_report(tmp_path, case):
    items = make_items()
    labels = make_labels(items, raters=1 if case == "one rater" else 3)
    attributions = [] if case == "no attributions" else make_attributions(items)
    if case == "no marks":
        labels = [one.model_copy(update={"labels": (0,) * len(one.labels)}) for one in labels]
    if case == "some items":
        labels = [one for one in labels if one.item_id != items[0].id]
        attributions = [one for one in attributions if one.item_id != items[1].id]
    if case == "one item":
        items = items[:1]
        labels, attributions = ([one for one in rows if one.item_id == items[0].id] for rows in (labels, attributions))
    workspace = make_folder(tmp_path, items=items, labels=labels, attributions=attributions)
    evaluate(workspace, kinds=("simulated",), draws=100)
    page = build_report(workspace).read_text(encoding="utf-8")
    outline(page)
    assert "nan" not in page.lower().replace("nano", "")


def test_the_command_writes_where_it_is_told(folder, tmp_path):
    found = CliRunner().invoke(cli, ["evaluate", "report", "-C", str(folder.root), "--out", str(tmp_path / "r.html")])
    assert found.exit_code == 0, found.output
    assert (tmp_path / "r.html").stat().st_size > 10_000


@pytest.mark.browser
def test_rows_filters_and_keys_work_in_a_browser(folder, chromium):
    sync_api = pytest.importorskip("playwright.sync_api")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*quiet, "--disable-component-update", "--disable-sync"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url) if request.url[:5] != "file:" else None)
        page.goto(folder.report.resolve().as_uri())

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
        assert page.locator(".card:visible").count() == 2
        page.fill("#find", "")
        page.check("#only-answered")
        assert page.locator("#shown").inner_text() == "8 of 12 items"
        page.uncheck("#only-answered")
        page.select_option("#order", "most")
        order = page.eval_on_selector_all(".card", "cards => cards.map(card => Number(card.dataset.disagreement))")
        assert order == sorted(order, reverse=True)
        page.fill("#least", "100")
        assert page.locator("#shown").inner_text() == f"{sum(one == 1 for one in order)} of 12 items"

        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()
        assert problems == []
