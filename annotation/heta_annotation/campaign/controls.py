"""Gold items: items whose labels are known, hidden among the others to see whether a rater works with care."""

import random
from collections.abc import Mapping, Sequence

from heta_annotation.campaign.marking import units_of
from heta_annotation.campaign.settings import CampaignSettings
from heta_data.jsonl import collect_records
from heta_data.records import GoldLabels, Item
from heta_data.workspace import Workspace


def load_controls(
    workspace: Workspace, settings: CampaignSettings, items: Mapping[str, Item]
) -> tuple[dict[str, GoldLabels], list[str]]:
    """What the file `controls` holds, by item, with everything that is wrong with it; empty where none is named."""
    if settings.controls is None:
        wrong = "gold_share needs a file of gold items: name it as `controls` under [campaign]"
        return {}, [wrong] if settings.gold_share is not None else []
    path = workspace.root / settings.controls
    if not path.exists():
        return {}, [f"{path}: no such file (`controls` under [campaign]); `heta campaign gold` writes such a file"]
    records, problems = collect_records(path, GoldLabels)
    known: dict[str, GoldLabels] = {}
    for record in records:
        item = items.get(record.item_id)
        if item is None:
            problems.append(f"{path}: gold item {record.item_id} is not in {workspace.items.name}")
        elif record.item_id in known:
            problems.append(f"{path}: gold item {record.item_id} stands there twice")
        elif record.segmentation != settings.marking.segmentation or tuple(
            (unit.start, unit.end) for unit in units_of(item, settings.marking)
        ) != tuple(zip(record.starts, record.ends, strict=True)):
            problems.append(
                f"{path}: gold item {record.item_id} ({record.segmentation}) has other {settings.unit}s than "
                f"{workspace.items.name}"
            )
        else:
            known[record.item_id] = record
    if not known and not problems:
        problems = [f"{path}: holds no gold item"]
    return known, problems


def draw_practice(controls: Sequence[str], settings: CampaignSettings, where: str) -> tuple[list[str], list[str]]:
    """Which of the gold items are for practice, in the order in which they are shown, and what is wrong with that."""
    if settings.practice > len(controls):
        return [], [f"practice = {settings.practice}, and {where} holds {len(controls)} gold items: add some"]
    draw = random.Random(f"practice:{settings.seed}")  # noqa: S311 - a reproducible draw, no secret
    return draw.sample(sorted(controls), settings.practice), []


def draw_gold(
    controls: Sequence[str], settings: CampaignSettings, items: int, where: str
) -> tuple[frozenset[str], list[str]]:
    """Which of the gold items are used: all, or as many as `gold_share` asks of what a rater gets.

    Args:
        controls: ids of the gold items.
        settings: share, seed, raters and overlap.
        items: how many items there are.
        where: name of the file, for the message.
    """
    if settings.gold_share is None or not controls:
        return frozenset(controls), []
    # In the arm where a rater gets the largest part of the items: everywhere else the share is larger.
    part = max(settings.overlap_of(arm) / len(settings.raters_of(arm)) for arm in settings.arms)
    share = settings.gold_share
    # gold = share x (gold + part x others), where the others are `limit`, or all items that are not gold.
    if settings.limit is not None:
        wanted = max(1, round(share * part * settings.limit / (1 - share)))
    else:
        wanted = max(1, round(share * part * items / (1 - share + share * part)))
    if wanted > len(controls):
        return frozenset(controls), [
            f"gold_share {settings.gold_share:g} of what a rater gets is {wanted} gold items, and {where} holds "
            f"{len(controls)}: add some or lower gold_share"
        ]
    draw = random.Random(f"gold:{settings.seed}")  # noqa: S311 - a reproducible draw, no secret
    return frozenset(draw.sample(sorted(controls), wanted)), []
