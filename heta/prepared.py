"""One model, prompt and target, ready for any number of methods: expensive passes run once and are shared."""

import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from heta.encode import Encoding, check_texts, encode, is_unscored
from heta.errors import ConfigError, InputError, NumericalError
from heta.memo import Memo
from heta.records import Attribution, Span, Target, TargetPolicy
from heta.words import segment_words

if TYPE_CHECKING:
    import torch

    from heta.information import Mask
    from heta.methods.base import Method
    from heta.model import LoadedModel
    from heta.passes import BasePass
    from heta.transition import Heads, Rollout

Array = NDArray[np.float64]
T = TypeVar("T")

POLICIES: tuple[TargetPolicy, ...] = ("answer", "first", "model")


class Prepared:
    """Shared state of all methods run on one prompt and target. Made by `prepare`; safe to use from several threads.

    The passes below return `[pos]` arrays over the prompt's tokens, 0 where a token is not scored, and are computed
    once per combination of arguments.
    """

    def __init__(
        self,
        model: "LoadedModel | None",
        prompt: str,
        target: str,
        *,
        unscored: Sequence[Span] = (),
        policy: TargetPolicy = "answer",
        token_budget: int | None = None,
    ) -> None:
        self.model = model
        self.prompt = prompt
        self.target_text = target
        self.unscored = tuple(Span(*span) for span in unscored)
        self.policy = policy
        self.token_budget = token_budget or _token_budget(model)
        self._memo = Memo()
        self._lock = RLock() if model is None else model.lock

    def attribute(self, method: "Method") -> Attribution:
        """Scores of `method` for this prompt and target.

        Raises:
            ConfigError: the method needs a model and there is none.
            NumericalError: a score is not finite.
        """
        if method.needs_model and self.model is None:
            raise ConfigError(f"method {method.name!r} needs a model; give one to prepare()")
        device = self.model.device if self.model is not None and method.needs_model else None
        gpu = device if device is not None and device.type == "cuda" else None
        if gpu is not None:
            import torch

            torch.cuda.reset_peak_memory_stats(gpu)
        with self._lock, self._memo.bill() as bill:
            result = method.score(self)
            target = self.target if method.needs_model else None
        by_token = method.unit == "token"
        for name, values in {"score": result.scores, **result.components}.items():
            self._check(method, name, values)
        return Attribution(
            method=method.name,
            signed=method.signed,
            model=self.model.identity if method.needs_model and self.model is not None else None,
            unit=method.unit,
            spans=self.encoding.spans if by_token else self.words,
            scored=self.encoding.scored if by_token else self.words_scored,
            scores=result.scores,
            target=target,
            token_ids=self.encoding.prompt_ids if by_token else None,
            components=result.components,
            config=method.config,
            config_hash=method.config_hash,
            seconds=bill.seconds,
            peak_memory=_peak_memory(gpu),
            notes=result.notes,
        )

    @cached_property
    def words(self) -> tuple[Span, ...]:
        """Words of the prompt, the units of methods that use no model."""
        return segment_words(self.prompt)

    @cached_property
    def words_scored(self) -> NDArray[np.bool_]:
        """`[word]`: false where a word overlaps an unscored span."""
        return np.array([not is_unscored(self.prompt, word, self.unscored) for word in self.words], dtype=np.bool_)

    @cached_property
    def encoding(self) -> Encoding:
        """Tokens of prompt and target; under the policies `first` and `model` the target tokens are those."""
        model = self._model()
        coded = encode(model, self.prompt, self.target_text, unscored=self.unscored)
        if self.policy == "first":
            return replace(coded, target_ids=coded.target_ids[:1])
        if self.policy == "model":
            from heta.passes import greedy_tokens

            with self._lock:
                return replace(coded, target_ids=tuple(greedy_tokens(model, self._base(coded), len(coded.target_ids))))
        return coded

    @cached_property
    def positions(self) -> list[int]:
        """Scored token positions, increasing."""
        return [int(index) for index in np.flatnonzero(self.encoding.scored)]

    @property
    def target(self) -> Target:
        """The target's tokens with their log-probabilities and ranks, and the model's own continuation."""
        return self._once(("target",), self._target)

    @property
    def base(self) -> "BasePass":
        """The one full forward pass."""
        return self._once(("base",), lambda: self._base(self.encoding))

    def gradient(self) -> NDArray[np.float64]:
        """Gradient of log p(target) in the embeddings of the scored tokens, `[scored, d_model]`."""
        return cast(Array, self._gradients().double().cpu().numpy())

    def embeddings(self) -> NDArray[np.float64]:
        """Embeddings of the scored tokens, `[scored, d_model]`."""
        return cast(Array, self.base.embeddings[0, self.positions].double().cpu().numpy())

    def transition(self, rollout: "Rollout" = "suffix", heads: "Heads" = "chained") -> Array:
        """M: sums to 1 over the scored tokens (see `heta.transition`)."""

        def compute() -> Array:
            from heta.transition import transition

            values = transition(self._model(), self.base, self.positions, rollout=rollout, heads=heads)
            return self.spread(values.numpy())

        return self._once(("transition", rollout, heads), compute)

    def information(self, mask: "Mask" = "zero") -> Array:
        """I in nats, >= 0 (see `heta.information`)."""

        def compute() -> Array:
            from heta.information import information

            values = information(self._model(), self.base, self.positions, mask=mask, budget=self.token_budget)
            return self.spread(values.numpy())

        return self._once(("information", mask), compute)

    def curvature(self, *, one_pass: bool, probes: int, seed: int, step: float) -> Array:
        """S, >= 0: exact blocks by finite differences, or the one-pass stand-in (see `heta.curvature`)."""

        def compute() -> Array:
            from heta.curvature import curvature, curvature_one_pass

            function = curvature_one_pass if one_pass else curvature
            values = function(
                self._model(),
                self.base,
                self.positions,
                self._gradients(),
                probes=probes,
                seed=seed,
                step=step,
                budget=self.token_budget,
            )
            return self.spread(values.numpy())

        return self._once(("curvature", one_pass, probes, seed, step), compute)

    def spread(self, values: Array) -> Array:
        """`[scored]` values put at their tokens: `[pos]`, 0 elsewhere."""
        result = np.zeros(len(self.encoding.prompt_ids))
        result[self.positions] = values
        return result

    def _gradients(self) -> Any:
        def compute() -> Any:
            from heta.curvature import gradient

            first = self.positions[0]
            rows = gradient(self._model(), self.base, first)
            return rows[[position - first for position in self.positions]]

        return self._once(("gradient",), compute)

    def _base(self, coded: Encoding) -> "BasePass":
        from heta.passes import base_pass

        last = len(coded.prompt_ids) - 1
        return base_pass(
            self._model(),
            [*coded.prompt_ids, *coded.target_ids[:-1]],
            [last + step for step in range(len(coded.target_ids))],
            coded.target_ids,
        )

    def _target(self) -> Target:
        from heta.passes import greedy_tokens

        model, base = self._model(), self.base
        chosen = base.log_probs.gather(1, base.target_ids[:, None])
        ids = tuple(base.target_ids.tolist())
        greedy = greedy_tokens(model, base, len(ids))
        return Target(
            policy=self.policy,
            text=self.target_text if self.policy == "answer" else model.decode(ids),
            token_ids=ids,
            log_probs=tuple(chosen[:, 0].tolist()),
            ranks=tuple(((base.log_probs > chosen).sum(1) + 1).tolist()),
            greedy=model.decode(greedy),
        )

    def _model(self) -> "LoadedModel":
        if self.model is None:
            raise ConfigError("this prompt was prepared without a model; give one to prepare()")
        return self.model

    def _once(self, key: Hashable, compute: Callable[[], T]) -> T:
        with self._lock:
            return self._memo.get(key, compute)

    def _check(self, method: "Method", name: str, values: Array) -> None:
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            spans = self.encoding.spans if method.unit == "token" else self.words
            start, end = spans[int(bad[0])]
            dtype = "no model" if self.model is None else str(self.model.dtype)
            raise NumericalError(
                f"{method.name}: {name} of {len(bad)} unit(s) is not finite, first at [{start}, {end}) "
                f"{self.prompt[start:end]!r} ({dtype}); try float64 or a smaller prompt"
            )


def prepare(
    model: "LoadedModel | None",
    prompt: str,
    target: str,
    *,
    unscored: Sequence[Span] = (),
    policy: TargetPolicy = "answer",
    token_budget: int | None = None,
) -> Prepared:
    """Make one prompt and target ready for methods; a pass that several methods need runs once.

    Args:
        model: from `load_model`; None serves only methods that use no model.
        prompt: the text whose tokens get scores.
        target: the continuation that is explained, with its leading space.
        unscored: spans of the prompt whose tokens get no score, e.g. worked examples.
        policy: `answer` explains all tokens of the target (summed log-probability), `first` its first token only,
            `model` the model's own greedy continuation, as many tokens long.
        token_budget: most tokens in one forward pass (default: 512 on a CPU, 8192 elsewhere); changes speed and
            memory, results only by rounding.

    Raises:
        InputError: texts or spans that cannot be used, a target the tokenizer cannot isolate, a prompt longer than
            the model's window, nothing to score.
        ConfigError: an unknown policy, or one that needs a model.
    """
    if policy == "each":
        raise ConfigError("policy 'each' is not available yet; allowed are " + ", ".join(POLICIES))
    if policy not in POLICIES:
        raise ConfigError(f"policy is {policy!r}, allowed are {', '.join(POLICIES)}")
    if token_budget is not None and token_budget < 1:
        raise ConfigError(f"token_budget is {token_budget}, it must be at least 1")
    spans = tuple(Span(*span) for span in unscored)
    check_texts(prompt, target, spans)
    prepared = Prepared(model, prompt, target, unscored=spans, policy=policy, token_budget=token_budget)
    if model is None and policy == "model":
        raise ConfigError("policy 'model' needs a model to ask for its own continuation")
    if model is not None:
        _ = prepared.encoding
    elif not prepared.words_scored.any():
        raise InputError("no word of the prompt is left to score; make it longer or unscore less")
    return prepared


def _token_budget(model: "LoadedModel | None") -> int:
    # Larger batches recompute more of the tokens between their rows, and gain nothing once the cores are busy.
    return 512 if model is None or model.device.type == "cpu" else 8192


def _peak_memory(gpu: "torch.device | None") -> int | None:
    """Bytes: that accelerator's peak since the method began, or the process's resident peak."""
    if gpu is not None:
        import torch

        return int(torch.cuda.max_memory_allocated(gpu))
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
