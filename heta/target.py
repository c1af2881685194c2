"""Which tokens of a continuation are explained, and how: together, one by one, or against a foil."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heta.encode import Encoding, encode
from heta.errors import ConfigError, InputError
from heta.model import LoadedModel
from heta.records import ChatText, Span, Target, TargetPolicy

if TYPE_CHECKING:
    from torch import Tensor

    from heta.passes import BasePass

POLICIES: tuple[TargetPolicy, ...] = ("answer", "first", "each", "model")


@dataclass(frozen=True)
class TargetChoice:
    """What of the target is explained."""

    policy: TargetPolicy = "answer"
    """`answer`: all its tokens, summed log-probability. `first`: its first token. `each`: every token gets scores of
    its own, and their sum. `model`: the model's own greedy continuation, as many tokens long."""
    span: Span | None = None
    """Only the target's tokens that overlap this range, in code points of the target; what stands before is read."""
    foil: str | None = None
    """Another continuation: what is explained is why the target rather than the foil, at the first token in which
    the two differ, as log p(target token) - log p(foil token)."""

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ConfigError(f"policy is {self.policy!r}, allowed are {', '.join(POLICIES)}")
        if self.foil is not None and (self.policy != "answer" or self.span is not None):
            raise ConfigError("a foil is compared at one token: leave policy and span out, or the foil")
        if self.span is not None and self.policy not in ("answer", "each"):
            raise ConfigError(f"a span of the target needs policy 'answer' or 'each', not {self.policy!r}")


@dataclass(frozen=True)
class Explained:
    """The tokens that are explained: a stretch of a continuation."""

    before: tuple[int, ...]
    """Tokens of the continuation that are read before them."""
    target_ids: tuple[int, ...]
    foil_ids: tuple[int, ...] | None = None


def explained(
    model: LoadedModel, choice: TargetChoice, prompt: str, coded: Encoding, chat: ChatText | None
) -> Explained:
    """The explained stretch of the target's tokens.

    Raises:
        InputError: a span that holds no token, a foil that equals the target, joins the prompt otherwise, or differs
            from it only in being longer or shorter.
    """
    if choice.foil == "":
        raise InputError("the foil is empty; give another continuation, with its leading space")
    if choice.foil is not None:
        return _against(choice.foil, encode(model, prompt, choice.foil, chat=chat), coded)
    if choice.policy == "first":
        return Explained((), coded.target_ids[:1])
    if choice.span is None:
        return Explained((), coded.target_ids)
    span = Span(*choice.span)
    if not coded.target_spans:
        raise InputError(
            "the tokens of this continuation do not add up to its text, so a span of it cannot be found; give the text"
        )
    length = coded.target_spans[-1].end
    if not 0 <= span.start < span.end <= length:
        raise InputError(f"span [{span.start}, {span.end}) does not lie in the target of {length} code points")
    inside = [index for index, other in enumerate(coded.target_spans) if other.overlaps(span)]
    if not inside:
        raise InputError(f"span [{span.start}, {span.end}) holds no token of the target; give a range inside its text")
    return Explained(coded.target_ids[: inside[0]], coded.target_ids[inside[0] : inside[-1] + 1])


def _against(foil: str, other: Encoding, coded: Encoding) -> Explained:
    if other.prompt_ids != coded.prompt_ids:
        raise InputError(f"the foil {foil!r} joins the prompt's tokens in another way than the target does")
    for index, (wanted, instead) in enumerate(zip(coded.target_ids, other.target_ids, strict=False)):
        if wanted != instead:
            return Explained(coded.target_ids[:index], (wanted,), (instead,))
    raise InputError(f"the target and the foil {foil!r} differ in no token up to the shorter one's end; name another")


def explained_pass(
    model: LoadedModel, prompt_ids: Sequence[int], chosen: Explained, *, noise: "Tensor | None" = None
) -> "BasePass":
    """The full pass over a prompt and what is read behind it, its logits at the tokens that are explained.

    `noise` `[pos, d_model]` is added to the embeddings of the first positions.
    """
    from heta.passes import base_pass

    read = len(prompt_ids) - 1 + len(chosen.before)
    return base_pass(
        model,
        [*prompt_ids, *chosen.before, *chosen.target_ids[:-1]],
        [read + step for step in range(len(chosen.target_ids))],
        chosen.target_ids,
        noise=noise,
    )


def describe(
    model: LoadedModel, base: "BasePass", choice: TargetChoice, chosen: Explained, coded: Encoding, text: str
) -> Target:
    """The explained tokens with what the model thinks of them; `text` is the target as it was given."""
    from heta.passes import greedy_tokens

    log_probs = base.log_probs.gather(1, base.target_ids[:, None])
    ids = tuple(base.target_ids.tolist())
    whole = choice.policy in ("answer", "each") and len(ids) == len(coded.target_ids)
    return Target(
        policy=choice.policy,
        text=text if whole else model.decode(ids),
        token_ids=ids,
        log_probs=tuple(log_probs[:, 0].tolist()),
        ranks=tuple(((base.log_probs > log_probs).sum(1) + 1).tolist()),
        greedy=model.decode(greedy_tokens(model, base, len(ids))),
        before=model.decode(chosen.before),
        foil=None if chosen.foil_ids is None else model.decode(chosen.foil_ids),
    )
