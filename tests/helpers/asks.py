"""Folders in which people can be asked about methods: items, and methods that differ."""

import random
from collections.abc import Sequence

from helpers.campaigns import write_folder
from helpers.sample_records import make_attribution
from heta_annotation.opinions.methods import Tops
from heta_data.jsonl import write_records
from heta_data.opinions import Opinion, ShownMethod
from heta_data.records import AttributionRecord, Item
from heta_data.workspace import Workspace

METHODS = ("plumbago", "quillwort", "random")
"""Names that stand nowhere else, so that they can be looked for."""
CONFIG = "abcdef01"


def drawn_attribution(item: Item, method: str, config: str = CONFIG) -> AttributionRecord:
    """Scores drawn by method, item and configuration; `random` uses no model."""
    model = "none" if method == "random" else "modelwort"
    record = make_attribution(item, method=method, model=model, config_hash=config)
    draw = random.Random(f"{method}:{item.id}:{config}")
    scores = tuple(None if score is None else draw.random() for score in record.scores)
    return record.model_copy(update={"scores": scores, "components": {}})


def ask_folder(
    workspace: Workspace, items: list[Item], methods: Sequence[str] = METHODS, toml: str = 'name = "opinions"\n'
) -> Workspace:
    """A folder with items and every method's attributions."""
    write_folder(workspace, items, toml, attributions={})
    for method in methods:
        records = [drawn_attribution(item, method) for item in items]
        write_records(workspace.attribution_file(records[0].model, method, CONFIG), records)
    return workspace


def shown(method: str) -> ShownMethod:
    """A method as it stands in an opinion."""
    return ShownMethod(method=method, model="m", model_revision="r1", config_hash=CONFIG)


def tops(method: str, units: dict[str, tuple[int, ...]]) -> Tops:
    """A method's top words as given."""
    return Tops(method, shown(method), units)


def preference(item: str, rater: str, left: str, right: str, choice: str, ask: str = "c" * 16) -> Opinion:
    """One rater's choice between two methods."""
    return Opinion.model_validate(
        {
            "item_id": item,
            "task_uid": f"{item}-{rater}-{left}-{right}",
            "rater": rater,
            "kind": "human",
            "task": "prefer",
            "shown": (shown(left), shown(right)),
            "k": 3,
            "choice": choice,
            "seconds": 10.0,
            "campaign_hash": ask,
            "isolation": "organisation",
        }
    )


def answer(item: str, rater: str, method: str, text: str | None, *, correct: bool, f1: float) -> Opinion:
    """One rater's answer from a method's words; None for a rater who could not tell."""
    return Opinion.model_validate(
        {
            "item_id": item,
            "task_uid": f"{item}-{rater}-{method}",
            "rater": rater,
            "kind": "simulated",
            "task": "answer",
            "shown": (shown(method),),
            "k": 3,
            "answer": text,
            "correct": correct,
            "token_f1": f1,
            "gave_up": text is None,
            "campaign_hash": "c" * 16,
            "isolation": "organisation",
        }
    )
