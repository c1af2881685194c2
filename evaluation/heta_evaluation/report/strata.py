"""Sheets of the parts of a benchmark, and of the same figures with other choices."""

from collections.abc import Sequence

from heta_evaluation.report.material import Material, heading, ordered
from heta_evaluation.report.rows import method_rows
from heta_evaluation.report.sheets import Cell, Heading, Sheet, SheetRow, headings, known, without_empty_columns
from heta_evaluation.results import COUNTS, HUMAN_REFERENCE
from heta_evaluation.summary import MAIN, Line


def strata_sheets(material: Material) -> list[Sheet]:
    """For each dimension (source, length, ...) and metric: methods by the parts of the items. Main metric first."""
    found = []
    for dimension, values in material.strata.items():
        variants = {f"{dimension}={value}" for value in values}
        metrics = ordered(one.metric for one in material.figures if one.variant in variants)
        for metric in metrics:
            found.append(_stratum_sheet(material, dimension, list(values), metric))
    return known(found)


def _stratum_sheet(material: Material, dimension: str, values: Sequence[str], metric: str) -> Sheet:
    variants = [f"{dimension}={value}" for value in values]
    sizes = [max((one.n for one in material.index.of(metric, variant)), default=0) for variant in variants]

    def cells(line: Line) -> list[Cell]:
        return [material.index.get(metric, line.subject.name, variant) for variant in variants]

    reference: tuple[Cell, ...] = tuple(material.index.get(metric, HUMAN_REFERENCE, variant) for variant in variants)
    rows = method_rows(material, cells)
    if any(reference):
        rows = (*rows, SheetRow((HUMAN_REFERENCE, *reference), "reference"))
    columns = (
        Heading(f"{value} (n = {size})", value) for value, size in zip(values, sizes, strict=True)
    )  # how many items each part holds
    return without_empty_columns(
        Sheet(
            f"strata-{dimension.replace(' ', '-')}-{metric.replace('@', '-')}",
            f"By {dimension}: {heading(metric)}",
            f"{heading(metric)} by {dimension} of the items, with 95 % interval; n is the number of items.",
            headings("Method", *columns),
            rows,
        )
    )


def main_strata(sheets: Sequence[Sheet]) -> tuple[list[Sheet], list[Sheet]]:
    """Strata of the main metric, and the others."""
    main = f"-{MAIN.replace('@', '-')}"
    first = [one for one in sheets if one.id.endswith(main)]
    return (first, [one for one in sheets if one not in first]) if first else (list(sheets), [])


_ELSEWHERE = (
    *("main", "held_out", "normalised", "chance_corrected", "difference", "rank", "detectable", "anchoring"),
    "order_effect",
)
"""Variants that other sheets show."""


def _is_view(variant: str, material: Material) -> bool:
    """Whether a variant is another way to look at all items, which no other section shows."""
    return variant not in _ELSEWHERE and not variant.startswith("answered by ") and not material.is_part(variant)


def view_sheet(material: Material) -> Sheet | None:
    """The main metric with other choices: absolute scores, the whole prompt, without the answer's mention, ..."""
    variants = [one for one in material.index.variants(MAIN) if _is_view(one, material)]
    if not variants:
        return None

    def cells(line: Line) -> list[Cell]:
        return [material.index.get(MAIN, line.subject.name, variant) for variant in ("main", *variants)]

    names = (variant.replace("=", ": ").replace("_", " ") for variant in variants)
    columns = (Heading(name, key) for name, key in zip(("main", *names), ("main", *variants), strict=True))
    sheet = Sheet(
        "views",
        f"{heading(MAIN)} with other choices",
        f"{heading(MAIN)} as in the verdict (main), and computed otherwise, by the variant’s name; 95 % intervals.",
        headings("Method", *columns),
        method_rows(material, cells),
    )
    return without_empty_columns(sheet)


def further_figures(material: Material) -> list[str]:
    """Metrics with variants in results.jsonl that no section shows, for a line that says so."""
    found = dict.fromkeys(
        f"{one.metric} {one.variant}"
        for one in material.figures
        if one.metric not in (*COUNTS, MAIN) and _is_view(one.variant, material)
    )
    return list(found)
