"""Which labels mean marked: the only one there is, or what the user says; never a choice made in silence."""

from typing import Any

import pytest

from helpers.campaigns import simple_items
from helpers.exports import PERSON, annotation, passage_of, span, task
from heta.errors import ConfigError
from heta_annotation.campaign.page import page_data
from heta_annotation.importing.vocabulary import choose_vocabulary

(ITEM,) = simple_items(1)
TEXT = passage_of(ITEM)


def tasks(*labels: str, to: str = "text") -> list[dict[str, Any]]:
    return [task(1, {"text": TEXT}, [annotation(1, [span(TEXT, 0, 4, label, to=to)]) for label in labels])]


def test_the_only_label_means_marked() -> None:
    found = choose_vocabulary(tasks("key", "key"), [], [], None)
    assert (found.marked, found.ignored, found.target) == ({"key"}, frozenset(), "text")


def test_of_several_labels_one_must_be_named() -> None:
    several = tasks("key", "key", "noise")
    with pytest.raises(ConfigError, match="several labels: 'key' 2, 'noise' 1; say with --label"):
        choose_vocabulary(several, [], [], None)
    assert choose_vocabulary(several, ["key"], [], None).marked == {"key"}
    assert choose_vocabulary(several, ["key", "noise"], [], None).marked == {"key", "noise"}
    # What is left when the others are ignored is the only one.
    found = choose_vocabulary(several, [], ["noise"], None)
    assert (found.marked, found.ignored) == ({"key"}, {"noise"})


def test_names_that_are_not_there() -> None:
    with pytest.raises(ConfigError, match=r"no span is labelled 'kye'; did you mean 'key'\?; labels there: 'key' 1"):
        choose_vocabulary(tasks("key"), ["kye"], [], None)
    # One of several labels that nobody has used yet is no mistake.
    assert choose_vocabulary(tasks("key"), ["key", "unused"], [], None).marked == {"key", "unused"}
    with pytest.raises(ConfigError, match="both name 'key'"):
        choose_vocabulary(tasks("key"), ["key"], ["key"], None)
    with pytest.raises(ConfigError) as raised:
        choose_vocabulary(tasks("key", PERSON), [], [], None)
    assert "[e-mail]" in str(raised.value)
    assert PERSON not in str(raised.value)


def test_without_any_span_the_label_must_be_named() -> None:
    nothing = [task(1, {"text": TEXT}, [annotation(1, [])])]
    with pytest.raises(ConfigError, match="name it with --label"):
        choose_vocabulary(nothing, [], [], None)
    found = choose_vocabulary(nothing, ["key"], [], None)
    assert (found.marked, found.target) == ({"key"}, None)
    # Our own page needs none.
    assert choose_vocabulary([task(1, page_data(ITEM), [annotation(1, [])])], [], [], None).marked == frozenset()


def test_spans_on_several_texts() -> None:
    several = [*tasks("key", "key"), *tasks("key", to="question")]
    with pytest.raises(ConfigError, match=r"several texts \('text' 2, 'question' 1\): choose the item's with --on"):
        choose_vocabulary(several, [], [], None)
    assert choose_vocabulary(several, [], [], "question").target == "question"
    with pytest.raises(ConfigError, match="--on: no span is on 'passage'; spans there are on: 'text' 2, 'question' 1"):
        choose_vocabulary(several, [], [], "passage")
