"""The sheets of a report. Each is made from the records that are there; without its records a sheet is not made."""

from dataclasses import replace

from heta_data.records import MetricResult
from heta_evaluation.alignment.quantities import answered_by
from heta_evaluation.report.material import Material, about, heading, lower_is_better, ordered
from heta_evaluation.report.paired import paired
from heta_evaluation.report.rows import count, method_rows
from heta_evaluation.report.sheets import (
    Cell,
    Heading,
    Number,
    Origin,
    Sheet,
    SheetRow,
    headings,
    without_empty_columns,
)
from heta_evaluation.results import ANSWERED, HUMAN_REFERENCE
from heta_evaluation.summary import COLUMNS, MAIN, Line, p_text

_FAITHFUL = ("soft_nc", "soft_ns", "soft_nc_pi", "soft_ns_pi", "comprehensiveness", "sufficiency", "tau_loo", "lds")
"""Metrics of faithfulness for the verdict table, the first ones that are there."""
_SHOWN = 3


def verdict_sheet(material: Material) -> Sheet:
    """Alignment, rank, order effect, faithfulness and cost of every method and baseline."""
    index = material.index
    faithful = _main_faithfulness(material)
    twins = any(line.order_effect for line in material.lines)

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
            count(main.n if main else 0),
            None if seconds is None else Number(seconds, f"{seconds:.2f}"),
        ]

    reference = index.get(MAIN, HUMAN_REFERENCE, "held_out")
    faith = f", faithfulness ({_faithful_items(material)})" if faithful else ""
    sheet = Sheet(
        "verdict",
        "Verdict",
        f"Alignment of each method with raters{faith} and cost: mean over items with "
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
        method_rows(material, cells),
        "Outside: share of a method’s mass on text that raters cannot mark. "
        + ("Order effect: DSA with the evidence last minus first; 0 does not care. " if twins else "")
        + "s / item: what a method takes alone; passes that several methods share count for each of them.",
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


def _faithful_items(material: Material) -> str:
    """Over how many items faithfulness was measured: often fewer than alignment, because it runs the model."""
    counts = {one.n for one in material.faithfulness if one.variant == "main" and one.subject != "items" and one.n}
    least, most = min(counts, default=0), max(counts, default=0)
    return f"over {most} item{'' if most == 1 else 's'}" if least == most else f"over {least} to {most} items"


def _main_faithfulness(material: Material) -> list[str]:
    there = _faithful(material)
    first = [metric for metric in _FAITHFUL if metric in there]
    return [*first, *(metric for metric in there if metric not in first)][:_SHOWN]


def reference_sheet(material: Material) -> Sheet | None:
    """What share of the other raters' figures each method reaches, plain and corrected for chance."""
    variants = {"normalised": "of crowd", "chance_corrected": "corrected for chance"}
    metrics = material.metrics_of("normalised")
    columns = [(metric, variant) for metric in metrics for variant in variants]

    def cells(line: Line) -> list[Cell]:
        return [material.index.get(metric, line.subject.name, variant) for metric, variant in columns]

    sheet = Sheet(
        "of-crowd",
        "Beside the other raters",
        "Against one rater at a time, all on the same raters and items: method / other raters (of crowd), and "
        "(method - random) / (other raters - random) (corrected for chance).",
        headings("Method", *(Heading(f"{heading(one)}, {variants[kind]}", f"{one}_{kind}") for one, kind in columns)),
        method_rows(material, cells),
    )
    return without_empty_columns(sheet) if sheet.rows else None


def answered_sheets(material: Material) -> list[tuple[MetricResult, Sheet]]:
    """For each model: how many items it answers, and each row's figures over those items."""
    found = []
    for number, answered in enumerate(material.index.of(ANSWERED, "main"), start=1):
        if answered.value is None:
            continue
        variant = answered_by(answered.subject)

        def cells(line: Line, variant: str = variant) -> list[Cell]:
            return [material.index.get(metric, line.subject.name, variant) for metric in COLUMNS]

        sheet = Sheet(
            f"answered-{number}",
            f"Only items that {answered.subject} answers",
            f"The same figures over the {answered.value:.0f} of {answered.n} items whose answer "
            f"{answered.subject} gives by itself. An attribution of an answer that the model would not give explains "
            "little. Whether it also fails without the evidence is not tested here.",
            headings("Method", *(Heading(heading(metric), metric) for metric in COLUMNS)),
            method_rows(material, cells),
        )
        found.append((answered, without_empty_columns(sheet)))
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
                    count(one.n),
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
    sheet = Sheet(variant, name, caption, headings("Method", *columns), method_rows(material, cells))
    return sheet if sheet.rows else _by_subject(material, variant, name, caption, sign=sign)


def _by_subject(material: Material, variant: str, name: str, caption: str, *, sign: bool = False) -> Sheet | None:
    """One row a record, of whatever it is."""
    rows = tuple(
        SheetRow((material.called(one.subject), heading(one.metric), one, count(one.n)))
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


def faithfulness_sheet(material: Material) -> Sheet | None:
    """Every metric of faithfulness and robustness that was computed."""
    metrics = _faithful(material)
    if not metrics:
        return None
    rows = list(
        method_rows(material, lambda line: [material.faith.get(metric, line.subject.name) for metric in metrics])
    )
    # Controls that alignment has no line for: a random-weight copy, the raters' own labels.
    others = dict.fromkeys(
        one.subject for one in material.faithfulness if one.subject not in material.by_name and one.variant == "main"
    )
    for subject in others:
        cells: tuple[Cell, ...] = tuple(material.faith.get(metric, subject) for metric in metrics)
        if any(cells):
            rows.append(SheetRow(("raters’ labels" if subject == "labels" else subject, *cells), "baseline"))
    hint = " ".join(
        f"{heading(metric)}: {said}{' Lower is better.' if lower_is_better(metric) else ''}"
        for metric in metrics
        if (said := about(metric))
    )
    columns = (Heading(heading(metric), metric) for metric in metrics)
    return Sheet(
        "faithfulness",
        "Faithfulness",
        "How well each method’s scores describe what the model does when words are taken away; mean "
        f"{_faithful_items(material)} with 95 % interval.",
        headings("Method", *columns),
        tuple(rows),
        hint,
        Origin.of(material.faithfulness),
    )


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
