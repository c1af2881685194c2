"""What is measured: attributions by the model, the rivals that stand beside them, and the raters' labels themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import heta
from heta.errors import ConfigError
from heta.records import Span
from heta_data.records import WHOLE_ANSWER, Arm, AttributionRecord, Item, RaterKind, TokenLabels, content_hash
from heta_evaluation.alignment.subjects import LEXICAL, RANDOM, Subject, baseline, group_records
from heta_evaluation.faithfulness.controls import random_scores
from heta_evaluation.faithfulness.scene import Heat, Scene
from heta_evaluation.labels import Selection

HUMAN_LABELS = "labels"
"""Name of the row of labels: its records say whose they are (`kinds`, `arms`)."""


@dataclass(frozen=True)
class Source:
    """One row of the table: where its scores of an item come from."""

    subject: Subject
    file: str
    """What its file is called, settings aside."""
    records: Mapping[str, AttributionRecord] = field(default_factory=dict)
    method: heta.Method | None = None
    """What runs it: for an item without a record, and for metrics that run it again."""
    model: heta.LoadedModel | None = None
    """The model it runs on, where that is not the one that is asked."""
    labels: Mapping[str, Sequence[TokenLabels]] | None = None
    digest: str | None = None
    """Of the labels; None where it has none."""
    kinds: tuple[RaterKind, ...] = ()
    arms: tuple[Arm, ...] = ()

    @property
    def obstacle(self) -> str | None:
        """Why metrics that run a method again have no value here; None where it can be run."""
        if self.method is None:
            return "no_method" if self.subject.baseline else "method_not_known"
        return "no_method_of_its_own" if self.model is not None else None

    def fingerprint(self, item: Item) -> str | None:
        """Of the attribution record behind the item's scores; None where there is none."""
        record = self.records.get(item.id)
        return None if record is None else record.fingerprint()

    def heat(self, scene: Scene) -> Heat | None:
        """Its scores of an item; None where it has none and no method makes them."""
        item = scene.item
        if self.labels is not None:
            return _marked(self.labels.get(item.id, ()))
        if record := self.records.get(item.id):
            return Heat.of_record(record)
        if self.subject.method == RANDOM:
            return random_scores(scene)
        return None if self.method is None or self.records else self.run(scene.prepared)

    def run(self, prepared: heta.Prepared) -> Heat:
        """Run its method on a prepared prompt, or on the same prompt on its own model.

        Raises:
            ConfigError: it has no method that could be run.
        """
        if self.method is None:
            raise ConfigError(f"{self.subject.name} cannot be run again")
        if self.model is not None:
            text, target = prepared.prompt, prepared.given_target
            prepared = heta.prepare(self.model, text, target, unscored=prepared.unscored, budget=prepared.budget)
        return Heat.of_attribution(prepared.attribute(self.method))


def _marked(labels: Sequence[TokenLabels]) -> Heat | None:
    """Share of the raters that marked each unit."""
    if not labels:
        return None
    spans = tuple(Span(start, end) for start, end in zip(labels[0].starts, labels[0].ends, strict=True))
    share = np.asarray([record.labels for record in labels], dtype=float).mean(axis=0)
    return Heat(spans, share, np.ones(len(spans), dtype=bool))


@dataclass(frozen=True)
class Found:
    """The rows of a run, and what a reader must know of what is no row."""

    sources: tuple[Source, ...]
    notes: tuple[str, ...]


def find_sources(
    items: Sequence[Item],
    model: heta.LoadedModel,
    attributions: Sequence[AttributionRecord],
    selection: Selection | None,
    methods: Sequence[str] | None,
    shuffled: heta.LoadedModel | None,
) -> Found:
    """Methods, their twins on random weights, rivals, random scores and labels, in this order.

    Args:
        items: what is measured on.
        model: the model that is asked.
        attributions: of these items, by any models; those of this one, revision and tokenizer included, are rows.
        selection: the labels that count; None where there are none.
        methods: only these; None for all that have records. One without records is run with its default options.
        shuffled: the model with random weights; None for no such rows.

    Raises:
        UnknownName: a method that does not exist and has no records.
        IntegrityError: records that do not belong to their items.
    """
    known = {item.id: item for item in items}
    grouped, _ = group_records(attributions, known)
    identity = (model.identity.name, model.identity.revision, model.identity.tokenizer)
    sources, others = [], []
    for subject, records in grouped.items():
        if methods is not None and subject.method not in methods:
            continue
        own = (subject.model, subject.revision, subject.tokenizer) == identity and subject.policy in WHOLE_ANSWER
        if own or subject.model == "none":
            # A record's model is given back its short name: no other revision of it is a row.
            file = f"{subject.method}-{subject.config_hash}{'' if subject.policy != 'each' else '-each'}"
            sources.append(Source(subject, file, records, _again(subject, records)))
        else:
            others.append(subject.name)
    there = {source.subject.method for source in sources}
    for name in methods or ():
        if name not in there and name not in (*LEXICAL, RANDOM):
            sources.append(_computed(heta.create_method(name), identity))
    twins = [_on_random_weights(source, shuffled) for source in sources if shuffled is not None and _twinned(source)]
    rivals = [Source(baseline(name), name, method=heta.create_method(name)) for name in LEXICAL]
    rows = [*sources, *twins, *rivals, Source(baseline(RANDOM), RANDOM)]
    if selection is not None:
        rows.append(_labels(items, selection))
    notes = []
    if not sources:
        notes.append("There are no attributions by this model: only controls are measured.")
    if others:
        notes.append(f"Not measured, of another model, revision, tokenizer or target: {', '.join(others)}.")
    return Found(tuple(rows), tuple(notes))


def _again(subject: Subject, records: Mapping[str, AttributionRecord]) -> heta.Method | None:
    """The method with the records' options, or None where this installation would compute something else."""
    if subject.method not in heta.METHODS:
        return None
    config: dict[str, Any] = next(iter(records.values())).config
    fields = heta.METHODS.get(subject.method).options_class.model_fields
    try:
        method = heta.create_method(subject.method, **{key: value for key, value in config.items() if key in fields})
    except ConfigError:
        return None
    return method if method.config_hash == subject.config_hash else None


def _computed(method: heta.Method, identity: tuple[str, str, str]) -> Source:
    name, revision, tokenizer = identity if method.needs_model else ("none", "none", "none")
    on = f" on {name}" if method.needs_model else ""
    subject = Subject(
        name=f"{method.name}{on} [{method.config_hash}]",
        method=method.name,
        model=name,
        model_name=name,
        revision=revision,
        tokenizer=tokenizer,
        policy="answer" if method.needs_model else "none",
        config_hash=method.config_hash,
        signed=method.signed,
    )
    return Source(subject, f"{method.name}-{method.config_hash}", method=method)


def _twinned(source: Source) -> bool:
    return source.method is not None and source.method.needs_model


def _on_random_weights(source: Source, shuffled: heta.LoadedModel | None) -> Source:
    """The same method on the copy: an attribution that does not need what the model has learned scores alike."""
    subject = source.subject
    name = f"{subject.method} on {subject.model}, random weights [{subject.config_hash}]"
    twin = Subject(name, subject.method, model=f"{subject.model}, random weights", baseline=True)
    return Source(twin, f"{source.file}-random-weights", method=source.method, model=shuffled)


def items_digest(items: Sequence[Item]) -> str:
    """Content hash of what is asked about: tells whether a summary is of the items that are there now."""
    return content_hash([item.fingerprint() for item in items])


def labels_digest(selection: Selection) -> str:
    """Content hash of the labels behind the row of labels."""
    return content_hash([record.fingerprint() for record in selection.used], 8)


def _labels(items: Sequence[Item], selection: Selection) -> Source:
    used = {item.id: selection.by_item.get(item.id, ()) for item in items}
    flat = [record for records in used.values() for record in records]
    digest = labels_digest(selection)
    return Source(
        Subject(HUMAN_LABELS, HUMAN_LABELS, baseline=True),
        f"{HUMAN_LABELS}-{digest}",
        labels=used,
        digest=digest,
        kinds=tuple(sorted({record.kind for record in flat})),
        arms=tuple(sorted({record.arm for record in flat})),
    )
