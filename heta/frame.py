"""An attribution as a pandas table. The one module that imports pandas, when a table is asked for."""

from typing import TYPE_CHECKING

from heta.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

    from heta.records import Attribution


def to_frame(attribution: "Attribution") -> "DataFrame":
    """One row a unit, see `Attribution.to_frame`."""
    import pandas as pd

    prompt, spans = attribution.prompt, attribution.spans
    ids = [None] * len(spans) if attribution.token_ids is None else list(attribution.token_ids)
    columns = {
        "text": [prompt[start:end] for start, end in spans],
        "start": [span.start for span in spans],
        "end": [span.end for span in spans],
        "token_id": pd.array(ids, dtype="Int64"),
        "scored": attribution.scored,
        "score": attribution.scores,
    }
    if taken := columns.keys() & attribution.components.keys():
        raise InputError(
            f"{attribution.method}: component {min(taken)!r} has the name of another column; read it from .components"
        )
    return pd.DataFrame({**columns, **attribution.components})
