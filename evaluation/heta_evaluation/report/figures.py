"""Plots for papers by matplotlib: each forest plot as PNG, SVG and PDF.

Colours are of Okabe and Ito's palette, and nothing is told by colour alone: methods are discs, baselines squares.
Letters stand in SVG files as outlines and in PDF files as embedded TrueType, so that every file looks the same
everywhere. The kinds of labels stand inside each picture, which can be cut off its caption.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heta.errors import MissingDependency
from heta_evaluation.report.files import write_whole
from heta_evaluation.report.plots import Forest, anchoring_plot, forest_plots, pair_plot, rank_plot, stratum_plots
from heta_evaluation.report.report import Report
from heta_evaluation.report.sheets import Origin
from heta_evaluation.report.svg import ticks, whole_ticks
from heta_evaluation.summary import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHOD, BASELINE, REFERENCE, ALARM = "#0072B2", "#5B6472", "#E69F00", "#F0E442"
_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "svg.fonttype": "path",
    "svg.hashsalt": "heta",
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
}
_WIDTH, _ROW, _AROUND = 6.4, 0.24, 1.25
"""Inches: of a figure, of a row, and of what stands above and below the rows."""


def check_matplotlib() -> None:
    """Refuse in one line where plots cannot be drawn.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingDependency("--plots needs matplotlib: pip install 'heta-bench[plots]'") from None


def write_plots(report: Report, folder: Path) -> list[Path]:
    """Write every plot as `<plot>.png`, `.svg` and `.pdf` into a folder, each complete or not at all.

    Raises:
        MissingDependency: matplotlib is not installed.
        InputError: the folder or a file cannot be written.
    """
    material = report.material
    others = (pair_plot(material), rank_plot(material), anchoring_plot(material))
    plots = [*forest_plots(material), *(plot for plot in others if plot is not None), *stratum_plots(material)]
    return save_plots(plots, report.origin, folder)


def save_plots(plots: Sequence[Forest], origin: Origin, folder: Path) -> list[Path]:
    """Write plots of one origin as `write_plots` does.

    Raises:
        MissingDependency: matplotlib is not installed.
        InputError: the folder or a file cannot be written.
    """
    check_matplotlib()
    from matplotlib import rc_context

    written = []
    with rc_context(_SETTINGS):  # type: ignore[arg-type]
        for plot in plots:
            figure = draw(plot, origin)
            for ending, metadata in (("png", {}), ("svg", {"Date": None}), ("pdf", {"CreationDate": None})):
                out = io.BytesIO()
                about: dict[str, Any] = {"Title": f"{plot.heading}. {origin.caption(plot.caption)}", **metadata}
                figure.savefig(out, format=ending, metadata=about)
                written.append(write_whole(folder / f"{plot.id}.{ending}", out.getvalue(), "--plots"))
    return written


def draw(plot: Forest, origin: Origin) -> "Figure":
    """One forest plot: a row a method with its interval, reference and chance behind them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _AROUND + _ROW * len(plot.rows)), layout="constrained")
    axes = figure.add_subplot()
    if plot.reference is not None and plot.reference.value is not None:
        axes.axvline(plot.reference.value, color=REFERENCE, linewidth=1.5, zorder=1)
        if plot.reference.low is not None and plot.reference.high is not None:
            axes.axvspan(plot.reference.low, plot.reference.high, color=REFERENCE, alpha=0.2, linewidth=0, zorder=0)
        _above(axes, plot.reference.value, "other raters", fontweight="bold")
    line = 0.0 if plot.sign else plot.chance
    if line is not None:
        axes.axvline(line, color=BASELINE, linewidth=0.8, linestyle=(0, (3, 3)), zorder=1)
        if not plot.sign:
            _above(axes, line, "random", color=BASELINE)
    for place, row in enumerate(plot.rows):
        one, method = row.result, row.style == "method"
        color = METHOD if method else BASELINE
        if one is not None and one.value is not None:
            if one.low is not None and one.high is not None:
                axes.plot([one.low, one.high], [place, place], color=color, linewidth=1.6, zorder=2, clip_on=False)
            axes.plot(
                one.value, place, "o" if method else "s", color=color, markersize=5 if method else 4.5,
                markerfacecolor=color if method else "white", zorder=3, clip_on=False,
            )  # fmt: skip
        axes.annotate(
            plot.text(row), (1.02, place), xycoords=("axes fraction", "data"), va="center",
            color="black" if method else BASELINE,
        )  # fmt: skip
    _axis(axes, plot)
    _headings(axes, plot, origin)
    return figure


def _above(axes: "Axes", value: float, text: str, **style: Any) -> None:
    """A word above the plot, over a value."""
    place, away = ("data", "axes fraction"), "offset points"
    axes.annotate(
        text, (value, 1), xycoords=place, xytext=(0, 2), textcoords=away, ha="center", va="bottom", **style
    )  # fmt: skip


def _axis(axes: "Axes", plot: Forest) -> None:
    steps = whole_ticks(plot.values) if plot.ranks else ticks(plot.values)
    digits = 0 if plot.ranks else 1 if steps[1] - steps[0] > 0.09 else 2
    axes.set_xlim(steps[0], steps[-1])
    axes.set_xticks(steps, [number(step, digits) for step in steps])
    axes.set_yticks(range(len(plot.rows)), [row.label for row in plot.rows])
    for text, row in zip(axes.get_yticklabels(), plot.rows, strict=True):
        text.set_color("black" if row.style == "method" else BASELINE)
    axes.set_ylim(len(plot.rows) - 0.5, -0.5)
    axes.set_xlabel(plot.axis)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#DDD8CD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _headings(axes: "Axes", plot: Forest, origin: Origin) -> None:
    """The plot's name, and whose labels it shows: the alarm in black on yellow, in the picture itself."""
    figure = axes.figure
    title = figure.suptitle(plot.heading, x=0.01, ha="left", fontsize=9.5, fontweight="bold")
    title.set_in_layout(True)
    text = f" {origin.alarm} · {origin.sentence} " if origin.alarm else origin.sentence
    box = {"facecolor": ALARM, "edgecolor": "none", "pad": 2.5} if origin.alarm else None
    figure.supxlabel(text, x=0.01, ha="left", fontsize=7.5, fontweight="bold" if origin.alarm else "normal", bbox=box)
