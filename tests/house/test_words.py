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
