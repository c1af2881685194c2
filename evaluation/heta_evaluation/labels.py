"""Which labels count: kinds and arms that were asked for, answered, latest round; everything left out is counted."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from heta.errors import InputError
from heta.words import SEGMENTATION
from heta_data.compose import label_units
from heta_data.errors import IntegrityError
from heta_data.raters import scripted_problem
from heta_data.records import Item, RaterKind, TokenLabels, is_blind
from heta_evaluation.settings import EvaluateSettings


@dataclass(frozen=True)
class Selection:
    """The labels that count, by item, and how many were left out for which reason."""

    by_item: Mapping[str, tuple[TokenLabels, ...]]
    """Sorted by rater; every item of the benchmark is a key."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Reason -> number of labels: `other_kind_or_arm`, `began_from_a_prediction` (though called blind),
    `other_campaign`, `skipped`, `cannot_tell`, `superseded`."""
    segmentation: str = SEGMENTATION
    """What the units of all labels that count are: words or sentences."""

    @property
    def used(self) -> list[TokenLabels]:
        """All labels that count, by item and rater."""
        return [labels for group in self.by_item.values() for labels in group]


def select_labels(items: Sequence[Item], labels: Iterable[TokenLabels], settings: EvaluateSettings) -> Selection:
    """The labels that count for `settings.kinds`, `settings.arms` and `settings.campaign`.

    Of several rounds of a rater on one item the last one counts; of both arms, the blind one.

    Raises:
        IntegrityError: a label is for an unknown item, for other units than the item has, there twice, or of a script
            by its rater's name but not by its kind; or a rater's labels for one item are of two campaigns.
        InputError: nothing is left, or words and sentences; the message says what there is and which flag takes it.
    """
    known = {item.id: item for item in items}
    found = list(labels)
    campaign = _campaign(found, settings)
    left_out: Counter[str] = Counter()
    latest: dict[tuple[str, str], TokenLabels] = {}
    for record in found:
        _check(record, known.get(record.item_id))
        if record.kind not in settings.kinds or record.arm not in settings.arms:
            left_out["other_kind_or_arm"] += 1
            continue
        if not is_blind(record) and record.arm == "blind":
            left_out["began_from_a_prediction"] += 1
            continue
        if campaign is not None and record.campaign_hash != campaign:
            left_out["other_campaign"] += 1
            continue
        key = (record.item_id, record.rater)
        if key in latest:
            left_out["superseded"] += 1
            record = _newer(latest[key], record)
        latest[key] = record
    by_item: dict[str, list[TokenLabels]] = {item.id: [] for item in items}
    for record in latest.values():
        if record.answered:
            by_item[record.item_id].append(record)
        else:
            left_out["cannot_tell" if record.cannot_tell else "skipped"] += 1
    if not any(by_item.values()):
        of_campaign = [record for record in found if campaign in (None, record.campaign_hash)]
        raise InputError(_nothing(of_campaign, settings))
    ordered = {item: tuple(sorted(group, key=lambda record: record.rater)) for item, group in by_item.items()}
    return Selection(ordered, dict(sorted(left_out.items())), _segmentation(by_item.values()))


def _segmentation(groups: Iterable[Sequence[TokenLabels]]) -> str:
    """The one segmentation of all labels that count."""
    campaigns = {record.segmentation: record.campaign_hash for group in groups for record in group}
    if len(campaigns) > 1:
        listed = ", ".join(f"{version} as in campaign {name}" for version, name in sorted(campaigns.items()))
        raise InputError(f"labels of different units cannot be put together: {listed}; choose one with --campaign")
    return next(iter(campaigns))


def _campaign(found: Sequence[TokenLabels], settings: EvaluateSettings) -> str | None:
    """The hash of the one campaign that counts, or None where all do."""
    if settings.campaign is None or not found:
        return None
    there = Counter(record.campaign_hash for record in found)
    matching = [name for name in there if name.startswith(settings.campaign)]
    if len(matching) != 1:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(there.items()))
        what = "the beginning of several campaigns" if matching else "no campaign"
        raise InputError(
            f"--campaign: {settings.campaign!r} is {what}; labels.jsonl holds labels of {listed}: name one"
        )
    return matching[0]


def _check(record: TokenLabels, item: Item | None) -> None:
    where = f"labels of rater {record.rater!r} for item {record.item_id}"
    if item is None:
        raise IntegrityError(f"{where}: no such item in items.jsonl; restore the items the campaign was planned with")
    if problem := scripted_problem(record.rater, record.kind):
        raise IntegrityError(f"{where}: the rater {problem}; scripts are never people: put kind 'simulated' back")
    units = label_units(item, record.segmentation)
    if tuple(zip(record.starts, record.ends, strict=True)) != units:
        raise IntegrityError(
            f"{where}: {len(record.starts)} units ({record.segmentation}) do not match the item's {len(units)}; "
            "the labels belong to another version of the item or of the segmentation"
        )


def _newer(first: TokenLabels, second: TokenLabels) -> TokenLabels:
    """The one that counts of two labels of a rater for an item: blind before assisted, then the later round.

    One pseudonym in two campaigns need not be one person, so none of the two can be chosen here.
    """
    where = f"labels of rater {first.rater!r} for item {first.item_id}"
    if first.campaign_hash != second.campaign_hash:
        names = sorted((first.campaign_hash, second.campaign_hash))
        raise IntegrityError(
            f"{where} are of two campaigns, and one pseudonym in both need not be one person: "
            f"choose with --campaign {names[0]} or --campaign {names[1]}"
        )

    def rank(record: TokenLabels) -> tuple[bool, int]:
        return record.arm == "blind", record.round

    if rank(first) == rank(second):
        raise IntegrityError(
            f"{where} stand twice in arm {first.arm}, round {first.round} of campaign {first.campaign_hash}: "
            "delete one of the two lines of labels.jsonl, or pull the campaign again"
        )
    return max(first, second, key=rank)


def label_notes(items: Iterable[Item], selection: Selection, settings: EvaluateSettings) -> Iterator[str]:
    """What a reader must know of the labels that count: kinds and arms that are not there, labels of one group."""
    kinds, arms = kinds_and_arms(selection.used)
    missing = [f"{kind} raters" for kind in settings.kinds if kind not in kinds]
    missing += [f"arm {arm}" for arm in settings.arms if arm not in arms]
    if missing:
        yield f"Asked for as well, but without a label that counts: {', '.join(missing)}."
    if len({item.group for item in items if selection.by_item[item.id]}) == 1:
        yield "All labelled items are of one group (a document): figures of labels have no interval."


def _nothing(found: Sequence[TokenLabels], settings: EvaluateSettings) -> str:
    """Why no label is left, and what to do."""
    asked = f"labels by {' or '.join(settings.kinds)} raters in arm {' or '.join(settings.arms)}"
    if not found:
        return f"no {asked}: labels.jsonl is empty; pull a campaign first (heta campaign pull)"
    there = Counter((record.kind, record.arm) for record in found)
    if any(kind in settings.kinds and arm in settings.arms for kind, arm in there):
        return f"no {asked} that were answered: every one was skipped or 'cannot tell'; collect more labels"
    listed = ", ".join(f"{count} {kind}/{arm}" for (kind, arm), count in sorted(there.items()))
    kinds = sorted({kind for kind, _ in there} - set(settings.kinds))
    arms = sorted({arm for _, arm in there} - set(settings.arms))
    flags = [*(f"--kinds {kind}" for kind in kinds), *(f"--arms {arm}" for arm in arms)]
    return f"no {asked}; there are {listed}: add {' '.join(flags)} to count them, marked as such everywhere"


def kinds_and_arms(labels: Iterable[TokenLabels]) -> tuple[tuple[RaterKind, ...], tuple[str, ...]]:
    """The kinds and the arms that occur, each sorted."""
    pairs = {(record.kind, record.arm) for record in labels}
    return tuple(sorted({kind for kind, _ in pairs})), tuple(sorted({arm for _, arm in pairs}))
