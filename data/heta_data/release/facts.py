"""What is said of a release as a whole, gathered from its rows in one pass over each table."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from heta_data.records import AttributionRecord, GoldLabels, Record, TokenLabels


@dataclass
class Facts:
    """Counts and names; everything that a card, a manifest or a description says of the rows."""

    fingerprints: dict[str, list[str]] = field(default_factory=dict)
    """Table -> content hashes of its rows without what was measured, sorted."""
    unordered: set[str] = field(default_factory=set)
    """Tables whose rows do not stand in their order."""
    unused: dict[str, set[str]] = field(default_factory=dict)
    """Table -> later fields that no row of it uses."""
    raters: set[tuple[str, str]] = field(default_factory=set)
    """(kind, rater)"""
    groups: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """(kind, arm) -> answers, cannot_tell, skipped."""
    group_raters: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    labelled: set[str] = field(default_factory=set)
    """Items that have labels."""
    answers: Counter[str] = field(default_factory=Counter)
    """Item -> answers that count."""
    answered_by: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Item -> who gave them."""
    consents: int = 0
    consent_versions: set[str] = field(default_factory=set)
    campaigns: set[str] = field(default_factory=set)
    isolation: set[str] = field(default_factory=set)
    days: set[str] = field(default_factory=set)
    segmentations: set[str] = field(default_factory=set)
    gold_methods: set[str] = field(default_factory=set)
    gold_arms: set[str] = field(default_factory=set)
    gold_kinds: set[str] = field(default_factory=set)
    models: set[tuple[str, str, str]] = field(default_factory=set)
    """(name, revision, tokenizer), `none` left out."""
    methods: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """(method, config hash) -> configuration."""
    libraries: set[tuple[tuple[str, str], ...]] = field(default_factory=set)
    attributions: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """(method, model, revision, config hash) -> rows."""

    def add_labels(self, row: TokenLabels) -> None:
        """Count one answer."""
        group = (row.kind, row.arm)
        self.raters.add((row.kind, row.rater))
        self.group_raters[group].add(row.rater)
        self.groups[group].update({"answers": row.answered, "cannot_tell": row.cannot_tell, "skipped": row.skipped})
        self.labelled.add(row.item_id)
        if row.answered:
            self.answers[row.item_id] += 1
            self.answered_by[row.item_id].add(row.rater)
        if row.consent_version is not None:
            self.consents += 1
            self.consent_versions.add(row.consent_version)
        self.campaigns.add(row.campaign_hash)
        self.isolation.add(row.isolation)
        self.segmentations.add(row.segmentation)
        if row.origin is not None:
            self.days.add(row.origin.created_at)

    def add_gold(self, row: GoldLabels) -> None:
        """Count one item's gold labels."""
        self.segmentations.add(row.segmentation)
        self.gold_methods.add(row.method)
        self.gold_arms.update(row.arms)
        self.gold_kinds.update(row.kinds)

    def add_attribution(self, row: AttributionRecord) -> None:
        """Count one attribution."""
        if row.model != "none":
            self.models.add((row.model, row.model_revision, row.tokenizer))
        self.methods[(row.method, row.config_hash)] = row.config
        self.libraries.add(tuple(sorted(row.versions.items())))
        self.attributions[(row.method, row.model, row.model_revision, row.config_hash)] += 1


class Part(NamedTuple):
    """One table, to be gone through."""

    name: str
    record_type: type[Record]
    order: Callable[[Any], tuple[object, ...]]
    rows: Iterable[Record]


def gather(parts: Iterable[Part]) -> Facts:
    """Everything at once, in one pass over each table."""
    facts = Facts()
    add: dict[str, Callable[[Any], None]] = {
        "items": lambda _: None,
        "labels": facts.add_labels,
        "gold": facts.add_gold,
        "attributions": facts.add_attribution,
    }
    for part in parts:
        prints, last = [], None
        unused = set(part.record_type.later_fields)
        for row in part.rows:
            add[part.name](row)
            prints.append(row.fingerprint())
            unused -= {name for name in unused if getattr(row, name) is not None}
            key = part.order(row)
            if last is not None and last > key:
                facts.unordered.add(part.name)
            last = key
        facts.fingerprints[part.name] = sorted(prints)
        facts.unused[part.name] = unused
    return facts
