"""A comparison on a terminal: one screen for each question."""

import sys
from typing import TYPE_CHECKING

from heta_data.records import MetricResult
from heta_evaluation.comparison.answer import Answer
from heta_evaluation.comparison.compare import Comparison
from heta_evaluation.comparison.subjects import shortest
from heta_evaluation.summary import figure, number, p_text

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_WIDTH = 110
_LINE = 108
_BAR = 30
_PARTS = 8


def print_comparison(comparison: Comparison, console: "Console | None" = None) -> None:
    """Print banners, then each answer, then what has to be known before believing it."""
    from rich.console import Console
    from rich.panel import Panel

    out = console or Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    for banner in comparison.origin.banners:
        out.print(Panel(f"{banner.label}. {banner.text}", style="bold black on yellow"))
    names = shortest(comparison.subjects)
    for one in comparison.answers:
        for line in answer_lines(one, names[one.first], names[one.second]):
            out.print(line, markup=False)
        out.print()
    out.print(comparison.origin.sentence, markup=False)
    for caveat in comparison.caveats[len(comparison.origin.banners) :]:
        out.print(f"Note: {caveat}", markup=False)


def answer_lines(answer: Answer, first: str, second: str) -> list[str]:
    """One answer in lines of text; `first` and `second` are the names to use."""
    width = max(len(first), len(second), len("other raters"))
    lines = [f"Is {first} better than {second} in {answer.metric}?", "", headline(answer, first, second)]
    lines += [*_difference(answer, first, second), ""]
    lines.append(f"  {'':{width}}  {'over items':22}  against one rater at a time")
    for name, value, held in zip((first, second), answer.values, answer.held_out, strict=True):
        lines.append(f"  {name:{width}}  {_figure(value):22}  {_figure(held)}")
    lines += [f"  {'other raters':{width}}  {'':22}  {_figure(answer.ceiling)}", ""]
    lines += [*_shares(answer, first), *_detectable(answer), *_parts(answer, first, second), *_surer(answer)]
    if answer.cases:
        lines += ["", f"  Most apart ({first}, {second}):"]
    for case in answer.cases:
        line = f"  {number(case.first)} {number(case.second)}  {case.item_id}  {case.source}: {case.snippet}"
        lines.append(line if len(line) <= _LINE else line[: _LINE - 1] + "…")
    return lines


def headline(answer: Answer, first: str, second: str) -> str:
    """Yes, no or open, and why."""
    size = number(abs(answer.difference.value or 0.0))
    if answer.better == answer.first:
        return f"Yes: by {size}."
    if answer.better == answer.second:
        return f"No: {second} is better, by {size}."
    ahead = first if (answer.difference.value or 0.0) > 0 else second
    reason = answer.said.text.removeprefix("open: ")
    return f"Open: {reason}. {ahead} is higher here, by {size}."


def _figure(result: MetricResult | None) -> str:
    return "–" if result is None else figure(result)


def _difference(answer: Answer, first: str, second: str) -> list[str]:
    """The difference with its interval, and its tests."""

    def p(value: float) -> str:
        return f"p {'' if value < 0.001 else '= '}{p_text(value)}"

    one = answer.difference
    pairs, alone = int(one.config.get("pairs", 1)), one.config.get("alone")
    lines = [f"  {first} minus {second}: {figure(one, sign=True)} over {one.n} items"]
    if isinstance(alone, list) and pairs > 1:
        lines.append(f"  This interval holds at once with those of all {pairs} pairs; alone it is {_between(*alone)}")
    tests = [] if answer.p is None else [f"{p(answer.p)} for this pair alone"]
    if answer.p_asked is not None:
        tests.append(f"{p(answer.p_asked)} after Holm over the pairs asked")
    if answer.p_family is not None and pairs > 1:
        tests.append(f"{p(answer.p_family)} over all {pairs} pairs of the run")
    return [*lines, f"  Paired test: {', '.join(tests) or 'none'}"]


def _shares(answer: Answer, first: str) -> list[str]:
    count = answer.wins + answer.ties + answer.losses
    if not count:
        return []
    shares = [100 * part / count for part in (answer.wins, answer.ties, answer.losses)]
    cuts = [round(_BAR * part / 100) for part in (shares[0], shares[0] + shares[1])]
    bar = "█" * cuts[0] + "▒" * (cuts[1] - cuts[0]) + "░" * (_BAR - cuts[1])
    return [
        f"  Items: {first} wins {shares[0]:.0f} %, ties {shares[1]:.0f} %, loses {shares[2]:.0f} % of {count}  {bar}"
    ]


def _detectable(answer: Answer) -> list[str]:
    if answer.detectable is None:
        return []
    return [f"  Detectable: a true difference of {number(answer.detectable)} or more, in 80 % of such campaigns"]


def _parts(answer: Answer, first: str, second: str) -> list[str]:
    if not answer.parts:
        return []
    lines = [f"  By part of the items, {first} minus {second}:"]
    for part in answer.parts[:_PARTS]:
        ends = "" if part.low is None or part.high is None else f" {_between(part.low, part.high)}"
        lines.append(f"    {part.name}: {number(part.difference, sign=True)}{ends}, {part.items} items")
    if left := len(answer.parts) - _PARTS:
        lines += [f"    and {left} more (--json has all)"] if left > 0 else []
    return lines


def _between(low: float, high: float) -> str:
    return f"[{number(low, sign=True)}, {number(high, sign=True)}]"


def _surer(answer: Answer) -> list[str]:
    found = answer.surer
    if found is None:
        return []
    share = 100 * found.items_share
    said = [
        f"  Surer: {share:.0f} % of the uncertainty is which items, {100 - share:.0f} % which raters",
        f"    ± {number(found.half, 3)} now, ± {number(found.half_twice_items, 3)} with twice the items, "
        f"± {number(found.half_twice_raters, 3)} with twice the raters",
    ]
    if answer.better is None and found.items_needed is not None and found.items_needed > answer.difference.n:
        said.append(
            f"    If the difference stays, its own interval leaves 0 out from some {found.items_needed:,} items on"
        )
    if answer.better is None and found.items_needed is None:
        said.append("    No number of items alone would settle it at this difference: more raters would have to")
    return said
