"""ReAGent: importance from replacing random sets of tokens, until the important ones suffice (Zhao and Shan 2024)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from heta.methods.base import Array, Options, Scores
from heta.methods.by_unit import ByUnit
from heta.records import Unit

if TYPE_CHECKING:
    from heta.prepared import Prepared

_BLOCK = 16
"""Steps that are computed together; those behind the stop are dropped."""


class ReagentOptions(Options):
    """Options of `reagent`."""

    unit: Unit = "token"
    """What is replaced as a whole."""
    runs: Annotated[int, Field(ge=1)] = 4
    """Independent runs, whose scores are averaged."""
    steps: Annotated[int, Field(ge=1)] = 75
    """Most steps of a run."""
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of the units that a step replaces, at least one."""
    keep: Annotated[int, Field(ge=1)] = 5
    """The most important units, which have to suffice; at most all but one."""
    top: Annotated[int, Field(ge=1)] = 3
    """They suffice where the target is among so many first choices at every step."""
    proposals: Annotated[int, Field(ge=1, le=1000)] = 10
    """The model's likeliest other tokens in a place, of which a replacement is drawn evenly."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of everything that is drawn."""


class Reagent(ByUnit):
    """Share of importance, in [0, 1], summing to 1 over the units, averaged over runs.

    A run begins with random logits in [0, 1). A step replaces a random `ratio` of the units, takes dp = p(target | x) -
    p(target | x replaced), and adds logit(0.5 + 0.5 dp) to the logits of the units replaced and -logit(0.5 + 0.5 dp) to
    those of the others. It ends when the target is among the `top` first choices with all but the `keep` most important
    units replaced, or after `steps`. The score is the softmax of the logits. Cost: at most 2 x runs x steps forward
    passes and one for proposals; no gradients.

    The source takes ratio 0.3, keep 5, top 3, at most 3000 steps and 8 runs, and replaces tokens by words of the same
    part of speech, or by what a masked language model proposes. Ours replaces a token by one of the `proposals`
    likeliest outputs of the explained model itself behind the tokens before it: no second model or tagger, but
    proposals know nothing of what follows. p(target) is that of the whole answer, the product over its tokens, where
    the source knows single tokens only: policy `each` is the source's. Against a foil, p is that of the choice between
    the two, and the target suffices where it leads.
    """

    name = "reagent"
    summary = "importance from random replacements, until the most important tokens suffice"
    reference = "Zhao and Shan 2024, arXiv 2402.00794, Algorithm 1"
    family = "perturbation"
    cost = "at most 2 x `runs` x `steps` forward"
    options_class = ReagentOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The mean share of every unit."""
        from heta.left_out import scored_units, spread_units

        scored, units = scored_units(prepared, self.unit)
        runs = [_Run(prepared, units, self.options, number).go() for number in range(self.options.runs)]
        shares = np.array([run.shares for run in runs])
        scores = spread_units(scored, shares.mean(0))
        return Scores(scores=scores if prepared.each else scores[0], notes=(_note(runs, shares, self.options),))


@dataclass(frozen=True, eq=False)
class _Ended:
    """What a run came to."""

    shares: Array
    """`[lane, unit]`, each row sums to 1."""
    steps: NDArray[np.int64]
    """`[lane]`, steps taken."""
    enough: NDArray[np.bool_]
    """`[lane]`, whether the most important units sufficed."""


class _Run:
    """One run. A lane is what has an importance of its own: the whole target, or under `each` every token of it."""

    def __init__(
        self, prepared: "Prepared", units: list[tuple[int, ...]], options: ReagentOptions, number: int
    ) -> None:
        from heta.proposals import proposals

        self.prepared, self.units, self.options = prepared, units, options
        self.random = np.random.default_rng([options.seed, number])
        self.proposed = dict(zip(prepared.positions, proposals(prepared, options.proposals), strict=True))
        self.lanes = len(prepared.base.read) if prepared.each else 1

    def go(self) -> _Ended:
        """Steps until every lane has what suffices, or there are enough of them."""
        options, lanes = self.options, self.lanes
        logits = np.repeat(self.random.random((1, len(self.units))), lanes, axis=0)
        taken, enough = np.zeros(lanes, dtype=np.int64), np.zeros(lanes, dtype=np.bool_)
        clean = self._clean()
        for first in range(0, options.steps, _BLOCK):
            drawn = [self._draw() for _ in range(min(_BLOCK, options.steps - first))]
            gone = np.array([replaced for replaced, _ in drawn])
            p = self._look([self._replaced(replaced, ids) for replaced, ids in drawn])[..., 0]
            # dp is -1 or 1 only where p is 0 and 1 to rounding; the logit stays finite.
            change = np.clip(0.5 + 0.5 * (clean - p), 1e-15, 1 - 1e-15)  # [step, lane]
            moves = np.log(change / (1 - change))[..., None] * np.where(gone, 1.0, -1.0)[:, None]
            path = logits + np.cumsum(moves, axis=0)  # [step, lane, unit]
            stops = self._suffices(path, [ids for _, ids in drawn], ~enough)
            for lane in np.flatnonzero(~enough):
                ends = np.flatnonzero(stops[:, lane])
                last = int(ends[0]) if len(ends) else len(drawn) - 1
                logits[lane], enough[lane] = path[last, lane], bool(len(ends))
                taken[lane] += last + 1
            if enough.all():
                break
        shares = np.exp(logits - logits.max(1, keepdims=True))
        return _Ended(shares / shares.sum(1, keepdims=True), taken, enough)

    def _draw(self) -> tuple[NDArray[np.bool_], dict[int, int]]:
        """Units to replace `[unit]`, and a token for every scored position, of which the step's two passes take theirs.

        A step draws the same number of values whatever came before: steps do not depend on how they are batched.
        """
        count = max(1, round(self.options.ratio * len(self.units)))
        gone = np.zeros(len(self.units), dtype=np.bool_)
        gone[self.random.permutation(len(self.units))[:count]] = True
        picks = self.random.integers(0, self.options.proposals, len(self.proposed))
        return gone, {at: int(ids[pick]) for (at, ids), pick in zip(self.proposed.items(), picks, strict=True)}

    def _replaced(self, gone: NDArray[np.bool_], ids: dict[int, int]) -> "tuple[tuple[int, ...], tuple[int, ...]]":
        from heta.coalitions import gone_positions

        at = gone_positions(self.units, ~gone)
        return at, tuple(ids[position] for position in at)

    def _suffices(self, path: Array, ids: list[dict[int, int]], active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """`[step, lane]`: whether the target is predicted from the most important units alone."""
        result = np.zeros(path.shape[:2], dtype=np.bool_)
        keep = min(self.options.keep, len(self.units) - 1)
        lanes = np.flatnonzero(active)
        rows = []
        for step in range(len(path)):
            for lane in lanes:
                gone = np.ones(len(self.units), dtype=np.bool_)
                # Ties by position, the first one stays.
                gone[np.argsort(-path[step, lane], kind="stable")[:keep]] = False
                rows.append(self._replaced(gone, ids[step]))
        ranks = self._look(rows)[..., 1].reshape(len(path), len(lanes), self.lanes)
        # Against a foil there are two choices, and every rank would be among the first three.
        top = 1 if self.prepared.explained.foil_ids is not None else self.options.top
        result[:, lanes] = ranks[:, np.arange(len(lanes)), lanes] <= top
        return result

    def _look(self, rows: "list[tuple[tuple[int, ...], tuple[int, ...]]]") -> Array:
        """`[row, lane, 2]`: p(target), and its worst rank."""
        from heta.perturbation import Perturbation
        from heta.ranking import explained_and_rank

        found = self.prepared.perturb([Perturbation(*row) for row in rows], explained_and_rank(self.prepared))
        return self._by_lane(found)

    def _clean(self) -> Array:
        """`[lane]`, p(target) as the prompt stands."""
        from heta.ranking import explained_and_rank

        found = explained_and_rank(self.prepared)(self.prepared.base.log_probs[None]).cpu().numpy()
        return self._by_lane(found)[0, :, 0]

    def _by_lane(self, found: Array) -> Array:
        """`[row, lane, 2]` from `[row, step, 2]` of log-probability, or lead, and rank."""
        values, ranks = found[..., 0], found[..., 1]
        if not self.prepared.each:
            values, ranks = values.sum(1, keepdims=True), ranks.max(1, keepdims=True)
        contrast = self.prepared.explained.foil_ids is not None
        return np.stack([1 / (1 + np.exp(-values)) if contrast else np.exp(values), ranks], axis=-1)


def _note(runs: list[_Ended], shares: Array, options: ReagentOptions) -> str:
    steps = np.array([run.steps for run in runs])
    enough = np.array([run.enough for run in runs])
    note = (
        f"in {enough.sum()} of {enough.size} searches the {options.keep} most important units sufficed;"
        f" {steps.min()} to {steps.max()} steps taken, at most {options.steps}"
    )
    if len(runs) < 2:
        return f"{note}; one run: its sampling error is not known"
    error = shares.sum(1).std(0, ddof=1) / np.sqrt(len(runs))
    return (
        f"{note}; standard error {np.median(error):.2g} (median over units), largest score {shares.mean(0).max():.2g}"
    )
