"""One model, prompt and target, ready for any number of methods: expensive passes run once and are shared."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from heta.budget import Budget
from heta.chat import chat_around
from heta.encode import Encoding, check_texts, encode, is_unscored
from heta.errors import ConfigError, InputError
from heta.isolated import in_windows
from heta.memo import Bill, Memo
from heta.model import LoadedModel
from heta.records import Attribution, ChatText, Continuation, Span, Target, TargetPolicy, Unit
from heta.target import Explained, TargetChoice, describe, explained, explained_pass
from heta.units import segment_sentences, unit_positions
from heta.windows import Windows
from heta.words import segment_words

if TYPE_CHECKING:
    import torch

    from heta.curvature.options import CurvatureOptions
    from heta.masks import Mask
    from heta.methods.base import Method
    from heta.objective import Objective
    from heta.passes import BasePass
    from heta.perturbation import Perturbation, Reduce
    from heta.screening import Score, Screened
    from heta.transition import Heads, Rollout, Values

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
        budget: Budget | None = None,
        chat: ChatText | None = None,
    ) -> None:
        self.model = model
        self.prompt = prompt
        self.given_target = target
        self.target_text = target if isinstance(target, str) else target.text
        self.chat = chat
        self.unscored = tuple(Span(*span) for span in unscored)
        self.choice = choice or TargetChoice()
        self.budget = budget or Budget()
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
            InputError: the method scores words and none is left to score.
            NumericalError: a score is not finite.
        """
        from heta.attributing import attribute

        return attribute(self, method)

    @contextmanager
    def bill(self) -> Iterator[Bill]:
        """Hold the model and account for what the work inside would have cost alone."""
        with self._lock, self._memo.bill() as bill:
            yield bill

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
            base = explained_pass(model, coded.prompt_ids, Explained((), coded.target_ids))
            return replace(coded, target_ids=tuple(greedy_tokens(model, base, len(coded.target_ids))))

    @cached_property
    def explained(self) -> Explained:
        """The target tokens that are explained, what is read before them, and the foil's token."""
        return explained(self._model(), self.choice, self.prompt, self.encoding, self.chat)

    @cached_property
    def positions(self) -> list[int]:
        """Scored token positions, increasing."""
        return [int(index) for index in np.flatnonzero(self.encoding.scored)]

    def unit_positions(self, unit: Unit) -> tuple[tuple[int, ...], ...]:
        """The scored tokens of each unit of the prompt, `[unit]`; none where the unit gets no score."""
        if unit == "token":
            return tuple((index,) if scored else () for index, scored in enumerate(self.encoding.scored))
        tokens = unit_positions(self.prompt, self.encoding.spans, self.encoding.scored, self.unit_spans(unit))
        if unit == "sentence":
            return tokens
        return tuple(found if scored else () for found, scored in zip(tokens, self.words_scored, strict=True))

    def unit_spans(self, unit: Unit) -> tuple[Span, ...]:
        """Where each unit stands in the prompt, `[unit]`."""
        if unit == "token":
            return self.encoding.spans
        return self.words if unit == "word" else segment_sentences(self.prompt)

    @property
    def target(self) -> Target:
        """The explained tokens with their log-probabilities and ranks, and the model's own continuation there."""
        return self.once(
            ("target",),
            lambda: describe(self._model(), self.base, self.choice, self.explained, self.encoding, self.target_text),
        )

    @property
    def base(self) -> "BasePass":
        """The one full forward pass."""
        return self.once(("base",), lambda: explained_pass(self._model(), self.encoding.prompt_ids, self.explained))

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

        return self.once(("objective", hessian_layer), build)

    def gradient(self) -> Array:
        """Gradient of the objective in the embeddings of the scored tokens: `[scored, d_model]`, or `[step, ...]`."""
        rows = self.once(("gradient",), lambda: self.objective().gradients_at(self.positions))
        return self._fold(rows.double().cpu().numpy())

    def embeddings(self) -> Array:
        """Embeddings of the scored tokens, `[scored, d_model]`."""
        return cast(Array, self.base.embeddings[0, self.positions].double().cpu().numpy())

    def transition(
        self,
        rollout: "Rollout" = "suffix",
        heads: "Heads" = "chained",
        windows: Windows | None = None,
        *,
        values: "Values" = "attention",
    ) -> Array:
        """M: every row sums to 1 over the scored tokens (see `heta.transition`)."""

        def compute() -> Array:
            if windows is not None:
                parts = in_windows(self, windows, lambda part: part.transition(rollout, heads))
                return cast(Array, parts / parts.sum(-1, keepdims=True))
            from heta.transition import transition_rows

            model, base = self._model(), self.base
            rows = transition_rows(model, base, self.positions, rollout=rollout, heads=heads, values=values).numpy()
            return self.spread(rows if self.each else rows.mean(0))

        return self.once(("transition", rollout, heads, windows, values), compute)

    def information(self, mask: "Mask" = "zero", windows: Windows | None = None) -> Array:
        """I in nats, >= 0 (see `heta.information`)."""

        def compute() -> Array:
            if windows is not None:
                return in_windows(self, windows, lambda part: part.information(mask))
            from heta.left_out import left_out

            return self.spread(self._fold(left_out(self, "token", mask).information.T, summed=True))

        return self.once(("information", mask, windows), compute)

    def information_rows(self, positions: Sequence[int], mask: "Mask" = "zero") -> Array:
        """I of some tokens, `[step, position]`; not kept."""
        from heta.information import information_by_step

        foil = self.objective().foil_ids
        with self._lock:
            rows = information_by_step(
                self._model(), self.base, positions, mask=mask, foil_ids=foil, budget=self.in_flight()
            )
        return cast(Array, rows.numpy())

    def perturb(self, perturbations: Sequence["Perturbation"], reduce: "Reduce") -> Array:
        """`reduce` of the log-probabilities under each perturbation, `[row, ...]` (see `heta.perturbation`)."""
        from heta.perturbation import perturb

        with self._lock:
            result = perturb(self._model(), self.base, perturbations, reduce, budget=self.in_flight())
        return cast(Array, result.numpy())

    def explained_log_probs(self) -> "Reduce":
        """A reducer of log-probabilities to those that are explained: of the target, or its lead over the foil."""
        from heta.perturbation import chosen_log_probs, lead

        base, foil = self.base, self.objective().foil_ids
        return (lambda log_probs: chosen_log_probs(base, log_probs)) if foil is None else lead(base, foil)

    def mask_vector(self, mask: "Mask") -> "torch.Tensor | None":
        """What a masked token's embedding becomes, `[d_model]`; None where it is left out (see `heta.masks`)."""
        from heta.masks import mask_vector

        return mask_vector(self._model(), self.base, mask)

    def curvature(self, options: "CurvatureOptions", windows: Windows | None = None) -> tuple[Array, tuple[str, ...]]:
        """S, >= 0, and what there is to say of it (see `heta.curvature`)."""
        from heta.curvature.modes import note

        values, left_out = self._curvature(options, windows)
        said = note(options, left_out)
        return values, () if said is None else (said,)

    def _curvature(self, options: "CurvatureOptions", windows: Windows | None) -> tuple[Array, float]:
        """S, and the most that its mode leaves out in any window."""

        def compute() -> tuple[Array, float]:
            if windows is not None and windows.kind == "isolated":
                worst = [0.0]

                def one(part: Prepared) -> Array:
                    values, left_out = part._curvature(options, None)
                    worst.append(left_out)
                    return values

                return in_windows(self, windows, one), max(worst)
            from heta.curvature.modes import curvature

            objective = self.objective(options.hessian_layer)
            found = curvature(objective, self.positions, options, windows=windows, budget=self.in_flight(backward=True))
            return self.spread(self._fold(found.values.numpy())), found.left_out

        return self.once(("curvature", options.key(), windows), compute)

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
        from heta.screening import screened

        with self._lock:
            return screened(self, options, score, mask, information=information)

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

    def part(self, encoding: Encoding) -> "Prepared":
        """The same target behind another context."""
        other = Prepared(self.model, self.prompt, self.given_target, choice=self.choice, budget=self.budget)
        # Both are computed on first use elsewhere; here they are given.
        other.__dict__.update(encoding=encoding, explained=self.explained)
        return other

    def in_flight(self, *, backward: bool = False) -> int:
        """Tokens in one pass."""
        first = min(self.positions[0], self.base.read[0])
        return self.budget.tokens_in_flight(self._model(), self.base, first, backward=backward)

    def _model(self) -> "LoadedModel":
        if self.model is None:
            raise ConfigError("this prompt was prepared without a model; give one to prepare()")
        return self.model

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of `key`, from `compute` the first time."""
        with self._lock:
            return self._memo.get(key, compute)


def prepare(
    model: "LoadedModel | None",
    prompt: str,
    target: str | Continuation,
    *,
    unscored: Sequence[Span] = (),
    policy: TargetPolicy | TargetChoice = "answer",
    budget: Budget | None = None,
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
        budget: most tokens or bytes in one pass; changes speed and memory, results only by rounding.
        chat: make the prompt the user's turn in the model's chat template (see `heta.chat`).
        system: the system message of the chat.

    Raises:
        InputError: texts or spans that cannot be used, a target the tokenizer cannot isolate, a prompt longer than
            the model's window, nothing to score.
        ConfigError: an unknown policy, a policy or chat that needs a model, a system message without a chat.
        IncompatibleModel: a chat with a model that has no usable chat template.
    """
    if model is not None and not isinstance(model, LoadedModel):
        raise ConfigError(f"model is a {type(model).__name__}; give what heta.load_model or heta.wrap_model returns")
    choice = policy if isinstance(policy, TargetChoice) else TargetChoice(policy)
    spans = tuple(Span(*span) for span in unscored)
    check_texts(prompt, target if isinstance(target, str) else target.text, spans)
    around = chat_around(model, prompt, chat=chat, system=system)
    prepared = Prepared(model, prompt, target, unscored=spans, choice=choice, budget=budget, chat=around)
    if model is None and choice != TargetChoice():
        raise ConfigError("without a model there is only the target as given: leave policy out, or give a model")
    if model is not None:
        _ = prepared.explained
    else:
        prepared.check_words()
    return prepared
