"""What an attribution is, in memory. Offsets are half-open `[start, end)` in Unicode code points of the prompt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pandas import DataFrame

Unit = Literal["token", "word", "sentence"]
TargetPolicy = Literal["answer", "first", "each", "model"]


class Span(NamedTuple):
    """`[start, end)` in code points of the text it belongs to."""

    start: int
    end: int

    def overlaps(self, other: "Span") -> bool:
        """Whether the two share at least one code point."""
        return self.start < other.end and other.start < self.end


class ChatText(NamedTuple):
    """What a chat template puts around the user's text. It is context: read by the model, without scores."""

    before: str
    after: str


@dataclass(frozen=True)
class ModelIdentity:
    """What must be the same for two attributions to be comparable."""

    name: str
    """Catalogue name, hub id or path's last part."""
    revision: str
    """Commit of the hub, or `sha256:` and 12 digits over the weights and config.json of a local model; `+float64` where
    it does not run in float32."""
    tokenizer: str
    """Class of the tokenizer, `:` and 12 digits of the sha256 over its serialised form."""


@dataclass(frozen=True)
class Target:
    """The continuation that is explained, and how likely the model finds it after the prompt."""

    policy: TargetPolicy
    text: str
    token_ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    """log p of each target token given everything before it, in nats."""
    ranks: tuple[int, ...]
    """Rank of each target token among the whole vocabulary, 1 = the model's first choice."""
    greedy: str
    """The model's own greedy continuation, as many tokens long as the target."""
    before: str = ""
    """What of the continuation is read before it."""
    foil: str | None = None
    """The token that it is held against, where what is explained is the lead over a foil."""

    @property
    def log_prob(self) -> float:
        """log p of the whole target, in nats."""
        return float(sum(self.log_probs))

    @property
    def answered(self) -> bool:
        """Whether greedy decoding gives exactly this target."""
        return all(rank == 1 for rank in self.ranks)


@dataclass(frozen=True)
class Continuation:
    """What a model writes after a prompt, token by token. Made by `heta.generate`; can be given as a target."""

    text: str
    token_ids: tuple[int, ...]
    ended: bool
    """Whether the model then ended its text; the token that says so is not among `token_ids`."""


@dataclass(frozen=True, eq=False, repr=False)
class Attribution:
    """One method's scores for one prompt and target.

    `scores` and every component have shape `[pos]`, one value per unit of the prompt, float64 and finite;
    where `scored` is false (special tokens, worked examples) they hold 0 and mean nothing.
    """

    method: str
    signed: bool
    """Whether negative scores mean evidence against the target."""
    model: ModelIdentity | None
    """None for methods that use no model."""
    unit: Unit
    prompt: str
    """The text that `spans` point into."""
    spans: tuple[Span, ...]
    """`[pos]`; empty for BOS and for tokens of a chat template."""
    scored: NDArray[np.bool_]
    scores: NDArray[np.float64]
    target: Target | None
    token_ids: tuple[int, ...] | None = None
    components: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Raw parts before combination, e.g. `transition`, `curvature`, `information` (nats)."""
    rows: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Under policy `each`: `score` and every component for each target token, `[step, pos]`; `scores` and `components`
    are their sums over the steps."""
    config: Mapping[str, object] = field(default_factory=dict)
    """Every option the numbers depend on, the seed included."""
    config_hash: str = ""
    seconds: float = 0.0
    """Wall time of this method as if it had run alone: passes shared with others count for each of them."""
    peak_memory: int | None = None
    """Bytes: the accelerator's peak, or the process's resident peak on CPU."""
    notes: tuple[str, ...] = ()
    """What the user should know of how these numbers came about, e.g. a completeness error."""
    chat: ChatText | None = None
    """The chat template's text around the prompt, or None where the model read the prompt as it stands."""

    def __repr__(self) -> str:
        model = "no model" if self.model is None else self.model.name
        target = "" if self.target is None else f" for {self.target.text!r}"
        return f"<Attribution by {self.method} ({model}) of {len(self.scores)} {self.unit}s{target}>"

    def to_frame(self) -> "DataFrame":
        """A pandas table, one row a unit: text, start, end, token_id, scored, score, and a column a component.

        Where `scored` is false, score and components are 0 and mean nothing. `token_id` is <NA> for words.

        Raises:
            InputError: a component has the name of another column.
        """
        from heta.frame import to_frame

        return to_frame(self)

    def show(self) -> None:
        """Print the heat strip and the strongest units; in a notebook, show the strip as HTML."""
        from heta.render import show

        show(self)

    def save(self, path: str | Path) -> None:
        """Write everything this attribution holds to one JSON file, completely or not at all.

        Raises:
            InputError: the folder does not exist, or `path` is one.
            OSError: the file cannot be written.
        """
        from heta.saved import save

        save(self, Path(path))

    @staticmethod
    def load(path: str | Path) -> "Attribution":
        """The attribution that `save` wrote to `path`, every number as it was.

        Raises:
            InputError: the file is broken, or of a newer version than this one can read.
            OSError: the file cannot be read.
        """
        from heta.saved import load

        return load(Path(path))

    def _repr_html_(self) -> str:
        from heta.page import heat_fragment

        return heat_fragment(self)
