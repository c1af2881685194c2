"""Sections from records: each appears with its records, and says what they say."""

import pytest

from heta_data.records import MetricResult
from heta_evaluation.alignment.subjects import Subject, baseline
from heta_evaluation.report import agreement, sections, strata
from heta_evaluation.report.material import Material, Stratum, stratum
from heta_evaluation.report.matrix import pair_matrix
from heta_evaluation.report.paired import paired, turned
from heta_evaluation.report.plots import anchoring_plot, forest_plots, pair_plot, rank_plot, stratum_plots
from heta_evaluation.results import ResultIndex
from heta_evaluation.summary import verdict_lines

SUBJECTS = (Subject("a on toy [1]", "a", "toy", "toy"), Subject("b on toy [2]", "b", "toy", "toy"), baseline("random"))
A, B = (one.name for one in SUBJECTS[:2])


def record(subject, value, variant="main", metric="token_f1@k", half=0.1, **fields):
    given = {"kinds": ("simulated",), "arms": ("blind",), "n": 9, **fields}
    return MetricResult(
        metric=metric, subject=subject, variant=variant, value=value, low=value - half, high=value + half, **given
    )


def material(*extra, **fields):
    figures = [record(A, 0.5), record(B, 0.7), record("random", 0.1), *extra]
    return Material(figures, verdict_lines(SUBJECTS, ResultIndex(figures)), **fields)


def difference(value, half, p, **config):
    return record(f"{A} minus {B}", value, "difference", half=half, config={"p": p, "p_holm": p, "pairs": 3, **config})


def test_variants_that_name_a_part():
    assert stratum("source=sciq") == Stratum("source", "sciq")
    assert stratum("length=a=b") == Stratum("length", "a=b")
    for other in ("main", "answered by toy", "held_out", "=x", "Source=x"):
        assert stratum(other) is None


def test_the_verdict_has_the_columns_that_there_are_records_for():
    bare = sections.verdict_sheet(material())
    assert [one.key for one in bare.headings] == ["method", "token_f1@k", "items"]
    assert [row.cells[0] for row in bare.rows] == ["b", "a", "random"]
    assert [row.style for row in bare.rows] == ["method", "method", "baseline"]
    faithful = [record(A, 0.4, metric="soft_ns"), record(A, 0.3, metric="tau_loo"), record(A, 0.2, metric="other")]
    full = sections.verdict_sheet(
        material(
            record(A, 2.0, "rank"),
            record("human reference", 0.8, "held_out"),
            faithfulness=[*faithful, record(A, 0.2, metric="further")],
            seconds={A: 1.25},
        )
    )
    keys = ["method", "token_f1@k", "rank", "soft_ns", "tau_loo", "other", "items", "seconds_an_item"]
    assert [one.key for one in full.headings] == keys
    assert full.rows[-1].style == "reference"
    assert full.rows[-1].cells[1].value == 0.8


def test_methods_of_models_that_answer_nothing_are_named_as_not_ranked():
    silent = record("toy", 0.0, metric="items_answered")
    rows = sections.verdict_sheet(material(silent)).rows
    assert {row.cells[0] for row in rows} == {"not ranked: a", "not ranked: b", "random"}


def test_what_no_record_is_there_for_is_not_shown():
    bare = material()
    for make in (
        sections.pair_sheet, sections.rank_sheet, sections.detectable_sheet, sections.anchoring_sheet,
        sections.faithfulness_sheet, agreement.agreement_sheet, pair_matrix, rank_plot, anchoring_plot, pair_plot,
    ):  # fmt: skip
        assert make(bare) is None, make
    assert strata.strata_sheets(bare) == []
    assert stratum_plots(bare) == []


def test_parts_of_the_items_are_columns():
    found = strata.strata_sheets(
        material(
            record(A, 0.4, "source=x", n=4),
            record(B, 0.5, "source=x", n=4),
            record(A, 0.6, "source=y", n=5),
            record(A, 0.2, "length=long"),
            record(A, 0.2, "source=x", metric="spearman"),
        )
    )
    assert [one.id for one in found] == [
        "strata-source-token_f1-k",
        "strata-source-spearman",
        "strata-length-token_f1-k",
    ]
    assert [one.name for one in found[0].headings] == ["Method", "x (n = 4)", "y (n = 5)"]
    assert [[getattr(cell, "value", cell) for cell in row.cells] for row in found[0].rows] == [
        ["b", 0.5, None], ["a", 0.4, 0.6],
    ]  # fmt: skip
    first, others = strata.main_strata(found)
    assert [one.id for one in others] == ["strata-source-spearman"]
    assert len(first) == 2


@pytest.mark.parametrize(
    ("half", "p", "config", "decision", "doubt"),
    [
        (0.1, 0.001, {}, "behind", None),
        (0.1, 0.2, {}, "open", "test"),
        (0.3, 0.001, {}, "open", "interval"),
        (0.3, 0.2, {}, "open", "both"),
        (0.1, 0.001, {"note": "3 raters: no claim about new raters"}, "open", "few_raters"),
        # The record's own word comes first.
        (0.1, 0.001, {"verdict": "open", "doubt": "few_raters"}, "open", "few_raters"),
        (0.3, 0.2, {"verdict": "behind", "doubt": None}, "behind", None),
    ],
)
def test_both_facts_of_a_pair_are_said(half, p, config, decision, doubt):
    one = difference(-0.2, half, p, **config)
    found = paired(one)
    assert (found.decision, found.doubt) == (decision, doubt)
    assert found.settled == (decision != "open")
    other = paired(turned(one))
    assert other.decision == {"behind": "ahead"}.get(decision, decision)
    assert other.doubt == doubt
    assert sections.pair_sheet(material(one)).rows[0].cells[5] == found.text


def test_a_pair_turned_twice_is_itself():
    one = difference(-0.2, 0.1, 0.01, verdict="behind", alone=[-0.28, -0.11])
    back = turned(one)
    assert (back.subject, back.value, back.low, back.high) == (f"{B} minus {A}", 0.2, 0.1, pytest.approx(0.3))
    assert back.config["alone"] == [0.11, 0.28]
    assert turned(back) == one


def test_detectable_differences_stand_beside_their_pair():
    found = material(difference(-0.2, 0.1, 0.01), record(f"{A} minus {B}", 0.12, "detectable"))
    sheet = sections.pair_sheet(found)
    place = [one.key for one in sheet.headings].index("detectable")
    assert sheet.rows[0].cells[place].value == 0.12
    assert sections.detectable_sheet(found) is None
    alone = sections.detectable_sheet(material(record("all methods", 0.12, "detectable")))
    assert [row.cells[0] for row in alone.rows] == ["all methods"]


def test_the_best_against_each_other_is_turned_where_needed():
    plot = pair_plot(material(difference(-0.2, 0.1, 0.01)))  # recorded a minus b; b is the best
    assert plot.heading == "b minus each other, F1@k"
    assert [(row.label, row.result.value) for row in plot.rows] == [("a", 0.2)]
    assert plot.sign


def test_ranks_and_anchoring_are_plotted():
    ranks = rank_plot(material(record(A, 2.0, "rank"), record(B, 1.0, "rank")))
    assert [row.label for row in ranks.rows] == ["b", "a"]
    anchored = anchoring_plot(material(record(A, 0.05, "anchoring", arms=("assisted", "blind"))))
    assert anchored.rows[0].text(sign=True) == "+0.05 [−0.05, +0.15]"
    assert sections.anchoring_sheet(material(record(A, 0.05, "anchoring"))).rows[0].cells[1].value == 0.05
    unknown = record("raters", 0.0, "anchoring").model_copy(
        update={"value": None, "reason": "x", "low": None, "high": None}
    )
    assert sections.anchoring_sheet(material(unknown)).rows[0].cells[0] == "raters"


def test_controls_without_a_line_are_rows_of_faithfulness():
    found = sections.faithfulness_sheet(
        material(
            faithfulness=[
                record(A, 0.4, metric="soft_nc", kinds=(), arms=()),
                record("labels", 0.6, metric="soft_nc"),
            ]
        )
    )
    assert [row.cells[0] for row in found.rows] == ["a", "raters’ labels"]
    assert found.origin.kinds == ("simulated",)
    assert "mean over 9 items" in found.caption


def test_over_how_many_items_faithfulness_was_measured_and_what_is_better_is_told():
    few = [record(A, 0.4, metric="sufficiency", n=1), record(B, 0.3, metric="comprehensiveness", n=1)]
    found = sections.faithfulness_sheet(material(faithfulness=few))
    assert "mean over 1 item with" in found.caption
    assert found.hint.count("Lower is better.") == 1
    more = [*few, record(A, 0.2, metric="tau_loo", n=20)]
    assert "faithfulness (over 1 to 20 items)" in sections.verdict_sheet(material(faithfulness=more)).caption


def test_agreement_by_part_and_by_rater():
    over = [record("raters", 0.5, metric="krippendorff_alpha"), record("raters", 0.9, metric="raw_agreement")]
    extra = [
        record("raters", 0.4, "source=x", metric="krippendorff_alpha"),
        record("raters", 0.6, "rater=r1", metric="loo_alpha"),
        record("r2", 0.7, metric="loo_alpha"),
    ]
    found = material(*over, agreement=extra, raters=("r1", "r2", "r3"))
    sheet = agreement.agreement_sheet(found)
    assert [row.cells[0] for row in sheet.rows] == ["all", "source: x"]
    pairs = agreement.rater_pair_sheet(material(agreement=[record("r1 & r2", 0.3, metric="cohen_kappa")]))
    assert [row.cells[:2] for row in pairs.rows] == [("r1", "r2")]
    assert agreement.rater_pair_sheet(found) is None
    raters = [
        {"rater": name, "kind": "human", "items": "3", "marked": "8 %", "seconds": "20", "with_others": "0.5"}
        for name in ("r1", "r2", "r3")
    ]
    whole = agreement.rater_sheet(
        raters,
        material(
            raters=("r1",),
            agreement=[
                record("r1", 0.4, "leave_one_out", metric="krippendorff_alpha"),
                record("r1", -0.1, "leave_one_out_change", metric="krippendorff_alpha"),
                record("r1", 0.5, "with_others", metric="pairwise_f1"),
                record("r1", 0.1, metric="prevalence"),
            ],
        ),
    )
    assert [one.name for one in whole.headings][5:] == [
        "krippendorff alpha, leave one out",
        "krippendorff alpha, leave one out change",
        "pairwise f1, with others",
    ]
    assert whole.headings[6].sign
    per_rater = agreement.rater_sheet(raters, found)
    assert [getattr(row.cells[-1], "value", None) for row in per_rater.rows] == [0.6, 0.7, None]


def test_other_choices_are_columns_and_parts_are_not():
    found = material(
        record(A, 0.1, "abs"),
        record(A, 0.2, "k=5"),
        record(A, 0.2, "k=10"),
        record(A, 0.3, "source=x"),
        record(A, 0.3, "arm=blind"),
        record(A, 0.4, "arm=assisted"),
        record(A, 0.1, "fisher_z", metric="spearman"),
    )
    assert [one.name for one in strata.view_sheet(found).headings] == ["Method", "main", "abs", "k: 5", "k: 10"]
    assert found.strata == {"source": {"x": None}, "arm": {"blind": None, "assisted": None}}
    assert strata.further_figures(found) == ["spearman fisher_z"]
    assert strata.view_sheet(material()) is None


def test_every_plot_is_made_of_what_is_there():
    plots = forest_plots(material(record(A, 0.4, "held_out"), record(A, 0.4, metric="spearman")))
    assert [one.id for one in plots] == ["held-out", "token_f1-k", "spearman"] or plots[0].id == "held-out"
    assert plots[0].rows[0].label == "a"
