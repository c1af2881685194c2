"""The report: one self-contained HTML file, and tables and plots for papers."""

from pathlib import Path

from heta_data.workspace import Workspace

__all__ = ["build_report"]


def build_report(
    workspace: Workspace, *, out: Path | None = None, tables: Path | None = None, plots: Path | None = None
) -> Path:
    """Write the report of an evaluated folder; each file complete or not at all.

    Where [evaluate] of heta.toml asks for other settings than the run had, a warning says which.

    Args:
        workspace: a folder with results.jsonl.
        out: the file to write; None for report.html in the folder.
        tables: a folder for every table as CSV, LaTeX and Markdown; None for no tables.
        plots: a folder for every plot as PNG and SVG; None for no plots.

    Returns:
        The HTML file written.

    Raises:
        InputError: nothing was evaluated yet, a file cannot be written, or plots are asked for without matplotlib.
        ConfigError: [evaluate] of heta.toml cannot be used.
        IntegrityError: results.jsonl was computed from other items, labels or attributions than are there now.
    """
    from heta_evaluation.report.build import read_report, write_page
    from heta_evaluation.report.figures import check_matplotlib, write_plots
    from heta_evaluation.report.tables import write_tables

    if plots is not None:
        check_matplotlib()
    report = read_report(workspace)
    path = write_page(report, workspace.report if out is None else out, name=workspace.root.resolve().name)
    if tables is not None:
        write_tables(report, tables)
    if plots is not None:
        write_plots(report, plots)
    return path
