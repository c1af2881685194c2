"""The sheets of a report. Each is made from the records that are there; without its records a sheet is not made."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from heta_data.records import MetricResult
from heta_evaluation.alignment.quantities import answered_by
from heta_evaluation.report.material import Material, about, heading, ordered, stratum
from heta_evaluation.report.paired import paired
from heta_evaluation.report.sheets import (
    Cell,
    Heading,
    Number,
    Origin,
    Sheet,
    SheetRow,
    headings,
    known,
    without_empty_columns,
)
from heta_evaluation.results import ANSWERED, COUNTS, HUMAN_REFERENCE
from heta_evaluation.summary import COLUMNS, MAIN, Line, p_text

_FAITHFUL = ("soft_nc", "soft_ns", "soft_nc_pi", "soft_ns_pi", "comprehensiveness", "sufficiency", "tau_loo", "lds")
"""Metrics of faithfulness for the verdict table, the first ones that are there."""
_SHOWN = 3
AGREEMENT = ("krippendorff_alpha", "positive_agreement", "raw_agreement", "prevalence")


def _count(count: int) -> Number:
    return Number(count, str(count))


def _rows(material: Material, cells: Callable[[Line], Sequence[Cell]]) -> tuple[SheetRow, ...]:
    """A row for each method and baseline that has any cell."""
    found = []
    for line in material.lines:
        own = tuple(cells(line))
        if any(cell is not None for cell in own):
            found.append(SheetRow((line.label, *own), "baseline" if line.subject.baseline else "method"))
    return tuple(found)


def verdict_sheet(material: Material) -> Sheet:
    """Alignment, rank, order effect, faithfulness and cost of every method and baseline."""
    index = material.index
    faithful = _main_faithfulness(material)

    def cells(line: Line) -> list[Cell]:
        name, main = line.subject.name, line.figures.get(MAIN)
        seconds = (material.seconds or {}).get(name)
        return [
            *(line.figures.get(metric) for metric in COLUMNS),
            line.normalised,
            index.get(MAIN, name, "rank"),
            line.order_effect,
            line.outside,
            *(material.faith.get(metric, name) for metric in faithful),
            _count(main.n if main else 0),
            None if seconds is None else Number(seconds, f"{seconds:.2f}"),
        ]

    reference = index.get(MAIN, HUMAN_REFERENCE, "held_out")
    sheet = Sheet(
        "verdict",
        "Verdict",
        f"Alignment of each method with raters{', faithfulness' if faithful else ''} and cost: mean over items with "
        "95 % interval. Baselines stand below the methods. Of crowd: share of the other raters’ F1@k that the method "
        "reaches against one rater at a time.",
        headings(
            "Method",
            *(Heading(heading(metric), metric) for metric in COLUMNS),
            Heading("Of crowd", "of_crowd"),
            Heading("Rank", "rank", whole=True),
            Heading("Order effect", "order_effect", sign=True),
            Heading("Outside", "mass_outside"),
            *(Heading(heading(metric), metric) for metric in faithful),
            Heading("Items", "items"),
            Heading("s / item", "seconds_an_item"),
        ),
        _rows(material, cells),
        "Outside: share of a method’s mass on text that raters cannot mark. Order effect: DSA with the evidence last "
        "minus first; 0 does not care. s / item: what a method takes alone; passes that several methods share count "
        "for each of them.",
    )
    sheet = without_empty_columns(sheet)
    if reference is None:
        return sheet
    blank: list[Cell] = [None] * (len(sheet.headings) - 1)
    place = [one.key for one in sheet.headings].index(MAIN)
    blank[place - 1] = reference
    row = SheetRow(("other raters, against one at a time", *blank), "reference")
    return replace(sheet, rows=(*sheet.rows, row))


def _faithful(material: Material) -> list[str]:
    """Metrics of faithfulness that have main figures."""
    return ordered(one.metric for one in material.faithfulness if one.variant == "main" and one.subject != "items")


def _main_faithfulness(material: Material) -> list[str]:
    there = _faithful(material)
    first = [metric for metric in _FAITHFUL if metric in there]
    return [*first, *(metric for metric in there if metric not in first)][:_SHOWN]


def answered_sheets(material: Material) -> list[tuple[MetricResult, Sheet]]:
    """For each model: how many items it answers, and each row's figures over those items."""
    found = []
    for number, count in enumerate(material.index.of(ANSWERED, "main"), start=1):
        if count.value is None:
            continue
        variant = answered_by(count.subject)

        def cells(line: Line, variant: str = variant) -> list[Cell]:
            return [material.index.get(metric, line.subject.name, variant) for metric in COLUMNS]

        sheet = Sheet(
            f"answered-{number}",
            f"Only items that {count.subject} answers",
            f"The same figures over the {count.value:.0f} of {count.n} items whose answer {count.subject} gives by "
            "itself. An attribution of an answer that the model would not give explains little. Whether it also fails "
            "without the evidence is not tested here.",
            headings("Method", *(Heading(heading(metric), metric) for metric in COLUMNS)),
            _rows(material, cells),
        )
        found.append((count, without_empty_columns(sheet)))
    return found


def pair_sheet(material: Material, metric: str = MAIN) -> Sheet | None:
    """Paired differences of a metric, largest first, with what each says."""
    found = [one for one in material.index.of(metric, "difference") if one.n or one.value is not None]
    if not found:
        return None
    number = next((one.config["pairs"] for one in found if "pairs" in one.config), len(found))
    rows = []
    for one in sorted(found, key=lambda one: -abs(one.value or 0.0)):
        first, _, second = one.subject.partition(" minus ")
        p, adjusted = one.config.get("p"), one.config.get("p_holm")
        rows.append(
            SheetRow(
                (
                    material.called(first),
                    material.called(second),
                    one,
                    None if p is None else Number(float(p), p_text(float(p))),
                    None if adjusted is None else Number(float(adjusted), p_text(float(adjusted))),
                    material.index.get(metric, one.subject, "detectable"),
                    paired(one).text,
                    one.config.get("family"),
                    _count(one.n),
                )
            )
        )
    sheet = Sheet(
        "pairs" if metric == MAIN else f"pairs-{metric.replace('@', '-')}",
        f"Paired differences in {heading(metric)}",
        f"Paired differences in {heading(metric)}, first minus second, with 95 % interval; p from a sign-flip test "
        f"over groups of items, alone and after Holm over {number} pairs. The test takes the raters as they are.",
        (
            Heading("First", "first", numeric=False),
            Heading("Second", "second", numeric=False),
            Heading("Difference", "difference", sign=True),
            Heading("p", "p"),
            Heading("p, Holm", "p_holm"),
            Heading("Detectable", "detectable"),
            Heading("Verdict", "verdict", numeric=False),
            Heading("Family", "family", numeric=False),
            Heading("Items", "items"),
        ),
        tuple(rows),
    )
    return without_empty_columns(sheet)


def rank_sheet(material: Material) -> Sheet | None:
    """Ranks with intervals, one column a metric that has them."""
    return _by_metric(
        material,
        "rank",
        "Ranks",
        "Rank of each method among the methods, 1 is best, with 95 % interval.",
        whole=True,
    )


def detectable_sheet(material: Material) -> Sheet | None:
    """Smallest detectable differences that are not of a pair: of a method, or of the whole benchmark."""
    return _by_subject(
        material,
        "detectable",
        "Smallest detectable difference",
        "The smallest true difference that this benchmark would most likely find.",
    )


def anchoring_sheet(material: Material) -> Sheet | None:
    """How much closer raters come to a method when they have seen an attribution."""
    return _by_metric(
        material,
        "anchoring",
        "Anchoring effect of pre-annotation",
        "Alignment with raters who saw an attribution, minus alignment with raters who did not; above 0 the labels "
        "were drawn towards the method. 95 % intervals.",
        sign=True,
    )


def _by_metric(
    material: Material, variant: str, name: str, caption: str, *, sign: bool = False, whole: bool = False
) -> Sheet | None:
    """Rows are methods, columns the metrics that have figures of the variant."""
    metrics = material.metrics_of(variant)
    if not metrics:
        return None

    def cells(line: Line) -> list[Cell]:
        return [material.index.get(metric, line.subject.name, variant) for metric in metrics]

    columns = (Heading(heading(metric), metric, sign=sign, whole=whole) for metric in metrics)
    sheet = Sheet(variant, name, caption, headings("Method", *columns), _rows(material, cells))
    return sheet if sheet.rows else _by_subject(material, variant, name, caption, sign=sign)


def _by_subject(material: Material, variant: str, name: str, caption: str, *, sign: bool = False) -> Sheet | None:
    """One row a record, of whatever it is."""
    rows = tuple(
        SheetRow((material.called(one.subject), heading(one.metric), one, _count(one.n)))
        for metric in material.metrics_of(variant)
        for one in material.index.of(metric, variant)
        if " minus " not in one.subject  # stands beside its pair
    )
    if not rows:
        return None
    columns = headings(
        "Subject",
        Heading("Metric", "metric", numeric=False),
        Heading("Value", variant, sign=sign),
        Heading("Items", "items"),
    )
    return Sheet(variant, name, caption, columns, rows)


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
    rows = _rows(material, cells)
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


def faithfulness_sheet(material: Material) -> Sheet | None:
    """Every metric of faithfulness and robustness that was computed."""
    metrics = _faithful(material)
    if not metrics:
        return None
    rows = list(_rows(material, lambda line: [material.faith.get(metric, line.subject.name) for metric in metrics]))
    # Controls that alignment has no line for: a random-weight copy, the raters' own labels.
    others = dict.fromkeys(
        one.subject for one in material.faithfulness if one.subject not in material.by_name and one.variant == "main"
    )
    for subject in others:
        cells: tuple[Cell, ...] = tuple(material.faith.get(metric, subject) for metric in metrics)
        if any(cells):
            rows.append(SheetRow(("raters’ labels" if subject == "labels" else subject, *cells), "baseline"))
    hint = " ".join(f"{heading(metric)}: {said}" for metric in metrics if (said := about(metric)))
    columns = (Heading(heading(metric), metric) for metric in metrics)
    return Sheet(
        "faithfulness",
        "Faithfulness",
        "How well each method’s scores describe what the model does when words are taken away; mean over items with "
        "95 % interval.",
        headings("Method", *columns),
        tuple(rows),
        hint,
        Origin.of(material.faithfulness),
    )


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
            SheetRow((name, *(row.get(metric) for metric in metrics), _count(max(one.n for one in row.values()))))
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


_ELSEWHERE = ("main", "held_out", "normalised", "difference", "rank", "detectable", "anchoring", "order_effect")


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
        _rows(material, cells),
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


def main_strata(sheets: Sequence[Sheet]) -> tuple[list[Sheet], list[Sheet]]:
    """Strata of the main metric, and the others."""
    main = f"-{MAIN.replace('@', '-')}"
    first = [one for one in sheets if one.id.endswith(main)]
    return (first, [one for one in sheets if one not in first]) if first else (list(sheets), [])


def subject_sheet(material: Material) -> Sheet:
    """What each short name stands for."""
    rows = tuple(
        SheetRow(
            (line.label, one.model, one.revision, one.tokenizer, one.policy, one.config_hash or "–", _kind(one.signed)),
            "baseline" if one.baseline else "method",
        )
        for line in material.lines
        if (one := line.subject)
    )
    columns = ("Model", "Revision", "Tokenizer", "Target", "Configuration", "Scores")
    return Sheet(
        "methods",
        "Methods",
        "What each name stands for.",
        headings("Method", *(Heading(name, name.lower(), numeric=False) for name in columns)),
        rows,
    )


def _kind(signed: bool) -> str:
    return "signed" if signed else "unsigned"
