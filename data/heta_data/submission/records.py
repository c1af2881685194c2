"""The two records of a submission: what was run, on the first line, and the scores of one item on every other."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, model_validator

from heta_data.record_base import Part, Record, check_units
from heta_data.release.manifest import VERSION

Name = Annotated[str, Field(min_length=1, max_length=200)]


class Benchmark(Part):
    """The release that was scored: scores of another one are not comparable."""

    name: str | None
    version: Annotated[str, Field(pattern=f"^{VERSION.pattern}$")]
    manifest_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of MANIFEST.json, byte by byte."""


class SubmissionHeader(Record):
    """The first line. It holds no person's name and no address: a submission is judged by its scores."""

    record: Literal["submission"] = "submission"
    method: Name
    method_version: Name
    model: Name
    """`none` for methods that use no model, and then revision and tokenizer too."""
    model_revision: Name
    tokenizer: Name
    benchmark: Benchmark
    seed: int
    hardware: Name
    seconds: NonNegativeFloat | None
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
    starts: tuple[NonNegativeInt, ...]
    """`[unit]`, in code points of the item's prompt."""
    ends: tuple[NonNegativeInt, ...]
    units: tuple[str, ...]
    """`[unit]`, the text of each unit: it must be what the prompt has between its offsets."""
    scores: tuple[float, ...]
    """`[unit]`, higher is more important; finite."""
    seconds: NonNegativeFloat | None = None
    """What this item took alone. None: not measured."""

    measured_fields: ClassVar[frozenset[str]] = frozenset({"seconds"})

    @model_validator(mode="after")
    def _one_of_each_a_unit(self) -> Self:
        check_units(self.starts, self.ends, units=self.units, scores=self.scores)
        return self
