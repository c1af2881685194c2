"""Prompt and target as tokens, each with its place in the text, and which of them get a score.

Both are tokenised once, together, so that the tokens are those the model would see; a target that does not begin at
a token boundary is refused. Literal text stays literal: "<s>" in a prompt is the characters it shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heta.errors import InputError
from heta.model import LoadedModel
from heta.records import Span
from heta.units import bare


@dataclass(frozen=True)
class Encoding:
    """Tokens of prompt and target. The first position is the BOS token where the tokenizer has one."""

    prompt_ids: tuple[int, ...]
    spans: tuple[Span, ...]
    """Where each prompt token stands in the prompt, `[pos]`, blanks included; empty for special tokens."""
    scored: NDArray[np.bool_]
    """`[pos]`: false for special tokens, unscored spans and, where there is no BOS, position 0."""
    target_ids: tuple[int, ...]

    def __post_init__(self) -> None:
        self.scored.setflags(write=False)


def encode(model: LoadedModel, prompt: str, target: str, *, unscored: Sequence[Span] = ()) -> Encoding:
    """Tokens of `prompt` and `target`.

    A token is unscored where its text, blanks at its ends aside, overlaps one of the `unscored` spans. Position 0
    is unscored in any case: it is the BOS token or, where the tokenizer has none, the attention sink in its stead.

    Raises:
        InputError: an empty text, a span outside the prompt, no token boundary at the prompt's end, more tokens
            than the model's window, nothing to score.
    """
    check_texts(prompt, target, unscored)
    coded = model.encoder.encode(prompt + target, add_special_tokens=False)
    cut = _target_start(coded.offsets, coded.tokens, prompt, target)
    prompt_ids, spans = list(coded.ids[:cut]), [Span(*offsets) for offsets in coded.offsets[:cut]]
    if model.bos is not None:
        prompt_ids.insert(0, model.bos)
        spans.insert(0, Span(0, 0))
    target_ids = tuple(coded.ids[cut:])
    # The last target token is predicted, never read.
    length = len(prompt_ids) + len(target_ids) - 1
    if model.window is not None and length > model.window:
        raise InputError(
            f"prompt and target are {length} tokens long, the window of {model.identity.name} is {model.window}; "
            "shorten the prompt or take a model with a longer window"
        )
    scored = np.array([not is_unscored(prompt, span, unscored) for span in spans], dtype=np.bool_)
    scored[0] = False
    if not scored.any():
        raise InputError(f"no token of the prompt {_short(prompt)} is left to score; make it longer or unscore less")
    return Encoding(prompt_ids=tuple(prompt_ids), spans=tuple(spans), scored=scored, target_ids=target_ids)


def check_texts(prompt: str, target: str, unscored: Sequence[Span]) -> None:
    """Refuse what cannot be explained with any method.

    Raises:
        InputError: an empty text, or a span that is empty or outside the prompt.
    """
    if not prompt.strip():
        raise InputError(f"the prompt is {_short(prompt)}; it needs at least one character that is no blank")
    if not target:
        raise InputError("the target is empty; give the continuation to explain, with its leading space")
    for span in unscored:
        if not 0 <= span.start < span.end <= len(prompt):
            raise InputError(
                f"unscored span [{span.start}, {span.end}) does not lie in the prompt of {len(prompt)} code points"
            )


def is_unscored(text: str, span: Span, unscored: Sequence[Span]) -> bool:
    """Whether `span`, blanks at its ends aside, is empty or overlaps one of `unscored`."""
    return span.start == span.end or any(bare(text, span).overlaps(other) for other in unscored)


def _target_start(offsets: Sequence[tuple[int, int]], tokens: Sequence[str], prompt: str, target: str) -> int:
    """Index of the first target token."""
    edge = len(prompt)
    for index, (start, end) in enumerate(offsets):
        if end <= edge:
            continue
        if start >= edge:
            if index == 0:
                raise InputError(f"the prompt {_short(prompt)} has no token of its own")
            return index
        remedy = "move the space from the prompt's end to the target's beginning"
        if not prompt[-1].isspace():
            remedy = "begin the target with the space or character that the tokenizer joins to it"
        raise InputError(
            f"no token boundary between prompt and target: token {tokens[index]!r} covers "
            f"{_short((prompt + target)[start:end])} across the prompt's end {_short(prompt[-12:])}; {remedy}"
        )
    raise InputError(f"the target {_short(target)} has no token of its own")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
