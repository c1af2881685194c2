"""What an import found and did, for people and for machines."""

from collections.abc import Mapping
from dataclasses import dataclass

from heta_annotation.importing.matching import Unmatched
from heta_annotation.importing.reading import ImportedKind
from heta_data.records import Arm


@dataclass(frozen=True)
class StraySpan:
    """A span that covers no word; `[start, end)` in code points of the prompt."""

    task: int
    annotation: int
    start: int
    end: int


@dataclass(frozen=True)
class Imported:
    """What an import found and did."""

    source: str
    campaign_hash: str
    arm: Arm
    kind: ImportedKind
    marked: tuple[str, ...]
    """Labels that mean marked."""
    tasks: int
    matched: int
    unmatched: tuple[Unmatched, ...]
    annotations: int
    """Of matched tasks, each number once."""
    labels: int
    """Answers that count: neither skipped nor `cannot tell`."""
    empty: int
    """Those of them that mark nothing, a valid answer."""
    cannot_tell: int
    skipped: int
    quarantined: int
    reasons: Mapping[str, int]
    """First words of a reason -> annotations set aside for it; one annotation may have several."""
    drafts: int
    """Never submitted, so that they are nobody's answer."""
    repeated: int
    """Annotations that stand in the export again, the same."""
    beside: Mapping[str, int]
    """Type of region -> how many were not read, since they mark no text or mean something else."""
    unproved: int
    """Spans that do not repeat their text, which would prove their offsets."""
    stray: tuple[StraySpan, ...]
    raters: tuple[str, ...]
    replaced: int
    """Labels of an earlier import of the same that were there."""
    changed: tuple[int, ...]
    """Annotations that were different at an earlier import."""
    gone: tuple[int, ...]
    """Annotations that an earlier import saw and that are not in this export; they are in quarantine."""
    records: int
    """Lines of `labels.jsonl` afterwards."""
