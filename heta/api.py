"""The whole library in one call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heta.methods.base import create_method
from heta.prepared import prepare
from heta.records import Attribution, Continuation, Span, TargetPolicy
from heta.target import TargetChoice

if TYPE_CHECKING:
    from heta.model import LoadedModel


def attribute(
    model: "LoadedModel | None",
    prompt: str,
    target: str | Continuation,
    method: str = "heta_fast",
    *,
    unscored: Sequence[Span] = (),
    policy: TargetPolicy | TargetChoice = "answer",
    chat: bool = False,
    system: str | None = None,
    **options: Any,
) -> Attribution:
    """How much each unit of `prompt` mattered for `target`.

    Several methods on one prompt share their passes through `prepare`; this is the shortcut for a single one.

    Args:
        model: from `load_model`; None serves only methods that use no model.
        prompt: the text whose units get scores.
        target: the continuation that is explained, with its leading space, or what `generate` gave.
        method: a name of `METHODS`.
        unscored: spans of the prompt whose tokens get no score.
        policy: which target tokens are explained, see `prepare`.
        chat: make the prompt the user's turn in the model's chat template.
        system: the system message of the chat.
        **options: the method's options.

    Raises:
        UnknownName: no method has that name.
        ConfigError: an option or policy that cannot be used.
        InputError: texts that cannot be explained.
        IncompatibleModel: a chat with a model that has no usable chat template.
    """
    chosen = create_method(method, **options)
    prepared = prepare(model, prompt, target, unscored=unscored, policy=policy, chat=chat, system=system)
    return prepared.attribute(chosen)
