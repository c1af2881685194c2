"""What people say about attribution methods: which highlighting is better, and what they can answer from it."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from heta_data.record_base import Part, Record
from heta_data.records import Isolation, LabelOrigin, Seconds, Share


class ShownMethod(Part):
    """A method as it stands behind a highlighting; raters never see which one it is."""

    method: str
    model: str
    """`none` for methods that use no model, and then its revision too."""
    model_revision: str
    config_hash: str

    @property
    def name(self) -> str:
        """`<method>-<config8>@<model>`, as in a suggestion's `model_version`."""
        return f"{self.method}-{self.config_hash}@{self.model}"


class Opinion(Record):
    """One rater's answer to one question about one or two methods.

    `prefer`: two methods' top k words, highlighted in the same text; the rater chose the better one.
    `answer`: one method's top k words and nothing else of the text; the rater answered the item's question from them.
    """

    record: Literal["opinion"] = "opinion"
    item_id: str
    task_uid: str
    rater: str
    kind: Literal["human", "simulated"]
    task: Literal["prefer", "answer"]
    shown: tuple[ShownMethod, ...]
    """The methods, left before right; one of them under `answer`."""
    k: Annotated[int, Field(ge=1)]
    """Words shown of each method."""
    choice: Literal["left", "right", "same"] | None = None
    answer: str | None = None
    """As typed; None under `prefer`, and for a rater who could not tell."""
    correct: bool | None = None
    """Whether it is the item's answer, both normalised; false for a rater who could not tell."""
    token_f1: Share | None = None
    """Of its words with those of the item's answer; 0 for a rater who could not tell."""
    gave_up: bool | None = None
    """Whether the rater said that the words do not tell."""
    seconds: Seconds | None = None
    campaign_hash: str
    """Of the ask: its settings, the texts that raters read, and who is shown what."""
    consent_version: str | None = None
    """Hash of the text that the rater agreed to; None where there was none to agree to."""
    isolation: Isolation
    origin: LabelOrigin | None = None

    later_fields: ClassVar[frozenset[str]] = frozenset({"consent_version"})

    @model_validator(mode="after")
    def _one_kind_of_answer(self) -> Self:
        scored = (self.correct, self.token_f1, self.gave_up)
        if self.task == "prefer":
            if len(self.shown) != 2 or self.shown[0] == self.shown[1]:
                raise ValueError("a preference is between two different methods")
            if self.choice is None or self.answer is not None or any(value is not None for value in scored):
                raise ValueError("a preference has a choice and nothing else")
            return self
        if len(self.shown) != 1:
            raise ValueError("an answer is given from the words of one method")
        if self.choice is not None or any(value is None for value in scored):
            raise ValueError("an answer has no choice, and is scored")
        if self.gave_up and (self.answer is not None or self.correct or self.token_f1):
            raise ValueError("who could not tell gave no answer, which scores 0")
        if not self.gave_up and not (self.answer or "").strip():
            raise ValueError("an answer holds a word, or the rater could not tell")
        return self

    @property
    def winner(self) -> ShownMethod | None:
        """The method that was preferred; None for no difference, and under `answer`."""
        return None if self.choice in (None, "same") else self.shown[0 if self.choice == "left" else 1]
