"""Sentences, and the tokens that belong to a unit."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heta.records import Span
from heta.units import bare, segment_sentences, unit_positions
from heta.words import segment_words


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in segment_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom baked bread. Ines wrote!  Who?", ["Tom baked bread.", "Ines wrote!", "Who?"]),
        ("It cost 3.14 pounds, i.e. little. Yes", ["It cost 3.14 pounds, i.e. little.", "Yes"]),
        ("Mr. Hale met J. S. Bach vs. Dr. No. They spoke.", ["Mr. Hale met J. S. Bach vs. Dr. No.", "They spoke."]),
        ("“Go!” she said. 'Never.' He left (late.) Then", ["“Go!” she said.", "'Never.'", "He left (late.)", "Then"]),
        ("Wait... what? Oh… no.  and so on.", ["Wait... what?", "Oh… no.  and so on."]),
        ("A title\n\nThe text goes\non here.\n \nEnd", ["A title", "The text goes\non here.", "End"]),
        ("她来了。他走了！谁？", ["她来了。", "他走了！", "谁？"]),
        ("Émile came. Élan won.", ["Émile came.", "Élan won."]),
        ("...", ["..."]),
        (" \n\n ", []),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(st.sampled_from("aB .!?\n\"'”。é)3")))
def test_sentences_hold_every_character_that_is_no_blank_once(text: str) -> None:
    spans = segment_sentences(text)
    assert all(earlier.end <= later.start for earlier, later in pairwise(spans))
    inside = "".join(text[start:end] for start, end in spans)
    assert "".join(inside.split()) == "".join(text.split())
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)


TEXT = "Ines can't  go."
#       BOS, "In" "es" " can" "'t" "  " " go" "."; the token of two blanks stands alone.
SPANS = tuple(Span(*s) for s in [(0, 0), (0, 2), (2, 4), (4, 8), (8, 10), (10, 11), (11, 14), (14, 15)])


def test_words_get_their_tokens() -> None:
    scored = np.array([False, *[True] * 7])
    words = segment_words(TEXT)
    assert [TEXT[start:end] for start, end in words] == ["Ines", "can't", "go"]
    # The blank in front of " can" and " go" is nobody's, nor is the full stop.
    assert unit_positions(TEXT, SPANS, scored, words) == ((1, 2), (3, 4), (6,))
    assert unit_positions(TEXT, SPANS, scored, segment_sentences(TEXT)) == ((1, 2, 3, 4, 5, 6, 7),)


def test_spans_of_ones_own_in_any_order() -> None:
    scored = np.array([False, *[True] * 7])
    # Half a token is enough; a blank's own token belongs to a span that covers it; a span may hold no token.
    units = [Span(12, 15), Span(3, 6), Span(10, 11), Span(4, 5)]
    assert unit_positions(TEXT, SPANS, scored, units) == ((6, 7), (2, 3), (5,), ())
    # Two units that share a token both have it.
    assert unit_positions(TEXT, SPANS, scored, [Span(0, 1), Span(1, 2)]) == ((1,), (1,))


def test_unscored_tokens_are_left_alone() -> None:
    scored = np.array([False, False, True, True, False, True, True, True])
    assert unit_positions(TEXT, SPANS, scored, segment_words(TEXT)) == ((2,), (3,), (6,))
    assert unit_positions(TEXT, SPANS, np.zeros(8, dtype=np.bool_), segment_words(TEXT)) == ((), (), ())


def test_several_tokens_of_one_character() -> None:
    # A byte-level tokenizer splits an emoji into tokens that all stand at it.
    spans = tuple(Span(*s) for s in [(0, 2), (2, 3), (2, 3), (2, 3), (3, 5)])
    assert unit_positions("a 😀 b", spans, np.ones(5, dtype=np.bool_), [Span(2, 3)]) == ((1, 2, 3),)


def test_white_space_is_cut_off_unless_there_is_nothing_else() -> None:
    assert bare(" ab \n", Span(0, 5)) == Span(1, 3)
    assert bare(" ab \n", Span(3, 5)) == Span(3, 5)
    assert bare(" ab \n", Span(2, 2)) == Span(2, 2)
