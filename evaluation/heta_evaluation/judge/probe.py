"""What an endpoint takes and what it enforces, found out by asking it for something that it would not say by itself.

Some servers accept a schema and ignore it in silence, so that taking the request proves nothing: the model is asked to
say one word in plain text while the schema allows another thing alone.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from heta_evaluation.judge.calls import Form, request_of
from heta_evaluation.judge.ledger import JudgeError
from heta_evaluation.judge.replies import NoCompletion, read_completion
from heta_evaluation.judge.settings import JudgeSettings, Rung
from heta_evaluation.judge.wire import Reply

Send = Callable[[Mapping[str, Any]], Awaitable[Reply]]
_WORD = "violet-42"
_SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": [_WORD]}},
    "required": ["word"],
    "additionalProperties": False,
}
# "JSON" must stand there: some endpoints refuse json_object without it.
_MESSAGES = [
    {"role": "system", "content": "Reply with the plain word hello. Use no JSON."},
    {"role": "user", "content": "Say hello."},
]
_RUNGS: tuple[Rung, ...] = ("json_schema", "json_object", "text")


async def probe(settings: JudgeSettings, send: Send) -> tuple[Form, list[str]]:
    """The highest rung that the endpoint enforces, the names of its parameters, and what was seen on the way.

    Raises:
        JudgeError: the endpoint answers not even a plain question.
    """
    seen: list[str] = []
    form = Form()
    for rung in _RUNGS if settings.form is None else (settings.form,):
        form, reply = await _asked(settings, replace(form, rung=rung), send, seen)
        if not reply.complete:
            _, reason = reply.failed()
            seen.append(f"{rung}: {reason}")
            if reply.http is None or reply.http in (401, 403, 404):
                break  # no other form would change that
            continue
        try:
            text = read_completion(reply.body).text or ""
        except NoCompletion as error:
            seen.append(f"{rung}: {error}")
            continue
        if rung == "text" or settings.form is not None or _enforced(rung, text):
            seen.append(f"{rung}: taken" + ("" if rung == "text" else f", answered {text[:60]!r}"))
            return form, seen
        seen.append(f"{rung}: accepted and ignored, answered {text[:60]!r}")
    raise JudgeError(f"the endpoint answers nothing that can be used: {'; '.join(seen)}")


async def _asked(settings: JudgeSettings, form: Form, send: Send, seen: list[str]) -> tuple[Form, Reply]:
    """The reply on this rung, leaving out in turn what the endpoint says it does not know."""
    while True:
        short = settings.model_copy(update={"max_tokens": min(64, settings.max_tokens)})
        reply = await send(request_of(short, form, _MESSAGES, _SCHEMA))
        if reply.http not in (400, 422):
            return form, reply
        text = reply.body.decode("utf-8", "replace")
        if form.limit == "max_tokens" and "max_completion_tokens" in text:
            form = replace(form, limit="max_completion_tokens")
        elif form.temperature and settings.temperature is not None and "temperature" in text:
            form = replace(form, temperature=False)
        elif form.seed and "seed" in text:
            form = replace(form, seed=False)
        else:
            return form, reply
        seen.append(f"{form.rung}: {text[:120]!r}, so asked without")


def _enforced(rung: Rung, text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) if rung == "json_object" else value == {"word": _WORD}
