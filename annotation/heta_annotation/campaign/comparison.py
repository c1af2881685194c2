"""Pages that show several people's marks together: an adjudicator decides on one, a rater sees the practice on another.

Below the text runs a line for each of them, always at the same height and in the same colour, so that nobody has to see
colours to follow one of them; the words' titles name them too.
"""

import html
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from heta_annotation.campaign.marking import WORDS, Marking
from heta_annotation.campaign.page import REASON, UNDECIDED, item_data, render, unit_texts
from heta_data.records import Item
from heta_data.scale import MISLEADING, ScalePart

LANES = (
    ("blue", "#0072b2", "#4aa3df"),
    ("orange", "#b97a00", "#e69f00"),
    ("green", "#00936b", "#19bd90"),
    ("pink", "#b8578f", "#dd8fba"),
    ("red", "#c4420a", "#ef7a45"),
    ("light blue", "#2a8bc4", "#8fd0f7"),
    ("grey", "#6f6f6f", "#b9b9b9"),
    ("violet", "#7a4fbf", "#a98be0"),
)
"""Name of each line's colour, and how it looks on a light and on a dark page; the uppermost first."""
_LINES = {"": "solid line", " low": "dashed line", " no": "dotted line"}
_ADJUDICATE = (
    "Raters do not agree on this text. Each line below a {unit} is one rater who marked it. "
    "Mark the {unit}s that a reader needs, as the guideline asks; you need not follow any of them."
)
_FEEDBACK = (
    "This is how your practice went. The upper, blue line below a {unit} is your mark, the lower, orange one is the "
    "mark that we expected. Compare them, then press Submit; there is nothing to mark here."
)


def render_adjudication(marking: Marking = WORDS) -> str:
    """Label Studio's configuration of the page on which somebody decides what raters do not agree on."""
    return render(_ADJUDICATE.format(unit=marking.unit), lanes=LANES, reason=REASON)


def render_feedback(marking: Marking = WORDS) -> str:
    """Label Studio's configuration of the page that shows a rater how the practice went."""
    return render(_FEEDBACK.format(unit=marking.unit), lanes=LANES, only_shown=True)


def adjudication_data(
    item: Item,
    marks: Sequence[Mapping[int, int]],
    cannot_tell: int,
    marking: Marking = WORDS,
    scale: ScalePart | None = None,
) -> dict[str, Any]:
    """The item as an adjudicator sees it: a line below each unit for everybody who marked it.

    Args:
        item: what is decided.
        marks: unit -> level of each rater, in an order that tells nobody who they are; from the ninth on they share
            lines with the first ones, and only the titles tell them apart.
        cannot_tell: how many raters found no way to know the answer.
        marking: what can be marked.
        scale: the labels that raters could choose from; the kind of line and the title say which one it was. None
            where a unit was marked or not.
    """
    names = [f"rater {number}" for number in range(1, len(marks) + 1)]
    unsure = f" ({cannot_tell} rater{'s' * (cannot_tell != 1)} could not tell)" if cannot_tell else ""
    words = _words(unit_texts(item, marking), marks, names, scale)
    order = ", ".join(
        f"{number} {colour}" for number, (colour, *_) in zip(range(1, len(marks) + 1), LANES, strict=False)
    )
    return {
        **item_data(item, words, (UNDECIDED, f"This cannot be decided from the text{unsure}"), marking),
        "lines": f"Raters from the upper line to the lower: {order}.{_key(scale)}",
    }


def feedback_data(
    item: Item, own: Collection[int], expected: Collection[int], marking: Marking = WORDS
) -> dict[str, Any]:
    """The item as a rater sees it after the practice: a line for the own marks, and one for those expected."""
    marks = [dict.fromkeys(units, 1) for units in (own, expected)]
    words = _words(unit_texts(item, marking), marks, ["you", "us"], None)
    return item_data(item, words, ("", ""), marking)


def _key(scale: ScalePart | None) -> str:
    """What the kinds of line say, for the hint above the text."""
    if scale is None:
        return ""
    names = [*reversed(scale.grades), *([MISLEADING] if scale.misleading else [])]
    return " " + ", ".join(f"{name}: {_LINES[_line(scale.level(name), scale)]}" for name in names) + "."


def _line(level: int, scale: ScalePart | None) -> str:
    """CSS class of a mark's line: solid for the highest grade, dashed for those below it, dotted for `misleading`."""
    if level < 0:
        return " no"
    return "" if scale is None or level == len(scale.grades) else " low"


def _words(
    texts: Sequence[str], marks: Sequence[Mapping[int, int]], names: Sequence[str], scale: ScalePart | None
) -> list[dict[str, str]]:
    words = []
    for index, text in enumerate(texts):
        by = [number for number, marked in enumerate(marks) if index in marked]
        shown, title = html.escape(text), ""
        for number in by:
            shown = f'<span class="m m{number % len(LANES)}{_line(marks[number][index], scale)}">{shown}</span>'
        if by:
            # Behind the word and all lines, so that the lowest one is not taken for the next row's.
            shown = f'<span class="by">{shown}</span>'
            who = [f"{names[number]} ({scale.name(marks[number][index])})" if scale else names[number] for number in by]
            title = f' title="marked by {", ".join(who)}"'
        # The first one says how much room the lines need.
        room = f" k{min(len(marks), len(LANES))}" if index == 0 else ""
        words.append({"": f'<span class="w{room}"{title}>{shown}</span>'})
    return words
