"""Scores on units: native word scores, and the rules' bias on random scores."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.evaluation_folder import make_attribution, make_folder, make_items, make_labels
from heta.records import Span
from heta.words import project
from heta_data.compose import label_units
from heta_evaluation import evaluate
from heta_evaluation.alignment.projection import projection_biases
from heta_evaluation.alignment.table import build_table
from heta_evaluation.labels import select_labels
from heta_evaluation.results import ResultIndex
from heta_evaluation.settings import EvaluateSettings

ITEMS = make_items()
ANY = EvaluateSettings(kinds=("simulated",))


def on_words(item, scores):
    """A record whose units are the item's words."""
    units = label_units(item)
    plain = make_attribution(item, "native", np.asarray(scores))
    return plain.model_copy(
        update={
            "unit": "word",
            "starts": tuple(unit.start for unit in units),
            "ends": tuple(unit.end for unit in units),
            "token_ids": None,
            "scores": tuple(np.asarray(scores, dtype=float).tolist()),
        }
    )


def test_word_scores_are_taken_as_they_are_under_any_rule():
    item = ITEMS[0]
    scores = np.linspace(-1, 2, len(label_units(item)))
    for rule in ("max", "sum", "mean", "first"):
        table = build_table(
            [item], select_labels([item], make_labels([item]), ANY), [on_words(item, scores)], rule=rule
        )
        assert table.rows[0].scores[0].tolist() == scores.tolist()
        assert table.subjects[0].native


def test_word_scores_say_so_in_their_results(tmp_path):
    records = [on_words(item, np.arange(len(label_units(item)))) for item in ITEMS]
    tokens = [make_attribution(item, "tokens", np.arange(float(len(label_units(item))))) for item in ITEMS]
    workspace = make_folder(tmp_path, attributions=[*records, *tokens])
    index = ResultIndex(evaluate(workspace, kinds=("simulated",), draws=100).results)
    found = {one.subject.split()[0]: one.config["rule"] for one in index.of("token_f1@k", "main")}
    assert found == {
        **{"native": "none", "tokens": "max"},
        **dict.fromkeys(("answer_match", "first_words", "longest_words", "random"), "none"),
    }
    assert index.get("projection_bias", "toy", "max").reason == "one_token_words"


def test_a_rules_bias_on_random_scores():
    """Words of one and of two tokens by turns: a word of two outranks one of one with 2/3 under max, 5/6 under sum.

    So its mean rank lies (1/2)(2/3 - 1/2) = 8.3 % and (1/2)(5/6 - 1/2) = 16.7 % above the middle; mean and first: 0.
    """
    item = ITEMS[0]
    units = label_units(item)[:14]
    cuts = [(u.start, u.start + 1, u.end) if n % 2 else (u.start, u.end) for n, u in enumerate(units)]
    spans = [(a, b) for cut in cuts for a, b in pairwise(cut)]
    plain = make_attribution(item, "m", np.zeros(len(label_units(item))))
    record = plain.model_copy(
        update={
            "starts": tuple(a for a, _ in spans),
            "ends": tuple(b for _, b in spans),
            "scores": tuple(0.0 for _ in spans),
            "token_ids": None,
        }
    )
    assert all(len(cut) == 2 or cut[1] < cut[2] for cut in cuts)
    part = item.segments[0].model_copy(update={"start": units[0].start, "end": units[-1].end, "role": "evidence"})
    short = item.model_copy(update={"segments": (part,)})
    records = [record.model_copy(update={"item_id": str(number)}) for number in range(150)]
    found = projection_biases({str(number): short for number in range(150)}, records, "word/1", 0)
    for one, expected in zip(found, (100 / 12, 100 / 6, 0.0, 0.0), strict=True):
        assert one.value == pytest.approx(expected, abs=5 * one.error + 0.1), one.rule
        assert 0 < one.error < 0.6


@given(st.data())
def test_carrying_equals_a_plain_loop(data):
    text = "ab cde f ghij kl m"
    units = [Span(0, 2), Span(3, 6), Span(7, 8), Span(9, 13), Span(14, 16), Span(17, 18)]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1), max_size=9)))
    spans = [Span(a, b) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    if data.draw(st.booleans()):
        spans = spans[::-1]
    scores = np.asarray(data.draw(st.lists(st.integers(-3, 3), min_size=len(spans), max_size=len(spans))), dtype=float)
    scored = np.asarray(data.draw(st.lists(st.booleans(), min_size=len(spans), max_size=len(spans))), dtype=bool)
    rules = {"max": max, "sum": sum, "mean": lambda own: sum(own) / len(own), "first": lambda own: own[0]}
    for rule, of in rules.items():
        expected = []
        for unit in units:
            own = [
                scores[number]
                for number, span in enumerate(spans)
                if scored[number] and any(not text[at].isspace() and unit.start <= at < unit.end for at in range(*span))
            ]
            expected.append(of(own) if own else min(0.0, scores[scored].min(initial=0.0)))
        assert project(text, spans, scores, scored, units, rule=rule) == pytest.approx(np.asarray(expected))
