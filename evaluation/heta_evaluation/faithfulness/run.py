"""A run: every metric of every row on every item, item by item, each item's values durable before the next begins."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import heta
from heta.errors import ConfigError, HetaError, IncompatibleModel, MissingDependency
from heta_data.compose import label_units
from heta_data.errors import IntegrityError
from heta_data.records import Item, MetricResult
from heta_evaluation.faithfulness.base import (
    Case,
    Estimate,
    Estimates,
    FaithfulnessMetric,
    PairMetric,
    Rerun,
    RobustnessMetric,
    WordScores,
    without_value,
)
from heta_evaluation.faithfulness.files import Key, Store
from heta_evaluation.faithfulness.scene import Heat, Scene
from heta_evaluation.faithfulness.settings import FaithfulnessSettings
from heta_evaluation.faithfulness.subjects import Source
from heta_evaluation.metrics.base import FloatArray

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
ModelMetric = FaithfulnessMetric | RobustnessMetric | PairMetric
Values = dict[Key, MetricResult]

# These concern the run and not one item: they would come again for every item.
_RUN_ERRORS = (ConfigError, IncompatibleModel, MissingDependency)


@dataclass(frozen=True)
class Failure:
    """Values that an item lacks, and why."""

    item: str
    row: str
    """`source:source_id`, for people."""
    subject: str
    reason: str


@dataclass
class Cost:
    """What this run took."""

    items: int = 0
    """Items on which something was computed."""
    forwards: int = 0
    """Changed inputs that metrics asked the model about, and the full pass of each item; methods' own passes do not
    count."""
    seconds: float = 0.0


@dataclass
class Run:
    """The work of one run and its state."""

    model: heta.LoadedModel
    items: Sequence[Item]
    sources: Sequence[Source]
    metrics: Sequence[ModelMetric]
    settings: FaithfulnessSettings
    store: Store
    pairs: Sequence[tuple[Item, Item]] = ()
    failures: list[Failure] = field(default_factory=list)
    cost: Cost = field(default_factory=Cost)
    done: int = 0
    """Rows times metrics of items that this run computed."""
    dealt_with: int = 0
    """The same with those that failed."""

    def __post_init__(self) -> None:
        self.digest = self.settings.digest(
            self.model.identity.name, self.model.identity.revision, self.model.identity.tokenizer
        )
        self.store.recover()
        self.there: dict[str, Values] = {source.file: self.store.read(self.file(source)) for source in self.sources}
        self._check_sources()
        self.partner = {first.id: second for first, second in self.pairs}
        self.work = {item.id: self._pending(item) for item in self.items}
        self.possible = sum(len(self._metrics(item)) for item in self.items) * len(self.sources)
        self.total = sum(len(metrics) for work in self.work.values() for _, metrics in work)

    def file(self, source: Source) -> str:
        """The name of a row's file."""
        return f"{source.file}-{self.digest}"

    def go(self, progress: Progress | None = None) -> None:
        """Compute and write what is missing; an item that fails is named and the others go on."""
        began = time.perf_counter()
        tell = progress or _untold
        tell(0, self.total)
        for item in self.items:
            if self.work[item.id]:
                self._item(item, tell)
        self.cost.seconds = time.perf_counter() - began

    def results(self) -> dict[str, Values]:
        """All values of this run's rows, by the row's `file`."""
        return self.there

    def _metrics(self, item: Item) -> list[ModelMetric]:
        """Those that an item can have: of pairs, only where it stands first in one."""
        return [metric for metric in self.metrics if not isinstance(metric, PairMetric) or item.id in self.partner]

    def _pending(self, item: Item) -> list[tuple[Source, list[ModelMetric]]]:
        metrics = self._metrics(item)
        found = []
        for source in self.sources:
            values = self.there[source.file]
            missing = [
                metric
                for metric in metrics
                if any((metric.name, metric.version, variant, item.id) not in values for variant in metric.variants)
            ]
            if missing:
                found.append((source, missing))
        return found

    def _check_sources(self) -> None:
        """Values must be of the attributions that are there now.

        What was measured without a record, by running the method, is of the same configuration and so of any record.
        """
        for source in self.sources:
            prints = {item.id: source.fingerprint(item) for item in self.items}
            for result in self.there[source.file].values():
                item = result.item_id or ""
                then, now = result.config.get("attribution"), prints.get(item)
                if then is not None and now is not None and then != now:
                    raise IntegrityError(
                        f"{self.store.path(self.file(source))}: item {item}: the attribution changed since this was "
                        "measured; delete this file to measure it anew"
                    )

    def _item(self, item: Item, tell: Progress) -> None:
        work = self.work[item.id]
        written: dict[str, list[MetricResult]] = {}
        try:
            scene = Scene(self.model, item, self.settings)
        except _RUN_ERRORS:
            raise
        except HetaError as error:
            for source, metrics in work:
                self._fail(item, source, error)
                self._tell(len(metrics), tell)
            return
        for source, metrics in work:
            before = self.dealt_with
            try:
                written[self.file(source)] = self._source(scene, source, metrics, tell)
            except _RUN_ERRORS:
                raise
            except HetaError as error:
                self._fail(item, source, error)
                self._tell(len(metrics) - (self.dealt_with - before), tell)
        self.store.append(written)
        for source, _ in work:
            for result in written.get(self.file(source), ()):
                self.there[source.file][result.metric, result.config["version"], result.variant, item.id] = result
        self.cost.items += 1
        self.cost.forwards += scene.forwards

    def _source(
        self, scene: Scene, source: Source, metrics: Sequence[ModelMetric], tell: Progress
    ) -> list[MetricResult]:
        """All pending values of one row for one item."""
        heat = source.heat(scene)
        scores = None if heat is None else scene.carry(heat)
        results = []
        for metric in metrics:
            estimates = (
                without_value(metric.variants, "no_labels" if source.labels is not None else "no_attribution")
                if heat is None or scores is None
                else self._estimates(metric, scene, source, heat, scores)
            )
            results += [self._record(metric, variant, scene, source, estimates[variant]) for variant in metric.variants]
            self.done += 1
            self._tell(1, tell)
        return results

    def _estimates(
        self, metric: ModelMetric, scene: Scene, source: Source, heat: Heat, scores: FloatArray
    ) -> Estimates:
        if isinstance(metric, FaithfulnessMetric):
            return metric.compute(Case(scores, scene.ask, scene.seed, self.settings))
        if isinstance(metric, PairMetric):
            other = Scene(self.model, self.partner[scene.item.id], self.settings)
            theirs = source.heat(other)
            if theirs is None:
                return without_value(metric.variants, "no_attribution")
            return metric.compute(_words(scene.item, heat), _words(other.item, theirs))
        if obstacle := source.obstacle:
            return without_value(metric.variants, obstacle)
        reads = source.method is not None and source.method.needs_model
        rerun = Rerun(
            scene.prepared, lambda prepared: scene.carry(source.run(prepared)), reads, scene.seed, self.settings
        )
        return metric.compute(rerun)

    def _record(
        self, metric: ModelMetric, variant: str, scene: Scene, source: Source, estimate: Estimate
    ) -> MetricResult:
        config: dict[str, Any] = {"version": metric.version, "settings": self.digest, "units": len(scene.positions)}
        if (fingerprint := source.fingerprint(scene.item)) is not None:
            config["attribution"] = fingerprint
        if isinstance(metric, PairMetric):
            config["pair"] = self.partner[scene.item.id].id
        if estimate.error is not None:
            config["error"] = estimate.error
        return MetricResult(
            metric=metric.name,
            variant=variant,
            subject=source.subject.name,
            item_id=scene.item.id,
            value=estimate.value,
            reason=estimate.reason,
            n=1,
            kinds=source.kinds,
            arms=source.arms,
            config=config,
        )

    def _fail(self, item: Item, source: Source, error: HetaError) -> None:
        log.info("item %s: %s failed: %s", item.id, source.subject.name, error)
        self.failures.append(Failure(item.id, f"{item.source}:{item.source_id}", source.subject.name, str(error)))

    def _tell(self, count: int, tell: Progress) -> None:
        self.dealt_with += count
        tell(self.dealt_with, self.total)


def _untold(done: int, total: int) -> None:
    """Progress that nobody asked for."""
    del done, total


def _words(item: Item, heat: Heat) -> WordScores:
    units = label_units(item)
    scores = heat.on(item.prompt, units)
    return WordScores(tuple(item.prompt[unit.start : unit.end] for unit in units), np.asarray(scores), item.language)
