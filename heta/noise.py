"""A prepared prompt whose embeddings are moved: how far an attribution follows a small change of its input."""

from typing import TYPE_CHECKING

from heta.encode import Encoding
from heta.errors import ConfigError
from heta.prepared import Prepared
from heta.target import explained_pass

if TYPE_CHECKING:
    from torch import Tensor

    from heta.passes import BasePass


class NoisyPrepared(Prepared):
    """A `Prepared` whose every pass starts from the prompt's embeddings plus `noise`. Made by `with_noise`."""

    noise: "Tensor"

    @property
    def base(self) -> "BasePass":
        """The full forward pass from the moved embeddings."""
        return self.once(
            ("base",),
            lambda: explained_pass(self._model(), self.encoding.prompt_ids, self.explained, noise=self.noise),
        )

    def part(self, encoding: Encoding) -> Prepared:
        """Refused: another context would begin again at the embeddings as they are.

        Raises:
            ConfigError: always.
        """
        del encoding
        raise ConfigError("isolated windows start from unmoved embeddings; take windows=restricted, or no noise")


def with_noise(prepared: Prepared, noise: "Tensor") -> NoisyPrepared:
    """The same prompt and target, with `noise` `[pos, d_model]` added to the embeddings of the prompt's tokens.

    Texts, tokens and what is explained stay; probes of a method, which hang on its seed and a token's position, too.

    Raises:
        ConfigError: a prompt that was prepared without a model.
        ValueError: not one vector of the model's width a token of the prompt.
    """
    expected = (len(prepared.encoding.prompt_ids), prepared.base.embeddings.shape[-1])
    if tuple(noise.shape) != expected:
        raise ValueError(f"noise has shape {tuple(noise.shape)}, the prompt's embeddings have {expected}")
    moved = NoisyPrepared(
        prepared.model,
        prepared.prompt,
        prepared.given_target,
        unscored=prepared.unscored,
        choice=prepared.choice,
        budget=prepared.budget,
        chat=prepared.chat,
    )
    # Both depend on texts alone, but for policy `model`, whose target must not change with the noise.
    moved.__dict__.update(encoding=prepared.encoding, explained=prepared.explained)
    moved.noise = noise
    return moved
