"""Where a tool's tokens stand in a prompt, proved piece by piece and never guessed.

A tool gives the texts of its tokens in order, as its vocabulary writes them: as they read, in the byte alphabet of
byte-level BPE (`Ġlamp`, `ĠcafÃ©`; a piece may be part of a character), or in sentencepiece's (`▁lamp`, `<0xF0>`). Each
way of reading is tried; the one that accounts for every token and the whole prompt counts. White space may differ.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from heta.records import Span

SPECIAL = re.compile(r"<(?!0x[0-9A-Fa-f]{2}>)[^\s<>]{1,60}>|<\|[^<>]{1,60}\|>|\[[A-Z]{2,12}\]|")
"""What special tokens look like. One is skipped where the prompt does not hold it as text."""
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SHOWN = 20


@dataclass(frozen=True)
class Placed:
    """Tokens with their places."""

    spans: tuple[Span, ...]
    """`[token]`, in code points of the prompt; empty for special tokens. Parts of a character have its whole span."""
    special: tuple[bool, ...]
    """`[token]`"""
    spaced: int
    """Tokens whose white space is not the prompt's."""


@dataclass(frozen=True)
class Miss:
    """The first token that has no place, or the end of the tokens in front of the prompt's end."""

    index: int
    """Of the token; the number of tokens where they end too early."""
    expected: str
    """What the token says."""
    found: str
    """What the prompt says there."""
    position: int
    """Code point of the prompt where the token should stand."""


def place_tokens(prompt: str, tokens: Sequence[str]) -> Placed | Miss:
    """The place of every token in `prompt`, or the first one that has none under the reading that gets furthest.

    >>> place_tokens("A café", ["<s>", "A", "ĠcafÃ©"]).spans[2]
    Span(start=1, end=6)
    """
    text = _Text(prompt)
    misses = []
    for reading in (_plain, _byte_level, _sentencepiece):
        placed = _place(text, tokens, reading)
        if isinstance(placed, Placed):
            return placed
        misses.append(placed)
    return max(misses, key=lambda miss: (miss.index, _common(miss.expected, miss.found)))


def _common(one: str, other: str) -> int:
    """Characters that both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


class _Text:
    """A prompt as UTF-8, with the way back to its code points."""

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt
        self.data = prompt.encode("utf-8")
        pairs = [(number, character) for number, character in enumerate(prompt) for _ in character.encode("utf-8")]
        self.code_point = [number for number, _ in pairs]  # [byte]
        self.blank = [character.isspace() for _, character in pairs]  # [byte]

    def skip(self, at: int) -> int:
        """The first byte from `at` on that is of no white space."""
        while at < len(self.data) and self.blank[at]:
            at += 1
        return at

    def span(self, start: int, end: int) -> Span:
        """Bytes `[start, end)` as code points; a character that is cut counts whole."""
        if start == end:
            place = self.code_point[start] if start < len(self.data) else len(self.prompt)
            return Span(place, place)
        return Span(self.code_point[start], self.code_point[end - 1] + 1)

    def take(self, piece: bytes, at: int) -> tuple[int, int, bool] | None:
        """Bytes `[start, end)` that `piece` stands for, from `at` on, and whether its white space is the prompt's."""
        if self.data.startswith(piece, at):
            return at, at + len(piece), True
        start, end = at, at
        for number, chunk in enumerate(piece.split()):
            end = self.skip(end)
            start = start if number else end
            if not self.data.startswith(chunk, end):
                return None
            end += len(chunk)
        return start, end, False


def _place(text: _Text, tokens: Sequence[str], reading: Callable[[str], bytes | None]) -> Placed | Miss:
    spans, special, spaced, at = [], [], 0, 0
    for index, token in enumerate(tokens):
        piece = reading(token)
        taken = text.take(piece, at) if piece else None
        special.append(taken is None)
        if taken is None:
            if not SPECIAL.fullmatch(token):
                return _miss(text, index, token if piece is None else piece.decode("utf-8", "replace"), at)
            spans.append(text.span(at, at))
            continue
        start, end, exact = taken
        # Sentencepiece puts a blank in front of everything.
        spaced += not exact and not (at == 0 and (piece or b"").startswith(b" "))
        spans.append(text.span(start, end))
        at = end
    if text.skip(at) < len(text.data):
        return _miss(text, len(tokens), "", at)
    return Placed(tuple(spans), tuple(special), spaced)


def _miss(text: _Text, index: int, expected: str, at: int) -> Miss:
    position = text.span(at, at).start
    length = len(expected) or _SHOWN
    return Miss(index, expected, text.prompt[position : position + length], position)


def _plain(token: str) -> bytes | None:
    return _utf8(token)


def _byte_level(token: str) -> bytes | None:
    if all(character in _ALPHABET for character in token):
        return bytes(_ALPHABET[character] for character in token)
    return _utf8(token) if SPECIAL.fullmatch(token) else None


def _sentencepiece(token: str) -> bytes | None:
    if byte := _BYTE.fullmatch(token):
        return bytes([int(byte[1], 16)])
    return _utf8(token.replace("▁", " "))


def _utf8(token: str) -> bytes | None:
    try:
        return token.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return None


def _alphabet() -> Iterator[tuple[str, int]]:
    """Byte-level BPE's letter for each byte: itself where Latin-1 shows one, else the next free one from U+0100 on."""
    free = 0x100
    for byte in range(256):
        if 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or 0xAE <= byte <= 0xFF:
            yield chr(byte), byte
        else:
            yield chr(free), byte
            free += 1


_ALPHABET = dict(_alphabet())


def token_texts(tokens: Sequence[str]) -> tuple[str, ...]:
    """What tokens put together can read, special ones left out: one text for each way of reading that fits.

    >>> token_texts(["ĠcafÃ©", "</s>"])[-1]
    ' café'
    """
    kept = [token for token in tokens if not SPECIAL.fullmatch(token)]
    found = []
    for reading in (_plain, _sentencepiece, _byte_level):
        pieces = [reading(token) for token in kept]
        if None not in pieces:
            found.append(b"".join(piece or b"" for piece in pieces).decode("utf-8", "replace"))
    return tuple(dict.fromkeys(found))
