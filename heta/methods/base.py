"""What an attribution method is: a class with options that scores one prepared prompt."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from heta.errors import ConfigError, suggest
from heta.options import Options as Options
from heta.records import Unit
from heta.registry import Registry

if TYPE_CHECKING:
    from heta.prepared import Prepared

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """What a method returns: one value per unit of the prompt, `[pos]`, 0 where a unit is not scored.

    Under the policy `each`, `[step, pos]`: one row for each target token.
    """

    scores: Array
    components: Mapping[str, Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Method(ABC):
    """Base of every method. A subclass sets the class attributes and `score`; its docstring holds the definition."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line for listings."""
    reference: ClassVar[str]
    """Paper and equation, or why there is none."""
    family: ClassVar[str] = "other"
    """What kind of method it is, for listings: `gradient`, `attention`, `perturbation`, ..."""
    cost: ClassVar[str] = "not stated"
    """What it takes in passes over the whole prompt; T: scored tokens."""
    needs: ClassVar[str] = ""
    """What it looks at in the model, where that is more than its predictions."""
    signed: ClassVar[bool] = False
    """Whether negative scores mean evidence against the target."""
    contrastive: ClassVar[bool] = True
    """Whether it is defined against a foil."""
    unit: Unit = "token"
    """What is scored; a method whose option decides sets it when it is made."""
    needs_model: ClassVar[bool] = True
    definition: ClassVar[int] = 1
    """Raised whenever the same options begin to mean other numbers: part of `config`."""
    options_class: ClassVar[type[Options]] = Options

    def __init__(self, options: Options | None = None) -> None:
        self.options: Any = self.options_class() if options is None else options

    @abstractmethod
    def score(self, prepared: "Prepared") -> Scores:
        """Scores of one prepared prompt: finite, deterministic, the same alone or beside other methods."""

    @property
    def config(self) -> dict[str, Any]:
        """Everything the numbers depend on besides model and texts: options, fixed choices, definition; and the preset
        that they are.
        """
        from heta.presets import preset_of

        return {**self._acting(), "preset": preset_of(self)}

    def _acting(self) -> dict[str, Any]:
        return {**self.options.acting(), **self.fixed(), "definition": self.definition}

    def fixed(self) -> dict[str, Any]:
        """Choices that the method's name stands for, to be told in `config` beside the options."""
        return {}

    @property
    def config_hash(self) -> str:
        """8 hexadecimal digits over `config`, the preset's name aside: it follows from the rest."""
        written = json.dumps(self._acting(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(written.encode("utf-8")).hexdigest()[:8]


METHODS: Registry[type[Method]] = Registry(
    "method",
    "heta.methods",
    {
        "heta": "heta.methods.heta:Heta",
        "heta_balanced": "heta.methods.heta:HetaBalanced",
        "heta_fast": "heta.methods.heta:HetaFast",
        "kl": "heta.methods.perturbation:Kl",
        "leave_one_out": "heta.methods.perturbation:LeaveOneOut",
        "gilot": "heta.methods.gilot:Gilot",
        "lime": "heta.methods.surrogate:Lime",
        "kernel_shap": "heta.methods.surrogate:KernelShap",
        "contextcite": "heta.methods.surrogate:ContextCite",
        "reagent": "heta.methods.reagent:Reagent",
        "greedy_rationale": "heta.methods.greedy:GreedyRationale",
        "gradient_norm": "heta.methods.gradient:GradientNorm",
        "gradient_x_input": "heta.methods.gradient:GradientTimesInput",
        "integrated_gradients": "heta.methods.integrated:IntegratedGradients",
        "discretized_ig": "heta.methods.discretized:DiscretizedGradients",
        "attention_last": "heta.methods.attention:AttentionLast",
        "attention_rollout": "heta.methods.attention:AttentionRollout",
        "value_zeroing": "heta.methods.attention:ValueZeroing",
        "peering": "heta.methods.hidden:Peering",
        "progressive_inference": "heta.methods.distributions:ProgressiveInference",
        "tdd_forward": "heta.methods.distributions:TddForward",
        "tdd_backward": "heta.methods.distributions:TddBackward",
        "tdd_bidirectional": "heta.methods.distributions:TddBidirectional",
        "heta_m": "heta.methods.ablations:HetaM",
        "heta_s": "heta.methods.ablations:HetaS",
        "heta_i": "heta.methods.ablations:HetaI",
        "heta_no_gate": "heta.methods.ablations:HetaNoGate",
        "random": "heta.methods.lexical:Random",
        "answer_match": "heta.methods.lexical:AnswerMatch",
        "first_words": "heta.methods.lexical:FirstWords",
        "longest_words": "heta.methods.lexical:LongestWords",
    },
)


def create_method(name: str, **options: Any) -> Method:
    """The method called `name`, with its options checked.

    Raises:
        UnknownName: no method has that name.
        ConfigError: an option the method does not have, or a value it does not allow.
    """
    if not isinstance(name, str):
        raise ConfigError(f"method is a {type(name).__name__}; give its name, or call prepare(...).attribute(method)")
    method = METHODS.get(name)
    fields = method.options_class.model_fields
    for option in options:
        if option not in fields:
            known = f"its options are {', '.join(fields)}" if fields else "it has no options"
            raise ConfigError(f"method {name!r} has no option {option!r}{suggest(option, fields)}; {known}")
    try:
        return method(method.options_class(**options))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "options"
        given = f", got {first['input']!r}" if first["loc"] else ""
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"method {name!r}, {where}: {message}{given}") from error
