"""A question as the ledger keeps it, which alone knows whose words are shown."""

from typing import Annotated, Literal

from pydantic import Field

from heta_annotation.campaign.queues import Asked
from heta_data.opinions import ShownMethod
from heta_data.records import Isolation, Record


class Question(Record):
    """One question to one rater. The page holds nothing of it but the item's words."""

    record: Literal["question"] = "question"
    uid: str
    """Content hash over ask, rater, item and what is shown."""
    asked: Asked
    item_id: str
    rater: str
    shown: tuple[ShownMethod, ...]
    """Left before right; one method where words are answered from."""
    selected: tuple[tuple[int, ...], ...]
    """For each method the indices of its words among the item's, sorted; as many for each."""
    k: Annotated[int, Field(ge=1)]
    ask_hash: str
    isolation: Isolation
