"""Our own labelling page in an export: how it is told, and proof that its indices mean the item's words."""

import re
from collections.abc import Mapping

from heta_annotation.campaign.page import PASSAGE, UNITS, VERDICT, page_data
from heta_annotation.importing.export import Task
from heta_data.records import Arm, Item

_HEAT = re.compile(r' style="[^"]*"')


def is_page(task: Task) -> bool:
    """Whether the task shows our own labelling page, whose answers are indices of units."""
    units = task["data"].get(UNITS)
    return (
        isinstance(units, list)
        and all(isinstance(entry, Mapping) and {"value", "html"} <= entry.keys() for entry in units)
        and isinstance(task["data"].get(f"{VERDICT}s"), list)
    )


def is_answer(region: object) -> bool:
    """Whether a region of such a task is an answer of the page."""
    return (
        isinstance(region, Mapping)
        and region.get("from_name") in (UNITS, VERDICT)
        and region.get("to_name") == PASSAGE
        and region.get("type") == "choices"
    )


def page_problems(task: Task, item: Item, arm: Arm) -> list[str]:
    """Indices mean the item's words only if those were on the page, and blind raters saw nothing else there."""
    expected = page_data(item)
    words = [entry["html"] for entry in expected[UNITS]]
    shown = [entry["html"] for entry in task["data"][UNITS]]
    if task["data"][f"{VERDICT}s"] != expected[f"{VERDICT}s"]:
        return ["other page: it asks something else than which words are needed, as that of an adjudicator does"]
    if shown == words:
        return []
    if [_HEAT.sub("", html) if isinstance(html, str) else None for html in shown] != words:
        return ["changed page: the words on the page are not the item's words at their offsets, or more than those"]
    return ["heat: the page shows an attribution, which no rater of a blind arm has seen"] if arm == "blind" else []
