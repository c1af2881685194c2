"""Words after UAX #29, and token scores carried over to them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heta.records import Span
from heta.words import Rule, project, segment_words


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in segment_words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The café's open, isn't it?", ["The", "café's", "open", "isn't", "it"]),
        ("It costs 3.14 (about 1,000).", ["It", "costs", "3.14", "about", "1,000"]),
        ("e\u0301tude \t—  a\u00a0b", ["e\u0301tude", "a", "b"]),  # combining accent, no-break space
        ("ok 😀 👨\u200d👩\u200d👧 🇫🇷", ["ok", "😀", "👨\u200d👩\u200d👧", "🇫🇷"]),  # a joined family is one word
        ("世界 カナ ไทย", ["世", "界", "カ", "ナ", "ไ", "ท", "ย"]),  # no blanks between words: clusters
        ("שלום עולם", ["שלום", "עולם"]),
        ("... -- !?", []),
        ("", []),
    ],
)
def test_segmentation(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_within_keeps_only_whole_words() -> None:
    text = "alpha beta gamma"
    assert segment_words(text, Span(2, 13)) == (Span(6, 10),)  # "pha" and "ga" are cut


TRICKY = st.text(st.sampled_from("ab1. ,'\n\r\t\u2028e\u0301世ไ🇫🇷😀\u200d👨👩-½"), max_size=25)


@given(TRICKY, st.data())
def test_within_is_what_lies_inside_of_all_words(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    inside = tuple(word for word in segment_words(text) if start <= word.start and word.end <= end)
    assert segment_words(text, Span(start, end)) == inside


SCORED = st.tuples(st.integers(0, 12), st.integers(0, 12), st.sampled_from([None, -1.0, 0.5, 2.0]))


@given(st.lists(SCORED))
def test_a_unit_gets_the_scores_of_all_spans_that_overlap_it(drawn: list[tuple[int, int, float | None]]) -> None:
    text = "ab cd efg hij"
    spans = [Span(min(a, b), max(a, b)) for a, b, _ in drawn]
    scored = np.array([score is not None for *_, score in drawn], dtype=bool)
    scores = np.array([score or 0.0 for *_, score in drawn], dtype=float)
    units = segment_words(text)
    expected = []
    for unit in units:
        # Blanks at a span's ends do not count; one of blanks alone is empty at its end.
        hits = [
            score
            for span, (*_, score) in zip(spans, drawn, strict=True)
            if score is not None and without_blanks(text, span).overlaps(unit)
        ]
        expected.append(max(hits, default=min([0.0, *scores[scored].tolist()])))
    assert project(text, spans, scores, scored, units).tolist() == expected


def without_blanks(text: str, span: Span) -> Span:
    start, end = span
    while start < end and text[start] == " ":
        start += 1
    while end > start and text[end - 1] == " ":
        end -= 1
    return Span(start, end)


@given(st.text())
def test_words_are_ordered_disjoint_and_not_blank(text: str) -> None:
    end = 0
    for word in segment_words(text):
        assert end <= word.start < word.end <= len(text)
        assert text[word.start : word.end].strip()
        end = word.end


# "ab cdef": tokens "ab", " cd", "ef" with scores 1, 2, -4; words "ab" and "cdef".
@pytest.mark.parametrize(
    ("rule", "expected"), [("max", [1, 2]), ("sum", [1, -2]), ("mean", [1, -1]), ("first", [1, 2])]
)
def test_projection_by_rule(rule: Rule, expected: list[float]) -> None:
    spans = [Span(0, 2), Span(2, 5), Span(5, 7)]
    units = segment_words("ab cdef")
    got = project("ab cdef", spans, np.array([1.0, 2.0, -4.0]), np.array([True] * 3), units, rule=rule)
    assert got.tolist() == expected


def test_a_leading_blank_does_not_reach_the_word_before() -> None:
    # The token " b" starts at 1, where "a" ends: it must touch "b" only.
    got = project(
        "a b", [Span(0, 1), Span(1, 3)], np.array([1.0, 5.0]), np.array([True, True]), [Span(0, 1), Span(2, 3)]
    )
    assert got.tolist() == [1.0, 5.0]


def test_a_unit_without_scored_tokens_gets_the_lowest_score() -> None:
    spans = [Span(0, 1), Span(2, 3)]
    units = [Span(0, 1), Span(2, 3)]
    assert project("a b", spans, np.array([-2.0, 9.0]), np.array([True, False]), units).tolist() == [-2.0, -2.0]
    assert project("a b", spans, np.array([2.0, 9.0]), np.array([True, False]), units).tolist() == [2.0, 0.0]
