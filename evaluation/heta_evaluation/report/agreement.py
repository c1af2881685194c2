"""Sheets of the raters: agreement over all items and by part, and each rater."""

from collections.abc import Iterable, Mapping, Sequence

from heta_data.records import MetricResult
from heta_evaluation.report.material import Material, heading, stratum
from heta_evaluation.report.rows import count
from heta_evaluation.report.sheets import Cell, Heading, Origin, Sheet, SheetRow, headings
from heta_evaluation.results import COUNTS

AGREEMENT = ("krippendorff_alpha", "positive_agreement", "raw_agreement", "prevalence")


def agreement_sheet(material: Material) -> Sheet | None:
    """Agreement over all items and, where agreement.jsonl is there, by part of the items and by arm."""
    origin = _other_origin(material)
    of_run = (one for metric in AGREEMENT for one in material.index.of(metric, "main"))
    # Figures of other labels are never beside each other in one row.
    records = [*material.agreement, *(() if origin else of_run)]
    by_row: dict[tuple[str, str], dict[str, MetricResult]] = {}
    for one in records:
        if one.item_id is None and one.metric not in COUNTS and _of_all(one, material):
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
        origin=origin,
    )


def _other_origin(material: Material) -> Origin | None:
    """Whose labels agreement.jsonl counted, where the run counted others: its flags are its own."""
    found = Origin.of(material.agreement)
    return found if found.kinds and found != Origin.of(material.figures) else None


def _agreement_first(metrics: Iterable[str]) -> list[str]:
    found = dict.fromkeys(metrics)
    return [*(metric for metric in AGREEMENT if metric in found), *(one for one in found if one not in AGREEMENT)]


def _rater(one: MetricResult, material: Material) -> str | None:
    """The rater that a record of agreement.jsonl is about: its subject, or its variant `rater=...`."""
    part = stratum(one.variant)
    if part is not None and part.dimension == "rater":
        return part.value
    return one.subject if one.subject in material.raters else None


def _pair(one: MetricResult) -> tuple[str, str] | None:
    """The two raters that a record is about."""
    first, between, second = one.subject.partition(" & ")
    return (first, second) if between else None


def _of_all(one: MetricResult, material: Material) -> bool:
    return _rater(one, material) is None and _pair(one) is None


def rater_pair_sheet(material: Material) -> Sheet | None:
    """Every two raters, where agreement.jsonl has figures of pairs."""
    by_pair: dict[tuple[str, str], dict[str, MetricResult]] = {}
    for one in material.agreement:
        if one.item_id is None and (pair := _pair(one)) is not None:
            by_pair.setdefault(pair, {})[one.metric] = one
    if not by_pair:
        return None
    metrics = list(dict.fromkeys(metric for found in by_pair.values() for metric in found))
    rows = tuple(
        SheetRow((*pair, *(found.get(metric) for metric in metrics), count(max(one.n for one in found.values()))))
        for pair, found in by_pair.items()
    )
    return Sheet(
        "rater-pairs",
        "Every two raters",
        "Every two raters that share an item, with 95 % interval over groups of items.",
        headings(
            "Rater",
            Heading("Other", "other", numeric=False),
            *(Heading(heading(metric), metric) for metric in metrics),
            Heading("Items", "items"),
        ),
        rows,
        origin=_other_origin(material),
    )


_KNOWN = {("prevalence", "main")}
"""What the column `Marked` says already."""
_WITH_OTHERS = ("pairwise_f1", "with_others")


def rater_sheet(raters: Sequence[Mapping[str, Cell]], material: Material) -> Sheet:
    """Each rater's labels, and what agreement.jsonl says of each rater, in place of F1 with the others where it has it.

    `raters`: for each one `rater`, `kind`, `items`, `marked`, `seconds`, `with_others`; see `raters.RaterFacts`.
    """
    own: dict[str, dict[tuple[str, str], MetricResult]] = {}
    for one in material.agreement:
        if one.item_id is None and (name := _rater(one, material)) is not None:
            own.setdefault(name, {})[one.metric, "main" if stratum(one.variant) else one.variant] = one
    keys = [key for key in dict.fromkeys(key for found in own.values() for key in found) if key not in _KNOWN]
    facts = ["rater", "kind", "items", "marked", "seconds", *([] if _WITH_OTHERS in keys else ["with_others"])]
    rows = tuple(
        SheetRow((*(one[name] for name in facts), *(own.get(str(one["rater"]), {}).get(key) for key in keys)))
        for one in raters
    )
    columns = (
        Heading("Kind", "kind", numeric=False),
        Heading("Items", "items"),
        Heading("Marked", "share_marked"),
        Heading("s / item", "median_seconds"),
        Heading("With others", "f1_with_others"),
    )
    return Sheet(
        "raters",
        "Raters",
        "Each rater: items labelled, share of the words marked, median seconds an item, and how far the marked words "
        "are those of the other raters.",
        headings("Rater", *columns[: len(facts) - 1], *(_heading(metric, variant) for metric, variant in keys)),
        rows,
        "" if _WITH_OTHERS in keys else "With others: F1 over all pairs with another rater of the same item, pooled.",
        Origin.of((*material.figures, *material.agreement)) if keys and _other_origin(material) else None,
    )


def _heading(metric: str, variant: str) -> Heading:
    plain = variant == "main"
    name = heading(metric) if plain else f"{heading(metric)}, {variant.replace('_', ' ')}"
    return Heading(name, metric if plain else f"{metric}_{variant}", sign=variant.endswith("_change"))
