"""From items to label tasks, and from label tasks to what Label Studio is sent."""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from heta.records import Span
from heta.words import project
from heta_annotation.campaign.marking import WORDS, Marking, marking_of_task, units_of
from heta_annotation.campaign.page import PASSAGE, PEN, UNITS, page_data, unit_value
from heta_annotation.campaign.settings import CampaignSettings
from heta_data.jsonl import dump_line
from heta_data.records import (
    Arm,
    AttributionRecord,
    Isolation,
    Item,
    LabelTask,
    Row,
    ScalePart,
    SpanPart,
    SuggestionPart,
    canonical_json,
    content_hash,
    text_hash,
)


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Identified)


def draw_items(
    items: Sequence[T], settings: CampaignSettings, gold: Collection[str] = ()
) -> tuple[tuple[T, ...], float]:
    """The items to label in an order drawn by the seed, and the probability with which each was drawn.

    `limit` draws among the items that are no gold items; those come on top, wherever they are.
    """
    generator = random.Random(f"items:{settings.seed}")  # noqa: S311 - a reproducible draw, no secret
    ordered = sorted(items, key=lambda item: item.id)
    generator.shuffle(ordered)
    others = [item for item in ordered if item.id not in gold]
    drawn = others if settings.limit is None else others[: settings.limit]
    kept = {*gold, *(item.id for item in drawn)}
    return tuple(item for item in ordered if item.id in kept), len(drawn) / max(1, len(others))


@dataclass(frozen=True)
class Frame:
    """What all tasks of a campaign have in common."""

    settings: CampaignSettings
    campaign_hash: str
    guideline_hash: str
    isolation: Isolation
    gold: frozenset[str]
    """Ids of the gold items, which every rater of an arm labels."""
    probability: float
    """With which any other item was drawn."""


def task_uid(campaign_hash: str, arm: Arm, item_id: str) -> str:
    """What identifies a task: campaign, arm and item."""
    return content_hash({"campaign": campaign_hash, "arm": arm, "item": item_id})


class Entry(NamedTuple):
    """A task as it is noted and sent."""

    uid: str
    record: str
    """The `LabelTask` as a line of JSON."""
    payload: dict[str, Any]
    """What Label Studio is sent."""


def build_task(item: Item, arm: Arm, frame: Frame, attribution: AttributionRecord | None = None) -> LabelTask:
    """The item as a task of one arm; `attribution` is what assisted raters see, and None in the blind arm."""
    units = tuple(SpanPart(start=unit.start, end=unit.end) for unit in units_of(item, frame.settings.marking))
    return _bare_task(item, arm, frame, attribution).model_copy(update={"units": units})


def write_entry(item: Item, arm: Arm, frame: Frame, attribution: AttributionRecord | None = None) -> Entry:
    """The same task as JSON, and what is sent for it.

    The units are put into the text: hundreds of objects made only to be written would take longer than all the rest.
    """
    task = _bare_task(item, arm, frame, attribution)
    units = ",".join([f'{{"start":{start},"end":{end}}}' for start, end in units_of(item, frame.settings.marking)])
    record = dump_line(task).replace('"units":[]', f'"units":[{units}]', 1)
    return Entry(task.uid, record, payload(item, task, attribution))


def _bare_task(item: Item, arm: Arm, frame: Frame, attribution: AttributionRecord | None) -> LabelTask:
    """The task without its units."""
    settings, gold = frame.settings, item.id in frame.gold
    return LabelTask(
        uid=task_uid(frame.campaign_hash, arm, item.id),
        item_id=item.id,
        arm=arm,
        units=(),
        segmentation=settings.marking.segmentation,
        gold=gold,
        overlap=len(settings.raters_of(arm)) if gold and settings.assignment == "own" else settings.overlap_of(arm),
        inclusion_probability=1.0 if gold else frame.probability,
        isolation=frame.isolation,
        guideline_hash=frame.guideline_hash,
        campaign_hash=frame.campaign_hash,
        suggestion=suggest_units(item, attribution, settings) if attribution is not None else None,
        scale=settings.marking.scale,
    )


def unit_scores(item: Item, attribution: AttributionRecord, marking: Marking = WORDS) -> NDArray[np.float64]:
    """Scores of the item's label units, `[unit]`: the highest score of the tokens that overlap each (`max`)."""
    units = units_of(item, marking)
    return _unit_scores(item.prompt, attribution.starts, attribution.ends, attribution.scores, units)


@lru_cache(maxsize=8)
def _unit_scores(
    prompt: str, starts: tuple[int, ...], ends: tuple[int, ...], scores: Row, units: tuple[Span, ...]
) -> NDArray[np.float64]:
    found = project(
        prompt,
        [Span(start, end) for start, end in zip(starts, ends, strict=True)],
        np.array([score if score is not None else 0.0 for score in scores], dtype=np.float64),
        np.array([score is not None for score in scores], dtype=np.bool_),
        units,
        rule="max",
    )
    found.setflags(write=False)
    return found


def suggest_units(item: Item, attribution: AttributionRecord, settings: CampaignSettings) -> SuggestionPart:
    """What an assisted rater is shown: the top `share` of the units, at least one, or the heat of all.

    Equal scores at the edge are drawn by the seed: taking the first ones would favour the beginning of the text.
    Heat is the score above zero over the item's highest; where no score is above zero there is none to show, and
    every unit is equal.
    """
    scores = unit_scores(item, attribution, settings.marking)
    source = {"method": attribution.method, "model": attribution.model, "config_hash": attribution.config_hash}
    if settings.show == "heat":
        mass = np.clip(scores, 0.0, None)
        highest = float(mass.max())
        return SuggestionPart(**source, heat=tuple((mass / highest if highest else mass).round(4).tolist()))
    return SuggestionPart(**source, selected=top_units(item, scores, settings.share, settings.seed))


def top_units(item: Item, scores: NDArray[np.float64], share: float, seed: int) -> tuple[int, ...]:
    """Indices of the units with the highest scores, sorted: `share` of the item's units, rounded, at least one.

    Among equal scores at the edge the seed draws; the draw is the item's, so that equal scores give equal units.
    """
    count = max(1, int(share * len(scores) + 0.5))
    generator = random.Random(f"ties:{seed}:{item.id}")  # noqa: S311 - a reproducible draw, no secret
    draw = [generator.random() for _ in scores]
    ranked = sorted(range(len(scores)), key=lambda index: (-scores[index], draw[index]))
    return tuple(sorted(ranked[:count]))


def model_version(suggestion: SuggestionPart) -> str:
    """What Label Studio calls the suggestion: `<method>-<config8>@<model>`."""
    return f"{suggestion.method}-{suggestion.config_hash}@{suggestion.model}"


def payload(item: Item, task: LabelTask, attribution: AttributionRecord | None = None) -> dict[str, Any]:
    """The task as Label Studio imports it: its data, and in the assisted arm one prediction.

    The prediction's score is the share of the method's mass (scores above zero) on the pre-selected units; with heat
    the prediction is empty, so that nothing is marked, and names the method with score 1.
    """
    suggestion, marking = task.suggestion, marking_of_task(task)
    data = {"uid": task.uid, **page_data(item, suggestion.heat if suggestion else (), marking)}
    if suggestion is None or attribution is None:
        return {"data": data}
    score, result = 1.0, []
    if suggestion.selected:
        mass = np.clip(unit_scores(item, attribution, marking), 0.0, None)
        total = float(mass.sum())
        score = round(float(mass[list(suggestion.selected)].sum()) / total, 6) if total else 0.0
        result = regions(dict.fromkeys(suggestion.selected, 1), task.scale)
    return {
        "data": data,
        "predictions": [{"model_version": model_version(suggestion), "score": score, "result": result}],
    }


def units_region(marked: Iterable[int]) -> dict[str, Any]:
    """Label Studio's region for marked units."""
    return choices_region(UNITS, [unit_value(index) for index in marked])


def regions(levels: Mapping[int, int], scale: ScalePart | None) -> list[dict[str, Any]]:
    """Label Studio's regions for units with their levels on the scale; without a scale every level is a mark."""
    if not levels:
        return []
    if scale is None:
        return [units_region(levels)]
    marked = [unit_value(index, scale.name(level)) for index, level in levels.items()]
    return [choices_region(PEN, [scale.grades[0]]), choices_region(UNITS, marked)]


def choices_region(name: str, choices: Sequence[str]) -> dict[str, Any]:
    """Label Studio's region for what is chosen of the control `name`."""
    return {"from_name": name, "to_name": PASSAGE, "type": "choices", "value": {"choices": list(choices)}}


def fingerprint(content: Mapping[str, Any]) -> str:
    """Hash of what one task is on the server: data, and predictions without what the server adds to them."""
    return write_content(content).hash


class Content(NamedTuple):
    """A task as it is sent."""

    text: str
    """JSON: data, and predictions where there are any."""
    hash: str
    """Over data and predictions: the fingerprint."""


def write_content(content: Mapping[str, Any]) -> Content:
    """What is sent for a task, written once for the request, the ledger and the hash."""
    data = canonical_json(content["data"])
    predictions = [
        {key: prediction.get(key) for key in ("model_version", "score", "result")}
        for prediction in content.get("predictions", ())
    ]
    both = f'{{"data":{data},"predictions":{canonical_json(predictions)}}}'
    return Content(both if predictions else f'{{"data":{data}}}', text_hash(both))
