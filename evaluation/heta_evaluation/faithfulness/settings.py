"""The table `[faithfulness]` of heta.toml."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from heta_data.records import Arm, RaterKind, content_hash
from heta_evaluation.settings import EvaluateSettings

Scope = Literal["context", "prompt"]
HardMask = Literal["zero", "sequence_mean", "vocabulary_mean", "unk", "pad"]
"""Masks of `heta.masks` that keep a token's place; leaving it out has metric variants of its own (`removal`)."""

ACTING = ("scope", "mask", "draws", "pi_draws", "ablations", "noise_draws", "seed")
"""Fields that the values of single items depend on."""

DEFAULT_METRICS = (
    *("soft_nc", "soft_ns", "soft_nc_pi", "soft_ns_pi", "nc_top_kl", "ns_top_kl"),
    *("comprehensiveness", "sufficiency", "deletion_auc", "insertion_auc", "tau_loo", "lds"),
)
"""All that need masked forwards alone. `sensitivity` and `decoding_stability` run methods again, many times;
`paraphrase_stability` needs pairs of items: they are named where they are wanted."""

Names = Annotated[tuple[str, ...], Field(min_length=1)]


class FaithfulnessSettings(BaseModel):
    """What is measured, on which model, and how finely."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Annotated[str, Field(min_length=1)] = "smollm2"
    """Catalogue name, Hugging Face id or local path: the model that is asked, whose attributions are measured."""
    revision: str | None = None
    """Commit or branch of a Hugging Face id."""
    device: str | None = None
    """torch device, chosen by `heta.load_model` where it is not given."""
    metrics: Names = DEFAULT_METRICS
    methods: Names | None = None
    """Methods to measure; None: all with attributions by this model. A named one without any is run here."""
    scope: Scope = "context"
    """Which tokens are masked and ranked: those of evidence and distractor, as raters mark them, or all scored ones."""
    mask: HardMask = "zero"
    """What a token becomes that is masked as a whole."""
    draws: int = Field(default=10, ge=10, le=10_000)
    """Random masks behind each value of `soft_nc` and `soft_ns`."""
    pi_draws: int = Field(default=3, ge=2, le=10_000)
    """Random masks at each retention of `soft_nc_pi` and `soft_ns_pi`."""
    ablations: int = Field(default=32, ge=8, le=100_000)
    """Random ablations an item, for `lds`."""
    noise_draws: int = Field(default=10, ge=2, le=10_000)
    """Draws of noise at each size, for `sensitivity`."""
    seed: int = Field(default=0, ge=0)
    resamples: int = Field(default=10_000, ge=100, le=1_000_000)
    """Bootstrap draws of item groups behind each interval."""
    random_weights: bool = False
    """Whether each method is also run on a copy of the model with random weights, as a control."""
    pairs: str | None = None
    """File of item pairs for `paraphrase_stability`, below the working folder unless it begins with a slash."""
    kinds: tuple[RaterKind, ...] = Field(default=("human",), min_length=1)
    """Kinds of raters behind the row of labels."""
    arms: tuple[Arm, ...] = Field(default=("blind",), min_length=1)
    """Arms behind the row of labels."""
    campaign: str | None = Field(default=None, min_length=1)
    """Only labels of the campaign whose hash begins so."""

    @property
    def which_labels(self) -> EvaluateSettings:
        """Which labels stand behind the row of labels."""
        return EvaluateSettings(kinds=self.kinds, arms=self.arms, campaign=self.campaign)

    @field_validator("kinds", "arms")
    @classmethod
    def _sorted_once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(given)))

    @field_validator("metrics", "methods")
    @classmethod
    def _each_once(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if given is None else tuple(dict.fromkeys(given))

    def acting(self) -> dict[str, Any]:
        """The fields that a single item's values depend on, as plain values."""
        return self.model_dump(mode="json", include=set(ACTING))

    def digest(self, *identity: str) -> str:
        """8 hexadecimal digits over `acting` and what identifies the model."""
        return content_hash([self.acting(), *identity], 8)
