"""Who is asked what: every question to its raters, equal k, balanced methods, nobody the same text twice to answer."""

import random
from collections import Counter
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from helpers.asks import tops
from helpers.campaigns import simple_items, text_item
from heta_annotation.opinions.deals import Deal, Place, deal_answers, deal_preferences
from heta_annotation.opinions.methods import Tops
from heta_annotation.opinions.settings import AskSettings
from heta_data.records import Item

TEXTS = [
    text_item(number, f"Lamp {number} is red.", f"Loaf {number} is warm.", "What is red?", "Lamp", first=first)
    for number in range(8)
    for first in (True, False)
]
"""Every row in both segment orders."""
ALONE = simple_items(9)


@st.composite
def asks(draw: st.DrawFn, least: int) -> tuple[int, int, int, int, int]:
    """Items, methods, raters, overlap, seed."""
    raters = draw(st.integers(1, 6))
    return (
        draw(st.integers(1, 9)),
        draw(st.integers(least, 5)),
        raters,
        draw(st.integers(1, raters)),
        draw(st.integers(0, 3)),
    )


def settings(asked: str, methods: int, raters: int, overlap: int, seed: int) -> AskSettings:
    names = tuple(f"a{number}" for number in range(raters))
    return AskSettings(asked, tuple(f"m{n}" for n in range(methods)), names, overlap=overlap, seed=seed)  # type: ignore[arg-type]


def drawn(items: list[Item], methods: int, seed: int) -> dict[str, Tops]:
    """Two words of four for every method: some pairs of methods have the same ones."""
    draw = random.Random(seed)
    return {
        f"m{n}": tops(f"m{n}", {item.id: tuple(sorted(draw.sample(range(4), 2))) for item in items})
        for n in range(methods)
    }


def within_one(counts: list[int]) -> bool:
    return max(counts) - min(counts) <= 1


def row(place: Place) -> str:
    return place.item.source_id


@given(asks(least=2))
def test_every_pair_goes_to_its_raters_and_stands_on_both_sides(ask: tuple[int, int, int, int, int]) -> None:
    count, methods, raters, overlap, seed = ask
    items = ALONE[:count]
    chosen, found = settings("prefer", methods, raters, overlap, seed), drawn(items, methods, seed)
    deal = deal_preferences(chosen, items, found)
    questions = Counter(
        (place.item.id, *sorted(one.text for one in place.methods)) for mine in deal.dealt.values() for place in mine
    )
    different = [
        (item.id, first, second)
        for item in items
        for first, second in combinations(found, 2)
        if found[first].units[item.id] != found[second].units[item.id]
    ]
    assert questions == Counter(dict.fromkeys(different, overlap))
    assert sum(deal.same.values()) == count * methods * (methods - 1) // 2 - len(different)
    loads = [len(deal.dealt.get(rater, ())) for rater in chosen.raters]
    assert within_one(loads)
    for mine in deal.dealt.values():
        sides = Counter((side, one.text) for place in mine for side, one in enumerate(place.methods))
        assert all(abs(sides[0, name] - sides[1, name]) <= 1 for name in found)
        orders = Counter((place.methods[0].text, place.methods[1].text) for place in mine)
        assert all(abs(orders[pair] - orders[pair[::-1]]) <= 1 for pair in combinations(found, 2))
        # Equal k by construction, and never the same words twice on a page.
        assert all(len(place.methods[0].units[place.item.id]) == 2 for place in mine)
        assert all(place.methods[0].units[place.item.id] != place.methods[1].units[place.item.id] for place in mine)
    assert deal == deal_preferences(chosen, items, found)


def test_all_texts_come_once_before_the_first_comes_again() -> None:
    items = ALONE[:5]
    found = {f"m{n}": tops(f"m{n}", {item.id: (n,) for item in items}) for n in range(3)}
    deal = deal_preferences(settings("prefer", 3, 2, 2, 0), items, found)
    for mine in deal.dealt.values():
        # 5 texts, 3 pairs of methods.
        assert [len({row(place) for place in mine[start : start + 5]}) for start in (0, 5, 10)] == [5, 5, 5]


@given(asks(least=1), st.booleans())
def test_nobody_answers_a_question_twice_and_methods_are_balanced(
    ask: tuple[int, int, int, int, int], twins: bool
) -> None:
    count, methods, raters, overlap, seed = ask
    items = TEXTS[: 2 * count] if twins else ALONE[:count]
    chosen, found = settings("answer", methods, raters, overlap, seed), drawn(items, methods, seed)
    deal = deal_answers(chosen, items, found)
    by_row = Counter(row(place) for mine in deal.dealt.values() for place in mine)
    assert by_row == Counter(dict.fromkeys({item.source_id for item in items}, overlap))
    assert within_one([len(deal.dealt.get(rater, ())) for rater in chosen.raters])
    for mine in deal.dealt.values():
        assert len({row(place) for place in mine}) == len(mine)
        seen = Counter(place.methods[0].text for place in mine)
        assert within_one([seen[name] for name in found])
        assert all(len(place.methods) == 1 for place in mine)
    for one in by_row:
        seen = Counter(place.methods[0].text for mine in deal.dealt.values() for place in mine if row(place) == one)
        assert within_one([seen[name] for name in found])
    assert deal == deal_answers(chosen, items, found)


def test_both_orders_of_a_row_are_answered_about_equally_often() -> None:
    items = TEXTS[:4]
    deal: Deal = deal_answers(settings("answer", 2, 6, 6, 1), items, drawn(items, 2, 0))
    seen = Counter(place.item.id for mine in deal.dealt.values() for place in mine)
    # 2 rows x 6 raters over 4 items.
    assert seen == Counter(dict.fromkeys((item.id for item in items), 3))
