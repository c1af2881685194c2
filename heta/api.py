"""The whole library in one call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heta.methods.base import create_method
from heta.prepared import prepare
from heta.records import Attribution, Span, TargetPolicy
from heta.target import TargetChoice

if TYPE_CHECKING:
    from heta.model import LoadedModel


def attribute(
    model: "LoadedModel | None",
    prompt: str,
    target: str,
    method: str = "heta_fast",
    *,
    unscored: Sequence[Span] = (),
    policy: TargetPolicy | TargetChoice = "answer",
    **options: Any,
) -> Attribution:
    """How much each unit of `prompt` mattered for `target`.

    Several methods on one prompt share their passes through `prepare`; this is the shortcut for a single one.

    Args:
        model: from `load_model`; None serves only methods that use no model.
        prompt: the text whose units get scores.
        target: the continuation that is explained, with its leading space.
        method: a name of `METHODS`.
        unscored: spans of the prompt whose tokens get no score.
        policy: which target tokens are explained, see `prepare`.
        **options: the method's options.

    Raises:
        UnknownName: no method has that name.
        ConfigError: an option or policy that cannot be used.
        InputError: texts that cannot be explained.
    """
    chosen = create_method(method, **options)
    return prepare(model, prompt, target, unscored=unscored, policy=policy).attribute(chosen)
