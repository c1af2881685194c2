"""What the opinions come to: which method is preferred, what can be answered from each, and how raters lean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from statistics import median

from heta_annotation.campaign.queues import Asked
from heta_annotation.opinions.estimate import Estimate, Value, estimate
from heta_annotation.opinions.fetch import AskFetched
from heta_annotation.opinions.reading import OddAnnotation
from heta_data.opinions import Opinion, ShownMethod
from heta_data.records import Item


@dataclass(frozen=True)
class PairSummary:
    """Two methods against each other."""

    first: str
    second: str
    rate: Estimate
    """How often the first is preferred; no difference counts as half for each."""
    won: int
    lost: int
    undecided: int
    """Answers of no difference."""
    same: int
    """Items of which both show the same words: a tie by construction, which nobody was asked."""


@dataclass(frozen=True)
class MethodSummary:
    """What raters answered from one method's words."""

    method: str
    correct: Estimate
    """Share of answers that are the item's; who could not tell counts as wrong."""
    token_f1: Estimate
    """Mean F1 with the item's answer; who could not tell counts as 0."""
    gave_up: Estimate
    """Share of raters who could not tell."""


@dataclass(frozen=True)
class AskSummary:
    """One ask and what came of it."""

    asked: Asked
    kind: str
    """Whose opinions these are: `human` or `simulated`."""
    hash: str
    raters: int
    """Who have answered at least one question."""
    questions: int
    answers: int
    skipped: int
    behind: Mapping[str, str]
    """Which attributions are behind each method: `kl` -> `kl-1a2b3c4d@smollm2`."""
    pairs: tuple[PairSummary, ...]
    methods: tuple[MethodSummary, ...]
    undecided: Estimate | None
    """Share of answers of no difference; None where nobody was asked to compare."""
    left: Estimate | None
    """Share of the left one among those who chose: away from 0.5 it is the place that was preferred."""
    seconds: float | None
    """Median working time of an answer."""
    odd: tuple[OddAnnotation, ...]
    vanished: tuple[int, ...]
    changed: tuple[int, ...]


Mean = Callable[[Sequence[Opinion], Callable[[Opinion], float]], Estimate]
"""The estimate of a figure over some opinions."""


def summarise(fetched: AskFetched, items: Mapping[str, Item], *, seed: int = 0) -> AskSummary:
    """The figures of one ask.

    Args:
        fetched: its answers.
        items: the folder's items by id.
        seed: of the intervals' draws.
    """
    ask, opinions = fetched.ask, fetched.opinions
    prefers = ask.asked == "prefer"

    def mean(chosen: Sequence[Opinion], value: Callable[[Opinion], float]) -> Estimate:
        return estimate((Value(one.item_id, items[one.item_id].group, value(one)) for one in chosen), seed=seed)

    behind = ask.details["methods"]
    methods = {name: ShownMethod.model_validate(behind[name]) for name in ask.settings["methods"]}
    decided = [one for one in opinions if one.choice in ("left", "right")]
    seconds = [one.seconds for one in opinions if one.seconds is not None]
    return AskSummary(
        asked=ask.asked,
        kind=str(ask.settings["kind"]),
        hash=ask.hash,
        raters=len({one.rater for one in opinions}),
        questions=fetched.questions,
        answers=len(opinions),
        skipped=fetched.skipped,
        behind={name: shown.name for name, shown in methods.items()},
        pairs=_pairs(fetched, methods, mean) if prefers else (),
        methods=() if prefers else _methods(opinions, methods, mean),
        undecided=mean(opinions, lambda one: float(one.choice == "same")) if prefers else None,
        left=mean(decided, lambda one: float(one.choice == "left")) if prefers else None,
        seconds=round(median(seconds), 1) if seconds else None,
        odd=fetched.odd,
        vanished=fetched.vanished,
        changed=fetched.changed,
    )


def _pairs(fetched: AskFetched, methods: Mapping[str, ShownMethod], mean: Mean) -> tuple[PairSummary, ...]:
    same = {(first, second): count for first, second, count in fetched.ask.details["same"]}
    found = []
    for first, second in combinations(methods, 2):
        one, other = methods[first], methods[second]
        chosen = [opinion for opinion in fetched.opinions if set(opinion.shown) == {one, other}]
        found.append(
            PairSummary(
                first=first,
                second=second,
                rate=mean(chosen, partial(_score, one)),
                won=sum(opinion.winner == one for opinion in chosen),
                lost=sum(opinion.winner == other for opinion in chosen),
                undecided=sum(opinion.winner is None for opinion in chosen),
                same=same.get((first, second), 0),
            )
        )
    return tuple(found)


def _score(method: ShownMethod, opinion: Opinion) -> float:
    """1 where that method was preferred, 0 where the other one was, and one half for no difference."""
    return 0.5 if opinion.winner is None else float(opinion.winner == method)


def _methods(opinions: Sequence[Opinion], methods: Mapping[str, ShownMethod], mean: Mean) -> tuple[MethodSummary, ...]:
    found = []
    for name, shown in methods.items():
        chosen = [opinion for opinion in opinions if opinion.shown == (shown,)]
        found.append(
            MethodSummary(
                method=name,
                correct=mean(chosen, lambda one: float(bool(one.correct))),
                token_f1=mean(chosen, lambda one: one.token_f1 or 0.0),
                gave_up=mean(chosen, lambda one: float(bool(one.gave_up))),
            )
        )
    return tuple(found)
