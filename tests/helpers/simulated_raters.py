"""Answers of made-up raters, without any server: honest ones who differ in style, and ones who do not do the task."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heta_data.records import GoldLabels, LabelTask, SpanPart, SuggestionPart, TokenLabels

Answer = Callable[["Text", random.Random], tuple[set[int], float]]
"""From a text and a draw to marked units and seconds."""


@dataclass(frozen=True)
class Text:
    """One item: how many units, which of them matter, which are pre-selected."""

    item: str
    units: int
    core: frozenset[int]
    near: frozenset[int]
    suggested: frozenset[int]


@dataclass(frozen=True)
class Style:
    """How an honest rater marks."""

    keep: float
    near: float
    stray: float


CLEAR = Style(keep=0.96, near=0.03, stray=0.002)
"""Two raters like this agree with an alpha of about 0.8."""
VAGUE = Style(keep=0.75, near=0.5, stray=0.1)
"""Two raters like this agree with an alpha of 0.25 to 0.40, as people do who are asked which words matter."""


def make_texts(count: int, draw: random.Random) -> list[Text]:
    """Texts of 40 to 140 units, a tenth of which matter, in two or three places."""
    texts = []
    for number in range(count):
        units = draw.randint(40, 140)
        core: set[int] = set()
        while len(core) < max(3, units // 10):
            start = draw.randrange(units)
            core |= set(range(start, min(units, start + draw.randint(1, 4))))
        near = {index + step for index in core for step in (-2, -1, 1, 2)} & set(range(units)) - core
        suggested = set(draw.sample(range(units), max(1, round(0.15 * units))))
        # A method that is right about half of the time.
        suggested = {draw.choice(sorted(core)) if draw.random() < 0.5 else index for index in suggested}
        texts.append(Text(f"{number:016x}", units, frozenset(core), frozenset(near), frozenset(suggested)))
    return texts


def honest(style: Style, draw: random.Random) -> Answer:
    """A rater who reads: marks by the style, varied a little, at a pace that is log-normal around 0.27 s a word."""
    mine = Style(*(min(0.99, value * draw.uniform(0.85, 1.15)) for value in (style.keep, style.near, style.stray)))
    pace = 0.27 * draw.lognormvariate(0, 0.2)

    def answer(text: Text, draw: random.Random) -> tuple[set[int], float]:
        chances = [
            mine.keep if index in text.core else mine.near if index in text.near else mine.stray
            for index in range(text.units)
        ]
        marked = {index for index, chance in enumerate(chances) if draw.random() < chance}
        return marked, 15 + text.units * pace * draw.lognormvariate(0, 0.4)

    return answer


def sleeper(text: Text, draw: random.Random) -> tuple[set[int], float]:
    """Marks nothing, at an honest pace."""
    return set(), text.units * 0.27 * draw.lognormvariate(0, 0.4)


def racer(text: Text, draw: random.Random) -> tuple[set[int], float]:
    """Two seconds an item, and a few words that catch the eye."""
    return set(draw.sample(range(text.units), 5)), 2.0 * draw.lognormvariate(0, 0.2)


def cheater(text: Text, draw: random.Random) -> tuple[set[int], float]:
    """Submits what is pre-selected."""
    return set(text.suggested), text.units * 0.27 * draw.lognormvariate(0, 0.4)


def all_marker(text: Text, draw: random.Random) -> tuple[set[int], float]:
    """Marks everything."""
    return set(range(text.units)), text.units * 0.27 * draw.lognormvariate(0, 0.4)


def place_marker(text: Text, draw: random.Random) -> tuple[set[int], float]:
    """Marks the first words of every text."""
    return set(range(8)), text.units * 0.27 * draw.lognormvariate(0, 0.4)


def task_of(text: Text, *, gold: bool = False, assisted: bool = False) -> LabelTask:
    """The text as a task of an arm."""
    part = SuggestionPart(method="m", model="n", config_hash="0" * 8, selected=tuple(sorted(text.suggested)))
    return LabelTask(
        uid=f"t{text.item}",
        item_id=text.item,
        arm="assisted" if assisted else "blind",
        units=tuple(SpanPart(start=2 * index, end=2 * index + 1) for index in range(text.units)),
        segmentation="word/1",
        gold=gold,
        overlap=3,
        isolation="organisation",
        guideline_hash="g",
        campaign_hash="c",
        suggestion=part if assisted else None,
    )


def gold_of(text: Text) -> GoldLabels:
    """What is known of a text."""
    labels = tuple(1 if index in text.core else 0 for index in range(text.units))
    return GoldLabels(
        item_id=text.item,
        segmentation="word/1",
        starts=tuple(2 * index for index in range(text.units)),
        ends=tuple(2 * index + 1 for index in range(text.units)),
        probability=tuple(float(label) for label in labels),
        labels=labels,
        method="by-hand/1",
        n_raters=1,
        kinds=("human",),
        arms=("blind",),
        source="adjudicated",
    )


def answers_of(rater: str, answer: Answer, texts: Sequence[Text], draw: random.Random, arm: str) -> list[TokenLabels]:
    """One rater's answers."""
    records = []
    for text in texts:
        marked, seconds = answer(text, draw)
        records.append(
            TokenLabels(
                item_id=text.item,
                task_uid=f"t{text.item}",
                rater=rater,
                kind="simulated",
                arm=arm,
                segmentation="word/1",
                starts=tuple(2 * index for index in range(text.units)),
                ends=tuple(2 * index + 1 for index in range(text.units)),
                labels=tuple(1 if index in marked else 0 for index in range(text.units)),
                seconds=round(seconds, 1),
                campaign_hash="c",
                isolation="organisation",
            )
        )
    return records
