"""Tokens of other tools find their place in a prompt, or the first that has none is named."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heta.records import Span
from heta_data.importing.tokens import Miss, Placed, place_tokens, token_texts


def placed(prompt: str, tokens: list[str]) -> list[str | None]:
    """What of the prompt each token covers; None for a special token."""
    found = place_tokens(prompt, tokens)
    assert isinstance(found, Placed), found
    return [
        None if special else prompt[span.start : span.end]
        for span, special in zip(found.spans, found.special, strict=True)
    ]


@pytest.mark.parametrize(
    ("prompt", "tokens", "expected"),
    [
        # As they read.
        ("A red hat", ["A", " red", " hat"], ["A", " red", " hat"]),
        # Byte-level BPE, with special tokens around; Ġ is the blank, Ċ the line feed, Ã© the two bytes of é.
        ("A café\n", ["<s>", "A", "ĠcafÃ©", "Ċ", "</s>"], [None, "A", " café", "\n", None]),
        # 😀 is F0 9F 98 80 in UTF-8: a token with its first three bytes, another with the last one; both cover it.
        ("x 😀.", ["x", "ĠðŁĺ", "Ģ", "."], ["x", " 😀", "😀", "."]),
        # Sentencepiece: a blank in front of everything, bytes as <0x..>.
        ("A café", ["<bos>", "▁A", "▁caf", "<0xC3>", "<0xA9>"], [None, "A", " caf", "é", "é"]),
        # White space that a tool made one, or left out.
        ("A  red\n\nhat", ["A", " red", "hat"], ["A", "red", "hat"]),
        ("A red hat", ["A", "red", "hat"], ["A", "red", "hat"]),
        # A prompt that holds the text of a special token.
        ("say <s> now", ["<s>", "say", " <s>", " now"], [None, "say", " <s>", " now"]),
        ("[SEP]", ["[CLS]", "[SEP]"], [None, "[SEP]"]),
        ("a", ["", "a", "<|endoftext|>"], [None, "a", None]),
    ],
)
def test_tokens_find_their_place(prompt: str, tokens: list[str], expected: list[str | None]) -> None:
    assert placed(prompt, tokens) == expected


@pytest.mark.parametrize(
    ("tokens", "miss"),
    [
        (["A", " rod", " hat"], Miss(1, " rod", " red", 1)),
        (["A", "Ġrod", "Ġhat"], Miss(1, " rod", " red", 1)),  # the reading that gets furthest tells
        (["red", " hat"], Miss(0, "red", "A r", 0)),  # cut on the left
        (["A", " red"], Miss(2, "", " hat", 5)),  # cut on the right
        (["A", " red", " hat", " stand"], Miss(3, " stand", "", 9)),
        (["A", " red", " hat", "\ud800"], Miss(3, "\ud800", "", 9)),
        ([], Miss(0, "", "A red hat", 0)),
    ],
)
def test_the_first_token_without_a_place_is_named(tokens: list[str], miss: Miss) -> None:
    assert place_tokens("A red hat", tokens) == miss


def test_other_white_space_is_counted() -> None:
    found = place_tokens("A  red hat", ["A", " red", " hat"])
    assert isinstance(found, Placed)
    assert found.spaced == 1


TEXT = st.text(st.sampled_from("ab1., \né世😀🇫🇷\u0301▁ĠÃ<>"), min_size=1, max_size=30).filter(str.strip)


def byte_letters() -> list[str]:
    """Byte-level BPE's alphabet, made anew: visible Latin-1 stays, the others take U+0100 on in order."""
    stays = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in stays]
    return [chr(byte) if byte in stays else chr(0x100 + others.index(byte)) for byte in range(256)]


LETTERS = byte_letters()


@given(TEXT, st.data())
def test_any_cut_of_the_bytes_covers_the_prompt(prompt: str, data: st.DataObject) -> None:
    content = prompt.encode("utf-8")
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(content) - 1)), max_size=6)) | {0, len(content)})
    tokens = ["".join(LETTERS[byte] for byte in content[a:b]) for a, b in itertools.pairwise(cuts)]
    found = place_tokens(prompt, tokens)
    assert isinstance(found, Placed)
    starts = [len(content[:a].decode("utf-8", "ignore")) for a in cuts[:-1]]
    if not any(found.special) and not found.spaced:
        # A piece begins at the character that holds its first byte.
        assert [span.start for span in found.spans] == starts
    covered = {position for span in found.spans for position in range(span.start, span.end)}
    assert {number for number, character in enumerate(prompt) if not character.isspace()} <= covered


@given(TEXT, st.data())
def test_a_changed_letter_never_has_a_place(prompt: str, data: st.DataObject) -> None:
    letters = [number for number, character in enumerate(prompt) if character in "ab1"]
    if not letters:
        return
    place = data.draw(st.sampled_from(letters))
    tokens = [*prompt[:place], "z", *prompt[place + 1 :]]
    assert isinstance(place_tokens(prompt, tokens), Miss)


@given(TEXT)
def test_tokens_that_read_as_the_prompt_are_placed_exactly(prompt: str) -> None:
    found = place_tokens(prompt, list(prompt))
    assert isinstance(found, Placed)
    assert found.spans == tuple(Span(number, number + 1) for number in range(len(prompt)))


def test_target_tokens_read_in_every_way_that_fits() -> None:
    assert " café" in token_texts(["ĠcafÃ©", "</s>"])
    assert " tin box" in token_texts(["▁tin", "▁box"])
    assert token_texts([" tin", " box"])[0] == " tin box"
