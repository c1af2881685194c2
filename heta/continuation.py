"""What a model writes after a prompt."""

from typing import TYPE_CHECKING, Any

from heta.chat import chat_around
from heta.encode import check_prompt, encode_prompt
from heta.errors import ConfigError, InputError
from heta.records import Continuation

if TYPE_CHECKING:
    from heta.model import LoadedModel


def generate(
    model: "LoadedModel", prompt: str, count: int, *, chat: bool = False, system: str | None = None
) -> Continuation:
    """The model's own greedy continuation of `prompt`: at most `count` tokens, fewer where it ends its text.

    Given as the target of `attribute` or `prepare`, its very tokens are explained.

    Args:
        model: from `load_model`.
        prompt: the text to go on from.
        count: most tokens, at least 1.
        chat: whether the prompt is the user's turn in the model's chat template.
        system: the system message of the chat.

    Raises:
        ConfigError: a count below 1, or a system message without a chat.
        InputError: a prompt that cannot be used or leaves no room in the window, or a text that ends at once.
    """
    from heta.passes import base_pass, greedy_tokens

    if count < 1:
        raise ConfigError(f"the number of tokens to generate is {count}, it must be at least 1")
    check_prompt(prompt)
    around = chat_around(model, prompt, chat=chat, system=system)
    prompt_ids, _ = encode_prompt(model, prompt, around)
    length = len(prompt_ids) + count - 1
    if model.window is not None and length > model.window:
        raise InputError(
            f"prompt and {count} generated tokens are {length} tokens long, the window of {model.identity.name} is "
            f"{model.window}; shorten the prompt or generate less"
        )
    stop = _end_tokens(model)
    with model.lock:
        base = base_pass(model, prompt_ids, [len(prompt_ids) - 1], [])
        chosen = greedy_tokens(model, base, count, stop=stop)
    ended = chosen[-1] in stop
    ids = tuple(chosen[:-1] if ended else chosen)
    if not ids:
        remedy = "give a target" if chat else "give a target, or make the prompt the user's turn of a chat"
        raise InputError(
            f"{model.identity.name} ends its text right after this prompt, there is nothing to explain; {remedy}"
        )
    return Continuation(text=model.decode(ids), token_ids=ids, ended=ended)


def _end_tokens(model: "LoadedModel") -> frozenset[int]:
    """Ids after which nothing follows: those of the generation config, and the tokenizer's."""
    settings: Any = getattr(model.module, "generation_config", None)
    named = [getattr(settings, "eos_token_id", None), getattr(model.tokenizer, "eos_token_id", None)]
    flat = [index for entry in named for index in (entry if isinstance(entry, list) else [entry])]
    return frozenset(index for index in flat if index is not None)
