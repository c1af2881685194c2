"""Plots for papers: they say whose labels they show, look the same everywhere, and come out the same."""

import re

import pytest

from heta_data.records import MetricResult
from heta_evaluation.report.figures import draw, write_plots
from heta_evaluation.report.plots import Forest, ForestRow
from heta_evaluation.report.sheets import Origin

matplotlib = pytest.importorskip("matplotlib")


def result(value, half=0.1, kind="simulated"):
    ends = {} if half is None else {"low": value - half, "high": value + half}
    return MetricResult(metric="m", subject="s", value=value, n=3, kinds=(kind,), arms=("blind",), **ends)


ROWS = (
    ForestRow("a_1", "method", result(0.5)),
    ForestRow("b", "method", MetricResult(metric="m", subject="s", value=None, reason="no_mass", n=0)),
    ForestRow("base", "baseline", result(0.2, None)),
)
PLOT = Forest("p", "What it is", "F1@k", "A caption.", ROWS, reference=result(0.8), chance=0.1)


def texts(figure):
    return [one.get_text() for one in figure.findobj(matplotlib.text.Text) if one.get_text()]


@pytest.mark.parametrize(
    ("kind", "alarm"), [("simulated", "SIMULATED LABELS · "), ("judge", "JUDGED LABELS · "), ("human", "")]
)
def test_whose_labels_stands_in_the_picture(kind, alarm):
    found = texts(draw(PLOT, Origin.of([result(0.5, kind=kind)])))
    assert f"{alarm}Labels: {kind} raters, blind arm." in [text.strip() for text in found]


def test_every_row_is_there_with_its_figure_or_its_reason():
    found = texts(draw(PLOT, Origin.of([result(0.5)])))
    for said in ("What it is", "F1@k", "a_1", "0.50 [0.40, 0.60]", "no mass", "0.20", "other raters", "random"):
        assert said in found
    signed = Forest("p", "P", "x", "", (ROWS[0],), sign=True)
    assert "+0.50 [+0.40, +0.60]" in texts(draw(signed, Origin.of([])))


def test_files_carry_their_letters_and_come_out_the_same(tmp_path, monkeypatch):
    from heta_evaluation.report import figures

    class OneReport:
        material = None
        origin = Origin.of([result(0.5)])

    for name in ("pair_plot", "rank_plot", "anchoring_plot"):
        monkeypatch.setattr(figures, name, lambda material: None)
    monkeypatch.setattr(figures, "stratum_plots", lambda material: [])
    monkeypatch.setattr(figures, "forest_plots", lambda material: [PLOT])
    first, again = (write_plots(OneReport(), tmp_path / name) for name in ("one", "two"))
    assert [path.name for path in first] == ["p.png", "p.svg", "p.pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    svg = first[1].read_text(encoding="utf-8")
    assert "<text" not in svg  # outlines
    assert "SIMULATED LABELS" in re.search(r"<dc:title>(.*?)</dc:title>", svg).group(1)
    assert b"/FontFile2" in first[2].read_bytes()  # TrueType, embedded
