"""Attributions in bulk: items x methods to records, one file for each model, method and configuration.

Work goes item by item, all methods of one item on one `heta.prepare()` object, so that expensive passes are shared.
Each record is durable before the next is computed. What is done is told by `AttributionRecord.key`, the whole
configuration, so another model, another policy or another number of probes never counts as done.

There is no file of failures: work that failed is work that is missing, and the next run tries and names it again.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import heta
from heta.errors import ConfigError, HetaError, IncompatibleModel, InputError, MissingDependency
from heta.records import TargetPolicy
from heta_data.attribute_plan import Estimate, estimate
from heta_data.attribution_files import NO_MODEL, Lane, library_versions, read_attributions, to_record
from heta_data.compose import unscored_spans
from heta_data.errors import IntegrityError
from heta_data.jsonl import read_records
from heta_data.records import WHOLE_ANSWER, AttributionRecord, Item
from heta_data.workspace import Workspace

if TYPE_CHECKING:
    from heta import Budget, LoadedModel, Method

__all__ = ["Failure", "Progress", "Summary", "count_missing", "read_attributions", "run_attributions"]

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with (records dealt with, records to do), first with (0, n)."""

# These concern the run and not one item: they would come again for every item.
_RUN_ERRORS = (ConfigError, IncompatibleModel, MissingDependency)


@dataclass(frozen=True)
class Failure:
    """Methods that gave no record for an item, and why."""

    item: str
    """Item id."""
    row: str
    """`source:source_id`, for people."""
    methods: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Summary:
    """What a run did."""

    items: int
    done: int
    """Records computed by this run."""
    skipped: int
    """Records that were there already."""
    failures: tuple[Failure, ...]
    seconds: float
    answered: int | None
    """Items whose answer is the model's own greedy continuation; None where no method used a model, and for other
    policies than `answer` and `each`, whose targets do not tell."""
    read: int
    """Items behind `answered`: those with a record of a method that uses the model."""
    files: tuple[Path, ...]

    @property
    def failed(self) -> int:
        """Records that are still missing."""
        return sum(len(failure.methods) for failure in self.failures)


def run_attributions(
    workspace: Workspace,
    items: Sequence[Item],
    model: "LoadedModel | None",
    methods: "Sequence[Method]",
    *,
    policy: TargetPolicy = "answer",
    budget: "Budget | None" = None,
    progress: Progress | None = None,
    announce: Callable[[Estimate], None] | None = None,
) -> Summary:
    """Attribute every item by every method, into the working folder; what is there already is not done again.

    Args:
        workspace: the folder; locked while this runs.
        items: in the order the records shall have.
        model: from `heta.load_model`; None where no method needs one.
        methods: from `heta.create_method`.
        policy: which target tokens are explained.
        budget: what one pass may hold; no part of what makes two records the same work.
        progress: called after each record.
        announce: called with an estimate before the first record, where a model is used and something is missing.

    Returns:
        Counts, and every failure of a single item. An item that fails is left out and the others go on.

    Raises:
        ConfigError, InputError: nothing to do, a method given twice or one that needs a model and has none.
        IncompatibleModel: the model cannot be used by a method at all.
        RecordError, IntegrityError: an existing file has a broken line, or two different records of one key.
        FolderBusy: another process writes here.
    """
    _check_work(items, model, methods)
    began = time.perf_counter()
    identity = model.identity if model is not None else NO_MODEL
    with workspace.lock():
        lanes = [
            Lane.open(workspace, method, identity if method.needs_model else NO_MODEL, policy) for method in methods
        ]
        run = _Run(lanes, items, policy, budget, progress)
        if announce is not None and model is not None:
            missing = [(item, [lane.method for lane in pending]) for item, pending in run.work]
            if (found := estimate(missing, model, policy=policy, budget=budget)) is not None:
                announce(found)
        with ExitStack() as stack:
            run.go(model, stack)
        for lane in lanes:
            lane.settle(items)
    ids = {item.id for item in items}
    read = {key: answered for lane in lanes for key, answered in lane.answered.items() if key in ids}
    asked = policy in WHOLE_ANSWER and any(method.needs_model for method in methods)
    return Summary(
        items=len(items),
        done=run.done,
        skipped=run.skipped,
        failures=tuple(run.failures),
        seconds=time.perf_counter() - began,
        answered=sum(read.values()) if asked else None,
        read=len(read),
        files=tuple(lane.path for lane in lanes if lane.keys),
    )


def count_missing(
    workspace: Workspace,
    items: Sequence[Item],
    model: str,
    methods: "Sequence[Method]",
    *,
    policy: TargetPolicy = "answer",
) -> dict[str, int]:
    """Records to compute for each method, told without loading the model: any revision of `model` counts as there.

    Raises:
        RecordError: an existing file has a broken line.
    """
    missing = {}
    for method in methods:
        name = model if method.needs_model else "none"
        path = workspace.attribution_file(name, method.name, method.config_hash)
        wanted = policy if method.needs_model else "none"
        records = read_records(path, AttributionRecord) if path.exists() else ()
        there = {record.item_id for record in records if record.key[5] == wanted}
        missing[method.name] = sum(item.id not in there for item in items)
    return missing


def _check_work(items: Sequence[Item], model: object | None, methods: "Sequence[Method]") -> None:
    if not items:
        raise InputError("no items to attribute: build some with `heta data build`, or raise --limit")
    if not methods:
        raise ConfigError("no methods given: name one, see `heta methods`")
    ids: set[str] = set()
    for item in items:
        if item.id in ids:
            raise IntegrityError(f"item {item.id} ({item.source}:{item.source_id}) is given twice: remove one")
        ids.add(item.id)
    seen: set[tuple[str, str]] = set()
    for method in methods:
        if (pair := (method.name, method.config_hash)) in seen:
            raise ConfigError(f"method {method.name!r} is given twice with the same options: name it once")
        seen.add(pair)
        if method.needs_model and model is None:
            raise ConfigError(f"method {method.name!r} needs a model and none is given: load one with heta.load_model")


class _Run:
    """The state of one run while it goes from item to item."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        items: Sequence[Item],
        policy: TargetPolicy,
        budget: "Budget | None",
        progress: Progress | None,
    ) -> None:
        there = [set(lane.keys) for lane in lanes]
        self.work = [
            (item, [lane for lane, keys in zip(lanes, there, strict=True) if (item.id, *lane.tail) not in keys])
            for item in items
        ]
        self.policy = policy
        self.budget = budget
        self.progress = progress
        self.total = sum(len(pending) for _, pending in self.work)
        self.skipped = len(items) * len(lanes) - self.total
        self.done = 0
        self.failures: list[Failure] = []
        self.versions = {needs: library_versions(with_model=needs) for needs in (False, True)}

    def go(self, model: "LoadedModel | None", stack: ExitStack) -> None:
        """Compute all missing records."""
        self._tell()
        for item, pending in self.work:
            # Methods without a model must not depend on which one is loaded, nor fail with it.
            self._attribute(None, item, [lane for lane in pending if not lane.method.needs_model], stack)
            self._attribute(model, item, [lane for lane in pending if lane.method.needs_model], stack)

    def _attribute(self, model: "LoadedModel | None", item: Item, lanes: Sequence[Lane], stack: ExitStack) -> None:
        if not lanes:
            return
        policy = self.policy if model is not None else "answer"
        try:
            prepared = heta.prepare(
                model, item.prompt, item.target, unscored=unscored_spans(item), policy=policy, budget=self.budget
            )
        except _RUN_ERRORS:
            raise
        except HetaError as error:
            self._fail(item, lanes, error)
            return
        for lane in lanes:
            try:
                record = to_record(item, prepared.attribute(lane.method), self.versions[lane.method.needs_model])
            except _RUN_ERRORS:
                raise
            except HetaError as error:
                self._fail(item, [lane], error)
            else:
                lane.append(record, stack)
                self.done += 1
                self._tell()

    def _fail(self, item: Item, lanes: Sequence[Lane], error: HetaError) -> None:
        names = tuple(lane.method.name for lane in lanes)
        log.info("item %s: %s failed: %s", item.id, ", ".join(names), error)
        self.failures.append(Failure(item.id, f"{item.source}:{item.source_id}", names, str(error)))
        self._tell()

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(self.done + sum(len(failure.methods) for failure in self.failures), self.total)
