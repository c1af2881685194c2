"""Controls and parts in the summary: models that answer nothing, other choices, strata."""

import io

import pytest
from rich.console import Console

from helpers.evaluation_folder import make_attribution, make_attributions, make_folder, make_items, needed
from heta_evaluation import evaluate
from heta_evaluation.parts import is_stratum
from heta_evaluation.results import ResultIndex
from heta_evaluation.summary import verdict, verdict_lines
from heta_evaluation.terminal import print_summary

ITEMS = make_items()


def silent(model="mute"):
    """The best scores there are, of a model that answers nothing."""
    return [make_attribution(item, "perfect", needed(item) * 1.0, model=model, answered=False) for item in ITEMS]


def printed(evaluation) -> str:
    out = Console(file=io.StringIO(), width=150, color_system=None)
    print_summary(evaluation, out)
    return out.file.getvalue()


@pytest.fixture(scope="module")
def controlled(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("mute"), attributions=[*make_attributions(ITEMS), *silent()])
    return evaluate(folder, kinds=("simulated",), draws=200)


def test_a_model_that_answers_nothing_is_shown_apart_and_never_ranked(controlled):
    index = ResultIndex(controlled.results)
    lines = verdict_lines(controlled.table.subjects, index)
    assert lines[-1].subject.method == "perfect"
    assert [line.ranked for line in lines] == [True] * (len(lines) - 1) + [False]
    # its figures are there, its comparisons are not
    assert index.get("token_f1@k", lines[-1].subject.name).value > lines[0].figures["token_f1@k"].value
    assert not any("perfect" in one.subject for one in index.of("token_f1@k", "difference"))
    said = " ".join(verdict(controlled.table.subjects, index))
    assert "mute: 0 of 6 answered" in said
    assert "Of 2 methods, careful has the highest" in said
    assert "not ranked: perfect" in printed(controlled)


def test_no_leaderboard_where_no_model_answers_anything(tmp_path):
    evaluation = evaluate(make_folder(tmp_path, attributions=silent()), kinds=("simulated",), draws=100)
    said = verdict(evaluation.table.subjects, ResultIndex(evaluation.results))
    assert said[0].startswith("No leaderboard")
    assert said[1].startswith("mute: 0 of 6 answered")
    assert len(said) == 2


def test_choices_and_strata_are_printed(controlled):
    text = printed(controlled)
    for row in ("k=5", "k=20%", "micro", "abs", "mention=without", "scope=prompt", "position=first", "length=short"):
        assert row in text
    assert "as main" in text  # `careful` is not signed
    assert is_stratum("source=sciq")
    assert not is_stratum("k=5")
    assert not is_stratum("evidence=labelled")


def test_poolings_are_ratios_of_means(controlled):
    index = ResultIndex(controlled.results)
    for subject in controlled.table.subjects:
        micro = index.get("token_f1@k", subject.name, "micro")
        assert micro.n == index.get("token_f1@k", subject.name).n
        assert micro.low <= micro.value <= micro.high
    random = index.get("spearman", "random", "fisher_z")
    assert random.value == 0.0
    assert index.get("iou_f1", "random", "micro").reason == "no_closed_form"


def test_every_variant_of_every_subject_has_a_value_or_a_reason(controlled):
    for one in controlled.results:
        assert (one.value is None) == (one.reason is not None)
        assert one.reason != ""
