"""Tables for papers: full precision in CSV, escaped LaTeX, and whose labels they come from in each."""

import csv
import io
import re

import pytest

from heta_data.records import MetricResult
from heta_evaluation.report.sheets import Heading, Number, Origin, Sheet, SheetRow, without_empty_columns
from heta_evaluation.report.tables import as_csv, as_latex, as_markdown, escape
from heta_evaluation.summary import banners


def result(value, low=None, high=None, reason=None, kinds=("simulated",)):
    return MetricResult(
        metric="m", subject="s", value=value, low=low, high=high, reason=reason, n=3, kinds=kinds, arms=("blind",)
    )


SIMULATED = Origin.of([result(1.0)])
HUMAN = Origin.of([result(1.0, kinds=("human",))])
SHEET = Sheet(
    "one",
    "One",
    "What it is, 95 % of it.",
    (Heading("Method", "method", numeric=False), Heading("F1", "f1", sign=True), Heading("Items", "items")),
    (
        SheetRow(("a_b & c | d", result(-1 / 3, -0.5, 0.25), Number(1 / 7, "0.14"))),
        SheetRow(("base", result(None, reason="no_mass"), None), "baseline"),
    ),
)


def test_csv_keeps_every_digit_and_names_the_labels_in_each_row():
    rows = list(csv.DictReader(io.StringIO(as_csv(SHEET, SIMULATED))))
    assert rows[0] == {
        "labels": "SIMULATED LABELS",
        "method": "a_b & c | d",
        "f1": repr(-1 / 3),
        "f1_low": "-0.5",
        "f1_high": "0.25",
        "f1_reason": "",
        "items": repr(1 / 7),
    }
    assert rows[1]["f1_reason"] == "no_mass"
    assert (rows[1]["labels"], rows[1]["f1"], rows[1]["items"]) == ("SIMULATED LABELS", "", "")
    human = list(csv.DictReader(io.StringIO(as_csv(SHEET, HUMAN))))
    assert human[0]["labels"] == "human raters, blind arm"


def test_markdown_is_a_table_under_its_caption():
    lines = as_markdown(SHEET, SIMULATED).splitlines()
    assert lines[0] == "**SIMULATED LABELS.** What it is, 95 % of it. Labels: simulated raters, blind arm."
    assert lines[2:] == [
        "| Method | F1 | Items |",
        "| :--- | ---: | ---: |",
        "| a_b & c \\| d | −0.33 [−0.50, +0.25] | 0.14 |",
        "| base | no mass |  |",
    ]
    assert as_markdown(SHEET, HUMAN).startswith("What it is")


def test_latex_is_escaped_balanced_and_ruled():
    text = as_latex(SHEET, SIMULATED)
    body = text.split("\\midrule", 1)[1]
    assert "a\\_b \\& c | d & $-$0.33 {\\scriptsize [$-$0.50, +0.25]} & 0.14 \\\\" in body
    assert "\\midrule" in body  # between methods and baselines
    assert "base & \\textit{no mass} &  \\\\" in body
    assert (
        "\\caption{\\textbf{SIMULATED LABELS.} What it is, 95 \\% of it. Labels: simulated raters, blind arm.}" in text
    )
    assert "\\begin{tabular}{lrr}" in text
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    for row in re.findall(r"^    (.*) \\\\$", text, flags=re.M):
        assert len(re.split(r"(?<!\\)&", row)) == 3


def test_every_special_character_is_escaped():
    assert escape("\\&%$#_{}~^<>") == (
        "\\textbackslash{}\\&\\%\\$\\#\\_\\{\\}\\textasciitilde{}\\textasciicircum{}\\textless{}\\textgreater{}"
    )
    assert escape("−1 – 2 … ’") == "$-$1 -- 2 \\ldots{} '"


@pytest.mark.parametrize("render", [as_csv, as_markdown, as_latex])
def test_no_kind_of_label_goes_unsaid(render):
    for kind in ("simulated", "judge"):
        origin = Origin.of([result(1.0, kinds=(kind,))])
        assert banners([result(1.0, kinds=(kind,))])[0].label in render(SHEET, origin)


def test_a_sheet_with_labels_of_its_own_says_those():
    own = Sheet("x", "X", "c", SHEET.headings, SHEET.rows, origin=Origin.of([]))
    assert "SIMULATED" not in as_markdown(own, SIMULATED)
    assert "No labels." in as_markdown(own, SIMULATED)


def test_the_anchoring_effect_brings_no_banner_of_assisted_labels():
    effect = result(0.1).model_copy(update={"variant": "anchoring", "arms": ("assisted", "blind")})
    assert Origin.of([result(1.0), effect]).alarm == "SIMULATED LABELS"


def test_columns_without_anything_are_left_out():
    rows = (SheetRow(("a", None, Number(1, "1"))), SheetRow(("b", None, None)))
    found = without_empty_columns(Sheet("x", "X", "c", SHEET.headings, rows))
    assert [heading.key for heading in found.headings] == ["method", "items"]
    assert [len(row.cells) for row in found.rows] == [2, 2]


def test_ranks_have_no_places():
    heading = Heading("Rank", "rank", whole=True)
    assert heading.text(result(2.0, 1.0, 3.0)) == ("2", "[1, 3]")
    assert heading.text(result(2.5)) == ("2.5", "")
