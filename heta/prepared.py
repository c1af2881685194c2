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
from heta.records import Attribution, Span, Target, TargetPolicy, Unit
from heta.units import unit_positions
from heta.words import segment_words

if TYPE_CHECKING:
    import torch

    from heta.masks import Mask
    from heta.methods.base import Method
    from heta.model import LoadedModel
    from heta.passes import BasePass
    from heta.perturbation import Perturbation, Reduce
    from heta.transition import Rollout

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
        memory_budget: int | None = None,
    ) -> None:
        self.model = model
        self.prompt = prompt
        self.target_text = target
        self.unscored = tuple(Span(*span) for span in unscored)
        self.policy = policy
        self.token_budget = token_budget or _token_budget(model)
        self.memory_budget = memory_budget
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
        scored = self.encoding.scored if by_token else self.words_scored
        if method.needs_model and not by_token:
            scored = np.array([bool(positions) for positions in self.unit_positions("word")], dtype=np.bool_)
        for name, values in {"score": result.scores, **result.components}.items():
            self._check(method, name, values)
        return Attribution(
            method=method.name,
            signed=method.signed,
            model=self.model.identity if method.needs_model and self.model is not None else None,
            unit=method.unit,
            spans=self.encoding.spans if by_token else self.words,
            scored=scored,
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
        """Words of the prompt, the units of methods that score words."""
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

    def unit_positions(self, unit: Unit) -> tuple[tuple[int, ...], ...]:
        """The scored tokens of each unit of the prompt, `[unit]`; none where the unit gets no score."""
        if unit == "token":
            return tuple((index,) if scored else () for index, scored in enumerate(self.encoding.scored))
        tokens = unit_positions(self.prompt, self.encoding.spans, self.encoding.scored, self.words)
        return tuple(found if scored else () for found, scored in zip(tokens, self.words_scored, strict=True))

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

    def transition(self, rollout: "Rollout" = "suffix") -> Array:
        """M: sums to 1 over the scored tokens (see `heta.transition`)."""

        def compute() -> Array:
            from heta.transition import transition

            return self.spread(transition(self._model(), self.base, self.positions, rollout=rollout).numpy())

        return self._once(("transition", rollout), compute)

    def information(self, mask: "Mask" = "zero") -> Array:
        """I in nats, >= 0 (see `heta.information`)."""

        def compute() -> Array:
            from heta.information import information

            values = information(self._model(), self.base, self.positions, mask=mask, budget=self._budget())
            return self.spread(values.numpy())

        return self._once(("information", mask), compute)

    def perturb(self, perturbations: Sequence["Perturbation"], reduce: "Reduce") -> Array:
        """`reduce` of the log-probabilities under each perturbation, `[row, ...]` (see `heta.perturbation`)."""
        from heta.perturbation import perturb

        with self._lock:
            result = perturb(self._model(), self.base, perturbations, reduce, budget=self._budget())
        return cast(Array, result.numpy())

    def mask_vector(self, mask: "Mask") -> "torch.Tensor | None":
        """What a masked token's embedding becomes, `[d_model]`; None where it is left out (see `heta.masks`)."""
        from heta.masks import mask_vector

        return mask_vector(self._model(), self.base, mask)

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
                budget=self._budget(backward=True),
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

    def _budget(self, *, backward: bool = False) -> int:
        """Tokens in one pass: the token budget, or fewer where the memory budget asks for that."""
        if self.memory_budget is None:
            return self.token_budget
        from heta.memory import budget_tokens, row_cost

        cost = row_cost(self._model(), self.base, backward=backward)
        first = min(self.positions[0], self.base.read[0])
        return min(self.token_budget, budget_tokens(cost, self.memory_budget, first, self.base.length))

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
    memory_budget: int | None = None,
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
        memory_budget: most bytes that one batch of passes may take beside the weights and the full pass, by estimate;
            lowers the token budget where that would take more.

    Raises:
        InputError: texts or spans that cannot be used, a target the tokenizer cannot isolate, a prompt longer than
            the model's window, nothing to score.
        ConfigError: an unknown policy, or one that needs a model; a budget below 1. A memory budget that not even a
            single row fits is refused when a method needs one.
    """
    if policy == "each":
        raise ConfigError("policy 'each' is not available yet; allowed are " + ", ".join(POLICIES))
    if policy not in POLICIES:
        raise ConfigError(f"policy is {policy!r}, allowed are {', '.join(POLICIES)}")
    if token_budget is not None and token_budget < 1:
        raise ConfigError(f"token_budget is {token_budget}, it must be at least 1")
    if memory_budget is not None and memory_budget < 1:
        raise ConfigError(f"memory_budget is {memory_budget}, it must be at least 1 byte")
    spans = tuple(Span(*span) for span in unscored)
    check_texts(prompt, target, spans)
    prepared = Prepared(
        model,
        prompt,
        target,
        unscored=spans,
        policy=policy,
        token_budget=token_budget,
        memory_budget=memory_budget,
    )
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
