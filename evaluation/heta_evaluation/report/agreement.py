"""Sheets of the raters: agreement over all items and by part, and each rater."""

from collections.abc import Iterable, Mapping, Sequence

from heta_data.records import MetricResult
from heta_evaluation.report.material import Material, heading, stratum
from heta_evaluation.report.rows import count
from heta_evaluation.report.sheets import Cell, Heading, Sheet, SheetRow, headings
from heta_evaluation.results import COUNTS

AGREEMENT = ("krippendorff_alpha", "positive_agreement", "raw_agreement", "prevalence")


def agreement_sheet(material: Material) -> Sheet | None:
    """Agreement over all items and, where agreement.jsonl is there, by part of the items and by arm."""
    records = [*material.agreement, *(one for metric in AGREEMENT for one in material.index.of(metric, "main"))]
    by_row: dict[tuple[str, str], dict[str, MetricResult]] = {}
    for one in records:
        if one.item_id is None and one.metric not in COUNTS and _rater(one, material) is None:
            by_row.setdefault((one.variant, one.subject), {}).setdefault(one.metric, one)
    metrics = _agreement_first(metric for row in by_row.values() for metric in row)
    rows = []
    for (variant, subject), row in sorted(by_row.items(), key=lambda pair: pair[0][0] != "main"):
        what = "all" if variant == "main" else variant.replace("=", ": ").replace("_", " ")
        name = what if subject == "raters" else f"{subject}, {what}"
        rows.append(
            SheetRow((name, *(row.get(metric) for metric in metrics), count(max(one.n for one in row.values()))))
        )
    if not rows:
        return None
    return Sheet(
        "agreement",
        "Agreement of the raters",
        "Agreement of the raters with each other, with 95 % interval over groups of items.",
        headings("Over", *(Heading(heading(metric), metric) for metric in metrics), Heading("Items", "items")),
        tuple(rows),
    )


def _agreement_first(metrics: Iterable[str]) -> list[str]:
    found = dict.fromkeys(metrics)
    return [*(metric for metric in AGREEMENT if metric in found), *(one for one in found if one not in AGREEMENT)]


def _rater(one: MetricResult, material: Material) -> str | None:
    """The rater that a record of agreement.jsonl is about: its subject, or its variant `rater=...`."""
    part = stratum(one.variant)
    if part is not None and part.dimension == "rater":
        return part.value
    return one.subject if one.subject in material.raters else None


def rater_sheet(raters: Sequence[Mapping[str, Cell]], material: Material) -> Sheet:
    """Each rater's labels, and what agreement.jsonl says of each rater.

    `raters`: for each one `rater`, `kind`, `items`, `marked`, `seconds`, `with_others`; see `raters.RaterFacts`.
    """
    own: dict[str, dict[str, MetricResult]] = {}
    for one in material.agreement:
        if one.item_id is None and (name := _rater(one, material)) is not None:
            own.setdefault(name, {})[one.metric] = one
    metrics = list(dict.fromkeys(metric for found in own.values() for metric in found))
    rows = tuple(
        SheetRow(
            (
                facts["rater"],
                facts["kind"],
                facts["items"],
                facts["marked"],
                facts["seconds"],
                facts["with_others"],
                *(own.get(str(facts["rater"]), {}).get(metric) for metric in metrics),
            )
        )
        for facts in raters
    )
    return Sheet(
        "raters",
        "Raters",
        "Each rater: items labelled, share of the words marked, median seconds an item, and how far the marked words "
        "are those of the other raters (F1 over all pairs with another rater of the same item, pooled).",
        headings(
            "Rater",
            Heading("Kind", "kind", numeric=False),
            Heading("Items", "items"),
            Heading("Marked", "share_marked"),
            Heading("s / item", "median_seconds"),
            Heading("With others", "f1_with_others"),
            *(Heading(heading(metric), metric) for metric in metrics),
        ),
        rows,
    )
