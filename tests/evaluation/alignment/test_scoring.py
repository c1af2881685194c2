"""From records to figures: scores on words, the human reference, baselines, twins."""

import numpy as np
import pytest

from helpers.evaluation_folder import (
    make_attribution,
    make_attributions,
    make_items,
    make_labels,
    needed,
    rater_labels,
)
from heta.errors import NumericalError
from heta_data.compose import label_units
from heta_data.errors import IntegrityError
from heta_data.records import AttributionRecord
from heta_evaluation.alignment.quantities import REFERENCE, Column, Quantities
from heta_evaluation.alignment.scoring import held_out, item_metrics, score_item
from heta_evaluation.alignment.table import build_table
from heta_evaluation.labels import select_labels
from heta_evaluation.metrics import METRICS
from heta_evaluation.settings import EvaluateSettings

ANY = EvaluateSettings(kinds=("human", "simulated"))
ITEMS = make_items()
F1 = METRICS.get("token_f1@k")


def table_of(labels, attributions=(), items=ITEMS, **more):
    return build_table(items, select_labels(items, labels, ANY), attributions, **more)


def marks(item, *positions):
    found = np.zeros(len(label_units(item)), dtype=bool)
    found[list(positions)] = True
    return found


def test_scores_of_tokens_land_on_their_words():
    item = ITEMS[0]
    scores = np.arange(len(label_units(item)), dtype=float)
    table = table_of(make_labels([item]), [make_attribution(item, "m", scores)], [item])
    row = table.rows[0]
    assert row.scores[0].tolist() == scores.tolist()
    # the helper gives the question as much as all words together
    assert row.outside[0] == pytest.approx(0.5)
    assert table.subjects[0].name.startswith("m on toy [")
    assert [subject.name for subject in table.subjects[1:]] == [
        "answer_match",
        "first_words",
        "longest_words",
        "random",
    ]


def test_two_tokens_of_a_word_go_by_the_rule():
    item = ITEMS[0]
    unit = label_units(item)[1]
    plain = make_attribution(item, "m", np.zeros(len(label_units(item))))
    middle = unit.start + 1
    record = plain.model_copy(
        update={
            "starts": (unit.start, middle),
            "ends": (middle, unit.end),
            "scores": (1.0, 3.0),
            "token_ids": (1, 2),
        }
    )
    for rule, expected in (("max", 3.0), ("sum", 4.0), ("mean", 2.0), ("first", 1.0)):
        table = table_of(make_labels([item]), [record], [item], rule=rule)
        assert table.rows[0].scores[0][1] == expected
        assert table.rows[0].outside[0] == 0.0


def test_unscored_positions_have_no_mass():
    item = ITEMS[0]
    record = make_attribution(item, "m", np.ones(len(label_units(item))))
    hidden = record.model_copy(update={"scores": (*record.scores[:-1], None)})
    assert table_of(make_labels([item]), [hidden], [item]).rows[0].outside[0] == 0.0


def test_lexical_baselines_read_the_item_alone():
    row = table_of(make_labels(ITEMS)).rows[2]
    words = [row.item.prompt[unit.start : unit.end] for unit in row.units]
    match, first, longest = row.scores
    # the German item: its answer is the one word Lärchenholz
    assert [word for word, score in zip(words, match, strict=True) if score > 0] == ["Lärchenholz"]
    assert (np.diff(first) < 0).all()
    assert words[int(longest.argmax())] == "Zimmerleuten"


def test_random_is_the_exact_expectation():
    table = table_of(make_labels(ITEMS))
    row = table.rows[0]
    cell = score_item(row, [F1], np.ones((1, len(row.raters))))["token_f1@k"].at(0, len(table.subjects) - 1)
    gold = row.labels.sum(axis=0) * 2 > len(row.raters)
    assert cell.value == pytest.approx(gold.mean())


def test_human_reference_by_hand():
    """Three raters on one item: a marks {0, 1}, b marks {1, 2}, c marks {1}.

    Against a (k = 2): the others give unit 1 share 1 and unit 2 share 1/2, so {1, 2}: one hit, F1 = 2/4.
    Against b (k = 2): unit 1 share 1, unit 0 share 1/2, so {0, 1}: F1 = 2/4.
    Against c (k = 1): unit 1 share 1: F1 = 1.     Mean 2/3.
    The method puts unit 0 first, unit 1 second: against a 1, against b 1/2, against c 0. Mean 1/2.
    """
    item = ITEMS[0]
    labels = [
        rater_labels(item, marks(item, 0, 1), "a"),
        rater_labels(item, marks(item, 1, 2), "b"),
        rater_labels(item, marks(item, 1), "c"),
    ]
    scores = np.linspace(0, 1, len(label_units(item)))[::-1]
    table = table_of(labels, [make_attribution(item, "m", scores)], [item])
    found = held_out(table.rows[0], [F1], np.ones((1, 3)))["token_f1@k"]
    assert found.reference[0] == pytest.approx(2 / 3)
    assert found.method[0, 0] == pytest.approx(1 / 2)
    assert found.crowd[0, 0] == pytest.approx(2 / 3)
    # random: g / n for each rater's own g
    n = len(label_units(item))
    assert found.method[0, -1] == pytest.approx((2 + 2 + 1) / 3 / n)


def test_a_rater_never_stands_on_both_sides():
    item = ITEMS[0]
    labels = [rater_labels(item, marks(item, 0), "a"), rater_labels(item, marks(item, 5), "b")]
    row = table_of(labels, items=[item]).rows[0]
    # only rater a was drawn, twice: rater b is still the crowd, and disagrees
    found = held_out(row, [F1], np.asarray([[2.0, 0.0], [1.0, 1.0]]))["token_f1@k"]
    assert found.reference_valid.tolist() == [True, True]
    assert found.reference.tolist() == [0.0, 0.0]


def test_the_crowd_is_everyone_else_in_every_draw():
    """Raters of `test_human_reference_by_hand`: the crowd has 1/2 against a and b, 1 against c, whoever is drawn."""
    item = ITEMS[0]
    labels = [
        rater_labels(item, marks(item, *marked), name) for name, marked in (("a", (0, 1)), ("b", (1, 2)), ("c", (1,)))
    ]
    row = table_of(labels, items=[item]).rows[0]
    weights = np.asarray([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.0, 0.0, 0.0]])
    found = held_out(row, [F1], weights)["token_f1@k"]
    assert found.reference == pytest.approx([2 / 3, 1 / 2, (1 / 2 + 2) / 3, 0.0])
    assert found.reference_valid.tolist() == [True, True, True, False]


def test_one_rater_has_no_reference():
    row = table_of(make_labels(ITEMS[:1], raters=1), items=ITEMS[:1]).rows[0]
    assert not held_out(row, [F1], np.ones((1, 1)))["token_f1@k"].reference_valid.any()


def test_a_target_that_a_method_has_no_value_for_leaves_its_crowd_too():
    item = ITEMS[0]
    n = len(label_units(item))
    labels = [rater_labels(item, marks(item, 0), "a"), rater_labels(item, marks(item, 0), "b")]
    table = table_of(labels, [make_attribution(item, "flat", np.full(n, 0.5))], [item])
    spearman = METRICS.get("spearman")
    found = held_out(table.rows[0], [spearman], np.ones((1, 2)))["spearman"]
    assert not found.valid[0, 0]  # constant scores
    assert found.reference[0] == pytest.approx(1.0)


def test_weights_of_raters_are_votes():
    item = ITEMS[0]
    labels = [
        rater_labels(item, marks(item, 0), "a"),
        rater_labels(item, marks(item, 1), "b"),
        rater_labels(item, marks(item, 1), "c"),
    ]
    scores = np.linspace(0, 1, len(label_units(item)))[::-1]  # unit 0 first
    row = table_of(labels, [make_attribution(item, "m", scores)], [item]).rows[0]
    grids = score_item(row, [F1], np.asarray([[1.0, 1.0, 1.0], [2.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    cells = [grids["token_f1@k"].at(pattern, 0) for pattern in range(4)]
    assert cells[0].value == 0.0  # two of three for unit 1
    assert cells[1].value == 1.0  # two of three for unit 0
    assert cells[2].reason == "empty_gold"  # a tie is not gold
    assert cells[3].reason == "no_labels"


def test_missing_attributions_have_a_reason_and_a_note():
    records = make_attributions(ITEMS)[1:]
    table = table_of(make_labels(ITEMS), records)
    grids = score_item(table.rows[0], item_metrics(), np.ones((1, 3)))
    assert grids["token_f1@k"].at(0, 0).reason == "no_attribution"
    assert grids["dsa"].at(0, 0).reason == "no_attribution"
    assert any("no attribution of 1 of 6 items" in note for note in table.notes)


def test_every_column_has_its_cells():
    table = table_of(make_labels(ITEMS), make_attributions(ITEMS))
    quantities = Quantities(table)
    for item, row in enumerate(table.rows):
        cells = quantities.cells(item, np.ones((2, len(row.raters))))
        assert cells.values.shape == cells.valid.shape == (2, quantities.own)
        assert np.isfinite(cells.values).all()
        assert (cells.values[~cells.valid] == 0).all()
    # columns read back what the blocks hold
    row = table.rows[0]
    cells = quantities.cells(0, np.ones((1, 3)))
    grids = quantities.observed(row)
    for name in ("token_f1@k", "dsa"):
        for subject in range(len(table.subjects)):
            number = quantities.index[Column(name, "main", subject)]
            assert cells.values[0, number] == pytest.approx(grids[name].values[0, subject])
    expected = held_out(row, [F1], np.ones((1, 3)))["token_f1@k"]
    assert cells.values[0, quantities.index[Column("token_f1@k", "held_out", REFERENCE)]] == expected.reference[0]
    first, second = quantities.pairs[-1]
    difference = quantities.index[Column("dsa_minus_uniform", "difference", first, second)]
    assert difference >= quantities.own
    # the mean, over the items where both have a value, of what the one has more than the other
    found = [quantities.observed(row)["dsa_minus_uniform"] for row in table.rows]
    both = [one.values[0] for one in found if one.valid[0, first] and one.valid[0, second]]
    draws = quantities.bootstrap(20, 0)
    assert draws.n[difference] == len(both) > 0
    assert draws.point[difference] == pytest.approx(np.mean([one[first] - one[second] for one in both]), abs=1e-12)


def test_answered_columns_hold_answered_items_only():
    table = table_of(make_labels(ITEMS), make_attributions(ITEMS))
    quantities = Quantities(table)
    number = quantities.index[Column("token_f1@k", "answered by toy", 0)]
    valid = [bool(quantities.cells(item, np.ones((1, 3))).valid[0, number]) for item in range(len(ITEMS))]
    assert valid == [number % 3 != 2 for number in range(len(ITEMS))]


def test_twins_are_found_by_their_row_and_order():
    items = make_items(twins=True)
    pairs = table_of(make_labels(items), items=items).twins()
    assert pairs == [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11)]
    assert table_of(make_labels(ITEMS)).twins() == []


def test_the_note_on_few_raters():
    assert any(
        "3 raters" in note and "no claim about new raters" in note for note in table_of(make_labels(ITEMS)).notes
    )
    assert any("One rater only" in note for note in table_of(make_labels(ITEMS, raters=1)).notes)
    assert not any("new raters" in note for note in table_of(make_labels(ITEMS, raters=5)).notes)


def test_records_that_do_not_belong_are_refused():
    labels, record = make_labels(ITEMS), make_attributions(ITEMS)[0]
    with pytest.raises(IntegrityError, match=r"no such item in items\.jsonl"):
        table_of(make_labels(ITEMS[1:]), [record], ITEMS[1:])
    with pytest.raises(IntegrityError, match="stands twice with config"):
        table_of(labels, [record, record])
    far = record.model_copy(update={"ends": (*record.ends[:-1], 10_000)})
    with pytest.raises(IntegrityError, match="reaches to 10000"):
        table_of(labels, [far])
    with pytest.raises(IntegrityError, match=r"stands twice in items\.jsonl"):
        build_table([*ITEMS, ITEMS[0]], select_labels(ITEMS, labels, ANY), [])


def test_recorded_baselines_are_not_read_and_that_is_said():
    item = ITEMS[0]
    scores = needed(item).astype(float)
    record = make_attribution(item, "answer_match", scores, model="none")
    table = table_of(make_labels([item]), [record], [item])
    assert [subject.name for subject in table.subjects].count("answer_match") == 1
    assert any("1 of answer_match" in note for note in table.notes)


def test_scores_of_single_target_tokens_count_by_their_sum_and_say_so():
    item = ITEMS[0]
    scores = np.arange(1.0, 1 + len(needed(item)))
    whole = make_attribution(item, "careful", scores, answered=False)
    # One target token: its row is the sum.
    each = AttributionRecord.model_validate(
        {
            **whole.model_dump(),
            "target": whole.target.model_copy(update={"policy": "each"}),
            "rows": (whole.scores,),
            "component_rows": {},
        }
    )
    table = table_of(make_labels([item]), [each], [item])
    subject = table.subjects[0]
    assert subject.name == f"careful on toy, target each [{whole.config_hash}]"
    assert subject.description()["target_policy"] == "each"
    np.testing.assert_array_equal(
        table.rows[0].scores[0], table_of(make_labels([item]), [whole], [item]).rows[0].scores[0]
    )
    # The target is the whole answer, so it tells whether the model gives it.
    assert table.rows[0].answered == {"toy": False}


def test_subjects_of_two_configurations_are_two():
    item = ITEMS[0]
    scores = np.ones(len(label_units(item)))
    first = make_attribution(item, "m", scores)
    second = first.model_copy(update={"config_hash": "b" * 8})
    table = table_of(make_labels([item]), [first, second], [item])
    assert len(table.methods) == 2
    assert len({subject.name for subject in table.subjects}) == 6


def test_scores_are_finite_for_every_registered_metric():
    table = table_of(make_labels(ITEMS), make_attributions(ITEMS))
    for row in table.rows:
        for found in score_item(row, item_metrics(), np.ones((1, len(row.raters)))).values():
            assert np.isfinite(found.values).all()


def test_scores_as_large_as_floats_go():
    item = ITEMS[0]
    unit = label_units(item)[1]
    plain = make_attribution(item, "m", np.zeros(len(label_units(item))))
    halves = {"starts": (unit.start, unit.start + 1), "ends": (unit.start + 1, unit.end), "token_ids": (1, 2)}
    record = plain.model_copy(update={**halves, "scores": (1.7e308, 1.7e308)})
    assert table_of(make_labels([item]), [record], [item]).rows[0].outside[0] == 0.0
    with pytest.raises(NumericalError, match="take --rule max"):
        table_of(make_labels([item]), [record], [item], rule="sum")
