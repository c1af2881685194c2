"""A prompt as the user's turn of a chat: what the model's chat template puts around it, and all of it as tokens.

Special tokens that the template writes are encoded as the tokens they are; everything between them, the user's text
in its midst, is encoded as literal text. So "<|im_end|>" in a prompt ends no turn, and for text without such
look-alikes the tokens are exactly those of `tokenizer.apply_chat_template`, which is checked.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from heta.errors import ConfigError, IncompatibleModel, InputError
from heta.records import ChatText

if TYPE_CHECKING:
    from heta.model import LoadedModel

_STAND_IN = "heta user text"
"""An ordinary text: holds the place of the user's in the template, and of one with look-alikes in the check."""


class Token(NamedTuple):
    """A token and the code points `[start, end)` of the text that it stands for."""

    id: int
    start: int
    end: int


def chat_around(
    model: "LoadedModel | None", prompt: str, *, chat: bool = False, system: str | None = None
) -> ChatText | None:
    """`chat_text` where `chat` is asked for, else None.

    Raises:
        ConfigError: a system message without a chat, or a chat without a model.
    """
    if not chat and system is not None:
        raise ConfigError("a system message was given without a chat; ask for the chat as well, or leave it out")
    if not chat:
        return None
    if model is None:
        raise ConfigError("a chat needs a model, whose chat template it goes through; give one, or leave chat out")
    return chat_text(model, prompt, system)


def chat_text(model: "LoadedModel", prompt: str, system: str | None = None) -> ChatText:
    """What the model's chat template puts around `prompt` as the only user turn, ready for the model's answer.

    Args:
        model: a model whose tokenizer has a chat template.
        prompt: the user's text.
        system: the system message; without one, the template's own default.

    Raises:
        IncompatibleModel: no chat template, or one whose tokens cannot be told from the user's.
        ConfigError: the template allows no system message.
        InputError: the template changes the prompt, or the system message holds a special token.
    """
    _check_template(model, system)
    rendered = _render(model, _STAND_IN, system)
    if rendered.count(_STAND_IN) != 1:
        raise IncompatibleModel(
            f"the chat template of {model.identity.name} writes the user's text {rendered.count(_STAND_IN)} times, "
            "it must be once; leave chat out and write the turns into the prompt"
        )
    chat = ChatText(*rendered.split(_STAND_IN))
    with_prompt = _render(model, prompt, system)
    if with_prompt == f"{chat.before}{prompt.strip()}{chat.after}" and prompt != prompt.strip():
        raise InputError(
            f"the chat template of {model.identity.name} cuts blanks off the ends of the prompt; cut them off yourself"
        )
    if with_prompt != f"{chat.before}{prompt}{chat.after}":
        raise InputError(
            f"the chat template of {model.identity.name} changes this prompt, so that its places in the text are lost; "
            "leave chat out and write the turns into the prompt"
        )
    _check_tokens(model, chat, prompt)
    return chat


def chat_tokens(model: "LoadedModel", chat: ChatText, prompt: str, target: str) -> list[Token]:
    """Tokens of `chat.before + prompt + chat.after + target`; starts and ends count from the beginning of all that."""
    edge = len(chat.before) + len(prompt)
    marks = [*_special_tokens(model, chat.before, 0), *_special_tokens(model, chat.after, edge)]
    text = f"{chat.before}{prompt}{chat.after}{target}"
    tokens: list[Token] = []
    begin = 0
    for mark in marks:
        tokens += [*_literal(model, text, begin, mark.start), mark]
        begin = mark.end
    return [*tokens, *_literal(model, text, begin, len(text))]


def _literal(model: "LoadedModel", text: str, begin: int, end: int) -> Iterator[Token]:
    if begin < end:
        coded = model.encoder.encode(text[begin:end], add_special_tokens=False)
        for token, (first, last) in zip(coded.ids, coded.offsets, strict=True):
            yield Token(token, begin + first, begin + last)


def _special_tokens(model: "LoadedModel", text: str, shift: int) -> list[Token]:
    """Special tokens that the model's own tokenizer finds in `text`, moved by `shift`."""
    if not text:
        return []
    special = {index for index, token in model.tokenizer.added_tokens_decoder.items() if token.special}
    coded = model.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
    return [
        Token(token, shift + start, shift + end)
        for token, (start, end) in zip(coded.ids, coded.offsets, strict=True)
        if token in special
    ]


def _render(model: "LoadedModel", prompt: str, system: str | None) -> str:
    from jinja2 import TemplateError

    turns = [] if system is None else [{"role": "system", "content": system}]
    turns.append({"role": "user", "content": prompt})
    try:
        return str(model.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except (TemplateError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        remedy = "leave chat out" if system is None else "leave the system message out, or put it into the prompt"
        raise ConfigError(
            f"the chat template of {model.identity.name} cannot be filled in: {reason}; {remedy}"
        ) from error


def _check_template(model: "LoadedModel", system: str | None) -> None:
    if not getattr(model.tokenizer, "chat_template", None):
        raise IncompatibleModel(
            f"the tokenizer of {model.identity.name} has no chat template; leave chat out and write the turns into the "
            "prompt as text, or take a model tuned for chats"
        )
    if system is not None and (found := _special_tokens(model, system, 0)):
        raise InputError(
            f"the system message holds {system[found[0].start : found[0].end]!r}, a special token of "
            f"{model.identity.name}; write it without"
        )


def _check_tokens(model: "LoadedModel", chat: ChatText, prompt: str) -> None:
    """Pieces must come to the tokens of the whole: some tokenizers treat the beginning of a text differently."""
    text = _STAND_IN if _special_tokens(model, prompt, 0) else prompt
    whole = model.tokenizer.backend_tokenizer.encode(f"{chat.before}{text}{chat.after}", add_special_tokens=False).ids
    if [token.id for token in chat_tokens(model, chat, text, "")] != whole:
        raise IncompatibleModel(
            f"the chat template of {model.identity.name} gives other tokens in pieces than as a whole, so literal text "
            "cannot be kept literal; leave chat out and write the turns into the prompt"
        )
