"""Comparing subjects of an evaluated folder."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from heta.errors import InputError, suggest
from heta_data.attribution_files import attribution_files
from heta_data.errors import IntegrityError
from heta_data.jsonl import read_records
from heta_data.records import Item, MetricResult
from heta_data.sealing import check_seal
from heta_data.workspace import Workspace
from heta_evaluation.comparison.answer import Answer, Pair, answer, recorded
from heta_evaluation.comparison.subjects import resolve
from heta_evaluation.report.files import read_results
from heta_evaluation.report.sheets import Origin
from heta_evaluation.results import HUMAN_REFERENCE, ResultIndex
from heta_evaluation.statistics.bootstrap import FEW_RATERS
from heta_evaluation.statistics.tests import holm
from heta_evaluation.summary import MAIN

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """A against one or more others."""

    answers: tuple[Answer, ...]
    subjects: tuple[str, ...]
    """Everything in results.jsonl that could be compared."""
    raters: int
    origin: Origin
    pairs: int
    """How many pairs the run judged together."""

    @property
    def caveats(self) -> list[str]:
        """What a reader must know before believing the answer."""
        said = [f"{banner.label}. {banner.text}" for banner in self.origin.banners]
        if self.raters < FEW_RATERS:
            count = f"{self.raters} rater{'' if self.raters == 1 else 's'}"
            said.append(f"{count}: no claim about raters who did not take part; that takes {FEW_RATERS}.")
        if self.pairs > 1 and any(one.difference.config.get("family") != "primary" for one in self.answers):
            said.append(
                f"The run looked at {self.pairs} pairs, and any of them can be asked for now: the verdict is corrected "
                "for all. p of the pair alone holds for the one comparison that was chosen before looking."
            )
        return said


def compare(workspace: Workspace, first: str, others: Sequence[str], *, metric: str = MAIN) -> Comparison:
    """Compare one subject with others, from results.jsonl and items.jsonl of an evaluated folder. Writes nothing.

    Args:
        workspace: a folder with results.jsonl.
        first: A: a subject, a method's name, or how either begins.
        others: one or more Bs.
        metric: a metric that methods are compared by.

    Raises:
        InputError: nothing was evaluated yet; a name that means no subject, several, or the same one twice; a metric
            without paired differences; two baselines; or no common items.
        IntegrityError: results.jsonl was changed after the run, or is about items that items.jsonl does not hold.
    """
    if not workspace.results.exists():
        raise InputError(f"{workspace.results}: no such file; run the evaluation first (heta evaluate run)")
    check_seal(workspace.results)
    results = read_results(workspace.results, (metric,))
    comparison = compare_results(results, lambda: _read_items(workspace), first, others, metric=metric)
    _warn_if_older(workspace)
    return comparison


def compare_results(
    results: Sequence[MetricResult],
    items: Callable[[], Mapping[str, Item]],
    first: str,
    others: Sequence[str],
    *,
    metric: str = MAIN,
) -> Comparison:
    """The same from the results of a run, those of single items in `metric` among them, and its items.

    Raises:
        InputError, IntegrityError: see `compare`.
    """
    index = ResultIndex(results)
    _check_metric(index, results, metric)
    subjects = tuple(one.subject for one in index.of(metric, "main") if one.subject != HUMAN_REFERENCE)
    chosen = resolve(first, subjects)
    rivals = [resolve(other, subjects) for other in others]
    if len({chosen, *rivals}) != 1 + len(rivals):
        raise InputError(f"a subject is named twice: {', '.join((chosen, *rivals))}; name different ones")
    differences = [_difference(index, metric, chosen, rival) for rival in rivals]
    values = _item_values(results, metric)
    known = _known_items(items(), values)
    p_values = [float(one.config["p"]) for one in differences if "p" in one.config]
    several = len(rivals) > 1 and len(p_values) == len(rivals)
    asked: list[float | None] = list(holm(p_values)) if several else [None] * len(rivals)
    answers = tuple(
        answer(index, Pair(metric, chosen, rival, values, known), difference, p)
        for rival, difference, p in zip(rivals, differences, asked, strict=True)
    )
    used = index.get("labels", "raters", "used")
    pairs = max((int(one.config.get("pairs", 1)) for one in differences), default=1)
    return Comparison(answers, subjects, used.n if used else 0, Origin.of(index.all()), pairs)


def _check_metric(index: ResultIndex, results: Sequence[MetricResult], metric: str) -> None:
    if index.of(metric, "difference"):
        return
    compared = list(dict.fromkeys(one.metric for one in results if one.variant == "difference"))
    if not compared:
        raise InputError("results.jsonl holds no paired differences: attribute items with a method first")
    raise InputError(
        f"--metric: methods are not compared by {metric!r}{suggest(metric, compared)}; allowed: {', '.join(compared)}"
    )


def _difference(index: ResultIndex, metric: str, first: str, second: str) -> MetricResult:
    found = recorded(index, metric, first, second, "difference")
    if found is None:
        raise InputError(
            f"{first} and {second} are both baselines, which are not compared with each other: name a method"
        )
    if found.value is None:
        raise InputError(f"{first} and {second} cannot be compared: no item has a value of {metric} for both")
    return found


def _item_values(results: Sequence[MetricResult], metric: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for one in results:
        if one.item_id is not None and one.metric == metric and one.variant == "main" and one.value is not None:
            found.setdefault(one.item_id, {})[one.subject] = one.value
    return found


def _read_items(workspace: Workspace) -> dict[str, Item]:
    if not workspace.items.exists():
        raise InputError(f"{workspace.items}: no such file; put the items back that results.jsonl is about")
    return {item.id: item for item in read_records(workspace.items, Item)}


def _known_items(items: Mapping[str, Item], values: Mapping[str, object]) -> Mapping[str, Item]:
    if unknown := next((item for item in values if item not in items), None):
        raise IntegrityError(
            f"results.jsonl is about item {unknown}, which items.jsonl does not hold: run heta evaluate run again"
        )
    return items


def _warn_if_older(workspace: Workspace) -> None:
    """Say so where an input was written after the results: the answer is that of the run."""
    inputs = [workspace.items, workspace.labels, *attribution_files(workspace)]
    when = workspace.results.stat().st_mtime
    newer = [path.name for path in inputs if path.exists() and path.stat().st_mtime > when]
    if newer:
        log.warning(
            "%s: written before %s; the answer is that of the run: heta evaluate run brings it up to date",
            *(workspace.results, ", ".join(newer)),
        )
