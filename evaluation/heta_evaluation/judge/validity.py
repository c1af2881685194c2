"""Is a judge worth anything? Its marks beside people's where both did an item, and what it adds where nobody did."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from heta.errors import InputError
from heta_data.records import AttributionRecord, Item, TokenLabels
from heta_evaluation.agreement.coincidence import alpha, coincidences
from heta_evaluation.alignment.scoring import score_item
from heta_evaluation.alignment.table import Row, Table, build_table
from heta_evaluation.judge.ppi import Corrected, corrected_mean, rogan_gladen
from heta_evaluation.judge.substitute import SubstituteTest, substitute_test
from heta_evaluation.labels import select_labels
from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import AlignmentMetric, BoolArray, FloatArray, Value
from heta_evaluation.settings import EvaluateSettings
from heta_evaluation.statistics.tests import holm

MAIN = "token_f1@k"


@dataclass(frozen=True)
class MethodScore:
    """A method's alignment with people, estimated with the judge's help."""

    subject: str
    corrected: Corrected
    judged_alone: float
    """Against the judge's marks over all items: what one would print who takes a judge for people."""


@dataclass(frozen=True)
class Difference:
    """Two methods, paired over items."""

    first: str
    second: str
    corrected: Corrected
    p: float
    p_holm: float


@dataclass(frozen=True)
class Validity:
    """A judge beside the people whose work it would do."""

    judge: str
    items_both: int
    items_judged: int
    raters: int
    f1: Value
    """Mean F1 of the judge's marks with each rater's, over raters, then items, in [0, 1]."""
    f1_people: Value
    """The same of each rater with each other rater: what a person reaches."""
    spearman: Value
    """Of the judge's marks with the share of raters that marked, mean over items, in [-1, 1]."""
    alpha_people: Value
    alpha_with_judge: Value
    """Krippendorff's alpha on the items that both did, of people alone and with the judge as one more."""
    substitute: SubstituteTest
    prevalence: Value
    """Share of words that people would mark over all judged items, by Rogan and Gladen from the judge's share."""
    scores: tuple[MethodScore, ...]
    differences: tuple[Difference, ...]


def measure_validity(
    items: Sequence[Item],
    people: Sequence[TokenLabels],
    judge: Sequence[TokenLabels],
    attributions: Sequence[AttributionRecord] = (),
    *,
    epsilon: float = 0.2,
) -> Validity:
    """Hold a judge against blind human labels.

    Args:
        items: the folder's items.
        people: labels of which those of people in the arm `blind` count.
        judge: labels of one judge.
        attributions: of the methods whose scores are wanted.
        epsilon: of the alternative annotator test.

    Raises:
        InputError: no blind human labels, no judge's labels, or no item that both have.
    """
    humans = _table(items, [one for one in people if one.kind == "human"], EvaluateSettings(), attributions)
    judged = _table(items, judge, EvaluateSettings(kinds=("judge",)), attributions)
    both = [
        (human, one)
        for human, one in zip(humans.rows, judged.rows, strict=True)
        if len(human.raters) and len(one.raters)
    ]
    if not both:
        raise InputError("no item has labels of people and of the judge: nothing can be compared")
    names = {labels.rater for labels in judge}
    if len(names) != 1:
        raise InputError(f"labels of several judges ({', '.join(sorted(names))}): measure one at a time")
    scores, differences = _corrected(humans, judged)
    return Validity(
        judge=names.pop(),
        items_both=len(both),
        items_judged=sum(bool(len(row.raters)) for row in judged.rows),
        raters=len(humans.raters),
        f1=_mean([float(np.mean([_f1(one.labels[0], label) for label in human.labels])) for human, one in both]),
        f1_people=_mean(
            [
                float(np.mean([_f1(first, second) for first, second in combinations(human.labels, 2)]))
                for human, _ in both
                if len(human.labels) > 1
            ],
            "one_rater",
        ),
        spearman=_mean(
            [value for human, one in both if (value := _spearman(human, one)) is not None], "constant_labels"
        ),
        alpha_people=_alpha([human.labels for human, _ in both]),
        alpha_with_judge=_alpha([np.concatenate([human.labels, one.labels]) for human, one in both]),
        substitute=_substitute(humans, both, epsilon),
        prevalence=_prevalence(judged, both),
        scores=scores,
        differences=differences,
    )


def _table(
    items: Sequence[Item],
    labels: Sequence[TokenLabels],
    settings: EvaluateSettings,
    attributions: Sequence[AttributionRecord],
) -> Table:
    return build_table(items, select_labels(items, labels, settings), attributions)


def _f1(first: BoolArray, second: BoolArray) -> float:
    """Two who marked nothing agree."""
    size = int(first.sum() + second.sum())
    return 2 * int((first & second).sum()) / size if size else 1.0


def _mean(values: Sequence[float], reason: str = "no_labels") -> Value:
    return Value(float(np.mean(values))) if values else Value(None, reason)


def _spearman(human: Row, judge: Row) -> float | None:
    share, marks = human.labels.mean(axis=0), judge.labels[0].astype(float)
    if np.ptp(share) == 0 or np.ptp(marks) == 0:
        return None
    return float(stats.spearmanr(share, marks).statistic)


def _alpha(labels: Sequence[BoolArray]) -> Value:
    counted = coincidences((one.astype(float), np.ones(one.shape, dtype=bool)) for one in labels)
    return alpha(counted.pairs.sum(axis=0, keepdims=True), counted.values).at(0, 0)


def _substitute(humans: Table, both: Sequence[tuple[Row, Row]], epsilon: float) -> SubstituteTest:
    shape = (len(humans.raters), len(both))
    similarity, candidate = np.zeros((shape[0], *shape)), np.zeros(shape)
    there = np.zeros(shape, dtype=bool)
    for item, (human, judge) in enumerate(both):
        for first, label in zip(human.raters, human.labels, strict=True):
            there[first, item] = True
            candidate[first, item] = _f1(judge.labels[0], label)
            for second, other in zip(human.raters, human.labels, strict=True):
                similarity[first, second, item] = _f1(label, other)
    return substitute_test(humans.raters, similarity, candidate, there, epsilon=epsilon)


def _prevalence(judged: Table, both: Sequence[tuple[Row, Row]]) -> Value:
    marks = np.concatenate([judge.labels[0] for _, judge in both])
    share = np.concatenate([human.labels.mean(axis=0) for human, _ in both])
    apparent = float(np.concatenate([row.labels[0] for row in judged.rows if len(row.raters)]).mean())
    if share.sum() in (0.0, len(share)):
        return Value(None, "no_variation")
    sensitivity = float((marks * share).sum() / share.sum())
    specificity = float((~marks * (1 - share)).sum() / (1 - share).sum())
    value = rogan_gladen(apparent, sensitivity, specificity)
    return Value(None, "judge_tells_nothing") if value is None else Value(value)


def _corrected(humans: Table, judged: Table) -> tuple[tuple[MethodScore, ...], tuple[Difference, ...]]:
    """Each method's F1 over all judged items, and the paired differences; empty where too few items are one-sided."""
    people, judge = _scores(humans), _scores(judged)
    names = [subject.name for subject in humans.subjects if not subject.baseline]
    numbers = {subject.name: number for number, subject in enumerate(humans.subjects)}
    scores, differences = [], []
    for name in names:
        if found := _mean_of(people[:, numbers[name]], judge[:, numbers[name]]):
            alone = float(np.nanmean(judge[:, numbers[name]]))
            scores.append(MethodScore(name, found, alone))
    for first, second in combinations(names, 2):
        ours, theirs = (table[:, numbers[first]] - table[:, numbers[second]] for table in (people, judge))
        if found := _mean_of(ours, theirs):
            error = (found.high - found.low) / (2 * float(stats.norm.ppf(0.975)))
            p = float(2 * stats.norm.sf(abs(found.value) / error)) if error > 0 else float(found.value == 0)
            differences.append((first, second, found, p))
    adjusted = holm([p for *_, p in differences])
    return tuple(scores), tuple(
        Difference(*one, corrected) for one, corrected in zip(differences, adjusted, strict=True)
    )


def _scores(table: Table) -> FloatArray:
    """F1@k `[item, subject]`; NaN where there is no value, inside this module alone."""
    metric = METRICS.get(MAIN)
    assert isinstance(metric, AlignmentMetric)  # noqa: S101 - the registry's own entry
    rows = []
    for row in table.rows:
        grid = score_item(row, [metric], np.ones((1, len(row.raters))))[MAIN]
        rows.append(np.where(grid.valid[0], grid.values[0], np.nan))
    return np.asarray(rows)


def _mean_of(people: FloatArray, judge: FloatArray) -> Corrected | None:
    both = ~np.isnan(people) & ~np.isnan(judge)
    elsewhere = np.isnan(people) & ~np.isnan(judge)
    if both.sum() < 2 or elsewhere.sum() < 2:
        return None
    return corrected_mean(people[both], judge[both], judge[elsewhere])
