"""What an evaluation says in sentences."""

import pytest

from helpers.evaluation_folder import make_attribution, make_folder, make_items, needed, rater_labels
from heta_data.records import Item, item_id
from heta_evaluation.results import ResultIndex
from heta_evaluation.runner import evaluate
from heta_evaluation.summary import _against, verdict, verdict_lines

QUICK = {"kinds": ("simulated",), "draws": 200}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Both orders of each text, evaluated."""
    return evaluate(make_folder(tmp_path_factory.mktemp("evaluated"), items=make_items(twins=True)), **QUICK)


def test_the_verdict_compares_with_a_rule_and_with_the_next_method(evaluated):
    index = ResultIndex(evaluated.results)
    said = verdict(evaluated.table.subjects, index)
    assert said[0].startswith("Of 2 methods, careful has the highest F1@k")
    assert any("answer_match, a rule that reads no model" in sentence for sentence in said)
    assert any("the next method, hasty" in sentence for sentence in said)
    # the pair is stored as careful minus hasty; told the other way round it turns its sign
    lines = {line.subject.method: line for line in verdict_lines(evaluated.table.subjects, index)}
    forth = _against(lines["careful"], lines["hasty"], "x", index)
    back = _against(lines["hasty"], lines["careful"], "x", index)
    assert "difference +" in forth
    assert "difference −" in back


def test_methods_of_the_same_value_are_named_together(tmp_path):
    items = make_items()
    records = [
        make_attribution(item, name, needed(item).astype(float)) for item in items for name in ("first", "second")
    ]
    evaluation = evaluate(make_folder(tmp_path, items=items, attributions=records), **QUICK)
    index = ResultIndex(evaluation.results)
    said = verdict(evaluation.table.subjects, index)
    assert said[0].startswith("Of 2 methods, first and second have, level with each other, the highest F1@k")
    # What is a ratio of two figures that are never below 0 has no end below 0.
    ends = [one.low for one in index.of("token_f1@k", "normalised") if one.low is not None]
    assert ends
    assert min(ends) >= 0


def test_beats_is_said_only_where_interval_and_test_agree(tmp_path):
    """Raters and method agree on 12 groups: ahead of first_words everywhere, p = 2 / 2^12 before Holm's 4 pairs."""
    items = [item for number in range(2) for item in renamed(make_items(), str(number))]
    labels = [rater_labels(item, needed_of(item), rater) for item in items for rater in "abcde"]
    records = [make_attribution(item, "oracle", needed_of(item).astype(float)) for item in items]
    workspace = make_folder(tmp_path, items=items, labels=labels, attributions=records)
    evaluation = evaluate(workspace, draws=5000)
    index = ResultIndex(evaluation.results)
    difference = index.get("token_f1@k", f"{evaluation.table.subjects[0].name} minus first_words", "difference")
    assert difference.config["p"] == pytest.approx(2 / 2**12)
    assert difference.config["p_holm"] <= 4 * 2 / 2**12 + 1e-12
    assert any(sentence.startswith("It beats") for sentence in verdict(evaluation.table.subjects, index))


def needed_of(item):
    """`needed` for a renamed item."""
    return needed(item.model_copy(update={"source_id": item.source_id.rstrip("0123456789")}))


def renamed(items, suffix):
    """The same texts as rows, groups and a source of their own."""
    found = []
    for item in items:
        fields = item.model_dump(mode="json")
        fields |= {name: fields[name] + suffix for name in ("source", "source_id", "group")}
        found.append(Item.model_validate({**fields, "id": item_id(fields)}))
    return found
