"""Balance, whatever the numbers: no colour and no side comes more than once too often anywhere."""

import random
from collections import Counter
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from heta_annotation.opinions.design import orient, spread


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Edges between raters and items, each at most once."""
    raters, items = draw(st.integers(1, 7)), draw(st.integers(1, 12))
    every = [(f"a{rater}", f"i{item}") for rater in range(raters) for item in range(items)]
    return draw(st.lists(st.sampled_from(every), unique=True))


@given(graphs(), st.integers(1, 5), st.integers(0, 5))
def test_every_vertex_has_all_colours_equally_often_within_one(
    edges: list[tuple[str, str]], colours: int, seed: int
) -> None:
    found = spread(edges, colours, random.Random(seed))
    assert len(found) == len(edges)
    assert set(found) <= set(range(colours))
    for side in (0, 1):
        for vertex in {edge[side] for edge in edges}:
            times = Counter(colour for edge, colour in zip(edges, found, strict=True) if edge[side] == vertex)
            counts = [times[colour] for colour in range(colours)]
            assert max(counts) - min(counts) <= 1
    assert found == spread(edges, colours, random.Random(seed))


def test_three_raters_three_items_three_methods_make_a_latin_square() -> None:
    edges = [(rater, item) for rater in "abc" for item in "xyz"]
    for seed in range(20):
        square = dict(zip(edges, spread(edges, 3, random.Random(seed)), strict=True))
        # 3 edges at every vertex and 3 colours: each exactly once in every row and every column.
        assert all({square[rater, item] for item in "xyz"} == {0, 1, 2} for rater in "abc")
        assert all({square[rater, item] for rater in "abc"} == {0, 1, 2} for item in "xyz")


def test_who_sees_what_depends_on_the_draw() -> None:
    edges = [(rater, item) for rater in "abc" for item in "uvwxyz"]
    first = Counter(spread(edges, 3, random.Random(seed))[0] for seed in range(300))
    # Each of 3 methods in about 100 of 300 draws (standard deviation 8); far outside is a bias.
    assert min(first.values()) > 60


METHODS = st.sampled_from("abcdef")
PAIRS = st.lists(st.tuples(METHODS, METHODS).filter(lambda pair: pair[0] != pair[1]), max_size=80)


@given(PAIRS, st.integers(0, 5))
def test_each_method_and_each_pair_stands_on_both_sides_equally_often_within_one(
    pairs: list[tuple[str, str]], seed: int
) -> None:
    found = orient(pairs, random.Random(seed))
    assert [set(pair) for pair in found] == [set(pair) for pair in pairs]
    left, right = Counter(pair[0] for pair in found), Counter(pair[1] for pair in found)
    assert all(abs(left[method] - right[method]) <= 1 for method in "abcdef")
    both = Counter(found)
    assert all(abs(both[first, second] - both[second, first]) <= 1 for first, second in combinations("abcdef", 2))


def test_which_side_is_drawn() -> None:
    pairs = [("a", "b"), ("b", "c"), ("a", "c"), ("a", "b")]
    for place in range(len(pairs)):
        times = sum(orient(pairs, random.Random(seed))[place][0] == pairs[place][0] for seed in range(400))
        # A fair side in 400 draws: 200, standard deviation 10.
        assert 140 < times < 260
