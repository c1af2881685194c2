"""How much one forward pass may hold."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from heta.errors import ConfigError

if TYPE_CHECKING:
    from heta.model import LoadedModel
    from heta.passes import BasePass


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
            ConfigError: not even one row fits the memory.
        """
        # Larger batches recompute more of the tokens between their rows, and gain nothing once the cores are busy.
        most = self.tokens or (512 if model.device.type == "cpu" else 8192)
        if self.memory is None:
            return most
        from heta.memory import budget_tokens, row_cost

        return min(most, budget_tokens(row_cost(model, base, backward=backward), self.memory, first, base.length))
