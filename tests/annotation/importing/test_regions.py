"""Regions become marked words by their offsets, or say why not."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.campaigns import difficult_items, words_of
from helpers.exports import PERSON, annotation, html_span, passage_of, span, span_of, task
from heta.records import Span
from heta_annotation.campaign.comparison import adjudication_data
from heta_annotation.campaign.page import page_data, passage
from heta_annotation.campaign.tasks import units_region
from heta_annotation.importing.matching import Match, Matcher
from heta_annotation.importing.regions import Marks, read_regions
from heta_annotation.importing.vocabulary import Vocabulary
from heta_data.compose import label_units
from heta_data.records import Arm, Item

ITEMS = difficult_items()
# “Zoë” keeps bees (two hives 🐝👩‍🌾) at Éclair’s gate. ⏎⏎ A&B's <s>blend</s> costs $text; été & 12 more.
ITEM = ITEMS[0]
TEXT = passage_of(ITEM)
VOCABULARY = Vocabulary(frozenset({"important"}), frozenset({"misleading"}), "text")


def read(result: object, data: dict[str, Any] | None = None, *, item: Item = ITEM, arm: Arm = "blind") -> Marks:
    shown = task(1, {"text": passage_of(item)} if data is None else data, [annotation(1, [])])
    match = Matcher([item], {}).match(shown)
    assert isinstance(match, Match)
    return read_regions(shown, match, result, VOCABULARY, arm)


def marked(marks: Marks, item: Item = ITEM) -> list[str]:
    assert marks.problems == []
    return [words_of(item)[index] for index in sorted(marks.units)]


def test_spans_of_the_passage_become_words_of_the_prompt() -> None:
    # Behind the bee and the farmer (a joined pair) every offset differs from UTF-16 and from bytes.
    marks = read(
        [span_of(TEXT, "bees (two"), span_of(TEXT, "Éclair’s"), span_of(TEXT, "👩\u200d🌾"), span_of(TEXT, "e\u0301t")]
    )
    assert marked(marks) == ["bees", "two", "👩\u200d🌾", "Éclair’s", "e\u0301té"]
    assert (marks.unproved, marks.stray) == (0, [])


def test_the_same_spans_of_the_whole_prompt() -> None:
    marks = read([span_of(ITEM.prompt, "bees (two")], {"text": ITEM.prompt})
    assert marked(marks) == ["bees", "two"]


def test_repeated_words_are_told_apart_by_place() -> None:
    # "s" stands twice, as a tag that opens and one that closes: the place decides, never the letters.
    first = TEXT.index("<s>") + 1
    second = TEXT.index("</s>") + 2
    for start in (first, second):
        marks = read([span(TEXT, start, start + 1)])
        assert marked(marks) == ["s"]
        (index,) = marks.units
        assert label_units(ITEM)[index].start == passage(ITEM).start + start


@settings(deadline=None)
@given(st.sampled_from(ITEMS), st.data())
def test_words_come_back_in_every_script(item: Item, data: st.DataObject) -> None:
    units, text, shift = label_units(item), passage_of(item), passage(item).start
    first = data.draw(st.integers(0, len(units) - 1))
    last = data.draw(st.integers(first, len(units) - 1))
    region = span(text, units[first].start - shift, units[last].end - shift)
    assert read([region], item=item).units == set(range(first, last + 1))


def test_labels_that_mean_something_else_do_not_mark() -> None:
    marks = read([span_of(TEXT, "bees"), span_of(TEXT, "hives", "misleading")])
    assert marked(marks) == ["bees"]
    assert dict(marks.beside) == {"other label": 1}
    # A span with both labels is marked.
    both = span_of(TEXT, "hives")
    both["value"]["labels"] = ["misleading", "important"]
    assert marked(read([both])) == ["hives"]


def test_other_questions_of_the_page_are_no_labels() -> None:
    beside = [
        {"from_name": "sure", "to_name": "text", "type": "rating", "value": {"rating": 4}},
        {"from_name": "why", "to_name": "text", "type": "textarea", "value": {"text": ["because"]}},
        {"from_name": "ok", "to_name": "text", "type": "choices", "value": {"choices": ["yes"]}},
        {"from_id": "a", "to_id": "b", "type": "relation", "direction": "right"},
    ]
    marks = read([span_of(TEXT, "bees"), *beside])
    assert marked(marks) == ["bees"]
    assert dict(marks.beside) == {"rating": 1, "textarea": 1, "choices": 1, "relation": 1}


def test_spans_on_another_text_do_not_count() -> None:
    marks = read([span(TEXT, 0, 4, to="question"), span_of(TEXT, "bees")])
    assert marked(marks) == ["bees"]
    assert dict(marks.beside) == {"on another text": 1}


def test_a_span_that_covers_no_word_is_reported_where_it_stands() -> None:
    start = TEXT.index(" (")
    marks = read([span(TEXT, start, start + 2), span_of(TEXT, "bees")])
    assert marked(marks) == ["bees"]
    assert marks.stray == [Span(passage(ITEM).start + start, passage(ITEM).start + start + 2)]
    # Examples and question are in the prompt and nobody's labels: nothing to mark there.
    question = read([span_of(ITEM.prompt, "Question: What does")], {"text": ITEM.prompt})
    assert (question.units, len(question.stray)) == (set(), 1)


def test_line_feeds_may_be_written_as_backslash_n() -> None:
    start = TEXT.index("gate")
    end = TEXT.index("A&B's") + 5
    piece = TEXT[start:end]
    assert "\n\n" in piece
    assert marked(read([span(TEXT, start, end, said=piece.replace("\n", "\\n"))])) == ["gate", "A", "B's"]


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        (span(TEXT, -1, 4), "impossible span: [-1, 4)"),
        (span(TEXT, 4, 4), "impossible span: [4, 4)"),
        (span(TEXT, 5, 4), "impossible span: [5, 4)"),
        (span(TEXT, 0, 9999), f"impossible span: [0, 9999) of a text of {len(TEXT)} code points"),
        ({**span(TEXT, 0, 4), "value": {"start": "0", "end": "4", "labels": ["important"]}}, "['0', '4'), expected"),
        ({**span(TEXT, 0, 4), "value": {"start": 0.0, "end": 4.0, "labels": ["important"]}}, "[0.0, 4.0), expected"),
        ({**span(TEXT, 0, 4), "value": {"start": False, "end": True, "labels": ["important"]}}, "[False, True)"),
        ({**span(TEXT, 0, 4), "value": {"labels": ["important"]}}, "[None, None), expected whole numbers"),
        (span(TEXT, 1, 4, said="Bo"), "other text: [1, 4) is 'Zoë', the span says 'Bo'"),
        (span(TEXT, 1, 4, "sad"), "unknown label: 'sad'"),
        (span(TEXT, 1, 4, PERSON), "unknown label: '[e-mail]'"),
        ({**span(TEXT, 1, 4), "value": {"start": 1, "end": 4, "labels": []}}, "no label"),
        ({**span(TEXT, 1, 4), "value": {"start": 1, "end": 4, "labels": [3]}}, "no label"),
        ({**span(TEXT, 1, 4), "value": None}, "no label"),
        ({**span(TEXT, 1, 4), "type": "paragraphlabels"}, "unknown region: of type 'paragraphlabels'"),
        ({**span(TEXT, 1, 4), "type": ["labels"]}, "unknown region: of type ['labels']"),
        ("region", "unknown region"),
        (None, "unknown region"),
    ],
)
def test_what_cannot_be_right_is_a_problem(region: object, problem: str) -> None:
    marks = read([span_of(TEXT, "bees"), region])
    (found,) = marks.problems
    assert problem in found


@pytest.mark.parametrize("result", [None, "[]", {}])
def test_a_result_that_is_no_list(result: object) -> None:
    assert read(result).problems == ["result: no list of regions"]


def test_offsets_in_utf16_are_told_as_what_they_are() -> None:
    # In front of "at" stand 🐝, 👩 and 🌾, each one code point and two UTF-16 units: 3 more.
    start = TEXT.index("at Éclair")
    (problem,) = read([span(TEXT, start + 3, start + 5, said="at")]).problems
    assert problem.startswith("other text: ")
    assert problem.endswith("the offsets would fit as UTF-16 code units, expected code points")
    # At the end of the text they reach past it, and nothing but the length can tell.
    end = len(TEXT) + 3
    silent = {**span(TEXT, 0, 1), "value": {"start": end - 5, "end": end, "labels": ["important"]}}
    (problem,) = read([silent]).problems
    assert problem.startswith("impossible span: ")
    assert "UTF-16" in problem
    # In bytes: every letter that is no ASCII takes two to four, in front of the words and in them.
    piece = "at Éclair’s"
    before = len(TEXT[:start].encode())
    (problem,) = read([span(TEXT, before, before + len(piece.encode()), said=piece)]).problems
    assert problem.endswith("the offsets would fit as UTF-8 bytes, expected code points")


def test_spans_without_their_text_are_counted() -> None:
    silent = span_of(TEXT, "bees")
    del silent["value"]["text"]
    marks = read([silent, span_of(TEXT, "hives")])
    assert marked(marks) == ["bees", "hives"]
    assert marks.unproved == 1


# HyperText

HTML_DATA = {"html": f"<div>{TEXT.replace('&', '&amp;').replace('<', '&lt;')}</div>"}


@pytest.mark.parametrize("kind", ["hypertextlabels", "labels"])
def test_spans_in_html_have_global_offsets(kind: str) -> None:
    # Label Studio calls them by the tag that made them, <HyperTextLabels> or <Labels>.
    start = TEXT.index("gate")
    end = TEXT.index("A&B's") + 5
    # What it repeats of the text has line feeds as \n, and more of them between blocks: only letters can be compared.
    said = "gate.\\nA&B's"
    assert marked(read([html_span(start, end, said, kind=kind)], HTML_DATA)) == ["gate", "A", "B's"]
    (problem,) = read([html_span(start + 1, end, said, kind=kind)], HTML_DATA).problems
    assert problem.startswith("other text: ")


def test_spans_in_html_without_global_offsets_have_no_place() -> None:
    region = html_span(0, 4, None)
    del region["value"]["globalOffsets"]
    assert "without whole globalOffsets" in read([region], HTML_DATA).problems[0]
    odd = html_span(0, 4, None)
    odd["value"]["globalOffsets"] = {"start": 0, "end": "4"}
    assert "without whole globalOffsets" in read([odd], HTML_DATA).problems[0]


def test_offsets_into_html_are_no_offsets_into_text() -> None:
    # The field holds HTML: plain offsets would count its tags, and nobody can have made them on this page.
    assert "other text" in read([span(TEXT, 1, 4)], HTML_DATA).problems[0]
    assert "other text" in read([html_span(1, 4, "Zoë")], {"text": TEXT}).problems[0]


# Our own page


def verdict(text: str = "cannot tell") -> dict[str, Any]:
    return {"from_name": "verdict", "to_name": "passage", "type": "choices", "value": {"choices": [text]}}


def test_answers_of_our_own_page_are_indices() -> None:
    marks = read([units_region([1, 2])], page_data(ITEM))
    assert marked(marks) == words_of(ITEM)[1:3]
    cannot = read([verdict()], page_data(ITEM))
    assert (cannot.problems, cannot.cannot_tell, cannot.units) == ([], True, set())
    assert read([units_region([999])], page_data(ITEM)).problems == [
        f"unknown index: '999', units are 0 to {len(words_of(ITEM)) - 1}"
    ]
    assert PERSON not in str(read([verdict(PERSON)], page_data(ITEM)).problems)
    # A page of somebody else may have a question called units: its choices are none of ours.
    other = read([units_region([1])], {"text": TEXT, "units": ["metre", "mile"]})
    assert (other.units, dict(other.beside)) == (set(), {"choices": 1})


def test_a_page_that_shows_an_attribution_is_not_blind() -> None:
    heat = page_data(ITEM, [0.5] * len(words_of(ITEM)))
    assert marked(read([units_region([1])], heat, arm="assisted")) == words_of(ITEM)[1:2]
    for answer in ([units_region([1])], []):  # an empty answer has seen it too
        (problem,) = read(answer, heat).problems
        assert problem.startswith("heat: ")


def test_a_page_that_shows_other_words_proves_nothing() -> None:
    data = page_data(ITEM)
    data["units"][0]["html"] = data["units"][1]["html"]
    assert read([units_region([1])], data).problems[0].startswith("changed page: ")
    fewer = page_data(ITEM)
    del fewer["units"][-1]
    assert read([units_region([1])], fewer).problems[0].startswith("changed page: ")


def test_an_adjudicators_page_is_no_raters() -> None:
    data = adjudication_data(ITEM, [{1: 1}, {2: 1}], 0)
    assert read([units_region([1])], data).problems[0].startswith("other page: ")
