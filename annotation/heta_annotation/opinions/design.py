"""Who sees which method where: balanced as far as the numbers allow, and otherwise drawn.

Two pieces of graph theory do it exactly, for any number of raters, items and methods.
"""

import random
from collections import defaultdict
from collections.abc import Hashable, Sequence

Edge = tuple[Hashable, Hashable]


def spread(edges: Sequence[Edge], colours: int, draw: random.Random) -> list[int]:
    """A colour from 0 for every edge of a bipartite graph: an equitable edge colouring.

    Among the edges of any one vertex, on either side, all colours come equally often within one. With raters and items
    as vertices and methods as colours that is a Latin square wherever the numbers allow one: every rater sees all
    methods equally often, and every item is seen by all methods equally often.

    Each vertex is split into pieces of `colours` edges, the last of which may have fewer. Then no piece has more edges
    than there are colours, and a colouring in which no two edges of a piece are alike exists (König 1916); it is built
    edge by edge, exchanging two colours along a path where both ends have no free colour in common.

    Source: de Werra 1971, "Balanced schedules", INFOR 9(3) (equitable colourings of bipartite graphs by splitting).
    """
    order = list(range(len(edges)))
    draw.shuffle(order)
    degree: dict[Hashable, int] = defaultdict(int)
    colour_of: dict[int, int] = {}
    ends: dict[int, tuple[Hashable, Hashable]] = {}
    # Piece -> colour -> the edge that has it there.
    taken: dict[Hashable, dict[int, int]] = defaultdict(dict)
    for edge in order:
        pieces = []
        for side, vertex in enumerate(edges[edge]):
            pieces.append((side, vertex, degree[side, vertex] // colours))
            degree[side, vertex] += 1
        left, right = pieces
        ends[edge] = (left, right)
        free = {end: [colour for colour in range(colours) if colour not in taken[end]] for end in (left, right)}
        common = [colour for colour in free[left] if colour in free[right]]
        if common:
            colour = draw.choice(common)
        else:
            colour, other = draw.choice(free[left]), draw.choice(free[right])
            _exchange(right, colour, other, ends, taken, colour_of)
        colour_of[edge] = colour
        taken[left][colour] = taken[right][colour] = edge
    return [colour_of[edge] for edge in range(len(edges))]


def _exchange(
    start: Hashable,
    colour: int,
    other: int,
    ends: dict[int, tuple[Hashable, Hashable]],
    taken: dict[Hashable, dict[int, int]],
    colour_of: dict[int, int],
) -> None:
    """Free `colour` at `start` by exchanging it with `other` along the path of edges that have one of the two."""
    path, here, wanted = [], start, colour
    while wanted in taken[here]:
        edge = taken[here][wanted]
        path.append(edge)
        left, right = ends[edge]
        here = right if here == left else left
        wanted = other if wanted == colour else colour
    for edge in path:
        for end in ends[edge]:
            del taken[end][colour_of[edge]]
    for edge in path:
        colour_of[edge] = other if colour_of[edge] == colour else colour
        for end in ends[edge]:
            taken[end][colour_of[edge]] = edge


def orient(pairs: Sequence[tuple[str, str]], draw: random.Random) -> list[tuple[str, str]]:
    """Every pair in one of its two orders, left and right, drawn so that it comes out even.

    Each pair of methods stands in both orders equally often within one, and each method stands left as often as right
    within one.
    """
    alike: dict[frozenset[str], list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        alike[frozenset(pair)].append(index)
    oriented: list[tuple[str, str]] = list(pairs)
    odd: dict[tuple[str, str], int] = {}
    for both in sorted(alike, key=sorted):
        first, second = sorted(both)
        indices = alike[both]
        draw.shuffle(indices)
        for place, index in enumerate(indices):
            oriented[index] = (first, second) if place % 2 else (second, first)
        if len(indices) % 2:
            odd[first, second] = indices[-1]
    for first, second in _walk(list(odd), draw):
        oriented[odd[min(first, second), max(first, second)]] = (first, second)
    return oriented


def _walk(edges: Sequence[tuple[str, str]], draw: random.Random) -> list[tuple[str, str]]:
    """Directions for the edges of a simple graph: at each vertex as many lead out as in, within one.

    A further vertex joined to all those of odd degree makes every degree even. Then every walk that never takes an edge
    twice ends where it began, and leaves each vertex as often as it enters it; without the further vertex's edges, of
    which there is one a vertex at most, the difference is one at most.
    """
    beyond = ""
    left: dict[str, list[str]] = defaultdict(list)
    for first, second in edges:
        left[first].append(second)
        left[second].append(first)
    for vertex in sorted(vertex for vertex, others in left.items() if len(others) % 2):
        left[vertex].append(beyond)
        left[beyond].append(vertex)
    directed: list[tuple[str, str]] = []
    for start in sorted(left):
        while left[start]:
            trail, here = [], start
            while left[here]:
                there = draw.choice(left[here])
                left[here].remove(there)
                left[there].remove(here)
                trail.append((here, there))
                here = there
            directed += trail if draw.random() < 0.5 else [(there, here) for here, there in trail]
    return [pair for pair in directed if beyond not in pair]
