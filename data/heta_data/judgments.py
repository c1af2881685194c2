"""What a language model said about an item or about two methods, with what became of the call."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, model_validator

from heta_data.opinions import ShownMethod
from heta_data.record_base import Record
from heta_data.records import Seconds

JudgeTask = Literal["labels", "prefer"]
"""Mark words as a rater would; say which of two methods' highlightings is better."""
Status = Literal[
    "ok",
    "refusal",
    "content_filter",
    "length",
    "parse_error",
    "schema_error",
    "api_error",
    "timeout",
    "skipped_budget",
]
"""How a planned call ended. `ok`: a verdict. `refusal`, `content_filter`: the endpoint would not. `length`: cut off by
the limit of tokens. `parse_error`: no JSON in the reply. `schema_error`: JSON, and no valid verdict. `api_error`: no
reply. `timeout`: none in time. `skipped_budget`: not sent, it would have cost too much."""
Choice = Literal["first", "second", "same"]


class Judgment(Record):
    """One planned call and how it ended. A failure is a record like any other."""

    record: Literal["judgment"] = "judgment"
    key: str
    """sha256 over endpoint, model, messages, schema, parameters and repeat."""
    task: JudgeTask
    item_id: str
    shown: tuple[ShownMethod, ...] = ()
    """Under `prefer` the two methods, the first copy's before the second's."""
    k: Annotated[int, Field(ge=1)] | None = None
    """Words highlighted of each method."""
    judge: str
    """The model that was asked."""
    rubric: str
    rubric_hash: str
    repeat: NonNegativeInt = 0
    planted: str = ""
    """The verdict that an instruction planted in the text asks for, as JSON; empty where none was planted. Such a call
    tells about the judge alone."""
    status: Status
    reason: str = ""
    """What was wrong, in words; empty where nothing was."""
    units: tuple[NonNegativeInt, ...] | None = None
    """Under `labels`: indices of the marked units, ascending."""
    cannot_tell: bool | None = None
    choice: Choice | None = None
    reply: str | None = None
    """As it came; None where none did."""
    model: str | None = None
    """As the endpoint named it in its reply."""
    prompt_tokens: NonNegativeInt | None = None
    completion_tokens: NonNegativeInt | None = None
    cost: Annotated[float, Field(ge=0)] | None = None
    """By the given prices; None without prices or usage."""
    seconds: Seconds | None = None
    attempts: NonNegativeInt = 0
    """Requests that were sent for it, in all runs."""

    measured_fields: ClassVar[frozenset[str]] = frozenset({"seconds", "attempts"})

    @property
    def canary(self) -> bool:
        """Whether an instruction to the judge was planted in the text."""
        return bool(self.planted)

    @model_validator(mode="after")
    def _verdict_fits(self) -> Self:
        if (self.task == "prefer") != (len(self.shown) == 2) or (self.task == "prefer") != (self.k is not None):
            raise ValueError("a preference is between two methods with k words each, labels are of none")
        marked, chosen = self.units is not None and self.cannot_tell is not None, self.choice is not None
        ok = self.status == "ok"
        if (marked, chosen) != ((ok, False) if self.task == "labels" else (False, ok)):
            raise ValueError(f"status {self.status!r} and verdict do not fit: a verdict if and only if it is ok")
        if ok and self.reason:
            raise ValueError("an ok call has no reason")
        if self.units is not None and list(self.units) != sorted(set(self.units)):
            raise ValueError("units must be ascending, each once")
        return self
