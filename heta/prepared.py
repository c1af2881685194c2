"""One model, prompt and target, ready for any number of methods: expensive passes run once and are shared."""

import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from heta.chat import chat_around
from heta.encode import Encoding, check_texts, encode, is_unscored
from heta.errors import ConfigError, InputError, NumericalError
from heta.memo import Memo
from heta.records import Attribution, ChatText, Continuation, Span, Target, TargetPolicy
from heta.target import Explained, TargetChoice, explained
from heta.windows import Windows, mean_over
from heta.words import segment_words

if TYPE_CHECKING:
    import torch

    from heta.curvature.options import CurvatureOptions
    from heta.information import Mask
    from heta.methods.base import Method
    from heta.model import LoadedModel
    from heta.objective import Objective
    from heta.passes import BasePass
    from heta.screening import Score, Screened
    from heta.transition import Rollout

Array = NDArray[np.float64]
T = TypeVar("T")


class Prepared:
    """Shared state of all methods run on one prompt and target. Made by `prepare`; safe to use from several threads.

    The passes below return `[pos]` arrays over the prompt's tokens, 0 where a token is not scored, or `[step, pos]`
    where every target token is explained by itself (policy `each`). They are computed once per combination of
    arguments.
    """

    def __init__(
        self,
        model: "LoadedModel | None",
        prompt: str,
        target: str | Continuation,
        *,
        unscored: Sequence[Span] = (),
        choice: TargetChoice | None = None,
        token_budget: int | None = None,
        chat: ChatText | None = None,
    ) -> None:
        self.model = model
        self.prompt = prompt
        self.given_target = target
        self.target_text = target if isinstance(target, str) else target.text
        self.chat = chat
        self.unscored = tuple(Span(*span) for span in unscored)
        self.choice = choice or TargetChoice()
        self.token_budget = token_budget or _token_budget(model)
        self._memo = Memo()
        self._lock = RLock() if model is None else model.lock

    @property
    def each(self) -> bool:
        """Whether every target token gets scores of its own."""
        return self.choice.policy == "each"

    def attribute(self, method: "Method") -> Attribution:
        """Scores of `method` for this prompt and target.

        Raises:
            ConfigError: the method needs a model and there is none.
            InputError: the method scores words and the prompt has none.
            NumericalError: a score is not finite.
        """
        if method.needs_model and self.model is None:
            raise ConfigError(f"method {method.name!r} needs a model; give one to prepare()")
        if method.unit == "word":
            self.check_words()
        device = self.model.device if self.model is not None and method.needs_model else None
        gpu = device if device is not None and device.type == "cuda" else None
        if gpu is not None:
            import torch

            torch.cuda.reset_peak_memory_stats(gpu)
        with self._lock, self._memo.bill() as bill:
            result = method.score(self)
            target = self.target if method.needs_model else None
        by_token = method.unit == "token"
        parts = {"score": result.scores, **result.components}
        for name, values in parts.items():
            self._check(method, name, values)
        rows = {name: values for name, values in parts.items() if values.ndim == 2}
        return Attribution(
            method=method.name,
            signed=method.signed,
            model=self.model.identity if method.needs_model and self.model is not None else None,
            unit=method.unit,
            prompt=self.prompt,
            spans=self.encoding.spans if by_token else self.words,
            scored=self.encoding.scored if by_token else self.words_scored,
            scores=_total(result.scores),
            target=target,
            token_ids=self.encoding.prompt_ids if by_token else None,
            components={name: _total(values) for name, values in result.components.items()},
            rows=rows,
            config=method.config,
            config_hash=method.config_hash,
            seconds=bill.seconds,
            peak_memory=_peak_memory(gpu),
            notes=result.notes,
            chat=self.chat if method.needs_model else None,
        )

    @cached_property
    def words(self) -> tuple[Span, ...]:
        """Words of the prompt, the units of methods that use no model."""
        return segment_words(self.prompt)

    @cached_property
    def words_scored(self) -> NDArray[np.bool_]:
        """`[word]`: false where a word overlaps an unscored span."""
        return np.array([not is_unscored(self.prompt, word, self.unscored) for word in self.words], dtype=np.bool_)

    def check_words(self) -> None:
        """Refuse a prompt without a word that counts.

        Raises:
            InputError: no word, or all of them unscored.
        """
        if not self.words_scored.any():
            raise InputError("no word of the prompt is left to score; make it longer or unscore less")

    @cached_property
    def encoding(self) -> Encoding:
        """Tokens of prompt and target, under policy `model` those that the model itself would write."""
        model = self._model()
        coded = encode(model, self.prompt, self.given_target, unscored=self.unscored, chat=self.chat)
        if self.choice.policy != "model":
            return coded
        from heta.passes import greedy_tokens

        with self._lock:
            base = self._base(coded.prompt_ids, Explained((), coded.target_ids))
            return replace(coded, target_ids=tuple(greedy_tokens(model, base, len(coded.target_ids))))

    @cached_property
    def explained(self) -> Explained:
        """The target tokens that are explained, what is read before them, and the foil's token."""
        return explained(self._model(), self.choice, self.prompt, self.encoding, self.chat)

    @cached_property
    def positions(self) -> list[int]:
        """Scored token positions, increasing."""
        return [int(index) for index in np.flatnonzero(self.encoding.scored)]

    @property
    def target(self) -> Target:
        """The explained tokens with their log-probabilities and ranks, and the model's own continuation there."""
        return self._once(("target",), self._target)

    @property
    def base(self) -> "BasePass":
        """The one full forward pass."""
        return self._once(("base",), lambda: self._base(self.encoding.prompt_ids, self.explained))

    def objective(self, hessian_layer: int | None = None) -> "Objective":
        """What is differentiated, in the embeddings or in the residual stream entering layer L - `hessian_layer`."""

        def build() -> "Objective":
            import torch

            from heta.objective import Objective
            from heta.residual import layer_from_top

            model, base, foil = self._model(), self.base, self.explained.foil_ids
            return Objective(
                model=model,
                base=base,
                first=self.positions[0],
                layer=None if hessian_layer is None else layer_from_top(model, hessian_layer),
                foil_ids=None if foil is None else torch.tensor(foil, device=model.device),
                each=self.each,
            )

        return self._once(("objective", hessian_layer), build)

    def gradient(self) -> Array:
        """Gradient of the objective in the embeddings of the scored tokens: `[scored, d_model]`, or `[step, ...]`."""
        rows = self._once(("gradient",), lambda: self.objective().gradients_at(self.positions))
        return self._fold(rows.double().cpu().numpy())

    def embeddings(self) -> Array:
        """Embeddings of the scored tokens, `[scored, d_model]`."""
        return cast(Array, self.base.embeddings[0, self.positions].double().cpu().numpy())

    def transition(self, rollout: "Rollout" = "suffix", windows: Windows | None = None) -> Array:
        """M: every row sums to 1 over the scored tokens (see `heta.transition`)."""

        def compute() -> Array:
            if windows is not None:
                parts = self._in_windows(windows, lambda part: part.transition(rollout))
                return cast(Array, parts / parts.sum(-1, keepdims=True))
            from heta.transition import transition_rows

            rows = transition_rows(self._model(), self.base, self.positions, rollout=rollout).numpy()
            return self.spread(rows if self.each else rows.mean(0))

        return self._once(("transition", rollout, windows), compute)

    def information(self, mask: "Mask" = "zero", windows: Windows | None = None) -> Array:
        """I in nats, >= 0 (see `heta.information`)."""

        def compute() -> Array:
            if windows is not None:
                return self._in_windows(windows, lambda part: part.information(mask))
            return self.spread(self._fold(self.information_rows(self.positions, mask), summed=True))

        return self._once(("information", mask, windows), compute)

    def information_rows(self, positions: Sequence[int], mask: "Mask" = "zero") -> Array:
        """I of some tokens, `[step, position]`; not kept."""
        from heta.information import information_rows

        foil = self.objective().foil_ids
        return cast(
            Array,
            information_rows(
                self._model(), self.base, positions, mask=mask, foil_ids=foil, budget=self.token_budget
            ).numpy(),
        )

    def curvature(self, options: "CurvatureOptions", windows: Windows | None = None) -> tuple[Array, tuple[str, ...]]:
        """S, >= 0, and what there is to say of it (see `heta.curvature`)."""

        def compute() -> tuple[Array, tuple[str, ...]]:
            if windows is not None and windows.kind == "isolated":
                notes: dict[str, None] = {}

                def one(part: Prepared) -> Array:
                    values, said = part.curvature(options)
                    notes.update(dict.fromkeys(said))
                    return values

                return self._in_windows(windows, one), tuple(notes)
            from heta.curvature.modes import curvature

            objective = self.objective(options.hessian_layer)
            found = curvature(objective, self.positions, options, windows=windows, budget=self.token_budget)
            return self.spread(self._fold(found.values.numpy())), found.notes

        return self._once(("curvature", options, windows), compute)

    def screened(self, options: "CurvatureOptions", score: "Score", mask: "Mask", *, information: bool) -> "Screened":
        """S and I, exact where the top of `score` hangs on them (see `heta.screening`); arrays `[scored]`. Not kept.

        Args:
            options: of a method with curvature `screened`.
            score: the method's scores `[scored]` from S and I.
            mask: what a masked token's embedding becomes.
            information: whether I is screened too; else every token is masked.

        Raises:
            ConfigError: policy `each`, which has one ranking a target token.
        """
        if self.each:
            raise ConfigError(
                "curvature screened settles one ranking, policy 'each' has one for every target token; take curvature"
                " exact or one_pass"
            )
        from heta.screening import CHEAP_PROBES, Knowledge, screen

        cheap, _ = self.curvature(options.one_pass(CHEAP_PROBES))

        def measure(indices: Sequence[int]) -> Array:
            return cast(Array, self.information_rows([self.positions[i] for i in indices], mask).sum(0))

        known = measure if information else self.information(mask)[self.positions]
        knowledge = Knowledge(cheap[self.positions], known)
        objective = self.objective(options.hessian_layer)
        return screen(objective, self.positions, knowledge, score, options, budget=self.token_budget)

    def spread(self, values: Array) -> Array:
        """`[..., scored]` values put at their tokens: `[..., pos]`, 0 elsewhere."""
        result = np.zeros((*values.shape[:-1], len(self.encoding.prompt_ids)))
        result[..., self.positions] = values
        return result

    def _fold(self, rows: Array, *, summed: bool = False) -> Array:
        """`[row, ...]` as it is under policy `each`; else its one row, or with `summed` the sum of its rows."""
        if self.each:
            return rows
        return cast(Array, rows.sum(0) if summed else rows[0])

    def _in_windows(self, windows: Windows, compute: Callable[["Prepared"], Array]) -> Array:
        """`compute` on each window as a prompt of its own; every token's mean over the windows that hold it."""
        parts = self._once(("windows", windows), lambda: self._cut(windows))
        values = [compute(part)[..., len(part.encoding.prompt_ids) - len(window) :] for window, part in parts]
        return self.spread(
            mean_over(len(self.encoding.prompt_ids), [window for window, _ in parts], values)[..., self.positions]
        )

    def _cut(self, windows: Windows) -> list[tuple[range, "Prepared"]]:
        """The windows that hold a scored token, each with the target behind it."""
        coded, parts = self.encoding, []
        leads = coded.prompt_ids[0] == self._model().bos
        for window in windows.over(len(coded.prompt_ids)):
            scored = coded.scored[window.start : window.stop]
            if not scored.any():
                continue
            lead = 1 if leads and window.start > 0 else 0
            part = Prepared(
                self.model, self.prompt, self.target_text, choice=self.choice, token_budget=self.token_budget
            )
            part.__dict__["encoding"] = Encoding(
                prompt_ids=(*coded.prompt_ids[:lead], *coded.prompt_ids[window.start : window.stop]),
                spans=(*coded.spans[:lead], *coded.spans[window.start : window.stop]),
                scored=np.concatenate([np.zeros(lead, dtype=np.bool_), scored]),
                target_ids=coded.target_ids,
            )
            part.__dict__["explained"] = self.explained
            parts.append((window, part))
        return parts

    def _base(self, prompt_ids: Sequence[int], chosen: Explained) -> "BasePass":
        from heta.passes import base_pass

        read = len(prompt_ids) - 1 + len(chosen.before)
        return base_pass(
            self._model(),
            [*prompt_ids, *chosen.before, *chosen.target_ids[:-1]],
            [read + step for step in range(len(chosen.target_ids))],
            chosen.target_ids,
        )

    def _target(self) -> Target:
        from heta.passes import greedy_tokens

        model, base = self._model(), self.base
        log_probs = base.log_probs.gather(1, base.target_ids[:, None])
        ids = tuple(base.target_ids.tolist())
        whole = self.choice.policy in ("answer", "each") and len(ids) == len(self.encoding.target_ids)
        return Target(
            policy=self.choice.policy,
            text=self.target_text if whole else model.decode(ids),
            token_ids=ids,
            log_probs=tuple(log_probs[:, 0].tolist()),
            ranks=tuple(((base.log_probs > log_probs).sum(1) + 1).tolist()),
            greedy=model.decode(greedy_tokens(model, base, len(ids))),
            before=model.decode(self.explained.before),
            foil=None if self.explained.foil_ids is None else model.decode(self.explained.foil_ids),
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


def _total(values: Array) -> Array:
    return cast(Array, values.sum(0)) if values.ndim == 2 else values


def prepare(
    model: "LoadedModel | None",
    prompt: str,
    target: str | Continuation,
    *,
    unscored: Sequence[Span] = (),
    policy: TargetPolicy | TargetChoice = "answer",
    token_budget: int | None = None,
    chat: bool = False,
    system: str | None = None,
) -> Prepared:
    """Make one prompt and target ready for methods; a pass that several methods need runs once.

    Args:
        model: from `load_model`; None serves only methods that use no model.
        prompt: the text whose tokens get scores.
        target: the continuation that is explained, with its leading space, or what `generate` gave.
        unscored: spans of the prompt whose tokens get no score, e.g. worked examples.
        policy: which target tokens are explained: `answer`, `first`, `each`, `model`, or a `TargetChoice` with a span
            of the target or a foil.
        token_budget: most tokens in one forward pass (default: 512 on a CPU, 8192 elsewhere); changes speed and
            memory, results only by rounding.
        chat: make the prompt the user's turn in the model's chat template (see `heta.chat`).
        system: the system message of the chat.

    Raises:
        InputError: texts or spans that cannot be used, a target the tokenizer cannot isolate, a prompt longer than
            the model's window, nothing to score.
        ConfigError: an unknown policy, a policy or chat that needs a model, a system message without a chat.
        IncompatibleModel: a chat with a model that has no usable chat template.
    """
    choice = policy if isinstance(policy, TargetChoice) else TargetChoice(policy)
    if token_budget is not None and token_budget < 1:
        raise ConfigError(f"token_budget is {token_budget}, it must be at least 1")
    spans = tuple(Span(*span) for span in unscored)
    check_texts(prompt, target if isinstance(target, str) else target.text, spans)
    around = chat_around(model, prompt, chat=chat, system=system)
    prepared = Prepared(model, prompt, target, unscored=spans, choice=choice, token_budget=token_budget, chat=around)
    if model is None and choice != TargetChoice():
        raise ConfigError("without a model there is only the target as given: leave policy out, or give a model")
    if model is not None:
        _ = prepared.explained
    else:
        prepared.check_words()
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
