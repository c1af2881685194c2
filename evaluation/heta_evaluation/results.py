"""From draws to records: one `MetricResult` for each figure, with its interval or the reason why there is none."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from heta_data.errors import IntegrityError
from heta_data.records import MetricResult
from heta_evaluation.alignment.quantities import REFERENCE, Column
from heta_evaluation.alignment.table import Table
from heta_evaluation.metrics import METRICS
from heta_evaluation.settings import EvaluateSettings
from heta_evaluation.statistics.bootstrap import FEW_RATERS, Draws
from heta_evaluation.statistics.intervals import Interval

HUMAN_REFERENCE = "human reference"
EVALUATION, LABELS, ANSWERED = "evaluation", "labels", "items_answered"
INTERVAL = "percentile less bias, as wide as items and raters ask"
"""How intervals are made; see `statistics.spread`."""
COUNTS = (EVALUATION, LABELS, ANSWERED)
"""Names of results that are plain counts and therefore no registered metrics."""


class Writer:
    """Makes the records of one evaluation: who rated, how intervals came about."""

    def __init__(self, table: Table, settings: EvaluateSettings) -> None:
        self.table = table
        self.settings = settings

    def record(self, metric: str, subject: str, value: float | None, reason: str | None, **fields: Any) -> MetricResult:
        """One result with the kinds and arms behind it."""
        fields = {"n": 0, "kinds": self.table.kinds, "arms": self.table.arms, **fields}
        return MetricResult(
            metric=metric, subject=subject, value=value, reason=None if value is not None else reason, **fields
        )

    def how(self, interval: Interval | None, lost: int, *, raters: bool, together: int = 1) -> dict[str, Any]:
        """How an interval came about, for `config`; `together`: how many intervals hold at once."""
        fixed = {"gold": f"{self.settings.gold}, the same in every draw"} if self.table.fixed_gold else {}
        if interval is None:
            return {"interval": "none", "rule": self.table.rule, **fixed}
        crossed = raters and len(self.table.raters) > 1
        found = {
            "interval": f"95 % {INTERVAL}{f', {together} pairs together' if together > 1 else ''}",
            "drawn": "item groups x raters" if crossed else "item groups",
            "bias": interval.bias,
            "draws": self.settings.draws,
            "lost_draws": lost,
            "seed": self.settings.seed,
            "rule": self.table.rule,
            **fixed,
        }
        return {**found, **(self.few_raters() if crossed else {})}

    def few_raters(self) -> dict[str, str]:
        """The note on figures of fewer raters than say anything about others; empty with enough of them."""
        count = len(self.table.raters)
        if count >= FEW_RATERS:
            return {}
        return {"note": f"{count} rater{'' if count == 1 else 's'}: no claim about new raters"}

    def estimate(
        self,
        column: Column,
        draws: Draws,
        number: int,
        *,
        reason: str,
        config: Mapping[str, Any],
        raters: bool = True,
    ) -> MetricResult:
        """One column of the bootstrap."""
        n = int(draws.n[number])
        ends = draws.interval(number) if n else None
        if ends is not None:
            ends = ends.within(*bounds(column))
        return self.record(
            column.metric,
            self.subject(column),
            float(draws.point[number]) if n else None,
            reason,
            variant=column.variant,
            low=ends.low if ends else None,
            high=ends.high if ends else None,
            n=n,
            config={**self.how(ends, draws.lost(number), raters=raters), **config},
        )

    def subject(self, column: Column) -> str:
        """What a column is about, as it stands in the record."""
        if column.subject == REFERENCE:
            return HUMAN_REFERENCE
        first = self.table.subjects[column.subject].name
        return f"{first} minus {self.table.subjects[column.other].name}" if column.variant == "difference" else first


def bounds(column: Column) -> tuple[float, float]:
    """The range that a column's value can have."""
    low, high = METRICS.get(column.metric).range
    return (low - high, high - low) if column.variant in ("difference", "order_effect") else (low, high)


def count_results(writer: Writer, inputs: str, gold: Mapping[str, str]) -> Iterator[MetricResult]:
    """What went in: items, labels that count and those left out, items that each model answers.

    `gold` says which labels are gold, and gives the hash of those that were no rater's.
    """
    table, settings = writer.table, writer.settings
    config = {
        "inputs": inputs,
        "gold": dict(gold),
        "notes": list(table.notes),
        "settings": settings.model_dump(mode="json"),
    }
    yield writer.record(EVALUATION, "items", float(len(table.rows)), None, n=len(table.rows), config=config)
    used = sum(len(row.raters) for row in table.rows)
    yield writer.record(LABELS, "raters", float(used), None, variant="used", n=len(table.raters))
    for reason, count in table.left_out.items():
        yield writer.record(LABELS, "raters", float(count), None, variant=reason, n=count)
    for model in table.models:
        known = [row.answered[model] for row in table.rows if model in row.answered]
        value = float(sum(known)) if known else None
        yield writer.record(ANSWERED, model, value, "no_target_record", n=len(known))


class ResultIndex:
    """Results by metric, variant and subject; figures over all items only."""

    def __init__(self, results: Iterable[MetricResult]) -> None:
        self._found: dict[tuple[str, str, str], MetricResult] = {}
        seen: set[tuple[str, str, str, str | None]] = set()
        for one in results:
            key = (one.metric, one.variant, one.subject)
            if (*key, one.item_id) in seen:
                raise IntegrityError(
                    f"results: {', '.join(key)} stands twice{f' for item {one.item_id}' if one.item_id else ''}: "
                    "run heta evaluate run again"
                )
            seen.add((*key, one.item_id))
            if one.item_id is None:
                self._found[key] = one

    def get(self, metric: str, subject: str, variant: str = "main") -> MetricResult | None:
        """The result, None where there is no such figure."""
        return self._found.get((metric, variant, subject))

    def variants(self, metric: str) -> list[str]:
        """The variants of a metric, in order."""
        return list(dict.fromkeys(variant for name, variant, _ in self._found if name == metric))

    def of(self, metric: str, variant: str) -> list[MetricResult]:
        """All subjects' results of a metric and variant, in order."""
        return [one for key, one in self._found.items() if key[:2] == (metric, variant)]

    def all(self) -> list[MetricResult]:
        """Every figure over all items, in order."""
        return list(self._found.values())
