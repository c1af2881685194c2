"""How many rows each filter of a source dropped, in the order in which they ran."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """One filter: `dropped` rows went, `left` stayed."""

    name: str
    why: str
    dropped: int
    left: int


@dataclass
class Funnel:
    """Counts the rows on their way from a source to items; every row that goes is counted in exactly one step."""

    start: int
    """Rows that were read."""
    steps: list[Step] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Rows that are still there."""
        return self.steps[-1].left if self.steps else self.start

    def keep(self, rows: Iterable[T], name: str, why: str, test: Callable[[T], bool]) -> list[T]:
        """The rows that pass `test`, in order; the others are counted under `name` with the reason `why`."""
        kept = [row for row in rows if test(row)]
        self.record(name, why, len(kept))
        return kept

    def record(self, name: str, why: str, left: int) -> None:
        """Note a step that was done elsewhere and left `left` rows.

        Raises:
            ValueError: more rows are left than there were, or the name stands already.
        """
        if left > self.left:
            raise ValueError(f"step {name!r} leaves {left} rows of {self.left}: a filter cannot add rows")
        if any(step.name == name for step in self.steps):
            raise ValueError(f"step {name!r} stands in the funnel already")
        self.steps.append(Step(name, why, self.left - left, left))

    def to_json(self) -> dict[str, Any]:
        """`start`, `left` and `steps`, as plain values."""
        return {"start": self.start, "left": self.left, "steps": [asdict(step) for step in self.steps]}
