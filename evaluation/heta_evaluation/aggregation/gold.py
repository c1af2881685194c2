"""Gold labels of a whole folder: by which method, with which items known beforehand, and what its raters are worth."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heta.errors import InputError
from heta_data.errors import IntegrityError
from heta_data.jsonl import read_records
from heta_data.records import GoldLabels, content_hash
from heta_data.workspace import Workspace
from heta_evaluation.aggregation import AGGREGATORS
from heta_evaluation.aggregation.base import Aggregator, Fit
from heta_evaluation.aggregation.majority import gold_labels
from heta_evaluation.aggregation.votes import IntArray, Votes, collect_votes
from heta_evaluation.metrics.base import FloatArray
from heta_evaluation.ratings import Answers, Ratings

CAMPAIGN = "campaign"
"""The gold setting that takes the campaign's own gold labels, an adjudicator's decisions among them."""
MAJORITY = "majority"
_HALF = 0.5


@dataclass(frozen=True)
class Aggregation:
    """Gold labels of all items with an answer, and the model behind them."""

    aggregator: Aggregator
    votes: Votes
    fit: Fit
    gold: tuple[GoldLabels, ...]


def aggregate(
    ratings: Ratings, method: str, *, seed: int = 0, controls: Mapping[str, GoldLabels] | None = None
) -> Aggregation:
    """Put the labels of all items together.

    Args:
        ratings: the answers that count.
        method: a name in `AGGREGATORS`.
        seed: for models that start at random.
        controls: item id -> labels that are known and held fixed; unresolved ones are not known.

    Raises:
        UnknownName: no such method. IntegrityError: known labels are of other units than the item has.
    """
    aggregator = AGGREGATORS.get(method)
    settled = {item: gold for item, gold in (controls or {}).items() if gold.source != "unresolved"}
    known = [_known(row, settled.get(row.item.id)) for row in ratings.rows]
    tables = ((row.raters, row.labels) for row in ratings.rows)
    votes = collect_votes(tables, n_raters=len(ratings.raters), known=known)
    fit = aggregator.fit(votes, seed)
    probability = fit.posterior[votes.pattern, 1]
    ends = np.cumsum([len(row.units) for row in ratings.rows])[:-1]
    gold = tuple(
        _record(row, own, ratings.segmentation, aggregator.method, settled.get(row.item.id))
        for row, own in zip(ratings.rows, np.split(probability, ends), strict=True)
    )
    return Aggregation(aggregator, votes, fit, gold)


def _known(row: Answers, control: GoldLabels | None) -> IntArray | None:
    if control is None:
        return None
    if tuple(zip(control.starts, control.ends, strict=True)) != row.units:
        raise IntegrityError(
            f"known labels of item {row.item.id}: {len(control.starts)} units ({control.segmentation}) do not match "
            f"the {len(row.units)} that were labelled; take gold labels of the same items and segmentation"
        )
    return np.asarray(control.labels, dtype=np.int64)


def _record(
    row: Answers, probability: FloatArray, segmentation: str, method: str, control: GoldLabels | None
) -> GoldLabels:
    """One item's record: `unresolved` where a posterior is one half; an item that was known stays what it was."""
    plain = gold_labels(
        item_id=row.item.id,
        segmentation=segmentation,
        units=row.units,
        labels=row.labels,
        kinds=[record.kind for record in row.records],
        arms=[record.arm for record in row.records],
    )
    source = "unanimous" if plain.source == "unanimous" else "aggregated"
    if (probability == _HALF).any():
        source = "unresolved"
    return plain.model_copy(
        update={
            "probability": tuple(np.clip(probability, 0.0, 1.0).tolist()),
            "labels": tuple((probability > _HALF).astype(int).tolist()),
            "method": method,
            "source": source if control is None else control.source,
        }
    )


@dataclass(frozen=True)
class GoldChoice:
    """The gold labels of one evaluation."""

    method: str
    """What stands as `method` in the records, or `campaign`."""
    records: tuple[GoldLabels, ...]
    fixed: Mapping[str, GoldLabels] | None
    """Item id -> labels that stand in every bootstrap draw; None where each draw's raters make their own majority."""
    notes: tuple[str, ...] = ()
    """What a reader must know."""

    def described(self) -> dict[str, str]:
        """The method, and a hash of labels that were given and not computed from raters' labels."""
        given = self.fixed if self.method == CAMPAIGN else None
        return {"method": self.method, **({"hash": gold_hash(given)} if given is not None else {})}


def choose_gold(ratings: Ratings, way: str, campaign: Sequence[GoldLabels] | None, *, seed: int = 0) -> GoldChoice:
    """Gold labels by the setting `[evaluate] gold`.

    Args:
        ratings: the answers that count.
        way: a name in `AGGREGATORS`, or `campaign`.
        campaign: the campaign's own gold labels; None where there is no file.
        seed: for models that start at random.

    Raises:
        InputError: `campaign`, and there is no file. IntegrityError: its labels are of other units than the items have.
    """
    if way == CAMPAIGN:
        return _campaign_choice(ratings, campaign)
    found = aggregate(ratings, way, seed=seed)
    notes = []
    if decided := sum(record.source == "adjudicated" for record in campaign or ()):
        notes.append(
            f"campaign_gold.jsonl holds {decided} items that an adjudicator decided, and this evaluation does not use "
            f"them: it takes gold by {way}. --gold {CAMPAIGN} uses them."
        )
    if way == MAJORITY:
        return GoldChoice(found.aggregator.method, found.gold, None, tuple(notes))
    notes.append(
        f"Gold is by {found.aggregator.method}, fitted once: intervals leave out that it could come out otherwise."
    )
    if not found.fit.converged:
        notes.append(f"{way} did not converge in {found.fit.iterations} steps: gold may be unstable.")
    return GoldChoice(
        found.aggregator.method, found.gold, {record.item_id: record for record in found.gold}, tuple(notes)
    )


def _campaign_choice(ratings: Ratings, campaign: Sequence[GoldLabels] | None) -> GoldChoice:
    if campaign is None:
        raise InputError(
            f"gold = {CAMPAIGN!r}: there is no campaign_gold.jsonl; write it with heta campaign gold, or choose "
            f"another way: {', '.join(AGGREGATORS)}"
        )
    by_item = {record.item_id: record for record in campaign}
    for row in ratings.rows:
        _known(row, by_item.get(row.item.id))
    counts = Counter(record.source for record in campaign)
    listed = ", ".join(f"{count} {source}" for source, count in sorted(counts.items()))
    open_ = f"; the {counts['unresolved']} unresolved ones have no gold" if counts["unresolved"] else ""
    note = f"Gold is the campaign's own ({listed}), the same in every draw{open_}."
    return GoldChoice(CAMPAIGN, tuple(campaign), by_item, (note,))


def read_gold(path: Path) -> dict[str, GoldLabels]:
    """Item id -> gold labels of a file.

    Raises:
        RecordError: a line cannot be read. IntegrityError: an item stands twice.
    """
    found: dict[str, GoldLabels] = {}
    for record in read_records(path, GoldLabels):
        if record.item_id in found:
            raise IntegrityError(f"{path}: item {record.item_id} stands twice; keep one of the two lines")
        found[record.item_id] = record
    return found


def gold_hash(gold: Mapping[str, GoldLabels]) -> str:
    """Content hash of gold labels, 16 hexadecimal digits; their order does not count."""
    return content_hash(sorted(record.fingerprint() for record in gold.values()))


def keep_adjudicated(workspace: Workspace, gold: Sequence[GoldLabels]) -> None:
    """Refuse to write `gold` over decisions of an adjudicator that stand nowhere else.

    Raises:
        InputError: gold.jsonl holds such decisions, and neither campaign_gold.jsonl nor `gold` does.
        RecordError: one of the two files cannot be read.
    """
    if not workspace.gold.exists():
        return
    there = {record.item_id: record for record in read_records(workspace.gold, GoldLabels)}
    decided = {item: record.labels for item, record in there.items() if record.source == "adjudicated"}
    kept = {record.item_id: record.labels for record in gold if record.source == "adjudicated"}
    if decided and workspace.campaign_gold.exists():
        kept |= {item: record.labels for item, record in read_gold(workspace.campaign_gold).items()}
    lost = [item for item, labels in decided.items() if kept.get(item) != labels]
    if lost:
        raise InputError(
            f"{workspace.gold}: holds {len(lost)} adjudicated items that stand nowhere else and would be overwritten: "
            f"move the file to {workspace.campaign_gold.name} and use it with --gold {CAMPAIGN}, or delete it"
        )
