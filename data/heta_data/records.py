"""The records that flow between stages: frozen pydantic models, one record a line in JSON Lines files.

Offsets are half-open `[start, end)` in Unicode code points of the item's prompt. They are the only identity of a
token, word or label: nothing is ever keyed by token text.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, model_validator

from heta_data.record_base import Part as Part
from heta_data.record_base import PlainJson as PlainJson
from heta_data.record_base import Record as Record
from heta_data.record_base import SpanPart as SpanPart
from heta_data.record_base import canonical_json as canonical_json
from heta_data.record_base import check_rows, check_units
from heta_data.record_base import content_hash as content_hash
from heta_data.record_base import text_hash as text_hash
from heta_data.scale import ScalePart as ScalePart
from heta_data.scale import check_levels

Role = Literal["example", "evidence", "distractor", "separator", "question", "other"]
"""`example`: worked examples shown to the model, never scored or labelled; `separator`: glue between segments."""
RaterKind = Literal["human", "judge", "simulated"]
Arm = Literal["blind", "assisted", "reveal"]
"""What raters see of an attribution: nothing, something while they label, or something after a first answer (round 0)
which they then may change (round 1)."""
Isolation = Literal["trust", "organisation", "server"]
"""What keeps raters from seeing more than their own page. `server`: each arm has a server of its own, whose raters can
read each other; `organisation`: moreover each rater has an organisation of their own there, and whatever belongs to
anybody else answers 404; `trust`: nothing but the raters' word, as on a server that is not ours."""
Share = Annotated[float, Field(ge=0, le=1)]
Mark = Annotated[int, Field(ge=0, le=1)]
"""1 where a unit is marked. Not `Literal[0, 1]`: that takes `true` and `1.0` from a file, strict or not."""
Seconds = Annotated[float, Field(ge=0)]


class Segment(SpanPart):
    """A stretch of the prompt with one role."""

    role: Role


class Rights(Part):
    """Licence and origin of one stretch of text. `field` is a role or `question`, `answer`, `evidence`, ..."""

    field: str
    licence: str
    """SPDX identifier, or `public-domain-us`."""
    source: str
    url: str = ""
    revision: str = ""
    locator: str = ""
    """Where in the source, e.g. a row number or `book 45, characters 1200-1710`."""


class Item(Record):
    """One benchmark example: a prompt, the continuation to explain, and which parts of the prompt support it."""

    record: Literal["item"] = "item"
    id: str
    source: str
    source_id: str
    group: str
    """Document cluster: items of one group are never split over splits and are resampled together."""
    split: Literal["train", "dev", "test"] = "test"
    language: str = "en"
    prompt: Annotated[str, Field(min_length=1)]
    target: Annotated[str, Field(min_length=1)]
    """The gold continuation of the prompt, with its leading space where the language has one."""
    answer: Annotated[str, Field(min_length=1)]
    question: Annotated[str, Field(min_length=1)]
    segments: tuple[Segment, ...]
    """Sorted, not overlapping, inside the prompt."""
    rights: tuple[Rights, ...]

    IDENTITY: ClassVar[tuple[str, ...]] = ("source", "language", "prompt", "target", "answer", "question", "segments")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        end = 0
        for segment in self.segments:
            if segment.start < end:
                raise ValueError(f"segment [{segment.start}, {segment.end}) starts before the one in front of it ends")
            end = segment.end
        if end > len(self.prompt):
            raise ValueError(f"segment ends at {end}, the prompt at {len(self.prompt)}")
        if not any(segment.role == "evidence" for segment in self.segments):
            raise ValueError("no segment has the role 'evidence'")
        if self.id != (expected := item_id(self.model_dump(mode="json"))):
            raise ValueError(f"id is {self.id}, the content gives {expected}")
        return self

    def spans(self, *roles: Role) -> tuple[Segment, ...]:
        """The segments that have one of `roles`, in order."""
        return tuple(segment for segment in self.segments if segment.role in roles)


def item_id(fields: Mapping[str, Any]) -> str:
    """The content hash that identifies an item; `fields` are the item's JSON values."""
    return content_hash({name: fields[name] for name in Item.IDENTITY})


class TargetPart(Part):
    """The continuation that was explained, and how likely the model found it."""

    policy: Literal["answer", "first", "each", "model"]
    text: str
    token_ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    """Nats, one per target token, given everything before it."""
    ranks: tuple[int, ...]
    greedy: str
    """The model's own greedy continuation of the same number of tokens."""
    answered: bool
    """Whether greedy decoding gives exactly the target."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not len(self.token_ids) == len(self.log_probs) == len(self.ranks):
            raise ValueError(
                f"{len(self.token_ids)} token_ids, {len(self.log_probs)} log_probs, {len(self.ranks)} ranks"
            )
        return self


WHOLE_ANSWER = ("answer", "each")
"""Target policies under which the target is the item's own answer, whole: they tell whether the model gives it."""

Row = tuple[float | None, ...]
"""`[pos]`, None where the position is not scored."""


class AttributionRecord(Record):
    """One method's scores for one item; unscored positions hold None."""

    record: Literal["attribution"] = "attribution"
    item_id: str
    method: str
    signed: bool
    model: str
    """`none` for methods that use no model, and then revision and tokenizer too."""
    model_revision: str
    tokenizer: str
    unit: Literal["token", "word", "sentence"]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    token_ids: tuple[int, ...] | None
    scores: Row
    components: dict[str, Row]
    rows: tuple[Row, ...] | None = None
    """`[step, pos]`, the scores of each target token by itself, which add up to `scores`: under policy `each` alone."""
    component_rows: dict[str, tuple[Row, ...]] | None = None
    """`[step, pos]` for each component that differs from target token to target token, there where `rows` is."""
    target: TargetPart | None
    config: PlainJson
    config_hash: str
    versions: dict[str, str]
    notes: tuple[str, ...] = ()
    seconds: Seconds | None
    """What the method takes alone: passes shared with other methods count for each of them. None: not measured."""
    peak_memory: NonNegativeInt | None = None

    measured_fields: ClassVar[frozenset[str]] = frozenset({"seconds", "peak_memory"})
    later_fields: ClassVar[frozenset[str]] = frozenset({"rows", "component_rows"})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        n = len(self.starts)
        for name, values in {
            "ends": self.ends,
            "scores": self.scores,
            "token_ids": self.token_ids,
            **self.components,
        }.items():
            if values is not None and len(values) != n:
                raise ValueError(f"{name} has {len(values)} values, starts has {n}")
        # Byte-level tokens may share a code point, and special tokens hold none: spans may repeat or be empty.
        spans = list(zip(self.starts, self.ends, strict=True))
        if any(start < 0 or end < start for start, end in spans):
            raise ValueError("a span starts before 0 or ends before it starts")
        for name, parts in self.components.items():
            if any(part is not None and score is None for part, score in zip(parts, self.scores, strict=True)):
                raise ValueError(f"{name} has a value where the position is not scored")
        if self.model == "none" and (self.model_revision, self.tokenizer) != ("none", "none"):
            raise ValueError("without a model revision and tokenizer are 'none' too")
        return self

    @model_validator(mode="after")
    def _each_has_rows(self) -> Self:
        policy = self.target.policy if self.target else "none"
        for name, values in (("rows", self.rows), ("component_rows", self.component_rows)):
            if (values is not None) != (policy == "each"):
                there = "is missing" if values is None else "is there"
                raise ValueError(
                    f"{name} {there} under policy {policy!r}; policy 'each' needs it and no other allows it: "
                    "delete the line and run `heta data attribute` again"
                )
        if self.target is None or self.rows is None or self.component_rows is None:
            return self
        steps = len(self.target.token_ids)
        check_rows("rows", self.rows, steps, self.scores, signed=self.signed)
        for name, rows in self.component_rows.items():
            if name not in self.components:
                raise ValueError(f"component_rows has {name!r}, components has {', '.join(self.components) or 'none'}")
            check_rows(f"component_rows.{name}", rows, steps, self.components[name], signed=True)
        return self

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two records the same work: item, method, model, revision, tokenizer, target policy, config."""
        policy = self.target.policy if self.target else "none"
        return (self.item_id, self.method, self.model, self.model_revision, self.tokenizer, policy, self.config_hash)


class SuggestionPart(Part):
    """What an assisted rater is shown of an attribution: pre-selected units, or heat, never both."""

    method: str
    model: str
    config_hash: str
    selected: tuple[int, ...] = ()
    heat: tuple[Share, ...] = ()

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.selected) == bool(self.heat):
            raise ValueError("a suggestion holds either selected units or heat, not both and not neither")
        return self


class LabelTask(Record):
    """One item as it is shown to raters in one arm. A blind task holds nothing derived from any attribution."""

    record: Literal["label_task"] = "label_task"
    uid: str
    """Content hash over campaign, arm and item: what makes a push idempotent."""
    item_id: str
    arm: Arm
    units: tuple[SpanPart, ...]
    """What a rater can mark, in order."""
    segmentation: str
    gold: bool = False
    overlap: Annotated[int, Field(ge=1)]
    inclusion_probability: Share = 1.0
    isolation: Isolation
    guideline_hash: str
    campaign_hash: str
    suggestion: SuggestionPart | None = None
    scale: ScalePart | None = None
    """The labels to choose from; None where a unit is marked or not."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"scale"})

    @model_validator(mode="after")
    def _blind_is_blind(self) -> Self:
        if self.arm == "blind" and self.suggestion is not None:
            raise ValueError("a blind task must not carry a suggestion")
        return self


class LabelOrigin(Part):
    """The Label Studio annotation that labels came from."""

    url: str
    project: int
    task: int
    annotation: int
    parent_prediction: int | None
    """Set where the annotation began from a pre-annotation."""
    content_hash: str
    created_at: str
    updated_at: str


class TokenLabels(Record):
    """One rater's answer for one item."""

    record: Literal["token_labels"] = "token_labels"
    item_id: str
    task_uid: str
    rater: str
    kind: RaterKind
    arm: Arm
    round: NonNegativeInt = 0
    segmentation: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    """The units that could be marked."""
    labels: tuple[Mark, ...]
    cannot_tell: bool = False
    skipped: bool = False
    seconds: Seconds | None = None
    consent_version: str | None = None
    campaign_hash: str
    isolation: Isolation
    origin: LabelOrigin | None = None
    levels: tuple[int, ...] | None = None
    """Which label of `scale` each unit has: 0 none, 1 the lowest grade and up, -1 misleading. `labels` holds 1 where
    the level is 1 or more."""
    scale: ScalePart | None = None
    """The labels that the rater could choose from; None where a unit was marked or not, as `levels`."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"levels", "scale"})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_units(self.starts, self.ends, labels=self.labels)
        if self.skipped and (any(self.labels) or any(self.levels or ())):
            raise ValueError("a skipped item has no labels")
        return self

    @model_validator(mode="after")
    def _levels_fit(self) -> Self:
        if (self.levels is None) != (self.scale is None):
            raise ValueError("levels and scale: both or neither")
        if self.levels is not None and self.scale is not None:
            check_units(self.starts, self.ends, levels=self.levels)
            check_levels(self.levels, self.labels, self.scale)
        return self

    @property
    def answered(self) -> bool:
        """Whether the rater gave an answer that counts: neither skipped nor `cannot tell`."""
        return not (self.skipped or self.cannot_tell)


def is_blind(labels: TokenLabels) -> bool:
    """Whether nothing derived from an attribution stood before the rater: of arm `blind`, from no pre-annotation."""
    return labels.arm == "blind" and (labels.origin is None or labels.origin.parent_prediction is None)


class GoldLabels(Record):
    """Labels of several raters put together, for one item."""

    record: Literal["gold_labels"] = "gold_labels"
    item_id: str
    segmentation: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    probability: tuple[Share, ...]
    """Estimated probability that a unit matters."""
    labels: tuple[Mark, ...]
    method: str
    n_raters: Annotated[int, Field(ge=1)]
    kinds: tuple[RaterKind, ...]
    """Kinds of raters behind it, sorted, each once."""
    arms: tuple[Arm, ...]
    source: Literal["unanimous", "adjudicated", "aggregated", "unresolved"]
    reason: str | None = None
    """Why nobody could settle an `unresolved` item, where somebody was asked."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"reason"})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_units(self.starts, self.ends, probability=self.probability, labels=self.labels)
        for name, values in (("kinds", self.kinds), ("arms", self.arms)):
            if not values or any(second <= first for first, second in pairwise(values)):
                raise ValueError(f"{name} must be sorted, each once, at least one")
        return self


class MetricResult(Record):
    """One value of one metric, or the reason why there is none."""

    record: Literal["metric_result"] = "metric_result"
    metric: str
    variant: str = "main"
    subject: str
    """What was measured: a method with its model and config, `human reference`, `raters`, ..."""
    item_id: str | None = None
    value: float | None
    reason: str | None = None
    low: float | None = None
    high: float | None = None
    """Ends of the 95 % interval."""
    n: NonNegativeInt
    """Items (or units, where the metric says so) behind the value."""
    kinds: tuple[RaterKind, ...] = ()
    arms: tuple[Arm, ...] = ()
    config: PlainJson = Field(default_factory=dict)

    @model_validator(mode="after")
    def _value_or_reason(self) -> Self:
        if (self.value is None) == (self.reason is None):
            raise ValueError("a reason if and only if there is no value")
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has both ends or none")
        return self
