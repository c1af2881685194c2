"""Rows of attributions for `heta data import attributions` and `captum`, made from what another tool gives."""

from collections.abc import Iterable, Sequence
from typing import Any

from heta.errors import InputError
from heta_data.records import Item


def attribution_rows(
    item: Item,
    scores: Iterable[Any],
    *,
    method: str,
    offsets: Iterable[Sequence[Any]] | None = None,
    tokens: Sequence[str] | None = None,
    target: str | None = None,
) -> list[dict[str, Any]]:
    """One row a token, ready for `json.dumps`: what `heta data import captum` reads, one row a line.

    Args:
        item: whose prompt was explained.
        scores: `[token]`, or `[target token, token]`, which are added up. Tensors and arrays will do.
        method: its name, e.g. `layer_integrated_gradients`.
        offsets: `[token]` pairs in code points of the prompt, as a fast tokenizer gives them (`offset_mapping`);
            special tokens have an empty pair.
        tokens: the tokens' texts in order, where there are no offsets; they are found in the prompt at the import.
        target: the text that was explained; the item's own target where none is given.

    Raises:
        InputError: neither or both of offsets and tokens, or another number of them than of scores.
    """
    if (offsets is None) == (tokens is None):
        raise InputError("attribution_rows: give either offsets or tokens")
    values = [_plain(value) for value in scores]
    if any(isinstance(value, list) for value in values):
        if len({len(value) if isinstance(value, list) else -1 for value in values}) > 1 or isinstance(
            values[0][0], list
        ):
            raise InputError(
                "attribution_rows: scores must be [token] or [target token, token]; sum over dimensions first"
            )
        values = [sum(column) for column in zip(*values, strict=True)]
    places: list[dict[str, Any]]
    if offsets is not None:
        places = [{"start": int(_plain(start)), "end": int(_plain(end))} for start, end in offsets]
    else:
        places = [{"token": token} for token in tokens or ()]
    if len(places) != len(values):
        what = "offsets" if offsets is not None else "tokens"
        raise InputError(
            f"attribution_rows: {len(values)} scores, {len(places)} {what}: give those of the prompt alone"
        )
    shared = {"item_id": item.id, "method": method, "target": item.target if target is None else target}
    return [{**shared, **place, "score": float(value)} for place, value in zip(places, values, strict=True)]


def _plain(value: Any) -> Any:
    """A number or list out of a tensor or array, itself otherwise."""
    return value.tolist() if hasattr(value, "tolist") else value
