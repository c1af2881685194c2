"""What of an export may be written down: no account's name and no e-mail address, wherever it stands."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from heta_annotation.campaign.page import UNITS, VERDICT
from heta_annotation.importing.export import Task, is_number

Account = int | str
"""Label Studio's number of an account, or its e-mail address where the export gives no number; never written."""
SPANS = ("labels", "hypertextlabels")
"""Types of regions that mark text with labels."""
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_CREATED_BY = re.compile(r"(\S+@\S+), (\d+)\s*")
_ANNOTATION = (
    "id",
    "was_cancelled",
    "ground_truth",
    "lead_time",
    "parent_prediction",
    "parent_annotation",
)
_REGION = ("id", "from_name", "to_name", "type")
_VALUE = ("start", "end", "startOffset", "endOffset", "globalOffsets", "text", "labels", "hypertextlabels", "choices")


def scrub_text(text: str) -> str:
    """The text with `[e-mail]` for every address in it, and nothing in it that UTF-8 cannot write."""
    return _EMAIL.sub("[e-mail]", text.encode("utf-8", "replace").decode("utf-8"))


def scrub(value: Any) -> Any:
    """The JSON value with every text in it as `scrub_text` gives it, keys too."""
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, Mapping):
        return {scrub(key): scrub(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(inner) for inner in value]
    return value


def quoted(value: object) -> str:
    """A value of an export as it may stand in a message: without addresses, at most 60 characters."""
    text = repr(scrub(value) if isinstance(value, str | list | Mapping) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def plain_annotation(exported: Mapping[str, Any]) -> dict[str, Any]:
    """What an annotation says, and when: no account, no free text, nothing that changes from export to export."""
    result = exported.get("result")
    regions = [_plain_region(region) for region in result] if isinstance(result, list) else f"no list: {quoted(result)}"
    times = {key: moment(exported.get(key)) for key in ("created_at", "updated_at")}
    return {**{key: scrub(exported.get(key)) for key in _ANNOTATION}, **times, "result": regions}


def moment(value: object) -> str:
    """A time as the export writes it; empty where it writes none."""
    return scrub_text(value) if isinstance(value, str) else ""


def _plain_region(region: object) -> object:
    if not isinstance(region, Mapping):
        return f"no region: {quoted(region)}"
    kept = {key: scrub(region[key]) for key in _REGION if key in region}
    value = region.get("value")
    # Comments and other free text are nobody's labels, and may say who somebody is.
    if isinstance(value, Mapping) and (region.get("type") in SPANS or region.get("from_name") in (UNITS, VERDICT)):
        kept["value"] = {key: scrub(value[key]) for key in _VALUE if key in value}
    return kept


class Accounts:
    """Who is who in an export, that names one account now by number, now by address."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._numbers: dict[str, int] = {}
        for task in tasks:
            for annotation in task["annotations"]:
                for who in (annotation.get("completed_by"), annotation.get("updated_by")):
                    if isinstance(who, Mapping):
                        self._learn(who.get("email"), who.get("id"))
                created = annotation.get("created_username")
                if isinstance(created, str) and (match := _CREATED_BY.search(created)):
                    self._learn(match.group(1), int(match.group(2)))

    def _learn(self, email: object, number: object) -> None:
        if isinstance(email, str) and is_number(number):
            self._numbers[email.strip().lower()] = number

    def account(self, who: object) -> Account | None:
        """The account that a field such as `completed_by` means; None where it means none, as a deleted one."""
        if isinstance(who, Mapping):
            number, email = who.get("id"), who.get("email")
        else:
            number, email = who, who
        if is_number(number):
            return number
        if isinstance(email, str) and email.strip():
            address = email.strip().lower()
            return self._numbers.get(address, address)
        return None
