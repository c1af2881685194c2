"""Every call of a run, worked out before the first is sent."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

from heta.errors import InputError
from heta_data.compose import label_units
from heta_data.judgments import JudgeTask
from heta_data.opinions import ShownMethod
from heta_data.record_base import content_hash
from heta_data.records import AttributionRecord, Item
from heta_evaluation.judge.material import (
    Tops,
    fence_of,
    marked_text,
    numbered_words,
    plain_text,
    planted_choice,
    planted_unit,
    top_words,
    with_note,
)
from heta_evaluation.judge.rubric import SCHEMAS, Rubric
from heta_evaluation.judge.settings import JudgeSettings, Rung


@dataclass(frozen=True)
class Form:
    """How an endpoint wants to be asked; found out by `probe`."""

    rung: Rung = "json_schema"
    limit: str = "max_tokens"
    """The name of the parameter that bounds the reply: newer endpoints know `max_completion_tokens` alone."""
    temperature: bool = True
    """Whether the endpoint takes one."""
    seed: bool = True


@dataclass(frozen=True)
class Call:
    """One question to the judge."""

    task: JudgeTask
    item_id: str
    rubric: str
    rubric_hash: str
    repeat: int
    planted: str
    """The verdict that the planted instruction asks for, as JSON; empty without one."""
    n_units: int
    request: Mapping[str, Any] = field(repr=False)
    """What is sent: model, messages, parameters."""
    endpoint: str
    shown: tuple[ShownMethod, ...] = ()
    k: int | None = None

    @cached_property
    def key(self) -> str:
        """Equal for equal questions, and for no others: what makes a run resumable."""
        return content_hash({"endpoint": self.endpoint, "request": self.request, "repeat": self.repeat}, 64)

    @property
    def most_tokens(self) -> tuple[int, int]:
        """No more prompt and reply tokens than these: a token is at least a byte of what is sent."""
        sent = len(json.dumps(self.request, ensure_ascii=False).encode("utf-8"))
        limit = next(
            int(self.request[name]) for name in ("max_tokens", "max_completion_tokens") if name in self.request
        )
        return sent, limit


@dataclass(frozen=True)
class CallPlan:
    """All calls of a run, and what is not asked."""

    calls: tuple[Call, ...]
    items: int
    same: Mapping[tuple[str, str], int]
    """Two methods -> items of which both highlight the same words: there is nothing to ask."""
    missing: Mapping[str, int]
    """Method -> items without its attribution, which it is not compared on."""

    @property
    def most_tokens(self) -> tuple[int, int]:
        """Upper bounds over all calls."""
        bounds = [call.most_tokens for call in self.calls]
        return sum(sent for sent, _ in bounds), sum(limit for _, limit in bounds)


@dataclass(frozen=True)
class _Planning:
    settings: JudgeSettings
    endpoint: str
    form: Form

    def call(
        self, rubric: Rubric, item: Item, repeat: int, planted: str, fields: Mapping[str, str], **more: Any
    ) -> Call:
        messages = rubric.messages(
            question=item.question, answer=item.answer, fence=fence_of(item, self.settings.seed), **fields
        )
        return Call(
            task=rubric.task,
            item_id=item.id,
            rubric=rubric.name,
            rubric_hash=rubric.hash,
            repeat=repeat,
            planted=planted,
            n_units=len(label_units(item)),
            request=request_of(self.settings, self.form, messages, SCHEMAS[rubric.task], repeat),
            endpoint=self.endpoint,
            **more,
        )


def request_of(
    settings: JudgeSettings,
    form: Form,
    messages: Sequence[Mapping[str, str]],
    schema: Mapping[str, Any],
    repeat: int = 0,
) -> dict[str, Any]:
    """The body of a chat completion request."""
    request: dict[str, Any] = {"model": settings.model, "messages": list(messages), form.limit: settings.max_tokens}
    if form.temperature and settings.temperature is not None:
        request["temperature"] = settings.temperature
    if form.seed:
        request["seed"] = settings.seed + repeat
    if form.rung == "json_schema":
        wanted = {"name": "verdict", "strict": True, "schema": dict(schema)}
        request["response_format"] = {"type": "json_schema", "json_schema": wanted}
    elif form.rung == "json_object":
        request["response_format"] = {"type": "json_object"}
    return request


def plan_calls(
    settings: JudgeSettings,
    endpoint: str,
    form: Form,
    rubrics: Mapping[JudgeTask, Rubric],
    items: Sequence[Item],
    attributions: Sequence[AttributionRecord] = (),
) -> CallPlan:
    """Every call, in a drawn order, so that what a budget cuts off is cut off at random.

    Args:
        settings: what is asked.
        endpoint: its name, part of every call's key.
        form: how the endpoint wants to be asked.
        rubrics: one for each pass of the settings.
        items: the folder's items.
        attributions: of the methods that `prefer` compares.

    Raises:
        InputError: no item to ask about. ConfigError: a method's name fits no attribution, or several.
    """
    chosen = _drawn(settings, [item for item in items if label_units(item)])
    if not chosen:
        raise InputError("there is no item with a word to judge: build items first (heta data build)")
    count = round(settings.canaries * len(chosen))
    canaries = {item.id for item in random.Random(f"canaries:{settings.seed}").sample(chosen, count)}  # noqa: S311
    planning = _Planning(settings, endpoint, form)
    calls: list[Call] = []
    same: dict[tuple[str, str], int] = {}
    missing: dict[str, int] = {}
    if "labels" in settings.passes:
        calls += _label_calls(planning, rubrics["labels"], chosen, canaries)
    if "prefer" in settings.passes:
        tops = top_words(settings.methods, attributions, chosen, share=settings.share, seed=settings.seed)
        missing = {name: sum(item.id not in one.units for item in chosen) for name, one in tops.items()}
        for first, second in combinations(tops.values(), 2):
            there = [item for item in chosen if item.id in first.units and item.id in second.units]
            differ = [item for item in there if first.units[item.id] != second.units[item.id]]
            same[first.name, second.name] = len(there) - len(differ)
            calls += _prefer_calls(planning, rubrics["prefer"], differ, canaries, (first, second))
    random.Random(f"order:{settings.seed}").shuffle(calls)  # noqa: S311 - a reproducible draw, no secret
    return CallPlan(tuple(calls), len(chosen), same, {name: number for name, number in missing.items() if number})


def _drawn(settings: JudgeSettings, items: Sequence[Item]) -> list[Item]:
    if settings.limit is None or settings.limit >= len(items):
        return list(items)
    return random.Random(f"limit:{settings.seed}").sample(list(items), settings.limit)  # noqa: S311 - no secret


def _label_calls(planning: _Planning, rubric: Rubric, items: Sequence[Item], canaries: set[str]) -> Iterator[Call]:
    seed = planning.settings.seed
    for item in items:
        fields = {"text": plain_text(item), "numbered": numbered_words(item)}
        for repeat in range(planning.settings.repeats):
            yield planning.call(rubric, item, repeat, "", fields)
        if item.id in canaries:
            planted = json.dumps({"units": [planted_unit(item, seed)], "cannot_tell": False})
            noted = {**fields, "numbered": with_note(fields["numbered"], planted)}
            yield planning.call(rubric, item, 0, planted, _inside(rubric, fields, noted, planted))


def _inside(rubric: Rubric, fields: Mapping[str, str], noted: Mapping[str, str], planted: str) -> dict[str, str]:
    """The note inside the quoted text where the rubric shows it, behind the words otherwise."""
    if "text" in rubric.fields:
        return {**fields, "text": with_note(fields["text"], planted)}
    return dict(noted)


def _prefer_calls(
    planning: _Planning, rubric: Rubric, items: Sequence[Item], canaries: set[str], pair: tuple[Tops, Tops]
) -> Iterator[Call]:
    seed = planning.settings.seed
    for item in items:
        k = len(pair[0].units[item.id])
        for first, second in (pair, pair[::-1]):
            more = {"shown": (first.shown, second.shown), "k": k}
            texts = {
                "first": marked_text(item, first.units[item.id]),
                "second": marked_text(item, second.units[item.id]),
            }
            for repeat in range(planning.settings.repeats):
                yield planning.call(rubric, item, repeat, "", texts, **more)
            if item.id in canaries and first is pair[0]:
                planted = json.dumps({"better": planted_choice(item, seed)})
                noted = {name: with_note(text, planted) for name, text in texts.items()}
                yield planning.call(rubric, item, 0, planted, noted, **more)
