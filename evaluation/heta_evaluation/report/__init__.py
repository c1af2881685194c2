"""The report: one self-contained HTML file."""

from pathlib import Path

from heta_data.workspace import Workspace

__all__ = ["build_report"]


def build_report(workspace: Workspace, *, out: Path | None = None) -> Path:
    """Write the report of an evaluated folder; complete or not at all.

    Where [evaluate] of heta.toml asks for other settings than the run had, a warning says which.

    Args:
        workspace: a folder with results.jsonl.
        out: the file to write; None for report.html in the folder.

    Returns:
        The file written.

    Raises:
        InputError: nothing was evaluated yet, or `out` cannot be written.
        ConfigError: [evaluate] of heta.toml cannot be used.
        IntegrityError: results.jsonl was computed from other items, labels or attributions than are there now.
    """
    from heta_evaluation.report.build import write_report

    return write_report(workspace, workspace.report if out is None else out)
