"""The made-up texts several times over, each copy as rows, groups and a source of its own."""

import numpy as np

from helpers.evaluation_folder import make_items, needed, rater_labels
from heta_data.records import Item, TokenLabels, item_id


def many_items(copies: int) -> list[Item]:
    """`6 copies` items in as many groups."""
    found = []
    for number in range(copies):
        for item in make_items():
            fields = item.model_dump(mode="json")
            fields |= {name: f"{fields[name]}{number}" for name in ("source", "source_id", "group")}
            found.append(Item.model_validate({**fields, "id": item_id(fields)}))
    return found


def needed_in(item: Item) -> np.ndarray:
    """`[unit]`, true for the words that matter, of a copy."""
    return needed(item.model_copy(update={"source_id": item.source_id.rstrip("0123456789")}))


def many_labels(items: list[Item], raters: int, *, kind: str = "human", miss: float = 0.2) -> list[TokenLabels]:
    """Raters that miss a needed word with probability `miss`."""
    rng = np.random.default_rng(7)
    return [
        rater_labels(item, needed_in(item) & (rng.random(len(needed_in(item))) >= miss), f"r{number}", kind)
        for item in items
        for number in range(raters)
    ]
