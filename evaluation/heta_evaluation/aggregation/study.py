"""The aggregation of a folder: gold.jsonl, and a line for each rater."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heta_data.jsonl import write_records
from heta_data.records import GoldLabels
from heta_data.workspace import Workspace
from heta_evaluation.aggregation.gold import Aggregation, aggregate, keep_adjudicated, read_gold
from heta_evaluation.agreement.pairs import PAIRWISE_F1, pair_counts
from heta_evaluation.labels import select_labels
from heta_evaluation.metrics.base import BoolArray
from heta_evaluation.ratings import Ratings, collect_ratings
from heta_evaluation.runner import read_labelled
from heta_evaluation.settings import EvaluateSettings


@dataclass(frozen=True)
class RaterLine:
    """One rater; None where there is nothing to say it from."""

    rater: str
    kind: str
    items: int
    marked: float
    """Share of the units marked, in [0, 1]."""
    skill: float
    """In the sense of the method."""
    sensitivity: float | None
    """Expected share of the gold units that the rater marked."""
    specificity: float | None
    """Expected share of the other units that the rater left unmarked."""
    confusion: tuple[tuple[float, float], tuple[float, float]]
    """Expected units by true class (first: not gold, gold) and answer (second: unmarked, marked)."""
    gold_items: int
    """Known items that the rater answered."""
    gold_score: float | None
    """Mean F1 against the known labels of those items."""


@dataclass(frozen=True)
class Summary:
    """How it went."""

    method: str
    skill: str
    """What a rater's skill means."""
    items: int
    known: int
    """Items held fixed."""
    sources: Mapping[str, int]
    """`unanimous`, `aggregated`, `unresolved`, ... -> number of items."""
    gold_share: float
    """Share of all units that are gold."""
    iterations: int
    converged: bool
    log_likelihood: float | None


@dataclass(frozen=True)
class AggregationStudy:
    """What was found."""

    aggregation: Aggregation
    summary: Summary
    raters: tuple[RaterLine, ...]


def aggregate_folder(
    workspace: Workspace, method: str, *, controls: Path | None = None, **overrides: object | None
) -> AggregationStudy:
    """Put a folder's labels together and write gold.jsonl, complete or not at all.

    Args:
        workspace: the folder; locked while this runs.
        method: a name in `AGGREGATORS`.
        controls: file of gold labels of known items, held fixed; relative to where the command runs.
        overrides: `kinds`, `arms`, `campaign`, `seed` over `[evaluate]` of heta.toml; None leaves a field.

    Raises:
        UnknownName: no such method. InputError: no items, no labels, none that count, or gold.jsonl holds an
            adjudicator's decisions that stand nowhere else. IntegrityError: labels that do not belong to the items.
            RecordError: a line cannot be read. FolderBusy: another process writes here.
    """
    settings = workspace.settings("evaluate", EvaluateSettings, overrides)
    items, labels = read_labelled(workspace)
    known = read_gold(controls) if controls is not None else {}
    with workspace.lock():
        ratings = collect_ratings(items, select_labels(items, labels, settings))
        found = aggregate(ratings, method, seed=settings.seed, controls=known)
        keep_adjudicated(workspace, found.gold)
        write_records(workspace.gold, found.gold)
    settled = {item: gold for item, gold in known.items() if gold.source != "unresolved"}
    return AggregationStudy(found, _summary(found, ratings, settled), tuple(_lines(found, ratings, settled)))


def _summary(found: Aggregation, ratings: Ratings, known: Mapping[str, GoldLabels]) -> Summary:
    labels = [label for record in found.gold for label in record.labels]
    return Summary(
        method=found.aggregator.method,
        skill=found.aggregator.skill,
        items=len(found.gold),
        known=sum(row.item.id in known for row in ratings.rows),
        sources=dict(sorted(Counter(record.source for record in found.gold).items())),
        gold_share=float(np.mean(labels)),
        iterations=found.fit.iterations,
        converged=found.fit.converged,
        log_likelihood=found.fit.log_likelihood,
    )


def _lines(found: Aggregation, ratings: Ratings, known: Mapping[str, GoldLabels]) -> list[RaterLine]:
    lines = []
    for number, (name, kind) in enumerate(zip(ratings.raters, ratings.rater_kinds, strict=True)):
        own = [(row, row.labels[row.raters == number][0]) for row in ratings.rows if number in row.raters]
        scores = [
            _f1(marks, np.asarray(known[row.item.id].labels, dtype=bool)) for row, marks in own if row.item.id in known
        ]
        answers, counts = found.votes.answers[number], found.fit.counts[number].tolist()
        lines.append(
            RaterLine(
                rater=name,
                kind=kind,
                items=len(own),
                marked=float(answers[1] / answers.sum()),
                skill=float(found.fit.skill[number]),
                sensitivity=found.fit.recall(number, 1).value,
                specificity=found.fit.recall(number, 0).value,
                confusion=((counts[0][0], counts[0][1]), (counts[1][0], counts[1][1])),
                gold_items=len(scores),
                gold_score=float(np.mean(scores)) if scores else None,
            )
        )
    return lines


def _f1(marks: BoolArray, known: BoolArray) -> float:
    """F1 of a rater's marks `[n]` against known labels `[n]`; 1 where neither has any."""
    _, counts = pair_counts(np.stack([marks, known]))
    return float(PAIRWISE_F1.compute(counts)[0])
