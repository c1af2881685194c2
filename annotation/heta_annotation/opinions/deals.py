"""Who is asked what, in which order, and which method stands where: balanced for every rater, the rest drawn."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from heta_annotation.campaign.queues import deal
from heta_annotation.opinions.design import orient, spread
from heta_annotation.opinions.methods import Tops
from heta_annotation.opinions.settings import AskSettings
from heta_data.records import Item


@dataclass(frozen=True)
class Place:
    """An item with the methods whose words are shown, left before right."""

    item: Item
    methods: tuple[Tops, ...]


@dataclass(frozen=True)
class Deal:
    """Everybody's questions."""

    dealt: Mapping[str, tuple[Place, ...]]
    """By rater, in the order in which they are asked; raters without a question are left out."""
    same: Mapping[tuple[str, str], int]
    """Two methods -> items of which both show the same words: a tie by construction, which nobody is asked."""


def deal_preferences(settings: AskSettings, items: Sequence[Item], tops: Mapping[str, Tops]) -> Deal:
    """Every item with every pair of methods, to as many raters as the overlap says.

    Loads differ by one at most, and a rater gets other texts before the same one again. For every rater each pair
    stands in both orders, and each method left and right, equally often within one.
    """
    places: dict[str, tuple[Item, str, str]] = {}
    same: Counter[tuple[str, str]] = Counter()
    for first, second in combinations(tops, 2):
        for item in items:
            if tops[first].units[item.id] == tops[second].units[item.id]:
                same[first, second] += 1
            else:
                places[f"{item.id} {first} {second}"] = (item, first, second)
    twins = {key: (item.source, item.source_id) for key, (item, _, _) in places.items()}
    dealt = deal(
        list(places), settings.raters, settings.raters_each, seed=f"{settings.seed}:{settings.asked}", twins=twins
    )
    questions = {}
    for rater, keys in dealt.items():
        draw = _draw(settings, rater)
        draw.shuffle(keys)
        # Once through all texts before the first one comes again with another pair.
        times: Counter[tuple[str, str]] = Counter()
        rounds = {}
        for key in keys:
            rounds[key] = times[twins[key]]
            times[twins[key]] += 1
        keys.sort(key=rounds.__getitem__)
        sides = orient([places[key][1:] for key in keys], draw)
        questions[rater] = tuple(
            Place(places[key][0], (tops[left], tops[right])) for key, (left, right) in zip(keys, sides, strict=True)
        )
    return Deal({rater: mine for rater, mine in questions.items() if mine}, same)


def deal_answers(settings: AskSettings, items: Sequence[Item], tops: Mapping[str, Tops]) -> Deal:
    """Every item to as many raters as the overlap says, each of whom sees it by one method, and never again.

    The two segment orders of a row are one item here: whoever has answered its question knows the answer. Every rater
    sees all methods equally often within one, and every row is seen by all methods equally often within one.
    """
    rows: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        rows[item.source, item.source_id].append(item)
    keys = [f"{number}" for number in range(len(rows))]
    row_of = dict(zip(keys, rows.values(), strict=True))
    dealt = deal(keys, settings.raters, settings.raters_each, seed=f"{settings.seed}:{settings.asked}", twins={})
    edges = [(rater, key) for rater, mine in dealt.items() for key in mine]
    names = list(tops)
    draw = _draw(settings, "")
    draw.shuffle(names)
    colours = dict(zip(edges, spread(edges, len(names), draw), strict=True))
    questions: dict[str, list[Place]] = {rater: [] for rater in dealt}
    for key, twins in row_of.items():
        raters = sorted((colours[rater, key], draw.random(), rater) for rater, other in edges if other == key)
        first = draw.randrange(len(twins))
        for place, (colour, _, rater) in enumerate(raters):
            questions[rater].append(Place(twins[(first + place) % len(twins)], (tops[names[colour]],)))
    for rater, mine in questions.items():
        _draw(settings, rater).shuffle(mine)
    return Deal({rater: tuple(mine) for rater, mine in questions.items() if mine}, {})


def _draw(settings: AskSettings, rater: str) -> random.Random:
    return random.Random(f"{settings.asked}:{settings.seed}:{rater}")  # noqa: S311 - a reproducible draw, no secret
