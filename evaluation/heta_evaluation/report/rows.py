"""What every sheet of methods is made of: a row for each method and baseline."""

from collections.abc import Callable, Sequence

from heta_evaluation.report.material import Material
from heta_evaluation.report.sheets import Cell, Number, SheetRow, Style
from heta_evaluation.summary import Line


def count(number: int) -> Number:
    """A whole number."""
    return Number(number, str(number))


def method_rows(material: Material, cells: Callable[[Line], Sequence[Cell]]) -> tuple[SheetRow, ...]:
    """A row for each method and baseline that has any cell."""
    found = []
    for line in material.lines:
        own = tuple(cells(line))
        if any(cell is not None for cell in own):
            found.append(SheetRow((row_label(line), *own), line_style(line)))
    return tuple(found)


def line_style(line: Line) -> Style:
    """How a row is shown."""
    return "baseline" if line.subject.baseline else "method"


def row_label(line: Line) -> str:
    """A method's name; one on a model that answers nothing is named as not ranked."""
    return line.label if line.ranked else f"not ranked: {line.label}"
