"""The table `[evaluate]` of heta.toml."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from heta.words import Rule
from heta_data.records import Arm, RaterKind


class EvaluateSettings(BaseModel):
    """What is evaluated, and how. By default only labels of people who saw no attribution count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[RaterKind, ...] = Field(default=("human",), min_length=1)
    """Kinds of raters whose labels count."""
    arms: tuple[Arm, ...] = Field(default=("blind",), min_length=1)
    """Arms whose labels count."""
    campaign: str | None = Field(default=None, min_length=1)
    """Only labels of the campaign whose hash begins so; None: labels of every campaign."""
    draws: int = Field(default=10_000, ge=100, le=1_000_000)
    """Bootstrap draws and random sign vectors."""
    seed: int = Field(default=0, ge=0)
    rule: Rule = "max"
    """How a word gets its score from several model tokens."""
    contrasts: tuple[str, ...] = ()
    """Comparisons declared before looking, `heta_fast vs kl`: the primary ones. None: all pairs are one family."""
    gold: str = "majority"
    """How raters' labels become gold: a name in `aggregation.AGGREGATORS`, or `campaign`: the campaign's own."""

    @field_validator("kinds", "arms")
    @classmethod
    def _each_once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(given)))

    @field_validator("contrasts")
    @classmethod
    def _two_sides(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for contrast in given:
            first, between, second = contrast.partition(" vs ")
            if not between or not first.strip() or not second.strip() or " vs " in second:
                raise ValueError(f"{contrast!r} is no comparison: write two names and ' vs ', as in 'heta_fast vs kl'")
        return given

    @field_validator("gold")
    @classmethod
    def _known_way(cls, given: str) -> str:
        from heta_evaluation.aggregation import AGGREGATORS

        if given != "campaign" and given not in AGGREGATORS:
            raise ValueError(f"unknown way to gold; allowed: {', '.join((*AGGREGATORS, 'campaign'))}")
        return given
