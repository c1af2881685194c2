"""Every two methods against each other, as a square of differences."""

from collections.abc import Sequence
from dataclasses import dataclass

from heta_data.records import MetricResult
from heta_evaluation.report.material import Material
from heta_evaluation.report.plots import signed_difference
from heta_evaluation.summary import MAIN

_FEWEST = 3
"""Methods from which on a square says more than a list."""


@dataclass(frozen=True)
class Matrix:
    """Paired differences, row minus column; best methods first."""

    names: Sequence[str]
    cells: Sequence[Sequence[MetricResult | None]]
    """`[row, column]`, None on the diagonal and where a pair was not compared."""


def pair_matrix(material: Material) -> Matrix | None:
    """The square of the methods' differences in F1@k; None with fewer than three methods."""
    compared = {side for one in material.index.of(MAIN, "difference") for side in one.subject.split(" minus ")}
    lines = [line for line in material.lines if not line.subject.baseline and line.subject.name in compared]
    if len(lines) < _FEWEST:
        return None
    cells = [
        [
            None if row is column else signed_difference(material, MAIN, row.subject.name, column.subject.name)
            for column in lines
        ]
        for row in lines
    ]
    return Matrix([line.label for line in lines], cells)
