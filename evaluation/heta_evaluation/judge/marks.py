"""A judge's marks as labels of a rater of kind `judge`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from heta.words import SEGMENTATION
from heta_data.compose import label_units
from heta_data.jsonl import read_records, write_records
from heta_data.judgments import Judgment
from heta_data.record_base import content_hash
from heta_data.records import Item, TokenLabels
from heta_data.workspace import Workspace


def rater_name(model: str) -> str:
    """What a judge is called among raters: `judge/` and the model, so that no name can be taken for another kind's."""
    return f"judge/{re.sub(r'[^A-Za-z0-9._:/-]', '-', model)}"[:100]


def judge_labels(judgments: Iterable[Judgment], items: Sequence[Item]) -> list[TokenLabels]:
    """One record an item, by item: the majority over the repeats that gave a verdict.

    A unit is marked if more than half of the repeats marked it; an item cannot be told if more than half say so.
    Planted instructions and calls without a verdict count for nothing; an item without any has no labels.
    """
    by_item: dict[str, list[Judgment]] = defaultdict(list)
    for one in judgments:
        if one.task == "labels" and one.status == "ok" and not one.canary:
            by_item[one.item_id].append(one)
    return [_labels(item, by_item[item.id]) for item in items if by_item[item.id]]


def _labels(item: Item, found: Sequence[Judgment]) -> TokenLabels:
    units = label_units(item)
    unsure = 2 * sum(bool(one.cannot_tell) for one in found) > len(found)
    votes = [sum(index in (one.units or ()) for one in found) for index in range(len(units))]
    first = found[0]
    run = content_hash({"judge": first.judge, "rubric": first.rubric_hash})
    return TokenLabels(
        item_id=item.id,
        task_uid=content_hash({"run": run, "item": item.id}),
        rater=rater_name(first.judge),
        kind="judge",
        arm="blind",
        segmentation=SEGMENTATION,
        starts=tuple(unit.start for unit in units),
        ends=tuple(unit.end for unit in units),
        labels=tuple(0 if unsure else int(2 * vote > len(found)) for vote in votes),
        cannot_tell=unsure,
        campaign_hash=run,
        isolation="server",
    )


def write_judge_labels(workspace: Workspace, labels: Sequence[TokenLabels]) -> int:
    """Put a judge's labels into labels.jsonl in place of that judge's earlier ones; all others stay.

    Returns how many there are. The folder must be held by the caller.
    """
    raters = {(record.rater, record.campaign_hash) for record in labels}
    there = list(read_records(workspace.labels, TokenLabels)) if workspace.labels.exists() else []
    kept = [one for one in there if one.kind != "judge" or (one.rater, one.campaign_hash) not in raters]
    write_records(workspace.labels, [*kept, *labels])
    return len(labels)
