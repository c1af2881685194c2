"""Methods compared: paired differences, what difference could have been seen, and ranks, as records."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from heta_data.records import MetricResult
from heta_evaluation.alignment.contrasts import Family
from heta_evaluation.alignment.quantities import Column, Quantities
from heta_evaluation.alignment.scoring import drawn_raters
from heta_evaluation.metrics.base import AlignmentMetric, BoolArray, FloatArray, Grid
from heta_evaluation.results import Writer, bounds
from heta_evaluation.statistics.bootstrap import FEW_RATERS, Draws
from heta_evaluation.statistics.comparisons import POWER, Joint, decide, judge_together, ranks
from heta_evaluation.statistics.tests import holm, sign_flip_test


def comparison_results(
    writer: Writer,
    quantities: Quantities,
    draws: Draws,
    observed: Sequence[Mapping[str, Grid]],
    families: Sequence[Family],
) -> Iterator[MetricResult]:
    """For every compared metric: paired differences (`difference`), what could have been seen (`detectable`), `rank`.

    A family of pairs is judged together: Holm's correction of the sign-flip p-values, and intervals that all hold at
    once. The interval of a `difference` is that one; what the pair has by itself stands in `config.alone`.
    """
    if not quantities.pairs:
        return
    groups = np.asarray(writer.table.design().groups)
    for metric in quantities.compared:
        found = [grids[metric.name] for grids in observed]
        values = np.concatenate([cells.values for cells in found])
        valid = np.concatenate([cells.valid for cells in found])
        sums, _ = _group_differences(values, valid, quantities.pairs, groups)
        p_values = sign_flip_test(sums, draws=writer.settings.draws, seed=writer.settings.seed).tolist()
        for family in families:
            yield from _family_results(writer, quantities, draws, metric, family, p_values)
        yield from _rank_results(writer, quantities, draws, metric)


def _family_results(
    writer: Writer,
    quantities: Quantities,
    draws: Draws,
    metric: AlignmentMetric,
    family: Family,
    p_values: Sequence[float],
) -> Iterator[MetricResult]:
    """Differences and detectable differences of one family, in the order of its pairs."""
    columns = [Column(metric.name, "difference", *quantities.pairs[pair]) for pair in family.pairs]
    own = draws.only([quantities.index[column] for column in columns])
    joint = judge_together(own)
    tested = [place for place in range(len(columns)) if own.n[place]]
    adjusted = dict(zip(tested, holm([p_values[family.pairs[place]] for place in tested]), strict=True))
    for place, column in enumerate(columns):
        about: dict[str, Any] = {"family": family.name, "pairs": len(tested)}
        if place in adjusted:
            about |= {"p": p_values[family.pairs[place]], "p_holm": adjusted[place]}
        yield _difference(writer, column, own, joint, place, about, raters=drawn_raters(metric, writer.table))
        yield _detectable(writer, column, own, joint, place, raters=drawn_raters(metric, writer.table))


def _difference(
    writer: Writer, column: Column, draws: Draws, joint: Joint, place: int, about: dict[str, Any], *, raters: bool
) -> MetricResult:
    n = int(draws.n[place])
    alone, ends = (each[place] if n else None for each in (joint.alone, joint.together))
    if ends is not None and alone is not None:
        ends = ends.within(*bounds(column))
        about["alone"] = list(alone.within(*bounds(column))[:2])
        about["error"] = float(joint.spread.error[place])
    if n:
        few = raters and len(writer.table.raters) < FEW_RATERS
        verdict = decide(ends.low if ends else None, ends.high if ends else None, about["p_holm"], few_raters=few)
        about |= {"verdict": verdict.decision, "doubt": verdict.doubt}
    return writer.record(
        column.metric,
        writer.subject(column),
        float(draws.point[place]) if n else None,
        "no_common_items",
        variant=column.variant,
        low=ends.low if ends else None,
        high=ends.high if ends else None,
        n=n,
        config={**about, **writer.how(ends, draws.lost(place), raters=raters, together=about["pairs"])},
    )


def _detectable(
    writer: Writer, column: Column, draws: Draws, joint: Joint, place: int, *, raters: bool
) -> MetricResult:
    """The smallest difference that would have been seen with this many items and raters; see `Joint.detectable`."""
    n = int(draws.n[place])
    known = n > 0 and joint.together[place] is not None
    value = joint.detectable(place) if known else 0.0
    reason = "no_common_items" if not n else "no_variation" if known else "one_group"
    return writer.record(
        column.metric,
        writer.subject(column),
        value if value > 0 else None,
        reason,
        variant="detectable",
        n=n if value > 0 else 0,
        config={"power": POWER, **(writer.few_raters() if raters else {})},
    )


def _rank_results(
    writer: Writer, quantities: Quantities, draws: Draws, metric: AlignmentMetric
) -> Iterator[MetricResult]:
    """Each method's rank among the methods, 1 the best, without baselines. See `statistics.comparisons.ranks`."""
    table = writer.table
    if len(table.methods) < 2 or metric.direction == "neutral":
        return
    sign = 1.0 if metric.direction == "higher" else -1.0
    main = [quantities.index[Column(metric.name, "main", method)] for method in table.methods]
    scored = [place for place, number in enumerate(main) if draws.n[number]]
    members = {table.methods[place]: rank for rank, place in enumerate(scored)}
    pairs = [pair for pair in quantities.pairs if pair[0] in members and pair[1] in members]
    own = draws.only([quantities.index[Column(metric.name, "difference", *pair)] for pair in pairs])
    ends = judge_together(own).together if pairs else []
    ahead = []
    for (first, second), interval in zip(pairs, ends, strict=True):
        if interval is not None and (interval.low > 0 or interval.high < 0):
            better = (first, second) if sign * interval.low > 0 or sign * interval.high > 0 else (second, first)
            ahead.append((members[better[0]], members[better[1]]))
    found = ranks(sign * np.asarray([draws.point[main[place]] for place in scored]), ahead)
    known = all(interval is not None for interval in ends) and bool(ends)
    for place, method in enumerate(table.methods):
        rank = found[scored.index(place)] if place in scored else None
        yield writer.record(
            metric.name,
            table.subjects[method].name,
            rank[0] if rank else None,
            "not_known",
            variant="rank",
            low=rank[1] if rank and known else None,
            high=rank[2] if rank and known else None,
            n=int(draws.n[main[place]]),
            config={"methods": len(scored), **(writer.few_raters() if drawn_raters(metric, writer.table) else {})},
        )


def _group_differences(
    values: FloatArray, valid: BoolArray, pairs: Sequence[tuple[int, int]], groups: np.ndarray[Any, Any]
) -> tuple[FloatArray, BoolArray]:
    """Sums `[group, pair]` of the paired differences of each group's items, and which pairs have any."""
    first, second = np.asarray(pairs).T
    both = valid[:, first] & valid[:, second]
    differences = np.where(both, values[:, first] - values[:, second], 0.0)
    sums = np.zeros((int(groups.max()) + 1, len(pairs)))
    np.add.at(sums, groups, differences)
    return sums, np.asarray(both.any(axis=0), dtype=np.bool_)
