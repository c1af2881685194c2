"""What is compared: methods with their model and configuration, and the baselines that always stand beside them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heta_data.errors import IntegrityError
from heta_data.records import AttributionRecord, Item

LEXICAL = ("answer_match", "first_words", "longest_words")
"""Rivals that read no model: each is a method of `heta`, computed from the item itself."""
RANDOM = "random"
"""Scores drawn at random: its exact expected value is used, so it has no seed and no error of its own."""

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
    native: bool = False
    """Whether every score stands on a unit itself, a word, and none is carried over from tokens by a rule."""

    @property
    def key(self) -> SubjectKey:
        """What its records' keys end in, behind the item."""
        return (self.method, self.model, self.revision, self.tokenizer, self.policy, self.config_hash)

    def description(self) -> dict[str, str]:
        """What identifies the subject, for the config of its results."""
        own = {"rule": "none"} if self.native else {}
        if self.baseline:
            return {**own, "method": self.method}
        return {
            **own,
            "method": self.method,
            "model": self.model,
            "model_revision": self.revision,
            "tokenizer": self.tokenizer,
            "target_policy": self.policy,
            "config_hash": self.config_hash,
        }


def baseline(name: str, *, native: bool = True) -> Subject:
    """The baseline of that name; `native` where the words that it scores are the units."""
    return Subject(name, name, baseline=True, native=native)


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
