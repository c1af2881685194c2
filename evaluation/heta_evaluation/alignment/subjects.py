"""What is compared: methods with their model and configuration, and the baselines that always stand beside them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from heta.errors import NumericalError
from heta.records import Attribution, Span
from heta.words import Rule, project
from heta_data.compose import unscored_spans
from heta_data.errors import IntegrityError
from heta_data.records import AttributionRecord, Item
from heta_evaluation.metrics.base import BoolArray, FloatArray

LEXICAL = ("answer_match", "first_words", "longest_words")
"""Rivals that read no model: each is a method of `heta`, computed from the item itself."""
RANDOM = "random"
"""Scores drawn at random: its exact expected value is used, so it has no seed and no error of its own."""
NO_MASS = -1.0
"""Stands for the outside share of scores without any positive mass."""

SubjectKey = tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """Something that ranks words: a method with its model and configuration, or a baseline."""

    name: str
    """Unique over the evaluation, e.g. `heta_fast on smollm2 [1a2b3c4d]` or `answer_match`."""
    method: str
    model: str = "none"
    model_name: str = "none"
    """The model, with revision and tokenizer where the evaluation holds several of its name: unique."""
    revision: str = "none"
    tokenizer: str = "none"
    policy: str = "none"
    config_hash: str = ""
    signed: bool = False
    baseline: bool = False

    def description(self) -> dict[str, str]:
        """What identifies the subject, for the config of its results."""
        if self.baseline:
            return {"method": self.method}
        return {
            "method": self.method,
            "model": self.model,
            "model_revision": self.revision,
            "tokenizer": self.tokenizer,
            "target_policy": self.policy,
            "config_hash": self.config_hash,
        }


def baseline(name: str) -> Subject:
    """The baseline of that name."""
    return Subject(name, name, baseline=True)


def group_records(
    attributions: Iterable[AttributionRecord], items: Mapping[str, Item]
) -> tuple[dict[Subject, dict[str, AttributionRecord]], Counter[str]]:
    """Records by subject and item id, subjects sorted by model, method and configuration.

    Also how many records of each baseline were there and are not used, because baselines are computed from the items.

    Raises:
        IntegrityError: a record is for an unknown item, reaches outside its prompt or stands twice.
    """
    found: dict[SubjectKey, dict[str, AttributionRecord]] = {}
    unused: Counter[str] = Counter()
    for record in attributions:
        item = items.get(record.item_id)
        where = f"attribution by {record.method} ({record.model}) of item {record.item_id}"
        if item is None:
            raise IntegrityError(f"{where}: no such item in items.jsonl; restore the item or delete the record")
        if max(record.ends, default=0) > len(item.prompt):
            raise IntegrityError(f"{where}: reaches to {max(record.ends)}, the prompt ends at {len(item.prompt)}")
        if record.method in (*LEXICAL, RANDOM):
            unused[record.method] += 1
            continue
        by_item = found.setdefault(record.key[1:], {})
        if record.item_id in by_item:
            raise IntegrityError(f"{where}: stands twice with config {record.config_hash}; delete one record")
        by_item[record.item_id] = record
    revisions: dict[str, set[str]] = {}
    for _, model, revision, tokenizer, _, _ in found:
        revisions.setdefault(model, set()).add(f"{revision} {tokenizer}")
    ordered = sorted(found, key=lambda key: (key[1], key[0], key[1:]))
    return {_subject(key, found[key], len(revisions[key[1]]) > 1): found[key] for key in ordered}, unused


def _subject(key: SubjectKey, records: Mapping[str, AttributionRecord], several: bool) -> Subject:
    method, model, revision, tokenizer, policy, config_hash = key
    model_name = f"{model}@{revision} {tokenizer}" if several else model
    target = "" if policy in ("answer", "none") else f", target {policy}"
    return Subject(
        name=f"{method}{'' if model == 'none' else f' on {model_name}'}{target} [{config_hash}]",
        method=method,
        model=model,
        model_name=model_name,
        revision=revision,
        tokenizer=tokenizer,
        policy=policy,
        config_hash=config_hash,
        signed=any(record.signed for record in records.values()),
    )


def carry_record(
    item: Item, record: AttributionRecord, units: tuple[Span, ...], rule: Rule
) -> tuple[FloatArray, float]:
    """Scores `[unit]` of a record's item, and the share of its positive mass outside the units."""
    spans = [Span(start, end) for start, end in zip(record.starts, record.ends, strict=True)]
    scored = np.asarray([score is not None for score in record.scores], dtype=bool)
    scores = np.asarray([0.0 if score is None else score for score in record.scores], dtype=float)
    return _carry(item.prompt, spans, scores, scored, units, rule)


def carry_lexical(item: Item, units: tuple[Span, ...], rule: Rule) -> list[tuple[FloatArray, float]]:
    """The same for each lexical baseline."""
    import heta

    prepared = heta.prepare(None, item.prompt, item.target, unscored=unscored_spans(item))
    found: list[Attribution] = [prepared.attribute(heta.create_method(name)) for name in LEXICAL]
    return [_carry(item.prompt, list(each.spans), each.scores, each.scored, units, rule) for each in found]


def _carry(
    text: str, spans: list[Span], scores: FloatArray, scored: BoolArray, units: tuple[Span, ...], rule: Rule
) -> tuple[FloatArray, float]:
    covered = np.zeros(len(text) + 1, dtype=np.int64)
    for unit in units:
        covered[unit.start + 1 : unit.end + 1] = 1
    before = np.cumsum(covered)  # code points of units in front of each position
    inside = np.asarray([before[span.end] > before[span.start] for span in spans], dtype=bool)
    mass = np.where(scored, np.maximum(scores, 0.0), 0.0)
    mass = np.ldexp(mass, -int(np.frexp(mass.max(initial=0.0))[1]))  # so that no sum overflows
    total = float(mass.sum())
    outside = min(1.0, float(mass[~inside].sum()) / total) if total > 0 else NO_MASS
    carried = project(text, spans, scores, scored, units, rule=rule)
    if not np.isfinite(carried).all():
        raise NumericalError(f"scores up to {scores.max():g} overflow under the rule {rule!r}; take --rule max")
    return carried, outside
