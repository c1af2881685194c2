"""Label Studio exports as its server writes them, for tests of what is imported from elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from heta_annotation.campaign.page import passage
from heta_data.records import Item

PERSON = "Grace.Hopper@navy.example"
"""An address that stands wherever an export can hold one, and must come out nowhere."""


def passage_of(item: Item) -> str:
    """What raters were shown."""
    span = passage(item)
    return item.prompt[span.start : span.end]


def span(
    text: str, start: int, end: int, label: str = "important", *, said: str | None = None, to: str = "text"
) -> dict[str, Any]:
    """A region of `<Text>` and `<Labels>`, which repeats its text."""
    value = {"start": start, "end": end, "text": text[start:end] if said is None else said, "labels": [label]}
    return {"id": "r", "from_name": "label", "to_name": to, "type": "labels", "origin": "manual", "value": value}


def span_of(text: str, piece: str, label: str = "important") -> dict[str, Any]:
    """The region of the first place where `piece` stands."""
    start = text.index(piece)
    return span(text, start, start + len(piece), label)


def html_span(
    start: int, end: int, said: str | None, label: str = "important", *, kind: str = "hypertextlabels"
) -> dict[str, Any]:
    """A region of `<HyperText>`: paths into the page, and offsets over its whole text."""
    value = {
        "start": "/div[1]/text()[1]",
        "end": "/div[1]/text()[1]",
        "startOffset": start,
        "endOffset": end,
        "globalOffsets": {"start": start, "end": end},
        kind: [label],
        **({} if said is None else {"text": said}),
    }
    return {"id": "h", "from_name": "label", "to_name": "text", "type": kind, "value": value}


def annotation(number: int, result: object, account: object = 3, **changes: Any) -> dict[str, Any]:
    """An annotation with everything that the server adds to it."""
    return {
        "id": number,
        "completed_by": account,
        "result": result,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": f"2026-01-{number:02d}T10:00:00.000000Z",
        "updated_at": f"2026-01-{number:02d}T10:01:00.000000Z",
        "draft_created_at": None,
        "lead_time": 12.5,
        "prediction": {},
        "result_count": 1,
        "unique_id": f"00000000-0000-0000-0000-{number:012d}",
        "import_id": None,
        "last_action": None,
        "bulk_created": False,
        "task": 1,
        "project": 7,
        "updated_by": account,
        "parent_prediction": None,
        "parent_annotation": None,
        "last_created_by": None,
        **changes,
    }


def task(
    number: int, data: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]], **changes: Any
) -> dict[str, Any]:
    """A task of project 7 with its annotations."""
    return {
        "id": number,
        "annotations": list(annotations),
        "drafts": [],
        "predictions": [],
        "data": dict(data),
        "meta": {},
        "project": 7,
        "updated_by": 3,
        "comment_authors": [],
        **changes,
    }
