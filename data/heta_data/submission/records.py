"""The two records of a submission: what was run, on the first line, and the scores of one item on every other."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, FailFast, Field, NonNegativeInt, model_validator

from heta_data.importing.scored import METHOD, MODEL
from heta_data.record_base import Part, Record
from heta_data.release.manifest import VERSION

T = TypeVar("T")


def _printable(text: str) -> str:
    """A terminal and a page show it: nothing in it moves a cursor or turns a line round."""
    if not text.isprintable():
        raise ValueError("must hold printable characters only")
    return text


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Identifier = Annotated[str, Field(pattern=f"^{MODEL.pattern}$")]
"""Without blanks: it becomes part of a name such as `kl on tiny@r1 [1a2b3c4d]`."""
Seconds = Annotated[float, Field(ge=0, le=1e9)]
"""Thirty years are enough, and add up."""
Column = Annotated[tuple[T, ...], FailFast()]
"""`[unit]`. Stops at the first bad value: a message for each of a million would take a gigabyte."""


class Benchmark(Part):
    """The release that was scored: scores of another one are not comparable."""

    name: str | None
    version: Annotated[str, Field(pattern=f"^{VERSION.pattern}$")]
    manifest_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of MANIFEST.json, byte by byte."""
    canary: str | None = None
    """The release's, which keeps a file with pieces of its prompts out of training data too. None: left out."""


class SubmissionHeader(Record):
    """The first line. It holds no person's name and no address: a submission is judged by its scores."""

    record: Literal["submission"] = "submission"
    method: Annotated[str, Field(pattern=f"^{METHOD.pattern}$")]
    method_version: Name
    model: Identifier
    """Any model, the release need not know it. `none` for methods that use none, then revision and tokenizer too."""
    model_revision: Identifier
    tokenizer: Identifier
    benchmark: Benchmark
    unit: Literal["token", "word", "sentence"]
    """What the scores stand on; scores of tokens are carried over to words as in any evaluation."""
    seed: Annotated[int, Field(ge=-(2**63), lt=2**64)]
    hardware: Name
    seconds: Seconds | None
    """Wall time of the whole run. None: not measured."""

    measured_fields: ClassVar[frozenset[str]] = frozenset({"hardware", "seconds"})

    @model_validator(mode="after")
    def _no_model_at_all(self) -> Self:
        if self.model == "none" and (self.model_revision, self.tokenizer) != ("none", "none"):
            raise ValueError("without a model revision and tokenizer are 'none' too")
        return self


class SubmissionScores(Record):
    """One method's scores for one item."""

    record: Literal["submission_scores"] = "submission_scores"
    item_id: Name
    target: str
    """What the scores explain: the text of the target, as the item has it."""
    starts: Column[NonNegativeInt]
    """`[unit]`, in code points of the item's prompt. Byte-level tokens may share a code point, and special tokens hold
    none: spans may repeat or be empty."""
    ends: Column[NonNegativeInt]
    units: Column[str]
    """`[unit]`, the text of each unit: it must be what the prompt has between its offsets."""
    scores: Column[float | None]
    """`[unit]`, higher is more important; finite. None where a unit is not scored: special tokens, worked examples."""
    greedy: str | None = None
    """The model's own greedy continuation of as many tokens as the target has. None: not told."""
    seconds: Seconds | None = None
    """What this item took alone. None: not measured."""

    measured_fields: ClassVar[frozenset[str]] = frozenset({"seconds"})

    @model_validator(mode="after")
    def _one_of_each_a_unit(self) -> Self:
        columns: dict[str, Sequence[object]] = {"ends": self.ends, "units": self.units, "scores": self.scores}
        for name, values in columns.items():
            if len(values) != len(self.starts):
                raise ValueError(f"{name} has {len(values)} values, starts has {len(self.starts)}")
        for start, end in zip(self.starts, self.ends, strict=True):
            if end < start:
                raise ValueError(f"unit [{start}, {end}) ends before it starts")
        return self
