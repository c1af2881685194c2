"""The steps of the programme on one model: what each depends on, how long it will take, and how it is done."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import heta
from heta.errors import ConfigError, IncompatibleModel, MissingDependency
from heta_data.attribute import Failure, run_attributions
from heta_data.attribution_files import read_attributions
from heta_data.records import AttributionRecord, Item, MetricResult, content_hash
from heta_evaluation.alignment.subjects import LEXICAL, RANDOM
from heta_evaluation.faithfulness.decoding import with_answers_kept
from heta_evaluation.faithfulness.runner import Faithfulness, measure
from heta_evaluation.faithfulness.sensitivity import at_sizes
from heta_evaluation.faithfulness.soft import RETENTIONS, at_retentions
from heta_evaluation.programme.answers import ANSWERED, Answers, ask_answers, count_answers
from heta_evaluation.programme.estimating import DECODED, Clock
from heta_evaluation.programme.labelled import alignment_figures
from heta_evaluation.programme.means import differences, means_over, read_values
from heta_evaluation.programme.order import GATED, order_figures
from heta_evaluation.programme.sets import Sets
from heta_evaluation.programme.settings import COSTLY, ProgrammeSettings

Progress = Callable[[int, int], None]
FAITHFUL = ("soft_nc", "soft_ns", "soft_nc_pi", "soft_ns_pi", "lds")
ABLATIONS = ("heta", "heta_m", "heta_s", "heta_i", "heta_no_gate", "kl", "heta_balanced", "heta_fast")
"""HETA, its parts, and its registered variants; `kl` is the information term alone."""
CONTROLS = 5
"""Rows beside the methods: rules, random scores, labels."""


@dataclass
class Outcome:
    """How a step ended."""

    results: list[MetricResult] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    note: str = ""
    computed: int = 0


@dataclass(frozen=True)
class Step:
    """One step on one model."""

    name: str
    title: str
    estimate: float
    """Seconds at most; attributions that are there are not counted, values of metrics are until the step is done."""
    digest: Callable[[], str]
    """Of everything it depends on, at the time of asking."""
    run: Callable[[Progress], Outcome]
    always: bool = False
    """Whether it is gone through even where it was finished, because it does only what is missing of its records."""


class ModelSteps:
    """All steps on one loaded model."""

    def __init__(
        self,
        sets: Sets,
        settings: ProgrammeSettings,
        methods: Sequence[heta.Method],
        model: heta.LoadedModel,
        clock: Clock | None,
    ) -> None:
        self.sets = sets
        self.settings = settings
        self.methods = [method for method in methods if method.name not in (*LEXICAL, RANDOM)]
        self.rivals = [method for method in methods if method.name in (*LEXICAL, RANDOM)]
        self.model = model
        self.clock = clock
        self.answers = Answers()

    def all(self) -> Iterator[Step]:
        """The steps, in their order."""
        yield from self._answering()
        yield from self._attributing()
        if self.sets.items:
            yield self._step("order", "DSA over both segment orders", 0.0, self._of("items"), self._order)
            yield self._step("alignment", "alignment with labels", 0.0, self._of("items"), self._alignment)
        yield from self._measuring()

    # What a step depends on.

    def _identity(self) -> list[str]:
        identity = self.model.identity
        return [identity.name, identity.revision, identity.tokenizer]

    def _digest(self, name: str, *more: object) -> str:
        fixed = self.settings.model_dump(mode="json", exclude={"models", "device", "limit", "limit_prompts", "methods"})
        hashes = [f"{method.name}-{method.config_hash}" for method in self.methods]
        return content_hash([name, fixed, hashes, self._identity(), *more], 12)

    def _of(self, *sets: str) -> Callable[[], list[object]]:
        """The items of the sets, their labels, and the attributions that are there now."""
        return lambda: [
            [[item.id for item in self.sets.of(one)] for one in sets],
            [record.fingerprint() for one in sets for record in self.records(one)],
            [record.fingerprint() for record in self.sets.labels] if "items" in sets else [],
        ]

    def _step(
        self,
        name: str,
        title: str,
        estimate: float,
        depends: Callable[[], list[object]],
        run: Callable[[Progress], Outcome],
    ) -> Step:
        return Step(name, title, estimate, lambda: self._digest(name, *depends()), run)

    def records(self, name: str) -> list[AttributionRecord]:
        """Attributions of a set by this model and by methods without one, with the options of this run."""
        wanted = {(method.name, method.config_hash) for method in (*self.methods, *self.rivals)}
        identity = tuple(self._identity())
        return [
            record
            for record in read_attributions(self.sets.workspace(name))
            if (record.method, record.config_hash) in wanted
            and (record.model == "none" or (record.model, record.model_revision, record.tokenizer) == identity)
        ]

    # Answers and attributions.

    def _answering(self) -> Iterator[Step]:
        for name in ("items", "prompts"):
            items = self.sets.of(name)
            passes = 2 if name == "items" else 1
            if items:
                seconds = self.clock.answers(items, passes) if self.clock else 0.0
                ids = [item.id for item in items]
                step = self._step(
                    f"answers-{name}",
                    f"what the model answers: {name}",
                    seconds,
                    partial(list, [ids]),
                    partial(self._ask, name, items),
                )
                yield replace(step, always=True)

    def _ask(self, name: str, items: Sequence[Item], progress: Progress) -> Outcome:
        model = self.model.identity.name
        path = self.sets.workspace(name).root / "answers" / f"{model.replace('/', '--')}.jsonl"
        found, failures = ask_answers(path, items, self.model, without=name == "items", progress=progress)
        self.answers.whole |= found.whole
        self.answers.without |= found.without
        if name == "items":
            return Outcome(count_answers(items, found, model), failures)
        counted = MetricResult(
            metric=ANSWERED, variant="whole", subject=model, value=float(sum(found.whole.values())), n=len(found.whole)
        )
        return Outcome([counted], failures)

    def _attributing(self) -> Iterator[Step]:
        for name in self.sets.names():
            items, methods = self.sets.of(name), self.methods + (self.rivals if name == "single" else [])
            seconds = self.clock.attribution(self._missing(name, methods)) if self.clock else 0.0
            ids = [item.id for item in items]
            step = self._step(
                f"attribute-{name}",
                f"attributions: {name}",
                seconds,
                partial(list, [ids]),
                partial(self._attribute, name, methods),
            )
            yield replace(step, always=True)

    def _missing(self, name: str, methods: Sequence[heta.Method]) -> list[tuple[Item, list[heta.Method]]]:
        """Each item of a set with the methods that have no attribution of it yet."""
        there = {(record.item_id, record.method) for record in self.records(name)}
        return [(item, [one for one in methods if (item.id, one.name) not in there]) for item in self.sets.of(name)]

    def _attribute(self, name: str, methods: Sequence[heta.Method], progress: Progress | None) -> Outcome:
        workspace, items = self.sets.workspace(name), self.sets.of(name)
        try:
            summary = run_attributions(workspace, items, self.model, methods, progress=progress)
            return Outcome(computed=summary.done, failures=_named(summary.failures))
        except (ConfigError, IncompatibleModel, MissingDependency) as error:
            if len(methods) == 1:
                return Outcome(failures=[f"{methods[0].name}: {error}"])
        # Some method cannot be used with this model at all: one by one, so that the others are measured.
        whole = Outcome()
        for number, method in enumerate(methods, start=1):
            part = self._attribute(name, [method], None)
            whole.computed += part.computed
            whole.failures += part.failures
            if progress is not None:
                progress(number, len(methods))
        return whole

    # Figures.

    def _order(self, progress: Progress) -> Outcome:
        del progress
        found = order_figures(self.sets.of("items"), self.records("items"), self.answers, self.settings.evaluate)
        return Outcome(found, note="" if found else "no item has exactly one evidence and one distractor segment")

    def _alignment(self, progress: Progress) -> Outcome:
        if not self.sets.labels:
            return Outcome(note=self.sets.no_labels)
        items = self.sets.of("items")[: self.sets.declared]
        gated = [item for item in items if self.answers.gated(item)]
        found = alignment_figures(items, gated, self.sets.labels, self.records("items"), self.settings, progress)
        return Outcome(found)

    def _measuring(self) -> Iterator[Step]:
        sizes = self.settings.sizes
        levels = len(sizes.retentions or RETENTIONS)
        own = 20 + 2 * levels * sizes.pi_draws
        rows = len(self.methods) + CONTROLS
        for name in ("items", "prompts"):
            if some := self.sets.of(name)[: self.sets.declared if name == "items" else None]:
                yield self._step(
                    f"faithfulness-{name}",
                    f"Soft-NC, Soft-NS and LDS: {name}",
                    self.clock.faithfulness(some, rows, own, 34) if self.clock else 0.0,
                    self._of(name),
                    partial(self._faithful, name, some),
                )
        some = self.sets.of("prompts")[: sizes.noise_prompts]
        if some:
            times = 1 + sizes.noise_draws * len(sizes.noise_sizes or (1, 1, 1))
            yield self._step(
                "sensitivity",
                "sensitivity to noise",
                self.clock.reruns(some, self.methods, times, shared=sizes.shared) if self.clock else 0.0,
                self._of("prompts"),
                partial(self._sensitive, some),
            )
            few, cheap = some[: sizes.decoding_prompts], self._decoded()
            yield self._step(
                "decoding",
                "stability over decoding settings",
                self.clock.reruns(few, cheap, DECODED, shared=sizes.shared) if self.clock else 0.0,
                self._of("prompts"),
                partial(self._decoding, few, cheap),
            )
        yield self._step("phrasings", "active and passive", 0.0, self._of("phrasings"), self._phrasings)

    def _decoded(self) -> list[heta.Method]:
        costly = self.settings.sizes.decoding_costly
        return [method for method in self.methods if costly or method.name not in COSTLY]

    def _measure(
        self,
        name: str,
        limit: int,
        progress: Progress,
        *,
        methods: Sequence[heta.Method] = (),
        **more: Any,
    ) -> Faithfulness:
        settings = self.settings
        # A method without attributions would be run with other options than this run's.
        there = {record.method for record in self.records(name)}
        wanted = methods or self.methods
        return measure(
            self.sets.workspace(name),
            limit=limit,
            progress=progress,
            loaded=self.model,
            model=self.model.identity.name,
            seed=settings.seed,
            resamples=settings.resamples,
            kinds=settings.kinds,
            arms=settings.arms,
            campaign=settings.campaign,
            methods=tuple(method.name for method in wanted if method.name in there) or None,
            **more,
        )

    def _faithful(self, name: str, items: Sequence[Item], progress: Progress) -> Outcome:
        sizes = self.settings.sizes
        narrowed = [at_retentions(one, sizes.retentions) for one in FAITHFUL[2:4]] if sizes.retentions else []
        found = self._measure(name, len(items), progress, metrics=FAITHFUL, pi_draws=sizes.pi_draws, narrowed=narrowed)
        outcome = _outcome(found)
        values = read_values([path for path in found.files[1:] if path.exists()])
        how = {"draws": self.settings.resamples, "seed": self.settings.seed}
        if name == "items":
            some = [item for item in items if self.answers.gated(item)]
        else:
            some = [item for item in items if self.answers.whole.get(item.id)]
        outcome.results += means_over(values, some, GATED, **how)
        names = [one.name for one in found.subjects if one.name != RANDOM]
        outcome.results += differences(values, some, RANDOM, names, f"{GATED}, minus {RANDOM}", **how)
        subjects = {one.method: one.name for one in found.subjects if not one.baseline}
        if base := subjects.get("heta"):
            others = [subjects[method] for method in ABLATIONS[1:] if method in subjects]
            outcome.results += differences(values, items, base, others, "minus heta", **how)
        return outcome

    def _sensitive(self, items: Sequence[Item], progress: Progress) -> Outcome:
        sizes = self.settings.sizes
        narrowed = [at_sizes(sizes.noise_sizes, shared=sizes.shared)] if sizes.noise_sizes else []
        return _outcome(
            self._measure(
                "prompts",
                len(items),
                progress,
                metrics=("sensitivity",),
                noise_draws=sizes.noise_draws,
                narrowed=narrowed,
            )
        )

    def _decoding(self, items: Sequence[Item], methods: Sequence[heta.Method], progress: Progress) -> Outcome:
        if not methods:
            return Outcome(note="only methods of many passes were asked for, and quick leaves these out here")
        return _outcome(
            self._measure(
                "prompts",
                len(items),
                progress,
                metrics=("decoding_stability",),
                methods=methods,
                narrowed=[with_answers_kept()] if self.settings.sizes.shared else [],
            )
        )

    def _phrasings(self, progress: Progress) -> Outcome:
        items = self.sets.of("phrasings")
        return _outcome(
            self._measure("phrasings", len(items), progress, metrics=("paraphrase_stability",), pairs="pairs.jsonl")
        )


def _outcome(found: Faithfulness) -> Outcome:
    failures = [f"item {one.item} ({one.row}), {one.subject}: {one.reason}" for one in found.failures]
    return Outcome(list(found.results), failures, computed=found.done)


def _named(failures: Sequence[Failure]) -> list[str]:
    return [f"item {one.item} ({one.row}), {', '.join(one.methods)}: {one.reason}" for one in failures]
