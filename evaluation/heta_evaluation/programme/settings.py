"""What a run of the programme is made of, and how much of each measurement a preset takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

import heta
from heta.errors import ConfigError, UnknownName
from heta.presets import Preset, preset_options
from heta_data.records import Arm, RaterKind
from heta_evaluation.settings import EvaluateSettings

Names = Annotated[tuple[str, ...], Field(min_length=1)]
COSTLY = ("lime", "kernel_shap", "contextcite", "reagent", "greedy_rationale", "integrated_gradients", "discretized_ig")
"""Methods of tens or hundreds of passes, which `quick` does not run again for every answer a model may write."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured beside the methods' own options."""

    noise_sizes: tuple[float, ...] | None
    """Of `sensitivity`, in embedding lengths; None: all of the metric's, and their mean."""
    noise_draws: int
    noise_prompts: int
    retentions: tuple[float, ...] | None
    """Of `soft_nc_pi` and `soft_ns_pi`; None: all of the metrics', and the area under them."""
    pi_draws: int
    decoding_prompts: int
    decoding_costly: bool
    """Whether `decoding_stability` is measured for the methods of `COSTLY` too."""
    pairs: int
    """Bundled pairs of an active and a passive sentence."""
    shared: bool
    """Whether noisy prompts and other answers are kept, so that methods share their passes, at the cost of memory."""


QUICK = Sizes(
    noise_sizes=(0.05,),
    noise_draws=5,
    noise_prompts=5,
    retentions=(0.1, 0.5, 0.9),
    pi_draws=2,
    decoding_prompts=2,
    decoding_costly=False,
    pairs=5,
    shared=True,
)
WHOLE = Sizes(
    noise_sizes=None,
    noise_draws=10,
    noise_prompts=20,
    retentions=None,
    pi_draws=3,
    decoding_prompts=10,
    decoding_costly=True,
    pairs=10,
    shared=False,
)


class ProgrammeSettings(BaseModel):
    """Which models, methods and labels, and how finely."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: Names = ("smollm2",)
    """Catalogue names, Hugging Face ids or local paths."""
    methods: Names = ("all",)
    """Names, or `all` alone: every method that is registered."""
    preset: Preset | None = None
    """Options of all methods by name; `quick` also makes the other measurements smaller (`Sizes`)."""
    device: str | None = None
    limit: int | None = Field(default=None, ge=1)
    """Only the first items."""
    limit_prompts: int | None = Field(default=None, ge=1)
    """Only so many prompts, of as many groups as there are."""
    seed: int = Field(default=0, ge=0)
    resamples: int = Field(default=10_000, ge=100, le=1_000_000)
    """Bootstrap draws behind each interval."""
    kinds: tuple[RaterKind, ...] = Field(default=("human",), min_length=1)
    arms: tuple[Arm, ...] = Field(default=("blind",), min_length=1)
    campaign: str | None = Field(default=None, min_length=1)

    @field_validator("models", "methods", "kinds", "arms")
    @classmethod
    def _each_once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(given))

    @property
    def sizes(self) -> Sizes:
        """How much of each measurement."""
        return QUICK if self.preset == "quick" else WHOLE

    @property
    def evaluate(self) -> EvaluateSettings:
        """Whose labels count, and how intervals are drawn."""
        return EvaluateSettings(
            kinds=self.kinds, arms=self.arms, campaign=self.campaign, draws=self.resamples, seed=self.seed
        )

    def create_methods(self) -> list[heta.Method]:
        """The method objects, with the preset's options.

        Raises:
            UnknownName: no such method. ConfigError: `all` beside other names.
        """
        names = tuple(heta.METHODS.names()) if self.methods == ("all",) else self.methods
        for name in names:
            if name == "all":
                raise ConfigError("methods name 'all' and others: 'all' has them all, name it alone")
            if name not in heta.METHODS:
                raise UnknownName("method", name, heta.METHODS.names())
        options = {name: preset_options(self.preset, name) if self.preset else {} for name in names}
        return [heta.create_method(name, **options[name]) for name in names]


def read_settings(given: Mapping[str, object]) -> ProgrammeSettings:
    """Settings from options of the command line.

    Raises:
        ConfigError: a value that does not fit, by option name.
    """
    try:
        return ProgrammeSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise ConfigError(f"--{option}: {first['msg']} (got {first['input']!r})") from None
