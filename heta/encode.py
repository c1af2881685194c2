"""Prompt and target as tokens, each with its place in the text, and which of them get a score.

Both are tokenised once, together, so that the tokens are those the model would see; a target that does not begin at
a token boundary is refused. Literal text stays literal: "<s>" in a prompt is the characters it shows.
In a chat (see `heta.chat`) the template's tokens are part of the context and carry empty spans.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heta.chat import Token, chat_tokens
from heta.errors import InputError
from heta.model import LoadedModel
from heta.records import ChatText, Continuation, Span
from heta.units import bare


@dataclass(frozen=True)
class Encoding:
    """Tokens of prompt and target. The first position is the BOS token where the tokenizer has one, except in a chat,
    whose template decides.
    """

    prompt_ids: tuple[int, ...]
    spans: tuple[Span, ...]
    """Where each prompt token stands in the prompt, `[pos]`, blanks included; empty for special and template tokens."""
    scored: NDArray[np.bool_]
    """`[pos]`: false for special tokens, unscored spans and position 0, unless the model was loaded to score it."""
    target_ids: tuple[int, ...]
    target_spans: tuple[Span, ...] = ()
    """Where each target token stands in the target; empty where the target was given as tokens."""

    def __post_init__(self) -> None:
        self.scored.setflags(write=False)


def encode(
    model: LoadedModel,
    prompt: str,
    target: str | Continuation,
    *,
    unscored: Sequence[Span] = (),
    chat: ChatText | None = None,
) -> Encoding:
    """Tokens of `prompt` and `target`; those of a continuation are taken as the model wrote them.

    A token is unscored where its text, blanks at its ends aside, overlaps one of the `unscored` spans. Position 0
    is unscored unless the model was loaded to score it: it is the BOS token or, where the tokenizer has none, the
    attention sink in its stead.

    Raises:
        InputError: an empty text, a span outside the prompt, no token boundary at the prompt's end, more tokens
            than the model's window, nothing to score.
    """
    check_texts(prompt, target if isinstance(target, str) else target.text, unscored)
    if isinstance(target, str):
        tokens = _tokens(model, prompt, target, chat)
        cut = _target_start(model, tokens, prompt, target, chat)
        prompt_ids, spans = _with_bos(model, tokens[:cut], prompt, chat)
        target_ids = tuple(token.id for token in tokens[cut:])
        target_spans = tuple(Span(token.start - len(prompt), token.end - len(prompt)) for token in tokens[cut:])
    else:
        prompt_ids, spans = encode_prompt(model, prompt, chat)
        target_ids, target_spans = target.token_ids, _spans_of(model, target)
        if not target_ids:
            raise InputError(f"the continuation {_short(target.text)} has no token; take what `generate` gives")
    # The last target token is predicted, never read.
    length = len(prompt_ids) + len(target_ids) - 1
    if model.window is not None and length > model.window:
        raise InputError(
            f"prompt and target are {length} tokens long, the window of {model.identity.name} is {model.window}; "
            "shorten the prompt or take a model with a longer window"
        )
    scored = np.array([not is_unscored(prompt, span, unscored) for span in spans], dtype=np.bool_)
    if model.exclude_first:
        scored[0] = False
    if not scored.any():
        raise InputError(f"no token of the prompt {_short(prompt)} is left to score; make it longer or unscore less")
    return Encoding(prompt_ids=prompt_ids, spans=spans, scored=scored, target_ids=target_ids, target_spans=target_spans)


def _spans_of(model: LoadedModel, target: Continuation) -> tuple[Span, ...]:
    """Where each token of a continuation stands in its text; none where the decoded pieces do not add up to it."""
    texts = [model.decode(target.token_ids[:count]) for count in range(len(target.token_ids) + 1)]
    # A piece of a character decodes to a stand-in until the rest of it has come.
    if texts[-1] != target.text or not all(target.text.startswith(text.rstrip("\ufffd")) for text in texts):
        return ()
    ends = [len(text.rstrip("\ufffd")) for text in texts]
    return tuple(Span(start, end) for start, end in itertools.pairwise(ends))


def encode_prompt(
    model: LoadedModel, prompt: str, chat: ChatText | None = None
) -> tuple[tuple[int, ...], tuple[Span, ...]]:
    """Ids and spans of the prompt's tokens alone, `[pos]` each, BOS or chat template included."""
    return _with_bos(model, _tokens(model, prompt, "", chat), prompt, chat)


def _tokens(model: LoadedModel, prompt: str, target: str, chat: ChatText | None) -> list[Token]:
    return chat_tokens(model, chat or ChatText("", ""), prompt, target)


def _with_bos(
    model: LoadedModel, tokens: Sequence[Token], prompt: str, chat: ChatText | None
) -> tuple[tuple[int, ...], tuple[Span, ...]]:
    """Ids and spans in the prompt; a token that the template shares with the prompt keeps the prompt's part."""
    begin = 0 if chat is None else len(chat.before)

    def within(place: int) -> int:
        return min(max(place - begin, 0), len(prompt))

    bos = [] if chat is not None or model.bos is None else [model.bos]
    spans = (Span(within(token.start), within(token.end)) for token in tokens)
    return (*bos, *(token.id for token in tokens)), (*(Span(0, 0) for _ in bos), *spans)


def check_texts(prompt: str, target: str, unscored: Sequence[Span]) -> None:
    """Refuse what cannot be explained with any method.

    Raises:
        InputError: an empty text, or a span that is empty or outside the prompt.
    """
    check_prompt(prompt)
    _check_characters("target", target)
    if not target:
        raise InputError("the target is empty; give the continuation to explain, with its leading space")
    for span in unscored:
        if not 0 <= span.start < span.end <= len(prompt):
            raise InputError(
                f"unscored span [{span.start}, {span.end}) does not lie in the prompt of {len(prompt)} code points"
            )


def check_prompt(prompt: str) -> None:
    """Refuse a prompt that no method can explain.

    Raises:
        InputError: nothing but blanks, or characters that no file could hold.
    """
    _check_characters("prompt", prompt)
    if not prompt.strip():
        raise InputError(f"the prompt is {_short(prompt)}; it needs at least one character that is no blank")


def _check_characters(name: str, text: str) -> None:
    """Halves of surrogate pairs are no characters: neither tokenizers nor files take them."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"the {name} holds half a surrogate pair, U+{ord(text[error.start]):04X}, at code point {error.start}; "
            "decode the text as UTF-16 or drop it"
        ) from error


def is_unscored(text: str, span: Span, unscored: Sequence[Span]) -> bool:
    """Whether `span`, blanks at its ends aside, is empty or overlaps one of `unscored`."""
    return span.start == span.end or any(bare(text, span).overlaps(other) for other in unscored)


def _target_start(model: LoadedModel, tokens: Sequence[Token], prompt: str, target: str, chat: ChatText | None) -> int:
    """Index of the first target token."""
    lead = prompt if chat is None else f"{chat.before}{prompt}{chat.after}"
    for index, (token, start, end) in enumerate(tokens):
        if end <= len(lead):
            continue
        if start >= len(lead):
            if index == 0:
                raise InputError(f"the prompt {_short(prompt)} has no token of its own")
            return index
        place = "prompt" if chat is None else "chat template"
        remedy = "begin the target with the space or character that the tokenizer joins to it"
        if chat is not None:
            remedy = "begin the target as the model would begin its answer, without a blank in front"
        elif prompt[-1].isspace():
            remedy = "move the space from the prompt's end to the target's beginning"
        raise InputError(
            f"no token boundary between prompt and target: token {model.encoder.id_to_token(token)!r} covers "
            f"{_short((lead + target)[start:end])} across the {place}'s end {_short(lead[-12:])}; {remedy}"
        )
    raise InputError(f"the target {_short(target)} has no token of its own")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
