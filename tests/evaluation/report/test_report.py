"""The report: self-contained, parseable, complete, honest, and usable in a browser."""

import base64
import json
import re
import shutil
import zlib
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

from helpers.evaluation_folder import make_attributions, make_folder, make_items, make_labels
from helpers.extra_results import add_extra_results
from heta.cli import cli
from heta.errors import InputError, MissingDependency
from heta_data.errors import IntegrityError
from heta_data.inputs import inputs_fingerprint
from heta_data.jsonl import read_records, write_records
from heta_data.records import Item, MetricResult, TokenLabels
from heta_data.sealing import seal
from heta_data.workspace import Workspace
from heta_evaluation.agreement.study import study_agreement
from heta_evaluation.faithfulness.settings import FaithfulnessSettings
from heta_evaluation.faithfulness.subjects import items_digest, labels_digest
from heta_evaluation.labels import select_labels
from heta_evaluation.report import build_report
from heta_evaluation.report.agreement import agreement_sheet, rater_pair_sheet, rater_sheet
from heta_evaluation.report.build import read_report
from heta_evaluation.runner import evaluate
from heta_evaluation.settings import EvaluateSettings
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


def unpacked(page: str) -> dict:
    """The index of the items that the page holds."""
    packed = re.search(r'id="items-index">([^<]*)<', page).group(1)
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_every_item_and_method_is_there(page):
    found = unpacked(page)
    assert [one["id"] for one in found["items"]] == [item.id for item in make_items(twins=True)]
    assert [one["question"] for one in found["items"]] == [item.question for item in make_items(twins=True)]
    names = [subject["label"] for subject in found["subjects"]]
    assert names == ["careful", "hasty", "answer_match", "first_words", "longest_words"]
    assert found["raters"] == ["r0", "r1", "r2"]
    assert "12 items are not shown" in page.split("<noscript>")[1].split("</noscript>")[0]


def test_names_are_escaped(page):
    assert "harbour &lt;bench&gt;" in page
    assert "<bench>" not in page


def test_simulated_labels_cannot_be_missed(page):
    found = outline(page)
    assert 'class="banners" role="alert"' in page
    assert "<title>SIMULATED LABELS" in page
    # held out, four metrics, and the best method against the others at least
    assert len(found.captions) == page.count("<figure") >= 6
    assert all("SIMULATED LABELS" in caption for caption in found.captions)
    # tables: verdict, beside the other raters, answered items, differences, raters, methods at least
    captions = re.findall(r'<p class="caption".*?</p>', page, flags=re.S)
    assert len(captions) == page.count("<table") >= 6
    assert all("SIMULATED LABELS" in caption for caption in captions)
    assert all("Labels: simulated raters, blind arm." in caption for caption in captions)


def test_the_only_script_that_may_run_is_the_pages_own(page):
    import hashlib

    script = re.search(r"<script>(.*?)</script>", page, flags=re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert len(re.findall("<script>", page)) == 1


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


def test_sections_appear_with_their_records(folder, tmp_path):
    workspace = make_folder(tmp_path / "full", items=make_items(twins=True))
    evaluate(workspace, kinds=("simulated",), draws=100)
    bare = build_report(workspace).read_text(encoding="utf-8")
    add_extra_results(workspace)
    full = build_report(workspace).read_text(encoding="utf-8")
    outline(full)
    for section in ("strata", "anchoring", "faithfulness"):
        assert f'<section id="{section}"' in full
        assert section == "strata" or f'<section id="{section}"' not in bare
    assert 'id="plot-rank"' in full
    assert "gwet ac1" in full
    # The anchoring effect compares arms; no other figure comes from assisted labels.
    assert "ASSISTED LABELS" not in full


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


def test_agreement_of_other_labels_is_refused(tmp_path):
    items = make_items()
    workspace = make_folder(tmp_path, items=items)
    evaluate(workspace, kinds=("simulated",), draws=100)
    first = MetricResult(
        metric="evaluation", subject="items", value=6.0, n=6, config={"inputs": inputs_fingerprint(items, (), ())}
    )
    write_records(tmp_path / "agreement.jsonl", seal([first]))
    with pytest.raises(IntegrityError, match="run heta evaluate agreement again"):
        build_report(workspace)
    labels = list(read_records(workspace.labels, TokenLabels))
    right = {"inputs": inputs_fingerprint(items, labels, ())}
    write_records(tmp_path / "agreement.jsonl", seal([first.model_copy(update={"config": right})]))
    build_report(workspace)


@pytest.mark.parametrize("name", ["results", "agreement", "faithfulness"])
def test_figures_that_were_changed_by_hand_are_refused(folder, tmp_path, name):
    copy = Workspace(shutil.copytree(folder.root, tmp_path / "copy"))
    add_extra_results(copy)
    build_report(copy)
    path = copy.root / f"{name}.jsonl"
    changed = re.sub(rb'"value":0\.\d+', b'"value":0.99', path.read_bytes())
    assert changed != path.read_bytes()
    path.write_bytes(changed)
    command = {"results": "run"}.get(name, name)
    with pytest.raises(IntegrityError, match=rf"{name}.jsonl: is not as `heta evaluate {command}` wrote it"):
        build_report(copy)
    path.write_bytes(b"")
    with pytest.raises(IntegrityError, match=rf"{name}.jsonl: is not as"):
        build_report(copy)


def test_faithfulness_of_other_items_or_labels_is_refused(tmp_path):
    items = make_items()
    workspace = make_folder(tmp_path, items=items)
    evaluate(workspace, kinds=("simulated",), draws=100)
    labels = list(read_records(workspace.labels, TokenLabels))
    which = EvaluateSettings(kinds=("simulated",))
    config = {
        "inputs": items_digest(items[:2]),
        "labels": labels_digest(select_labels(items, labels, which)),
        "settings": FaithfulnessSettings(kinds=("simulated",)).model_dump(mode="json"),
    }

    def written(**changes):
        first = MetricResult(metric="faithfulness", subject="items", value=2.0, n=2, config={**config, **changes})
        write_records(workspace.faithfulness_summary, seal([first]))
        return workspace

    build_report(written())
    build_report(written(labels=None))  # no row of labels
    for changes in ({"inputs": "deadbeefdeadbeef"}, {"labels": "deadbeef"}):
        with pytest.raises(IntegrityError, match="run heta evaluate faithfulness again, or delete it"):
            build_report(written(**changes))


def test_agreement_of_simulated_raters_beside_people_names_them(tmp_path):
    items = make_items()
    scripted = [label.model_copy(update={"rater": f"script-{label.rater}"}) for label in make_labels(items)]
    workspace = make_folder(tmp_path, items=items, labels=[*make_labels(items, kind="human"), *scripted])
    evaluate(workspace, draws=100)
    study_agreement(workspace, kinds=("simulated",), draws=100)
    report = read_report(workspace)
    for sheet in (agreement_sheet(report.material), rater_pair_sheet(report.material)):
        assert (sheet.origin.kinds, sheet.origin.alarm) == (("simulated",), "SIMULATED LABELS")
    study_agreement(workspace, kinds=("simulated", "human"), draws=100)
    report = read_report(workspace)
    facts = [one.cells() for one in report.raters]
    for sheet in (agreement_sheet(report.material), rater_sheet(facts, report.material)):
        assert sheet.origin.kinds == ("human", "simulated") and "SIMULATED" in sheet.origin.alarm
    study_agreement(workspace, draws=100)
    assert agreement_sheet(read_report(workspace).material).origin is None


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
    with pytest.raises(InputError, match="give another place with --out"):
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


def test_tables_and_plots_by_command(folder, tmp_path):
    pytest.importorskip("matplotlib")
    words = ["evaluate", "report", "-C", str(folder.root), "--out", str(tmp_path / "r.html"), "--json"]
    found = CliRunner().invoke(cli, [*words, "--tables", str(tmp_path / "t"), "--plots", str(tmp_path / "p")])
    assert found.exit_code == 0, found.output
    assert json.loads(found.output) == {
        "report": str(tmp_path / "r.html"), "tables": str(tmp_path / "t"), "plots": str(tmp_path / "p"),
    }  # fmt: skip
    assert {"verdict.csv", "verdict.tex", "verdict.md", "pairs.csv"} <= {
        path.name for path in (tmp_path / "t").iterdir()
    }
    assert {"held-out.png", "held-out.svg", "held-out.pdf"} <= {path.name for path in (tmp_path / "p").iterdir()}


def test_plots_without_matplotlib_are_one_line(folder, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    words = ["evaluate", "report", "-C", str(folder.root), "--out", str(tmp_path / "r.html"), "--plots", str(tmp_path)]
    found = CliRunner().invoke(cli, words)
    assert isinstance(found.exception, MissingDependency)
    assert str(found.exception) == "--plots needs matplotlib: pip install 'heta-bench[plots]'"
    assert not (tmp_path / "r.html").exists()
