"""From what an endpoint sent to a verdict, or to the status that says why there is none."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heta_data.judgments import Choice, JudgeTask, Status

_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
_LONGEST = 2_000_000
"""Characters of a reply that are looked at; no verdict is longer, and a runaway reply must not take the memory."""


@dataclass(frozen=True)
class Verdict:
    """What one reply comes to."""

    status: Status
    reason: str = ""
    units: tuple[int, ...] | None = None
    cannot_tell: bool | None = None
    choice: Choice | None = None


@dataclass(frozen=True)
class Completion:
    """The parts of a chat completion that matter here; None where the endpoint left them out."""

    text: str | None = None
    refusal: str | None = None
    finish: str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class NoCompletion(ValueError):
    """What came is no chat completion; says why."""


def read_completion(body: bytes) -> Completion:
    """The body of a 200 reply.

    Raises:
        NoCompletion: not UTF-8, not JSON, or without a choice.
    """
    try:
        data = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise NoCompletion(f"the reply is not UTF-8 ({error.reason} at byte {error.start})") from None
    except (ValueError, RecursionError) as error:
        raise NoCompletion(f"the reply is not JSON ({error})") from None
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise NoCompletion("the reply has no choice in it")
    message = choices[0].get("message")
    message = message if isinstance(message, dict) else {}
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Completion(
        text=_string(message.get("content")),
        refusal=_string(message.get("refusal")),
        finish=_string(choices[0].get("finish_reason")),
        model=_string(data.get("model")),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def judge_completion(task: JudgeTask, found: Completion, n_units: int) -> Verdict:
    """The verdict of a completion.

    Args:
        task: what was asked.
        found: the completion.
        n_units: how many units could be marked, under `labels`.
    """
    if found.refusal:
        return Verdict("refusal", found.refusal[:500])
    if found.finish == "content_filter":
        return Verdict("content_filter", "the endpoint's filter cut the reply")
    if found.finish == "length":
        return Verdict("length", "the reply was cut off: raise max_tokens")
    if not (found.text or "").strip():
        return Verdict("parse_error", "the reply is empty")
    data = find_object(found.text or "", _KEYS[task])
    if data is None:
        return Verdict("parse_error", "no JSON object in the reply")
    return _labels(data, n_units) if task == "labels" else _prefer(data)


_KEYS: dict[JudgeTask, str] = {"labels": "units", "prefer": "better"}


def find_object(text: str, key: str) -> Mapping[str, Any] | None:
    """The JSON object of a reply: the whole of it, what stands in a code fence, or the last one in prose with `key`.

    Where several different objects have the key, there is no saying which one is meant, and the last one counts: models
    that think aloud conclude at the end. None where there is no object.
    """
    text = text[:_LONGEST].strip()
    for part in (text, *reversed(_FENCED.findall(text))):
        try:
            whole = json.loads(part)
        except (ValueError, RecursionError):
            continue
        if isinstance(whole, dict):
            return whole
    decoder, found, place = json.JSONDecoder(), None, text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            if isinstance(value, dict) and (found is None or key in value):
                found = value
        place = text.find("{", end)
    return found


def _labels(data: Mapping[str, Any], n_units: int) -> Verdict:
    if extra := _unknown(data, "units", "cannot_tell"):
        return Verdict("schema_error", extra)
    units, unsure = data.get("units"), data.get("cannot_tell", False)
    if not isinstance(units, list) or not all(isinstance(unit, int) and not isinstance(unit, bool) for unit in units):
        return Verdict("schema_error", f"units: expected a list of whole numbers, got {_short(units)}")
    if not isinstance(unsure, bool):
        return Verdict("schema_error", f"cannot_tell: expected true or false, got {_short(unsure)}")
    if wrong := sorted({unit for unit in units if not 0 <= unit < n_units}):
        return Verdict("schema_error", f"units: {_short(wrong)} are no words; they are numbered 0 to {n_units - 1}")
    if len(set(units)) < len(units):
        return Verdict("schema_error", "units: a word is named twice")
    if units and unsure:
        return Verdict("schema_error", "words are marked, and it cannot be told: both cannot be")
    return Verdict("ok", units=tuple(sorted(units)), cannot_tell=unsure)


def _prefer(data: Mapping[str, Any]) -> Verdict:
    if extra := _unknown(data, "better"):
        return Verdict("schema_error", extra)
    better = data.get("better")
    if better == "first" or better == "second" or better == "same":
        return Verdict("ok", choice=better)
    return Verdict("schema_error", f"better: expected first, second or same, got {_short(better)}")


def _unknown(data: Mapping[str, Any], *known: str) -> str:
    extra = sorted(set(data) - set(known))
    return f"unknown keys {_short(extra)}; expected {' and '.join(known)}" if extra else ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
