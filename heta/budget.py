"""How much one forward pass may hold."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from heta.errors import ConfigError

if TYPE_CHECKING:
    from heta.model import LoadedModel
    from heta.passes import BasePass

_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,18})?) *(?:([kmgt]?)(i?)b)?", re.ASCII | re.IGNORECASE)


def parse_memory(text: str) -> int:
    """Bytes of `2GB`, `1.5 GiB`, `512mb` or `1000000`: KB to TB are powers of 1000, KiB to TiB of 1024.

    Raises:
        ConfigError: another form.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise ConfigError(
            f"memory {text!r} cannot be read; give bytes, or a number with KB, MB, GB, TB (powers of 1000) or KiB, "
            "MiB, GiB, TiB (of 1024), e.g. 2GB"
        )
    number, prefix, binary = found.groups()
    power = " kmgt".index(prefix.lower()) if prefix else 0
    return int(Fraction(number) * (1024 if binary else 1000) ** power)


@dataclass(frozen=True)
class Budget:
    """Bounds of one pass: they change speed and memory, results only by rounding."""

    tokens: int | None = None
    """Most tokens in flight; none: 512 on a CPU, 8192 elsewhere."""
    memory: int | None = None
    """Most bytes that a batch may take beside the weights and the full pass, by estimate; lowers `tokens` where that
    would take more. One that not even a single row fits is refused by methods that run batches of rows."""

    def __post_init__(self) -> None:
        if self.tokens is not None and self.tokens < 1:
            raise ConfigError(f"a budget of {self.tokens} tokens runs nothing; allow at least 1")
        if self.memory is not None and self.memory < 1:
            raise ConfigError(f"a budget of {self.memory} bytes of memory runs nothing; allow at least 1")

    def tokens_in_flight(self, model: "LoadedModel", base: "BasePass", first: int, *, backward: bool) -> int:
        """Tokens in one pass whose longest row begins at `first`.

        Raises:
            OutOfMemory: not even one row fits the memory.
        """
        # Larger batches recompute more of the tokens between their rows, and gain nothing once the cores are busy.
        most = self.tokens or (512 if model.device.type == "cpu" else 8192)
        if self.memory is None:
            return most
        from heta.memory import budget_tokens, row_cost

        return min(most, budget_tokens(row_cost(model, base, backward=backward), self.memory, first, base.length))
