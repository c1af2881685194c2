"""Other ways to look at an item: signed scores, without the mention, the whole prompt, one arm; parts of the items."""

import numpy as np
import pytest

from helpers.evaluation_folder import make_attribution, make_attributions, make_items, make_labels, rater_labels
from heta_data.compose import label_units
from heta_evaluation.alignment.carrying import find_units, mentions
from heta_evaluation.alignment.quantities import Column, Quantities
from heta_evaluation.alignment.strata import strata
from heta_evaluation.alignment.table import build_table
from heta_evaluation.alignment.views import views, whole_prompt, without_mention
from heta_evaluation.labels import select_labels
from heta_evaluation.settings import EvaluateSettings

ITEMS = make_items()
BOTH = EvaluateSettings(kinds=("human", "simulated"), arms=("blind", "assisted"))


def table_of(items, labels, attributions=()):
    return build_table(items, select_labels(items, labels, BOTH), attributions)


def texts(item, units):
    return [item.prompt[unit.start : unit.end] for unit in units]


def test_the_mention_is_the_answer_in_a_row_whatever_its_case():
    comet = ITEMS[1]  # answer: a broken bottle
    units = label_units(comet)
    assert texts(comet, [unit for unit, one in zip(units, mentions(comet, units), strict=True) if one]) == [
        "a",
        "broken",
        "bottle",
    ]
    # "a" stands elsewhere too, alone: no mention
    assert texts(comet, units).count("a") > 1


def test_without_the_mention_nothing_of_it_is_left():
    row = table_of(ITEMS, make_labels(ITEMS)).rows[1]
    cut = without_mention(row)
    assert len(cut.units) == len(row.units) - 3 == cut.labels.shape[1] == cut.scores.shape[1] == len(cut.position)
    assert not {"broken", "bottle"} & set(texts(row.item, cut.units))


def test_the_whole_prompt_adds_the_question_marked_by_nobody():
    item = ITEMS[0]
    scores = np.arange(1.0, 1 + len(label_units(item)))
    row = table_of([item], make_labels([item]), [make_attribution(item, "m", scores)]).rows[0]
    wide = whole_prompt(row)
    question = find_units(item, "word/1").elsewhere
    assert "Question" in texts(item, question)
    assert wide.labels.shape[1] == len(row.units) + len(question)
    assert not wide.labels[:, len(row.units) :].any()
    # the question is one token of the helper's record: each of its words gets that score
    assert (wide.scores[0, len(row.units) :] == scores.sum()).all()
    # every unit has a place of its own, with gaps between segments
    assert len(set(wide.position.tolist())) == wide.labels.shape[1]


def test_signed_methods_are_seen_by_absolute_value_and_clipped():
    item = ITEMS[0]
    n = len(label_units(item))
    scores = np.linspace(-1.0, 0.5, n)
    marks = np.zeros(n, dtype=bool)
    marks[0] = True  # the strongest by size, the last by support
    labels = [rater_labels(item, marks, name) for name in "ab"]
    table = table_of([item], labels, [make_attribution(item, "m", scores)])
    assert [view.name for view in views(table)][:2] == ["abs", "clip"]
    quantities = Quantities(table)
    cells = quantities.cells(0, np.ones((1, 2)))

    def f1(variant):
        return cells.values[0, quantities.index[Column("token_f1@k", variant, 0)]]

    assert (f1("main"), f1("abs"), f1("clip")) == (0.0, 1.0, 0.0)
    # baselines are not signed, so there is nothing else to say of them
    assert Column("token_f1@k", "abs", 1) not in quantities.index


def test_an_arm_is_scored_against_its_own_raters():
    item = ITEMS[0]
    n = len(label_units(item))
    first, last = np.eye(n, dtype=bool)[0], np.eye(n, dtype=bool)[-1]
    labels = [rater_labels(item, first, "a"), rater_labels(item, last, "b", arm="assisted")]
    table = table_of([item], labels, [make_attribution(item, "m", np.linspace(1, 0, n))])
    quantities = Quantities(table)
    cells = quantities.cells(0, np.ones((1, 2)))
    for variant, expected in (("arm=blind", 1.0), ("arm=assisted", 0.0)):
        assert cells.values[0, quantities.index[Column("token_f1@k", variant, 0)]] == expected
    one_arm = table_of(ITEMS, make_labels(ITEMS))
    assert not any(view.name.startswith("arm=") for view in views(one_arm))


def test_strata_part_the_items():
    table = table_of(ITEMS, make_labels(ITEMS, raters=4))
    found = strata(table)
    by = {}
    for one in found:
        by.setdefault(one.dimension, []).append(one)
    assert set(by) == {"length", "position", "disagreement"}  # one source only
    for parts in by.values():
        assert (sum(one.items.astype(int) for one in parts) == 1).all()
    first = next(one for one in found if one.name == "position=first")
    assert first.items.tolist() == [True, False] * 3
    short, long = (next(one for one in found if one.name == f"length={name}") for name in ("short", "long"))
    lengths = np.asarray([len(row.units) for row in table.rows])
    assert lengths[short.items].max() < lengths[long.items].min()
    assert not any(one.dimension == "disagreement" for one in strata(table_of(ITEMS, make_labels(ITEMS, raters=1))))


def test_a_stratum_is_the_mean_over_its_items():
    table = table_of(ITEMS, make_labels(ITEMS), make_attributions(ITEMS))
    quantities = Quantities(table)
    draws = quantities.bootstrap(200, 0)
    main = [quantities.observed(row)["token_f1@k"].at(0, 0).value for row in table.rows]
    for one in quantities.strata:
        number = quantities.index[Column("token_f1@k", one.name, 0)]
        own = [value for value, inside in zip(main, one.items, strict=True) if inside and value is not None]
        assert draws.n[number] == len(own)
        assert draws.point[number] == pytest.approx(np.mean(own))
