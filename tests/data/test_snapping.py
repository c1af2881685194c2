"""Spans become words by offset, whatever stands at their edges and whatever script they are in."""

import unicodedata

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from heta.records import Span
from heta.words import segment_words
from heta_data.snapping import other_encoding, snap, trim

FAMILY = "👩\u200d👩\u200d👧"
TEXT = f"“Zoë” keeps {FAMILY}, e\u0301tude & 3.14; 東京は عمّان <s>."
# Words of TEXT: Zoë keeps FAMILY étude 3.14 東 京 は عمّان s, by UAX #29 with one Han or Kana character a word.
UNITS = segment_words(TEXT)
WORDS = [TEXT[start:end] for start, end in UNITS]

# Letters of several scripts, emoji with joiners and modifiers, combining marks, digits, blanks, punctuation, symbols.
LETTERS = [
    "a",
    "b",
    "é",
    "e\u0301",
    "1",
    "3.14",
    "_",
    "'",
    "東",
    "は",
    "ก",
    "ع",
    "ّ",
    "😀",
    FAMILY,
    "👍🏽",
    "🇫🇷",
    "‼",
    "©",
]
BETWEEN = [" ", "\n\n", "\u00a0", "\u200b", "\u200f", ".", ",", "«", "—", "(", "$", "+", "<", "\u0301"]
PIECES = st.sampled_from([*LETTERS, *BETWEEN])
TEXTS = st.lists(PIECES, min_size=1, max_size=25).map("".join)


def test_the_example_has_the_words_that_it_should_have() -> None:
    assert WORDS == ["Zoë", "keeps", FAMILY, "e\u0301tude", "3.14", "東", "京", "は", "عمّان", "s"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (1, 4, [0]),  # Zoë
        (0, 6, [0]),  # with quotation marks and the blank behind them
        (5, 12, [1]),  # the blank, keeps, the blank
        (3, 7, [0, 1]),  # "ë” k": a part of a word is the word
        (0, 1, []),  # a quotation mark alone
        (4, 6, []),  # punctuation and a blank
        (12, 13, [2]),  # the first of the family
        (13, 14, []),  # the joiner alone shows nothing
        (17, 19, []),  # a comma and a blank
    ],
)
def test_examples(start: int, end: int, expected: list[int]) -> None:
    # “ 0, Zoë 1-3, ” 4, blank 5, keeps 6-10, blank 11, the family 12-16, comma 17, blank 18, e 19.
    assert list(snap(TEXT, Span(start, end), UNITS)) == expected


def test_every_word_alone_is_that_word() -> None:
    assert [snap(TEXT, unit, UNITS) for unit in UNITS] == [(index,) for index in range(len(UNITS))]


def test_punctuation_inside_a_word_does_not_reach_it_from_outside() -> None:
    # "_b" is one word for UAX #29: a span that ends with its underscore has marked "a" and a piece of punctuation.
    units = segment_words("a _b")
    assert units == (Span(0, 1), Span(2, 4))
    assert snap("a _b", Span(0, 3), units) == (0,)
    assert snap("a _b", Span(2, 4), units) == (1,)


def test_a_punctuation_mark_that_is_a_word_stays() -> None:
    # U+203C is punctuation by its category and an emoji by its use.
    assert unicodedata.category("‼") == "Po"
    assert snap("a ‼ b", Span(2, 3), segment_words("a ‼ b")) == (1,)


@settings(deadline=None)
@given(TEXTS, st.data())
@example("a _b", None)
def test_a_span_of_words_snaps_back_however_far_it_reaches_between_them(text: str, data: st.DataObject | None) -> None:
    units = segment_words(text)
    assume(units)
    last = len(units) - 1
    first = data.draw(st.integers(0, last)) if data else 0
    final = data.draw(st.integers(first, last)) if data else last
    # What lies between two words is no word's: blanks, punctuation, symbols, lone marks.
    lowest = units[first - 1].end if first else 0
    highest = units[final + 1].start if final < last else len(text)
    start = data.draw(st.integers(lowest, units[first].start)) if data else lowest
    end = data.draw(st.integers(units[final].end, highest)) if data else highest
    assert snap(text, Span(start, end), units) == tuple(range(first, final + 1))


@settings(deadline=None)
@given(TEXTS, st.data())
def test_any_span_marks_neighbours_that_it_touches_and_nothing_else(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    units = segment_words(text)
    marked = snap(text, Span(start, end), units)
    assert list(marked) == list(range(marked[0], marked[-1] + 1)) if marked else True
    for index, unit in enumerate(units):
        if index in marked:
            assert start < unit.end and unit.start < end
        else:
            # No letter, digit or emoji of a word that is not marked lies in the span.
            shared = text[max(start, unit.start) : min(end, unit.end)] if start < unit.end and unit.start < end else ""
            assert not any(character.isalnum() for character in shared)


@settings(deadline=None)
@given(TEXTS, st.data())
def test_trimming_takes_nothing_that_matters_and_only_from_the_ends(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    bare = trim(text, Span(start, end))
    assert start <= bare.start <= bare.end <= end
    assert trim(text, bare) == bare
    cut = text[start : bare.start] + text[bare.end : end]
    assert not any(character.isalnum() for character in cut)


def test_offsets_that_count_something_else_are_told() -> None:
    # "😀" is 1 code point, 2 UTF-16 units, 4 bytes: "two" is [2, 5) in code points, [3, 6) in UTF-16, [5, 8) in bytes.
    assert other_encoding("😀 two", 3, 6, "two") == "UTF-16 code units"
    assert other_encoding("😀 two", 5, 8, "two") == "UTF-8 bytes"
    assert other_encoding("😀 two", 0, 3, "two") is None
    # Without the text nothing is left but whether it would fit: the text has 5 code points, 6 units, 8 bytes.
    assert other_encoding("😀 two", 3, 6, None) == "UTF-16 code units"
    assert other_encoding("😀 two", 3, 8, None) == "UTF-8 bytes"
    assert other_encoding("😀 two", 3, 9, None) is None
